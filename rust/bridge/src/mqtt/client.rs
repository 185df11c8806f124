//! The loop between the outbox and the broker.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::protocol::{Incoming, Outgoing, Protocol, ProtocolError};
use super::stream::{self, Stream};
use super::{Item, Options, Outbox};

/// For the connection and the broker's answer to the greeting.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(8);
/// Encoded bytes that may wait for the socket before more are encoded.
const ENCODE_AHEAD: usize = 256 * 1024;
const READ_AHEAD: usize = 16 * 1024;
/// How long the broker may take to close the connection after our goodbye.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// What the client tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The broker took us. Messages for it carry this number ([`Outbox::push`]).
    Connected(u64),
    /// The connection is gone, or could not be made, for this reason.
    Disconnected(String),
    /// A message.
    Message {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
        /// True when the broker had it stored.
        retain: bool,
    },
    /// A message of this many bytes was left out, as it is over `mqtt.maximum_packet_size`.
    Skipped(usize),
    /// A message of this many bytes was not sent: the broker takes no packets of this size.
    TooLarge {
        /// Its topic.
        topic: Arc<str>,
        /// Bytes of its payload.
        length: usize,
    },
}

#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the broker refused: {0}")]
    Refused(String),
    #[error("the broker ended the session: {0}")]
    Ended(String),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker takes nothing and too much waits for it")]
    Overfull,
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// Keeps connected to the broker until [`Item::Disconnect`] was sent, or until nobody takes the events
/// and there is no connection to say goodbye on.
pub async fn run(options: Options, outbox: Rc<Outbox>, events: Sender<Event>) {
    let mut delay = FIRST_DELAY;
    loop {
        let mut connected = false;
        let result = session(&options, &outbox, &events, &mut connected).await;
        outbox.end_session();
        let reason = match result {
            Ok(()) => return,
            Err(error) => format!("{}: {error}", options.address()),
        };
        if events.send(Event::Disconnected(reason)).await.is_err() {
            return;
        }
        if connected {
            delay = FIRST_DELAY;
        }
        tokio::select! {
            () = sleep(delay) => {}
            () = events.closed() => return,
        }
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}

async fn session(
    options: &Options,
    outbox: &Outbox,
    events: &Sender<Event>,
    connected: &mut bool,
) -> Result<(), SessionError> {
    let mut protocol = Protocol::new(options);
    let mut input = BytesMut::with_capacity(READ_AHEAD);
    let mut output = BytesMut::with_capacity(READ_AHEAD);
    let greet = greet(options, &mut protocol, &mut input, &mut output);
    let stream = tokio::select! {
        greeted = timeout(CONNECT_LIMIT, greet) => {
            greeted.map_err(|_| SessionError::Timeout(CONNECT_LIMIT))??
        }
        () = events.closed() => return Ok(()),
    };
    let number = outbox.start_session();
    *connected = true;
    if events.send(Event::Connected(number)).await.is_err() {
        return Ok(());
    }
    let (mut reader, mut writer) = tokio::io::split(stream);
    let keepalive = options.keepalive;
    let mut ping_at = Instant::now() + keepalive;
    let mut goodbye = false;
    loop {
        // A full channel stops the reading, and with it the broker.
        let blocked = !deliver(&mut protocol, &mut input, &mut output, events)?;
        if outbox.is_overfull() {
            return Err(SessionError::Overfull);
        }
        // Encode what waits: one write for all of it.
        while output.len() < ENCODE_AHEAD && !goodbye {
            match outbox.pop() {
                None => break,
                Some(Item::Publish(message)) => match protocol.publish(message, &mut output)? {
                    Outgoing::Sent => {}
                    Outgoing::Later(message) => {
                        outbox.unpop(Item::Publish(message));
                        break;
                    }
                    // When nobody listens there is nobody to tell.
                    Outgoing::TooLarge(message) => drop(events.try_send(Event::TooLarge {
                        topic: message.topic,
                        length: message.payload.len(),
                    })),
                },
                Some(Item::Subscribe(filters)) => protocol.subscribe(filters, &mut output)?,
                Some(Item::Unsubscribe(filters)) => protocol.unsubscribe(filters, &mut output)?,
                Some(Item::Disconnect) => {
                    protocol.disconnect(&mut output)?;
                    goodbye = true;
                }
            }
        }
        if goodbye && output.is_empty() {
            writer.flush().await?;
            // The broker closes in turn; then it has everything.
            let _ = timeout(CLOSE_LIMIT, async {
                let _ = writer.shutdown().await;
                while reader.read_buf(&mut input).await.is_ok_and(|n| n > 0) {
                    input.clear();
                }
            })
            .await;
            return Ok(());
        }
        input.reserve(READ_AHEAD);
        tokio::select! {
            biased;
            written = writer.write_buf(&mut output), if !output.is_empty() => {
                if written? == 0 {
                    return Err(SessionError::Closed);
                }
                // TLS keeps what it could not send; plain TCP has nothing to flush.
                if output.is_empty() {
                    writer.flush().await?;
                    // The room for a list of all devices is not needed for the next report.
                    if output.capacity() > ENCODE_AHEAD {
                        output = BytesMut::with_capacity(READ_AHEAD);
                    }
                }
            }
            read = reader.read_buf(&mut input), if !blocked => {
                if read? == 0 {
                    return Err(SessionError::Closed);
                }
            }
            _ = events.reserve(), if blocked => {}
            () = outbox.notify.notified() => {}
            // Whatever else goes out: a broker that is gone without a word shows by its silence.
            () = sleep_until(ping_at), if !keepalive.is_zero() => {
                protocol.ping(&mut output)?;
                ping_at = Instant::now() + keepalive;
            }
        }
    }
}

/// Hands over what came; false when there is no room for more. Once nobody listens any more the rest
/// is left out: only the goodbye is still to be said.
fn deliver(
    protocol: &mut Protocol,
    input: &mut BytesMut,
    output: &mut BytesMut,
    events: &Sender<Event>,
) -> Result<bool, SessionError> {
    loop {
        let permit = match events.try_reserve() {
            Ok(permit) => Some(permit),
            Err(TrySendError::Full(())) => return Ok(false),
            Err(TrySendError::Closed(())) => None,
        };
        let event = match protocol.receive(input, output)? {
            Some(Incoming::Message {
                topic,
                payload,
                retain,
            }) => Event::Message {
                topic,
                payload,
                retain,
            },
            Some(Incoming::Skipped(length)) => Event::Skipped(length),
            Some(Incoming::Refused(reason)) => return Err(SessionError::Refused(reason)),
            Some(Incoming::Closed(reason)) => return Err(SessionError::Ended(reason)),
            Some(Incoming::Accepted | Incoming::Other) => continue,
            None => return Ok(true),
        };
        if let Some(permit) = permit {
            permit.send(event);
        }
    }
}

/// Connects, says hello, and waits for the broker's answer.
async fn greet(
    options: &Options,
    protocol: &mut Protocol,
    input: &mut BytesMut,
    output: &mut BytesMut,
) -> Result<Box<dyn Stream>, SessionError> {
    let mut stream = stream::connect(options).await?;
    protocol.connect(options, output)?;
    stream.write_all_buf(output).await?;
    stream.flush().await?;
    loop {
        match protocol.receive(input, output)? {
            Some(Incoming::Accepted) => return Ok(stream),
            Some(Incoming::Refused(reason) | Incoming::Closed(reason)) => {
                return Err(SessionError::Refused(reason));
            }
            Some(_) => {}
            None => {
                if stream.read_buf(input).await? == 0 {
                    return Err(SessionError::Closed);
                }
            }
        }
    }
}
