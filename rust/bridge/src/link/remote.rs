//! Clients of any bridge, through its broker.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, json};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel, unbounded_channel};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Client, Command, Line, Told};
use crate::core::{LocalId, Publish};
use crate::data::Settings;
use crate::filter::{covers, is_topic};
use crate::mqtt::{
    self, Event, Item, Options, OptionsError, Outbox, SERVER_FIX, Server, ServerError,
};

/// Messages from the broker that may wait for the inbox.
const QUEUE: usize = 1024;
/// `bridge/devices` of a great house is more than the megabyte that a bridge takes.
const LARGEST_PACKET: u32 = 64 * 1024 * 1024;
/// After closing: how long what was published may take to get a connection, and then to go out.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address of the broker is none. It is not repeated: it may hold a password.
    #[error("the address of the broker {0}. {SERVER_FIX}")]
    Server(#[from] ServerError),
    /// The base topic can't be.
    #[error("'{0}' is not a base topic; mostly it is 'zigbee2mqtt'")]
    Base(String),
    /// Something else about the broker can't be.
    #[error("{0}")]
    Settings(String),
    /// Something else about the broker can't be.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// There is no randomness for a client id.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// The far end: what connects to the broker. Its address has no secrets in it.
#[derive(Debug)]
pub struct Remote {
    options: Options,
    base: String,
    line: Arc<Line>,
    commands: UnboundedReceiver<(LocalId, Command)>,
}

/// A client of the bridge with the base topic `base` at the broker `server` (`mqtt://user:word@host`).
/// [`Remote::run`] does the work.
pub fn connect(
    server: &str,
    base: &str,
    client_id: Option<String>,
) -> Result<(Client, Remote), RemoteError> {
    let base = base.trim_end_matches('/').to_owned();
    if !is_topic(&base) {
        return Err(RemoteError::Base(base));
    }
    Server::parse(server)?;
    let mqtt = json!({"server": server, "maximum_packet_size": LARGEST_PACKET});
    let document = Map::from_iter([("mqtt".to_owned(), mqtt)]);
    let settings = Settings::new(document).map_err(|errors| {
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        RemoteError::Settings(texts.join("; "))
    })?;
    let id = match client_id {
        Some(id) => id,
        None => random_id()?,
    };
    let options = Options::new(settings.mqtt(), None, id)?;
    let (sender, commands) = unbounded_channel();
    let line = Arc::<Line>::default();
    let client = Client {
        base: base.clone(),
        id: LocalId(0),
        line: Arc::clone(&line),
        commands: sender,
    };
    let remote = Remote {
        options,
        base,
        line,
        commands,
    };
    Ok((client, remote))
}

/// Another one for each client: a broker cuts off who has the id of somebody who comes.
fn random_id() -> Result<String, io::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("ferrobee_link_{:016x}", u64::from_le_bytes(bytes)))
}

impl Remote {
    /// Keeps connected until the client is closed. Blocks the thread; needs no runtime around it.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.run_async());
        Ok(())
    }

    async fn run_async(self) {
        let Self {
            options,
            base,
            line,
            commands,
        } = self;
        let outbox = Rc::new(Outbox::default());
        let (sender, events) = channel(QUEUE);
        let work = Work {
            address: options.address(),
            filters: vec![format!("{base}/#")],
            line: Arc::clone(&line),
            outbox: Rc::clone(&outbox),
            session: None,
            waiting: VecDeque::new(),
            closing: None,
            trouble: None,
        };
        let mut client = pin!(mqtt::run(options, outbox, sender));
        tokio::select! {
            () = &mut client => {}
            // The goodbye is said by the client.
            () = work.run(events, commands) => drop(timeout(GOODBYE_LIMIT, client).await),
        }
        line.inbox.end();
    }
}

