//! The web server: the websocket `/api` and the files of a web interface (shared/facts/frontend-ws.md).
//!
//! It runs on the bridge's thread, each connection as a task of its own, and nothing here waits for a
//! client: what a client is to get is in its bounded [`Outlet`], and one that does not take it is cut off.
//! What clients say comes out as [`Event`]s through a bounded channel. Files are read on tokio's threads
//! for blocking work.

mod connection;
mod files;
mod listen;
mod options;
mod origin;
mod outlet;
mod request;
mod socket;
mod tls;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::LogLevel;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::core::SocketId;

pub use options::Options;
pub use outlet::Outlet;

/// Websockets that may be open.
const MOST_SOCKETS: usize = 32;
/// Connections that may be open, websockets among them.
const MOST_CONNECTIONS: usize = 128;
/// Time between two complaints about clients: who is refused may try again a thousand times a second.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// What the server tells.
#[derive(Debug)]
pub enum Event {
    /// It listens there, a URL or the path of a socket.
    Listening(String),
    /// A client came. It gets what is put into its outlet.
    Opened(SocketId, Arc<Outlet>),
    /// It is gone.
    Closed(SocketId),
    /// A client said something.
    Message {
        /// The topic without the base topic.
        topic: String,
        /// The payload: JSON, or nothing.
        payload: Vec<u8>,
    },
    /// A client wants the figures ([`crate::core::Core::metrics`]).
    Metrics(oneshot::Sender<String>),
    /// Something for the log.
    Log(LogLevel, String),
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
}

impl Server {
    /// Begins to serve on the present tokio runtime.
    pub fn start(options: Options, events: mpsc::Sender<Event>) -> Self {
        let shared = Arc::new(Shared {
            options,
            events,
            places: Arc::new(Semaphore::new(MOST_SOCKETS)),
            last_id: AtomicU64::new(0),
            complained: Mutex::new(None),
        });
        Self {
            task: tokio::spawn(listen::run(shared)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What all connections have in common.
struct Shared {
    options: Options,
    events: mpsc::Sender<Event>,
    /// One for each websocket that may be open.
    places: Arc<Semaphore>,
    last_id: AtomicU64,
    /// When clients were last complained about.
    complained: Mutex<Option<Instant>>,
}

impl Shared {
    fn new_id(&self) -> SocketId {
        SocketId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Tells the log; when much waits for the core already, not even that.
    fn log(&self, level: LogLevel, text: String) {
        let _ = self.events.try_send(Event::Log(level, text));
    }

    /// Tells the log about a client that was refused, now and then.
    fn complain(&self, text: String) {
        let now = Instant::now();
        let mut last = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now - last >= COMPLAIN_EVERY) {
            *last = Some(now);
            self.log(LogLevel::Warning, text);
        }
    }
}
