//! A link to any bridge, through its broker.

use std::sync::Arc;

use bridge::link::{self, Client, RemoteError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::background::Background;
use crate::bridge_thread::Jobs;
use crate::errors::ConfigurationError;
use crate::link::{exception, publish};
use crate::receiving::Receiving;

/// A connection to a broker, kept up until it is closed.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct MqttLink {
    client: Arc<Client>,
}

/// The thread that speaks to the broker. It never attaches.
pub(crate) struct Running {
    client: Arc<Client>,
    thread: Background<()>,
}

impl Running {
    pub(crate) fn close(&self) {
        self.client.close();
    }

    /// Waits until the goodbye is said.
    pub(crate) fn join(&self) {
        // A panic over there was printed there.
        let _ = self.thread.join();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.has_ended()
    }
}

#[pymethods]
impl MqttLink {
    /// Connects to the broker at `url` (`mqtt://user:password@host:1883`, `mqtts://` for TLS) in the
    /// background, again and again. `base` is the base topic of the bridge.
    #[new]
    #[pyo3(signature = (url, base = "zigbee2mqtt", *, client_id = None))]
    fn new(py: Python<'_>, url: &str, base: &str, client_id: Option<String>) -> PyResult<Self> {
        let jobs = Jobs::get(py)?;
        let (client, remote) =
            link::connect(url, base, client_id).map_err(|error| match error {
                RemoteError::System(error) => PyOSError::new_err(error),
                other => ConfigurationError::new_err(other.to_string()),
            })?;
        let client = Arc::new(client);
        let work = move || {
            if let Err(error) = remote.run() {
                tracing::error!(%error, "no runtime for the link to the broker");
            }
        };
        let thread = Background::spawn("ferrobee-mqtt", work).map_err(PyOSError::new_err)?;
        jobs.keep(Arc::new(Running {
            client: Arc::clone(&client),
            thread,
        }));
        Ok(Self { client })
    }

    /// The base topic.
    #[getter]
    fn base(&self) -> &str {
        self.client.base()
    }

    /// How many messages were dropped as nobody received them in time.
    #[getter]
    fn dropped(&self) -> u64 {
        self.client.dropped()
    }

    /// The next messages, to be awaited.
    fn receive(&self) -> Receiving {
        Receiving::new(Arc::clone(&self.client))
    }

    #[pyo3(signature = (topic, payload, *, qos = 0, retain = false))]
    fn publish(&self, topic: &str, payload: Vec<u8>, qos: u8, retain: bool) -> PyResult<()> {
        publish(&self.client, topic, payload, qos, retain)
    }

    fn subscribe(&self, topic_filter: &str) -> PyResult<()> {
        let subscribed = self.client.subscribe(topic_filter);
        subscribed.map_err(|error| exception(&error))
    }

    fn close(&self) {
        self.client.close();
    }
}

impl Drop for MqttLink {
    fn drop(&mut self) {
        // The one of `Running` would keep it open.
        self.client.close();
    }
}