/// What is between a client and its broker.
struct Work {
    address: String,
    /// What is subscribed to; none covers another.
    filters: Vec<String>,
    line: Arc<Line>,
    outbox: Rc<Outbox>,
    /// The connection, while there is one.
    session: Option<u64>,
    /// Messages that wait for a connection.
    waiting: VecDeque<Publish>,
    /// Set once the client is closed: until then what waits may go out.
    closing: Option<Instant>,
    /// Why the broker could not be reached, as last logged.
    trouble: Option<String>,
}

impl Work {
    /// Carries messages until the client is closed.
    async fn run(
        mut self,
        mut events: Receiver<Event>,
        mut commands: UnboundedReceiver<(LocalId, Command)>,
    ) {
        loop {
            if let Some(until) = self.closing {
                if let Some(session) = self.session {
                    self.outbox.push(session, Item::Disconnect);
                    self.outbox.wake();
                    return;
                }
                if self.waiting.is_empty() || Instant::now() >= until {
                    return;
                }
            }
            let give_up = self.closing;
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => return,
                },
                command = commands.recv(), if self.closing.is_none() => {
                    match command {
                        Some((_, command)) => self.command(command),
                        None => self.command(Command::Close),
                    }
                }
                () = sleep_until(give_up.unwrap_or_else(Instant::now)), if give_up.is_some() => {}
            }
            // All that is there already: one write to the broker, one batch for the client.
            while let Ok(event) = events.try_recv() {
                self.event(event);
            }
            while self.closing.is_none()
                && let Ok((_, command)) = commands.try_recv()
            {
                self.command(command);
            }
            self.outbox.wake();
            let dropped = self.outbox.take_dropped();
            if dropped > 0 {
                tracing::warn!("the broker is too slow: {dropped} messages were dropped");
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected(session) => {
                self.session = Some(session);
                if self.trouble.take().is_some() {
                    tracing::info!("connected to the MQTT broker at {}", self.address);
                }
                self.ask(Item::Subscribe(self.filters.clone()));
                for message in std::mem::take(&mut self.waiting) {
                    self.send(message);
                }
            }
            Event::Disconnected(reason) => {
                self.session = None;
                // Once for each reason: it is tried again every few seconds.
                if self.trouble.as_ref() != Some(&reason) {
                    tracing::warn!("no connection to the MQTT broker at {reason}; trying again");
                    self.trouble = Some(reason);
                }
            }
            Event::Message {
                topic,
                payload,
                retain,
            } => self.line.give(Told {
                topic: Arc::from(topic),
                payload: Bytes::from(payload),
                stored: retain,
            }),
            Event::Skipped(length) => {
                tracing::error!("a message of {length} bytes was not read: it is too large");
            }
            Event::TooLarge { topic, length } => tracing::error!(
                "a message of {length} bytes on '{topic}' was not sent: the broker takes no packets \
                 of this size"
            ),
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Publish(message) if self.session.is_some() => self.send(message),
            Command::Publish(message) => self.waiting.push_back(message),
            Command::Subscribe(filter) => self.subscribe(filter),
            // A broker gives what it has stored for every subscription, also a repeated one.
            Command::Again => self.ask(Item::Subscribe(self.filters.clone())),
            Command::Close => self.closing = Some(Instant::now() + GOODBYE_LIMIT),
            Command::Open(_) => {}
        }
    }

    fn send(&mut self, message: Publish) {
        self.line.left(&message);
        self.ask(Item::Publish(message));
    }

    /// Overlapping filters would bring messages twice from some brokers.
    fn subscribe(&mut self, filter: String) {
        if self.filters.iter().any(|known| covers(known, &filter)) {
            return;
        }
        let (narrower, others) = std::mem::take(&mut self.filters)
            .into_iter()
            .partition(|known| covers(&filter, known));
        self.filters = others;
        self.filters.push(filter.clone());
        self.ask(Item::Subscribe(vec![filter]));
        if !narrower.is_empty() {
            self.ask(Item::Unsubscribe(narrower));
        }
    }

    fn ask(&self, item: Item) {
        if let Some(session) = self.session {
            self.outbox.push(session, item);
        }
    }
}
