//! The core and everything around it but the link.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use adapters::{Event, Instant, Request, RequestError, RequestId};
use bytes::Bytes;
use hub::LogLevel;
use serde_json::Value as Json;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, unbounded_channel};
use tokio::time::Sleep;

use super::clients::Clients;
use super::clock::Clock;
use super::files::{FileResult, Files};
use super::helper::HelperPort;
use super::ledger::{self, LedgerPort};
use super::log::Log;
use super::systemd;
use super::workers::{CALL_LIMIT, WorkerEvent, Workers};
use crate::core::{Audience, Core, CoreInput, CoreOutput, LogEntry, Save};
use crate::journal::Recorder;
use crate::link::Visitors;
use crate::mqtt::{self, Item, Outbox};
use crate::web;

/// How often local time is compared with UTC.
const OFFSET_INTERVAL: Duration = Duration::from_secs(600);
/// Messages of clients of our own that are handled at once.
const CLIENT_BATCH: usize = 32;
/// Answers of converters that are handled at once.
const WORKER_BATCH: usize = 64;
/// How often the log tells of dropped messages.
const DROPPED_INTERVAL: Duration = Duration::from_secs(10);

/// Something that happened outside of the link.
pub(super) enum Happening {
    Mqtt(mqtt::Event),
    Web(web::Event),
    Local(CoreInput),
    File(FileResult),
    Ledger(ledger::Request),
    Worker(WorkerEvent),
    Converters(String),
    Helper(CoreInput),
    Timer,
}

/// What the core wants of whoever runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Restart,
    Stopped,
}

/// The next set of converters; never, where nobody tells any.
async fn set_of(sets: Option<&mut UnboundedReceiver<String>>) -> Option<String> {
    match sets {
        Some(sets) => sets.recv().await,
        None => None,
    }
}

/// The core with its clock, broker, files and log.
pub(super) struct World {
    pub(super) clock: Clock,
    core: Core,
    outbox: Rc<Outbox>,
    session: u64,
    events: Receiver<mqtt::Event>,
    files: Files,
    results: UnboundedReceiver<FileResult>,
    log: Log,
    /// Web clients, where there may be any.
    pub(super) clients: Option<Clients>,
    /// Whoever runs automations.
    pub(super) ledger: Option<LedgerPort>,
    /// Clients in this process, where there may be any.
    pub(super) visitors: Option<Visitors>,
    /// Other converters, from time to time.
    pub(super) converter_sets: Option<UnboundedReceiver<String>>,
    /// Python, where there is any.
    pub(super) helper: Option<HelperPort>,
    workers: Workers,
    worker_events: UnboundedReceiver<WorkerEvent>,
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
    offset_at: Instant,
    /// Requests of the core that the coordinator has not replied to.
    asked: BTreeSet<RequestId>,
    /// Requests for the session.
    pub(super) requests: Vec<(RequestId, Request)>,
    pub(super) wish: Option<Wish>,
    /// The network is up, as far as the core was told.
    up: bool,
    /// Why the broker could not be reached, as last logged.
    broker_trouble: Option<String>,
    /// Messages dropped as the broker is too slow and not told of yet, and when they may be.
    dropped: u64,
    dropped_at: Instant,
    /// The last known backup of the coordinator. Holds the network key.
    pub(super) backup: Option<Json>,
    /// Every input of the core, where the owner wants that kept.
    pub(super) journal: Option<Recorder>,
}

impl World {
    pub(super) fn new(
        clock: Clock,
        core: Core,
        outbox: Rc<Outbox>,
        events: Receiver<mqtt::Event>,
        files: Files,
        results: UnboundedReceiver<FileResult>,
        log: Log,
    ) -> Self {
        let (sender, worker_events) = unbounded_channel();
        let sender = move |event| {
            // The program ends: nobody wants to know any more.
            let _ = sender.send(event);
        };
        Self {
            converter_sets: None,
            helper: None,
            workers: Workers::new(CALL_LIMIT, Arc::new(sender)),
            worker_events,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            timer_at: Instant(0),
            offset_at: clock.now().instant + OFFSET_INTERVAL,
            clock,
            core,
            outbox,
            session: 0,
            events,
            files,
            results,
            log,
            clients: None,
            ledger: None,
            visitors: None,
            asked: BTreeSet::new(),
            requests: Vec::new(),
            wish: None,
            up: false,
            broker_trouble: None,
            dropped: 0,
            dropped_at: Instant(0),
            backup: None,
            journal: None,
        }
    }

