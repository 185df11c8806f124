//! A client of the broker that hands what it hears to Python.

use std::rc::Rc;
use std::sync::Arc;

use bridge::core::{Publish, Qos};
use bridge::data::Settings;
use bridge::mqtt::{self, Event, Item, Options, Outbox};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use serde_json::{Map, json};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio::sync::mpsc::{channel, unbounded_channel};

use crate::background::Background;
use crate::bridge_thread::{BridgeThread, Job, Jobs};
use crate::errors::ConfigurationError;

/// Messages that may wait for the bridge thread's next batch.
const QUEUE: usize = 1024;

/// A connection to a broker, kept up until it is dropped.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Watcher {
    _running: Background<()>,
    to_send: UnboundedSender<Publish>,
}

#[pymethods]
impl Watcher {
    /// Connects to `server` (`mqtt://host:1883`), subscribes to `topics` and calls `receive` on the
    /// bridge thread with lists of `(topic, payload, retained)`.
    #[new]
    fn new(
        thread: &BridgeThread,
        server: &str,
        topics: String,
        receive: Py<PyAny>,
    ) -> PyResult<Self> {
        let options = options(server)?;
        let jobs = thread.jobs();
        let (to_send, outgoing) = unbounded_channel();
        let work = move || run(options, topics, &jobs, &Arc::new(receive), outgoing);
        let running = Background::spawn("ferrobee-watcher", work).map_err(PyOSError::new_err)?;
        Ok(Self {
            _running: running,
            to_send,
        })
    }

    /// Publishes a message once there is a connection.
    #[pyo3(signature = (topic, payload, *, retain = false))]
    fn publish(&self, topic: &str, payload: Vec<u8>, retain: bool) {
        let publish = Publish {
            retain,
            ..message(topic, payload)
        };
        // It fails when the thread has ended; then there is no connection to wait for.
        let _ = self.to_send.send(publish);
    }
}

fn run(
    options: Options,
    topics: String,
    jobs: &Jobs,
    receive: &Arc<Py<PyAny>>,
    outgoing: UnboundedReceiver<Publish>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime for the watcher");
            return;
        }
    };
    let outbox = Rc::new(Outbox::default());
    let (sender, events): (Sender<Event>, Receiver<Event>) = channel(QUEUE);
    runtime.block_on(async {
        tokio::select! {
            () = mqtt::run(options, Rc::clone(&outbox), sender) => {}
            () = hand_over(events, &outbox, topics, jobs, receive, outgoing) => {}
        }
    });
}

/// Takes what the client tells, until the Python side is gone.
async fn hand_over(
    mut events: Receiver<Event>,
    outbox: &Outbox,
    topics: String,
    jobs: &Jobs,
    receive: &Arc<Py<PyAny>>,
    mut outgoing: UnboundedReceiver<Publish>,
) {
    let mut session = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            publish = outgoing.recv(), if session.is_some() => match (publish, session) {
                (Some(publish), Some(session)) => {
                    outbox.push(session, Item::Publish(publish));
                    outbox.wake();
                    continue;
                }
                _ => return,
            },
        };
        let mut messages = Vec::new();
        let mut next = event;
        while let Some(event) = next {
            match event {
                Event::Connected(number) => {
                    session = Some(number);
                    outbox.push(number, Item::Subscribe(vec![topics.clone()]));
                    outbox.wake();
                }
                Event::Disconnected(reason) => {
                    session = None;
                    tracing::warn!("no connection to the broker: {reason}");
                }
                Event::Message {
                    topic,
                    payload,
                    retain,
                } => messages.push((topic, payload, retain)),
                Event::Skipped(_) | Event::TooLarge { .. } => {}
            }
            next = events.try_recv().ok();
        }
        if !messages.is_empty() {
            jobs.put(Job::Messages(Arc::clone(receive), messages));
        }
    }
}

fn options(server: &str) -> PyResult<Options> {
    let document = Map::from_iter([("mqtt".to_owned(), json!({ "server": server }))]);
    let settings = Settings::new(document).map_err(|errors| {
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        ConfigurationError::new_err(texts.join("; "))
    })?;
    let id = format!("ferrobee_watcher_{}", std::process::id());
    // The client knows no connection without a last will; nobody listens to this one.
    Options::new(settings.mqtt(), message("ferrobee/watcher", Vec::new()), id)
        .map_err(|error| ConfigurationError::new_err(error.to_string()))
}

fn message(topic: &str, payload: Vec<u8>) -> Publish {
    Publish {
        topic: Arc::from(topic),
        payload,
        qos: Qos::AtMostOnce,
        retain: false,
        expiry: None,
    }
}
