//! What all procedures of a session share: the link, the clock, the waits, and the outputs.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tracing::Level;
use zigbee::Reader;

use super::addresses::Addresses;
use super::commands::{self, Command};
use super::data::Confirms;
use super::executor::{Either, Receiver, Sender, Task, channel, first, lock};
use super::firmware::Firmware;
use super::frame::{Decoder, Header, Type};
use super::interpan::InterPan;
use super::requester::{ANSWER_TIME, Answer, Overdue, Priority, READ_TIME, Requester, StickError};
use super::scheduler::Scheduler;
use super::zdo::PendingZdo;
use crate::{Event, Instant, Output, Reply, RequestError, RequestId, SessionConfig};

/// How many events from devices are kept while the network is not up yet.
const HELD_EVENTS: usize = 256;

/// How many of the bytes that arrive before a stick is found are kept.
const HEARD_BYTES: usize = 512;
/// So many answers that nobody asked for mean that somebody else did.
const FOREIGN_ANSWERS: u64 = 5;

/// What keeps a network that is up from staying so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The stick reset itself.
    Reset { reason: u8 },
    /// The stick does not answer.
    Hung,
}

type Predicate = Box<dyn Fn(&[u8]) -> bool + Send>;

/// A wait for an asynchronous message.
struct Waiter {
    header: Header,
    matches: Predicate,
    sender: Sender<Vec<u8>>,
}

/// The state of a session.
pub(super) struct Core {
    pub(super) config: SessionConfig,
    pub(super) now: Instant,
    pub(super) decoder: Decoder,
    pub(super) outputs: VecDeque<Output>,
    pub(super) requester: Requester,
    pub(super) scheduler: Scheduler,
    pub(super) confirms: Confirms,
    pub(super) zdo: Vec<PendingZdo>,
    pub(super) addresses: Addresses,
    pub(super) firmware: Firmware,
    /// Tasks to start once the lock is released.
    pub(super) spawned: Vec<(u64, Task)>,
    /// Requests of the hub and the tasks that carry them out.
    pub(super) pending: BTreeMap<RequestId, u64>,
    /// Tasks to drop once the lock is released.
    pub(super) cancelled: Vec<u64>,
    /// Associations that were removed and must be put back when the stick is up again.
    pub(super) lost_children: Vec<super::recovery::Child>,
    pub(super) discoveries: super::recovery::Discoveries,
    /// Work that indications made, to be started once the lock is released.
    pub(super) chores: Vec<super::indications::Chore>,
    /// False once the stick's light was found not to answer.
    pub(super) led: bool,
    pub(super) inter_pan: InterPan,
    /// What arrived while no stick was found yet, to name one of another family.
    pub(super) heard_bytes: Option<Vec<u8>>,
    pub(super) up: bool,
    pub(super) failed: bool,
    /// When the last valid frame arrived.
    pub(super) heard: Instant,
    held: VecDeque<Event>,
    waiters: Vec<Waiter>,
    timers: BTreeMap<(Instant, u64), Waker>,
    serial: u64,
    /// Answers that nobody here waited for.
    unexpected: u64,
    trouble: Option<Trouble>,
    trouble_waiter: Option<Sender<()>>,
}

impl Core {
    pub(super) fn new(config: SessionConfig) -> Self {
        Self {
            config,
            now: Instant::default(),
            decoder: Decoder::new(),
            outputs: VecDeque::new(),
            requester: Requester::new(),
            scheduler: Scheduler::new(2),
            confirms: Confirms::default(),
            zdo: Vec::new(),
            addresses: Addresses::default(),
            firmware: Firmware::default(),
            spawned: Vec::new(),
            pending: BTreeMap::new(),
            cancelled: Vec::new(),
            lost_children: Vec::new(),
            discoveries: super::recovery::Discoveries::default(),
            chores: Vec::new(),
            led: true,
            inter_pan: InterPan::default(),
            heard_bytes: Some(Vec::new()),
            up: false,
            failed: false,
            heard: Instant::default(),
            held: VecDeque::new(),
            waiters: Vec::new(),
            timers: BTreeMap::new(),
            serial: 0,
            unexpected: 0,
            trouble: None,
            trouble_waiter: None,
        }
    }

    /// A number that was never given before.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Adds a task; it starts once the lock is released.
    pub(super) fn spawn(&mut self, task: Task) -> u64 {
        let id = self.next_serial();
        self.spawned.push((id, task));
        id
    }