    /// The next thing that happens. Nothing is lost when it is dropped and called again.
    pub(super) async fn next(&mut self) -> Happening {
        let due = self
            .core
            .next_deadline()
            .map_or(self.offset_at, |due| due.min(self.offset_at));
        // A deadline that moved away is left to pass: setting the timer costs more than looking.
        if due < self.timer_at || self.timer.is_elapsed() {
            self.timer_at = due;
            self.timer.as_mut().reset(self.clock.deadline(due));
        }
        tokio::select! {
            biased;
            Some(event) = self.events.recv() => Happening::Mqtt(event),
            Some(result) = self.results.recv() => Happening::File(result),
            Some(event) = Clients::next(self.clients.as_mut()) => Happening::Web(event),
            Some(request) = LedgerPort::next(self.ledger.as_mut()) => Happening::Ledger(request),
            Some(input) = Visitors::next(self.visitors.as_mut()) => Happening::Local(input),
            Some(event) = self.worker_events.recv() => Happening::Worker(event),
            Some(set) = set_of(self.converter_sets.as_mut()) => Happening::Converters(set),
            Some(said) = HelperPort::next(self.helper.as_mut()) => Happening::Helper(said),
            () = &mut self.timer => Happening::Timer,
        }
    }

    /// Deals with what happened, and with everything else of the kind that is there already.
    pub(super) fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Mqtt(event) => {
                self.mqtt(event);
                while let Ok(event) = self.events.try_recv() {
                    self.mqtt(event);
                }
            }
            Happening::File(result) => self.file(result),
            Happening::Web(event) => {
                self.web(event);
                // Not all that may come: radio and broker go first.
                for _ in 1..CLIENT_BATCH {
                    let Some(event) = self.clients.as_mut().and_then(Clients::waiting) else {
                        break;
                    };
                    self.web(event);
                }
            }
            Happening::Ledger(request) => {
                let mut next = Some(request);
                while let Some(request) = next {
                    // What an automation has published before is on its way before a commit says that
                    // it is done. It was sent first, so that it is there.
                    while let Some(input) = self.visitors.as_mut().and_then(Visitors::waiting) {
                        self.input(input);
                    }
                    self.ledger(request);
                    next = self.ledger.as_mut().and_then(LedgerPort::waiting);
                }
            }
            Happening::Local(input) => {
                self.input(input);
                for _ in 1..CLIENT_BATCH {
                    let Some(input) = self.visitors.as_mut().and_then(Visitors::waiting) else {
                        break;
                    };
                    self.input(input);
                }
            }
            Happening::Worker(event) => {
                self.worker(event);
                for _ in 1..WORKER_BATCH {
                    let Ok(event) = self.worker_events.try_recv() else {
                        break;
                    };
                    self.worker(event);
                }
            }
            Happening::Converters(set) => self.input(CoreInput::Converters(set)),
            Happening::Helper(said) => {
                self.input(said);
                for _ in 1..CLIENT_BATCH {
                    let Some(said) = self.helper.as_mut().and_then(HelperPort::waiting) else {
                        break;
                    };
                    self.input(said);
                }
            }
            Happening::Timer => {
                self.timer_at = Instant(u64::MAX);
                let now = self.clock.now();
                if now.instant >= self.offset_at {
                    self.offset_at = now.instant + OFFSET_INTERVAL;
                    let minutes = self.clock.utc_offset_minutes();
                    self.input(CoreInput::UtcOffset(minutes));
                }
                self.input(CoreInput::Timer);
            }
        }
        self.outbox.wake();
    }

    fn mqtt(&mut self, event: mqtt::Event) {
        match event {
            mqtt::Event::Connected(session) => {
                self.session = session;
                self.broker_trouble = None;
                self.info("z2m:mqtt", "Connected to the MQTT broker".to_owned());
                self.input(CoreInput::MqttConnected);
                systemd::ready();
            }
            mqtt::Event::Disconnected(reason) => {
                self.input(CoreInput::MqttDisconnected);
                // Once for each reason: it is tried again every few seconds.
                if self.broker_trouble.as_ref() != Some(&reason) {
                    let text = format!("No connection to the MQTT broker {reason}; trying again");
                    self.say(LogLevel::Error, "z2m:mqtt", text);
                    self.broker_trouble = Some(reason);
                }
            }
            mqtt::Event::Message {
                topic,
                payload,
                retain,
            } => self.input(CoreInput::Mqtt {
                topic,
                payload,
                retain,
            }),
            mqtt::Event::Skipped(length) => {
                let text = format!(
                    "A message of {length} bytes was not read: mqtt.maximum_packet_size is less"
                );
                self.say(LogLevel::Error, "z2m:mqtt", text);
            }
            mqtt::Event::TooLarge { topic, length } => {
                let text = format!(
                    "A message of {length} bytes on '{topic}' was not sent: the broker takes no \
                     packets of this size"
                );
                self.say(LogLevel::Error, "z2m:mqtt", text);
            }
        }
    }

    fn web(&mut self, event: web::Event) {
        match event {
            web::Event::Listening(place) => {
                self.info("z2m", format!("The web interface is at {place}"));
            }
            web::Event::Opened(id, outlet) => {
                if let Some(clients) = &mut self.clients {
                    clients.add(id, outlet);
                    self.input(CoreInput::SocketOpened(id));
                }
            }
            web::Event::Closed(id) => {
                if let Some(clients) = &mut self.clients {
                    clients.remove(id);
                }
                self.input(CoreInput::SocketClosed(id));
            }
            web::Event::Message { topic, payload } => {
                self.input(CoreInput::SocketMessage { topic, payload });
            }
            web::Event::Metrics(reply) => {
                let usage = self.clock.host_usage(self.outbox.len());
                // It fails when the client has gone.
                let _ = reply.send(self.core.metrics(&usage));
            }
            web::Event::Log(level, text) => self.say(level, "z2m", text),
        }
    }

    fn ledger(&mut self, request: ledger::Request) {
        match request {
            ledger::Request::Load(answer) => {
                if let Some(ledger) = &self.ledger {
                    ledger.forget();
                }
                self.input(CoreInput::ListenToTimers);
                // Nobody waits for the answer any more: nothing is lost.
                let _ = answer.send(self.core.hub().durable());
            }
            ledger::Request::Commit(changes) => {
                if let Some(ledger) = &self.ledger {
                    ledger.made();
                }
                self.input(CoreInput::Durable(changes));
            }
            ledger::Request::Saved(answer) => self.files.saved(answer),
            ledger::Request::Close => {}
        }
    }

    fn worker(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::Reply(id, result) => self.input(CoreInput::ConverterReply(id, result)),
            WorkerEvent::Log(level, text) => self.say(level, "z2m", text),
        }
    }

    fn frame(&mut self, audience: Audience, frame: &Bytes) {
        let Some(clients) = &mut self.clients else {
            return;
        };
        for (id, peer) in clients.give(audience, frame) {
            self.input(CoreInput::SocketClosed(id));
            let text = format!("The web client at {peer} is too slow; its connection is closed");
            self.warn("z2m", text);
        }
    }

    fn file(&mut self, result: FileResult) {
        match result {
            FileResult::Archived(id, result) => self.input(CoreInput::Archived(id, result)),
            FileResult::Fetched(id, fetched) => self.input(CoreInput::Fetched(id, fetched)),
            FileResult::Removed(id, result) => self.input(CoreInput::Removed(id, result)),
            FileResult::Failed(text) => self.say(LogLevel::Error, "z2m", text),
        }
    }

    /// Tells the core what the coordinator tells.
    pub(super) fn adapter(&mut self, event: Event) {
        match &event {
            Event::Reply(id, _) => {
                self.asked.remove(id);
            }
            Event::Up(_) => self.up = true,
            Event::Down => self.up = false,
            _ => {}
        }
        self.input(CoreInput::Adapter(event));
    }

    /// True while the network is up.
    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// The link is gone: nobody will reply any more.
    pub(super) fn link_lost(&mut self) {
        for id in std::mem::take(&mut self.asked) {
            let reply = Event::Reply(id, Err(RequestError::NotConnected));
            self.input(CoreInput::Adapter(reply));
        }
        if std::mem::take(&mut self.up) {
            self.input(CoreInput::Adapter(Event::Down));
        }
        self.input(CoreInput::LinkFailed);
        self.refuse_requests();
        self.outbox.wake();
    }

    /// Replies to requests while there is no session.
    pub(super) fn refuse_requests(&mut self) {
        // What the core asks for in answer to a refusal is refused too, but not without end.
        for _ in 0..8 {
            if self.requests.is_empty() {
                return;
            }
            for (id, _) in std::mem::take(&mut self.requests) {
                self.adapter(Event::Reply(id, Err(RequestError::NotConnected)));
            }
        }
    }

    pub(super) fn input(&mut self, input: CoreInput) {
        let now = self.clock.now();
        if let Some(journal) = &mut self.journal {
            journal.input(now, &input);
        }
        let outputs = self.core.handle(now, input);
        if let Some(journal) = &mut self.journal {
            journal.outputs(&outputs);
        }
        for output in outputs {
            match output {
                CoreOutput::Adapter(id, request) => {
                    self.asked.insert(id);
                    self.requests.push((id, request));
                }
                CoreOutput::Publish(publish) => {
                    self.outbox.push(self.session, Item::Publish(publish));
                }
                CoreOutput::Frame(audience, frame) => self.frame(audience, &frame),
                CoreOutput::Tell(id, message) => {
                    if let Some(visitors) = &self.visitors {
                        visitors.give(id, message);
                    }
                }
                CoreOutput::Subscribe(filters) => {
                    self.outbox.push(self.session, Item::Subscribe(filters));
                }
                CoreOutput::Unsubscribe(filters) => {
                    self.outbox.push(self.session, Item::Unsubscribe(filters));
                }
                CoreOutput::Save(save) => {
                    if let Save::CoordinatorBackup(backup) = &save {
                        self.backup = Some(backup.clone());
                    }
                    self.files.save(&self.core, save);
                }
                CoreOutput::Log(entry) => self.log.write(&entry),
                CoreOutput::Fetch(id, fetch) => self.files.fetch(id, fetch),
                CoreOutput::OtaFile(file) => self.files.ota(file),
                CoreOutput::Workers(workers) => self.workers.set(workers),
                CoreOutput::CallConverter(id, call) => self.workers.call(id, call),
                CoreOutput::Archive(id) => self.files.archive(id),
                CoreOutput::Remove { id, path } => self.files.remove(id, path),
                CoreOutput::Ask(id, question) => {
                    if let Err(error) = HelperPort::ask(self.helper.as_ref(), id, question) {
                        self.input(CoreInput::Answered(id, Err(error)));
                    }
                }
                CoreOutput::TimerDue(due) => {
                    if let Some(ledger) = &self.ledger {
                        ledger.tell(due);
                    }
                }
                CoreOutput::MeasureHost => {
                    let usage = self.clock.host_usage(self.outbox.len());
                    self.input(CoreInput::HostMeasured(usage));
                }
                CoreOutput::Restart => self.wish = Some(Wish::Restart),
                CoreOutput::Stopped => self.wish = Some(Wish::Stopped),
            }
        }
    }

    /// Ends a batch: lets the MQTT client look, and tells what it had to drop.
    pub(super) fn end_batch(&mut self) {
        self.outbox.wake();
        if let Some(journal) = &mut self.journal {
            journal.end_batch(&self.core, self.clock.now());
            if let Some(trouble) = journal.trouble() {
                self.warn("z2m", trouble);
            }
        }
        self.dropped += self.outbox.take_dropped();
        if self.dropped > 0 {
            let now = self.clock.now().instant;
            if now >= self.dropped_at {
                self.dropped_at = now + DROPPED_INTERVAL;
                let count = std::mem::take(&mut self.dropped);
                let text = format!("The MQTT broker is too slow: {count} messages were dropped");
                self.warn("z2m:mqtt", text);
            }
        }
    }

    pub(super) fn say(&mut self, level: LogLevel, namespace: &str, text: String) {
        self.input(CoreInput::Log(LogEntry {
            level,
            namespace: namespace.to_owned(),
            text,
        }));
    }

    pub(super) fn info(&mut self, namespace: &str, text: String) {
        self.say(LogLevel::Info, namespace, text);
    }

    pub(super) fn warn(&mut self, namespace: &str, text: String) {
        self.say(LogLevel::Warning, namespace, text);
    }

    pub(super) fn settings(&self) -> &crate::data::Settings {
        self.core.settings()
    }

    /// After the last output: says goodbye to the broker.
    pub(super) fn goodbye(&mut self) {
        self.outbox.push(self.session, Item::Disconnect);
        self.outbox.wake();
    }

    /// Lets web clients take what waits for them; they are gone then.
    pub(super) async fn end_web(&mut self) {
        if let Some(clients) = self.clients.take() {
            clients.end().await;
        }
    }

    /// Nobody listens to the client any more.
    pub(super) fn close_events(&mut self) {
        self.events.close();
    }

    /// Waits until everything is written to disk, and says what failed.
    pub(super) fn finish(mut self) {
        self.workers.finish();
        self.files.finish();
        // What Python said last is in the log, too.
        while let Some(said) = self.helper.as_mut().and_then(HelperPort::waiting) {
            self.input(said);
        }
        while let Ok(result) = self.results.try_recv() {
            self.file(result);
        }
        self.log.finish();
    }
}
