//! The link to the coordinator: a state, not a condition.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use adapters::transport::{Connector, Link};
use adapters::{Failure, Output, Session, SessionConfig};
use bytes::{Buf, BytesMut};
use hub::LogLevel;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::world::{Wish, World};
use super::{Exit, RunError, SessionFactory};
use crate::core::CoreInput;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A link that was up for this long starts again with the shortest delay.
const STEADY: Duration = Duration::from_secs(60);
/// Bytes taken from the coordinator at once.
const READ: usize = 64 * 1024;
/// How long a coordinator may take to get the last bytes for it.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Log namespace of the driver.
const NAMESPACE: &str = "zh:adapter";

/// Everything needed to get a link again and again.
pub(super) struct Links<'a> {
    pub(super) connector: &'a mut dyn Connector,
    pub(super) session: SessionFactory,
    /// True until the network was up once.
    pub(super) may_form: bool,
}

/// Why one link ended.
enum Ended {
    /// It is gone; try again.
    Lost(String),
    /// Trying again does not help.
    Fatal(Failure),
    /// The core is done.
    Done,
}

impl Links<'_> {
    /// Keeps the coordinator connected until the core is done.
    pub(super) async fn run<F: Future<Output = ()>>(
        mut self,
        world: &mut World,
        shutdown: Pin<&mut F>,
    ) -> Result<Exit, RunError> {
        let mut stop = Stop {
            shutdown,
            asked: false,
            exit: Exit::Stopped,
        };
        let mut delay = FIRST_DELAY;
        let mut jitter = Jitter(world.clock.now().unix_ms.unsigned_abs());
        loop {
            let begun = world.clock.now().instant;
            let connect = self.connector.connect();
            let ended = match stop.meanwhile(world, connect).await {
                None => Ended::Done,
                Some(Err(error)) => Ended::Lost(error.to_string()),
                Some(Ok(link)) => self.drive(world, &mut stop, link).await,
            };
            match ended {
                Ended::Done => {
                    world.goodbye();
                    return Ok(stop.exit);
                }
                Ended::Fatal(failure) => {
                    world.link_lost();
                    world.say(LogLevel::Error, NAMESPACE, failure.to_string());
                    world.input(CoreInput::Stop);
                    world.goodbye();
                    return Err(RunError::Coordinator(failure));
                }
                Ended::Lost(reason) => {
                    if world.clock.now().instant.since(begun) >= STEADY {
                        delay = FIRST_DELAY;
                    }
                    let text = format!(
                        "No link to the coordinator at {}: {reason}; trying again in {:.1} s",
                        self.connector.name(),
                        delay.as_secs_f32()
                    );
                    world.say(LogLevel::Error, NAMESPACE, text);
                    world.link_lost();
                }
            }
            let wait = tokio::time::sleep(jitter.spread(delay));
            if stop.meanwhile(world, wait).await.is_none() {
                world.goodbye();
                return Ok(stop.exit);
            }
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    /// Moves bytes and events until the link ends.
    async fn drive<F: Future<Output = ()>>(
        &mut self,
        world: &mut World,
        stop: &mut Stop<'_, F>,
        mut link: Link,
    ) -> Ended {
        let config = self.config(world, &link);
        let mut session = (self.session)(config);
        let mut input = BytesMut::with_capacity(READ);
        let mut output = BytesMut::new();
        let timer = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(timer);
        let mut timer_at = adapters::Instant(0);
        loop {
            let ended = pump(world, session.as_mut(), &mut link, &mut output);
            // A stick that comes back without the network must not get a new one.
            self.may_form &= !world.is_up();
            if let Some(ended) = ended {
                // What the session says to the coordinator last, such as an end of sleep. A stick that
                // takes nothing any more must not keep us.
                let last = link.write_all_buf(&mut output);
                let _ = tokio::time::timeout(LAST_WORDS, last).await;
                return ended;
            }
            if let Some(ended) = stop.check(world) {
                return ended;
            }
            match session.deadline() {
                Some(due) => {
                    if due < timer_at || timer.is_elapsed() {
                        timer_at = due;
                        timer.as_mut().reset(world.clock.deadline(due));
                    }
                }
                None => timer_at = adapters::Instant(u64::MAX),
            }
            input.reserve(READ);
            tokio::select! {
                biased;
                moved = move_bytes(&mut link, &mut input, &mut output) => match moved {
                    Ok(()) => {
                        session.receive(world.clock.now().instant, &input);
                        input.clear();
                    }
                    Err(error) => return Ended::Lost(error.to_string()),
                },
                () = &mut timer, if timer_at.0 != u64::MAX => {
                    timer_at = adapters::Instant(u64::MAX);
                    let now = world.clock.now().instant;
                    if session.deadline().is_some_and(|due| due <= now) {
                        session.timeout(now);
                    }
                }
                happening = world.next() => world.handle(happening),
                () = stop.shutdown.as_mut(), if !stop.asked => stop.ask(world),
            }
        }
    }

    fn config(&self, world: &World, link: &Link) -> SessionConfig {
        let settings = world.settings();
        SessionConfig {
            network: settings.network(),
            backup: world.backup.clone().map(adapters::Secret),
            may_form: self.may_form,
            concurrency: settings.advanced().adapter_concurrent,
            transmit_power: settings.advanced().transmit_power,
            disable_led: settings.serial().disable_led,
            has_lines: link.has_lines(),
        }
    }
}

/// Writes what there is to write and waits for something to read. Nothing is lost when it is dropped.
async fn move_bytes(
    link: &mut Link,
    input: &mut BytesMut,
    output: &mut BytesMut,
) -> io::Result<()> {
    poll_fn(|cx| {
        while !output.is_empty() {
            match Pin::new(&mut *link).poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => output.advance(count),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        let read = ready!(pin!(link.read_buf(input)).poll(cx))?;
        Poll::Ready(match read {
            0 => Err(io::Error::other("closed by the other side")),
            _ => Ok(()),
        })
    })
    .await
}

/// Carries what the session says to the core and what the core asks to the session, until both are
/// silent.
fn pump(
    world: &mut World,
    session: &mut dyn Session,
    link: &mut Link,
    output: &mut BytesMut,
) -> Option<Ended> {
    let mut ended = None;
    loop {
        while let Some(said) = session.output() {
            match said {
                Output::Write(bytes) => output.extend_from_slice(&bytes),
                Output::Lines { dtr, rts } => {
                    if let Err(error) = link.set_lines(dtr, rts) {
                        world.warn(NAMESPACE, format!("The port's lines can't be set: {error}"));
                    }
                }
                Output::Event(event) => world.adapter(event),
                Output::Log(level, text) => world.say(log_level(level), NAMESPACE, text),
                Output::Fail(Failure::Link(reason)) => ended = Some(Ended::Lost(reason)),
                Output::Fail(failure) => ended = Some(Ended::Fatal(failure)),
            }
        }
        if world.requests.is_empty() || ended.is_some() {
            break;
        }
        let now = world.clock.now().instant;
        for (id, request) in std::mem::take(&mut world.requests) {
            session.request(now, id, request);
        }
    }
    world.end_batch();
    ended
}

fn log_level(level: tracing::Level) -> LogLevel {
    match level {
        tracing::Level::ERROR => LogLevel::Error,
        tracing::Level::WARN => LogLevel::Warning,
        tracing::Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// The wish to stop.
struct Stop<'a, F> {
    shutdown: Pin<&'a mut F>,
    asked: bool,
    exit: Exit,
}

impl<F: Future<Output = ()>> Stop<'_, F> {
    fn ask(&mut self, world: &mut World) {
        self.asked = true;
        world.input(CoreInput::Stop);
        world.end_batch();
    }

    /// Looks whether the core is done, or wants to be.
    fn check(&mut self, world: &mut World) -> Option<Ended> {
        match world.wish.take()? {
            Wish::Restart => {
                self.exit = Exit::Restart;
                if !self.asked {
                    self.ask(world);
                }
                // Without a backup to wait for it is done at once.
                self.check(world)
            }
            Wish::Stopped => Some(Ended::Done),
        }
    }

    /// Waits for `future` while the world goes on without a link; `None` when the core is done.
    async fn meanwhile<T>(
        &mut self,
        world: &mut World,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(future);
        loop {
            world.refuse_requests();
            world.end_batch();
            if self.check(world).is_some() {
                return None;
            }
            tokio::select! {
                biased;
                value = &mut future => return Some(value),
                happening = world.next() => world.handle(happening),
                () = self.shutdown.as_mut(), if !self.asked => self.ask(world),
            }
        }
    }
}

/// Spreads the attempts of many bridges on one host.
struct Jitter(u64);

impl Jitter {
    /// 0.75 to 1.25 of a delay.
    fn spread(&mut self, delay: Duration) -> Duration {
        // A step of the generator of Knuth's MMIX: good enough to be different.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = u32::try_from(self.0 >> 48).unwrap_or_default();
        delay.mul_f32(0.75) + delay.mul_f32(0.5) * part / 65_536
    }
}
