//! A link to the bridge in this process, without a broker between.

use std::sync::Arc;

use bridge::link::Client;
use pyo3::prelude::*;

use crate::link::{exception, publish};
use crate::receiving::Receiving;

/// Made by `Bridge.link()`.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct BridgeLink {
    client: Arc<Client>,
}

impl BridgeLink {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client: Arc::new(client),
        }
    }
}

#[pymethods]
impl BridgeLink {
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
