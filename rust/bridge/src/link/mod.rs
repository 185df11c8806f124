//! Links: how automations hear a bridge and speak to it.
//!
//! A [`Client`] is the near end. What it hears waits in a bounded inbox, what it says in a bounded
//! queue; neither side ever waits for the other. At the far end is either the core of this process
//! ([`local`], no broker between) or a broker and behind it any bridge ([`remote`]). Both ends speak
//! the Zigbee2MQTT contract, so that nobody has to know which of the two it is.

mod inbox;
mod local;
mod remote;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use crate::core::{LocalId, Publish};
use crate::filter;
use inbox::{Inbox, Pushed, Taken};

pub use crate::core::Told;
pub use local::{Entrance, Visitors, entrance};
pub use remote::{Remote, RemoteError, connect};

/// Bytes of what a client said that may wait for the far end.
const LIMIT: usize = 8 * 1024 * 1024;
/// What a message takes besides its payload.
const OVERHEAD: usize = 96;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// [`Client::close`] was called, or the bridge of this process has ended.
    #[error("the link to the bridge was closed")]
    Closed,
    /// No message can have this topic.
    #[error("'{0}' is not a topic: it is empty or too long, or has '+', '#' or a zero in it")]
    Topic(String),
    /// No broker takes this.
    #[error(
        "'{0}' is not a topic filter: '+' stands for one whole level, '#' for all levels at the end"
    )]
    Filter(String),
}

/// What a client wants.
#[derive(Debug)]
enum Command {
    Open(Arc<Line>),
    Publish(Publish),
    Subscribe(String),
    /// Say again what is: messages were lost.
    Again,
    Close,
}

/// What both ends of a link share.
#[derive(Debug, Default)]
struct Line {
    inbox: Inbox,
    /// Bytes that the client said and that nobody has taken yet.
    waiting: AtomicUsize,
    /// The client was told that what it says is dropped.
    complained: AtomicBool,
    closed: AtomicBool,
}

/// The near end of a link. For any thread.
#[derive(Debug)]
pub struct Client {
    base: String,
    id: LocalId,
    line: Arc<Line>,
    commands: UnboundedSender<(LocalId, Command)>,
}

/// What [`Client::take`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Batch {
    /// Messages in their order, at least one.
    Messages(Vec<Told>),
    /// Nothing yet: wait for [`Client::ready`].
    Nothing,
    /// Nothing, and nothing will come.
    Ended,
}

impl Client {
    /// The base topic of the bridge.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// True when [`Client::take`] has something to say.
    pub fn is_ready(&self) -> bool {
        self.line.inbox.is_ready()
    }

    /// Waits until [`Client::is_ready`]. Takes nothing, so that nothing is lost when it is dropped.
    pub async fn ready(&self) {
        self.line.inbox.ready().await;
    }

    /// What has come.
    pub fn take(&self) -> Batch {
        match self.line.inbox.take() {
            Taken::Messages { messages, lost } => {
                if lost > 0 {
                    tracing::warn!("{lost} messages of the bridge were lost; what is is asked for");
                    // Nobody is left to say it: then the end follows.
                    let _ = self.send(Command::Again);
                }
                Batch::Messages(messages)
            }
            Taken::Nothing => Batch::Nothing,
            Taken::Ended => Batch::Ended,
        }
    }

    /// Messages that were dropped as nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.line.inbox.dropped()
    }

    /// Publishes a message; it waits while there is no broker. When too many wait it is dropped, which
    /// the log tells once.
    pub fn publish(&self, message: Publish) -> Result<(), LinkError> {
        if !filter::is_topic(&message.topic) {
            return Err(LinkError::Topic(message.topic.to_string()));
        }
        let line = &self.line;
        let size = size(&message);
        if line.waiting.load(Ordering::Relaxed) + size > LIMIT {
            if !line.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!("too much waits to be published; messages are dropped");
            }
            return Ok(());
        }
        line.complained.store(false, Ordering::Relaxed);
        line.waiting.fetch_add(size, Ordering::Relaxed);
        self.send(Command::Publish(message))
    }

    /// Asks for more than what is below the base topic.
    pub fn subscribe(&self, topic_filter: &str) -> Result<(), LinkError> {
        if !filter::is_filter(topic_filter) {
            return Err(LinkError::Filter(topic_filter.to_owned()));
        }
        self.send(Command::Subscribe(topic_filter.to_owned()))
    }

    /// Ends the link. What was published before still goes out.
    pub fn close(&self) {
        self.line.inbox.close();
        if !self.line.closed.swap(true, Ordering::Relaxed) {
            // It fails when the far end is gone, which is what is wanted.
            let _ = self.commands.send((self.id, Command::Close));
        }
    }

    fn send(&self, command: Command) -> Result<(), LinkError> {
        if self.line.closed.load(Ordering::Relaxed) {
            return Err(LinkError::Closed);
        }
        let sent = self.commands.send((self.id, command));
        sent.map_err(|_| LinkError::Closed)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

impl Line {
    /// Gives the client a message; tells once when it does not keep up.
    fn give(&self, message: Told) {
        if self.inbox.push(message) == Pushed::Displaces {
            tracing::warn!("automations do not keep up with the bridge: messages are lost");
        }
    }

    /// A message of the client is on its way.
    fn left(&self, message: &Publish) {
        self.waiting.fetch_sub(size(message), Ordering::Relaxed);
    }
}

fn size(message: &Publish) -> usize {
    message.payload.len() + message.topic.len() + OVERHEAD
}