    pub(super) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.outputs.push_back(Output::Log(level, text.into()));
    }

    /// Tells the hub, once it knows the network.
    pub(super) fn emit(&mut self, event: Event) {
        if self.up {
            self.outputs.push_back(Output::Event(event));
        } else {
            if self.held.len() == HELD_EVENTS {
                self.held.pop_front();
            }
            self.held.push_back(event);
        }
    }

    /// The network is up.
    pub(super) fn set_up(&mut self, event: Event) {
        self.up = true;
        self.outputs.push_back(Output::Event(event));
        let held = std::mem::take(&mut self.held);
        self.outputs.extend(held.into_iter().map(Output::Event));
    }

    /// The network is down: everything under way fails.
    pub(super) fn set_down(&mut self) {
        for (id, task) in std::mem::take(&mut self.pending) {
            self.cancelled.push(task);
            let reply = Event::Reply(id, Err(RequestError::NotConnected));
            self.outputs.push_back(Output::Event(reply));
        }
        if std::mem::take(&mut self.up) {
            self.outputs.push_back(Output::Event(Event::Down));
        }
        self.waiters.clear();
        self.zdo.clear();
        self.confirms.clear();
        self.scheduler.clear();
        self.inter_pan = InterPan::default();
    }

    /// Answers a request of the hub.
    pub(super) fn reply(&mut self, id: RequestId, result: Result<Reply, RequestError>) {
        if self.pending.remove(&id).is_some() {
            self.outputs
                .push_back(Output::Event(Event::Reply(id, result)));
        }
    }

    /// Bytes arrived.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if let Some(heard) = &mut self.heard_bytes {
            let start = bytes.len().saturating_sub(HEARD_BYTES);
            heard.extend(bytes.get(start..).unwrap_or_default());
            heard.drain(..heard.len().saturating_sub(HEARD_BYTES));
        }
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.feed(self.now, bytes);
        self.drain(&mut decoder);
        self.decoder = decoder;
        self.pump();
    }

    fn drain(&mut self, decoder: &mut Decoder) {
        while let Some(frame) = decoder.next_frame() {
            self.heard = self.now;
            match frame.header.kind {
                Type::Srsp => {
                    if !self.requester.answer(frame.header, frame.data) {
                        self.unexpected += 1;
                        if self.up && self.unexpected == FOREIGN_ANSWERS {
                            self.log(
                                Level::WARN,
                                "The coordinator answers requests that were not sent: another \
                                 program is using it",
                            );
                        }
                    }
                    self.pump();
                }
                Type::Areq => self.message(frame.header, frame.data),
                // Nothing else comes from a stick; an echo of our own bytes would.
                _ => {}
            }
        }
    }

    fn message(&mut self, header: Header, data: &[u8]) {
        if header == commands::sys::RESET_IND.header() {
            self.reset_seen(data);
        }
        self.wake_waiters(header, data);
        self.indication(header, data);
    }

    fn reset_seen(&mut self, data: &[u8]) {
        let reason = data.first().copied().unwrap_or_default();
        // Whatever was asked before the reset is not answered any more.
        self.requester.clear();
        self.raise(Trouble::Reset { reason });
    }

    fn wake_waiters(&mut self, header: Header, data: &[u8]) {
        if self.waiters.is_empty() {
            return;
        }
        self.waiters.retain(|waiter| !waiter.sender.is_abandoned());
        let found = self
            .waiters
            .iter()
            .position(|waiter| waiter.header == header && (waiter.matches)(data));
        if let Some(found) = found {
            self.waiters.remove(found).sender.send(data.to_vec());
        }
    }

    /// Sends the next request if the stick is free for it.
    pub(super) fn pump(&mut self) {
        while let Some(bytes) = self.requester.next(self.now) {
            self.outputs.push_back(Output::Write(bytes));
        }
    }

    pub(super) fn raise(&mut self, trouble: Trouble) {
        self.trouble.get_or_insert(trouble);
        self.trouble_waiter = None;
    }

    /// When [`Core::timeout`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.timers.first_key_value().map(|((at, _), _)| *at),
            self.requester.deadline(),
            self.decoder.deadline(),
            self.scheduler.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub(super) fn timeout(&mut self) {
        let now = self.now;
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.expire(now);
        self.drain(&mut decoder);
        self.decoder = decoder;
        let mut writes = VecDeque::new();
        match self.requester.expire(now, &mut writes) {
            Overdue::Nothing => {}
            Overdue::Missed(command) => {
                self.log(
                    Level::WARN,
                    format!("The coordinator did not answer {command}"),
                );
            }
            Overdue::Hung => self.raise(Trouble::Hung),
        }
        self.outputs.extend(writes.into_iter().map(Output::Write));
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            entry.remove().wake();
        }
        self.scheduler.tick(now);
        self.pump();
    }
}

/// A procedure's access to the session.
#[derive(Clone)]
pub(super) struct Handle(Arc<Mutex<Core>>);

impl Handle {
    pub(super) fn new(core: Core) -> Self {
        Self(Arc::new(Mutex::new(core)))
    }

    /// Works on the shared state. Tasks must not be dropped inside: they lock it themselves.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        work(&mut lock(&self.0))
    }

    pub(super) fn now(&self) -> Instant {
        self.with(|core| core.now)
    }

    pub(super) fn log(&self, level: Level, text: impl Into<String>) {
        self.with(|core| core.log(level, text));
    }

    /// Waits.
    pub(super) fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until an instant.
    pub(super) fn sleep_until(&self, at: Instant) -> Sleep {
        let serial = self.with(Core::next_serial);
        Sleep {
            handle: self.clone(),
            key: (at, serial),
        }
    }

    /// Waits for a future, but not longer than `limit`.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        match first(future, self.sleep(limit)).await {
            Either::Left(value) => Some(value),
            Either::Right(()) => None,
        }
    }

    /// Sends a synchronous request and waits for its answer.
    pub(super) async fn request(&self, command: Command, data: &[u8]) -> Answer {
        self.request_with(command, data, Priority::Ordinary, ANSWER_TIME)
            .await
    }

    /// Asks for something that may be asked again: a lost answer costs a moment only.
    pub(super) async fn read(&self, command: Command, data: &[u8]) -> Answer {
        for _ in 0..2 {
            let answer = self
                .request_with(command, data, Priority::Ordinary, READ_TIME)
                .await;
            if !matches!(answer, Err(StickError::NoAnswer { .. })) {
                return answer;
            }
        }
        self.request(command, data).await
    }

    /// The same with a priority and a time limit.
    pub(super) async fn request_with(
        &self,
        command: Command,
        data: &[u8],
        priority: Priority,
        limit: Duration,
    ) -> Answer {
        self.post(command, data, priority, limit)
            .await
            .unwrap_or(Err(StickError::Reset {
                command: command.name,
            }))
    }

    /// Queues a synchronous request.
    pub(super) fn post(
        &self,
        command: Command,
        data: &[u8],
        priority: Priority,
        limit: Duration,
    ) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        self.with(|core| {
            core.requester.push(command, data, priority, limit, sender);
            core.pump();
        });
        receiver
    }

    /// Sends a request whose answer starts with a status, and gives the status.
    pub(super) async fn status(&self, command: Command, data: &[u8]) -> Result<u8, StickError> {
        let answer = self.request(command, data).await?;
        Reader::new(&answer)
            .u8()
            .map_err(|_| StickError::Malformed {
                command: command.name,
            })
    }

    /// Sends a request that must succeed.
    pub(super) async fn command(&self, command: Command, data: &[u8]) -> Result<(), StickError> {
        match self.status(command, data).await? {
            super::status::SUCCESS => Ok(()),
            status => Err(StickError::Refused {
                command: command.name,
                status,
            }),
        }
    }

    /// Waits for an asynchronous message. Call before the request that causes it.
    pub(super) fn expect(
        &self,
        command: Command,
        matches: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Receiver<Vec<u8>> {
        let (sender, receiver) = channel();
        self.with(|core| {
            core.waiters.push(Waiter {
                header: command.header(),
                matches: Box::new(matches),
                sender,
            });
        });
        receiver
    }

    /// Waits for trouble. At most one procedure may.
    pub(super) async fn trouble(&self) -> Trouble {
        loop {
            let receiver = self.with(|core| {
                if let Some(trouble) = core.trouble.take() {
                    return Err(trouble);
                }
                let (sender, receiver) = channel();
                core.trouble_waiter = Some(sender);
                Ok(receiver)
            });
            match receiver {
                Err(trouble) => return trouble,
                Ok(receiver) => {
                    receiver.await;
                }
            }
        }
    }

    /// Forgets trouble that was caused on purpose.
    pub(super) fn clear_trouble(&self) {
        self.with(|core| {
            core.trouble = None;
            core.requester.clear();
        });
    }
}

/// A wait for an instant.
pub(super) struct Sleep {
    handle: Handle,
    key: (Instant, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.handle.with(|core| {
            if self.key.0 <= core.now {
                return Poll::Ready(());
            }
            core.timers.insert(self.key, cx.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.handle.with(|core| core.timers.remove(&self.key));
    }
}
