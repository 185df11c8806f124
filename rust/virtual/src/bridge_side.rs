//! The bridge as its process would be: core, driver, and what is between them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapters::znp::ZnpSession;
use adapters::{
    Event, Failure, Instant, Output, Request, RequestError, RequestId, Secret, Session,
    SessionConfig,
};
use bridge::core::{Core, CoreConfig, CoreInput, CoreOutput, HostInfo, HostUsage, LogEntry};
use bridge::journal::{DELAY, JournalOptions, Recorder};
use bridge::runtime::WaitingWorkers;
use devices::Catalogue;
use hub::{Fetch, Fetched, LogLevel, Now, TimerDue};

use crate::broker::Broker;
use crate::disk::Disk;

/// How long a function of a converter may take, in real time: long, as a machine that runs tests is busy.
const FUNCTION_LIMIT: Duration = Duration::from_secs(10);
/// After a link was lost it is tried again after so long.
const RECONNECT: Duration = Duration::from_millis(500);
/// What an answer is that nobody here can give.
const NOT_HERE: &str = "a virtual house has no files and no network beside Zigbee";

/// What a bridge wants of whoever runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Restart,
    Stopped,
}

/// A bridge that runs.
pub(crate) struct Bridge {
    pub(crate) core: Core,
    journal: Option<Recorder>,
    /// When the journal would be written in a real house.
    flush_at: Instant,
    /// `None` without a link to the stick.
    session: Option<ZnpSession>,
    reconnect_at: Option<Instant>,
    up: bool,
    asked: BTreeSet<RequestId>,
    requests: Vec<(RequestId, Request)>,
    pub(crate) wish: Option<Wish>,
    /// Why it ends by itself.
    pub(crate) failure: Option<String>,
    /// Why there is no link, as it was last said.
    said: Option<String>,
    /// Functions of converters: their programs run in real time, and virtual time stands while they do.
    functions: WaitingWorkers,
    /// While it greets, what it says is no news.
    greeting: bool,
}

/// What a bridge acts on.
pub(crate) struct Around {
    pub(crate) now: Now,
    pub(crate) broker: Broker,
    pub(crate) disk: Disk,
    pub(crate) log: Vec<LogEntry>,
    /// Durable timers whose moment has come, for whoever listens to them.
    pub(crate) due: Vec<TimerDue>,
    /// There are new ones among them.
    pub(crate) rung: bool,
    /// Converters, as the core takes them.
    pub(crate) converters: Option<String>,
    /// The data directory whose journal is written.
    pub(crate) journal: Option<PathBuf>,
}

impl Bridge {
    pub(crate) fn start(around: &mut Around, catalogue: Arc<Catalogue>, seed: u64) -> Self {
        let disk = &around.disk;
        let config = CoreConfig {
            settings: disk.settings.clone(),
            registry: disk.registry(),
            catalogue,
            seed,
            host: HostInfo::default(),
            utc_offset_minutes: 0,
            has_backup: disk.backup.is_some(),
        };
        let (options, _) = JournalOptions::new(&config.settings);
        let journal = around.journal.as_deref().map(|data| {
            let salt = [seed.to_le_bytes(); 4]
                .concat()
                .try_into()
                .unwrap_or([0; 32]);
            Recorder::start(data, options.limit, &salt, &config, around.now)
        });
        let mut bridge = Self {
            journal: None,
            flush_at: around.now.instant,
            core: Core::new(config, around.now),
            session: None,
            reconnect_at: Some(around.now.instant),
            up: false,
            asked: BTreeSet::new(),
            requests: Vec::new(),
            wish: None,
            failure: None,
            said: None,
            functions: WaitingWorkers::new(FUNCTION_LIMIT),
            greeting: true,
        };
        match journal {
            Some(Ok(recorder)) => bridge.journal = Some(recorder),
            Some(Err(error)) => {
                let text = format!("No journal is written: {error}");
                bridge.say(around, LogLevel::Warning, text);
            }
            None => {}
        }
        if let Some(converters) = around.converters.clone() {
            bridge.input(around, CoreInput::Converters(converters));
        }
        bridge.input(around, CoreInput::MqttConnected);
        bridge
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [
            self.core.next_deadline(),
            self.session.as_ref().and_then(Session::deadline),
            self.reconnect_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due. `plugged`: a link can be opened.
    pub(crate) fn timeout(&mut self, around: &mut Around, plugged: bool) {
        let now = around.now.instant;
        if self.reconnect_at.is_some_and(|due| due <= now) {
            self.reconnect_at = None;
            if plugged {
                let mut session = ZnpSession::new(self.session_config(&around.disk));
                session.timeout(now);
                self.session = Some(session);
            } else {
                self.lost(around, "there is no stick");
            }
        }
        if let Some(session) = &mut self.session
            && session.deadline().is_some_and(|due| due <= now)
        {
            session.timeout(now);
        }
        if self.core.next_deadline().is_some_and(|due| due <= now) {
            self.input(around, CoreInput::Timer);
        }
    }

    fn session_config(&self, disk: &Disk) -> SessionConfig {
        let settings = self.core.settings();
        SessionConfig {
            network: settings.network(),
            backup: disk.backup.clone().map(Secret),
            // The stick was on its network before the house began.
            may_form: false,
            concurrency: settings.advanced().adapter_concurrent,
            transmit_power: settings.advanced().transmit_power,
            disable_led: settings.serial().disable_led,
            has_lines: true,
        }
    }

    /// Some inputs are done.
    pub(crate) fn end_batch(&mut self, now: Now) {
        if let Some(journal) = &mut self.journal {
            journal.end_batch(&self.core, now);
            if now.instant >= self.flush_at {
                self.flush_at = now.instant + DELAY;
                journal.flush();
            }
        }
    }

    /// Takes bytes of the stick.
    pub(crate) fn receive(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(session) = &mut self.session {
            session.receive(now, bytes);
        }
    }

    /// Carries events to the core and requests to the driver until both are silent. Gives bytes for
    /// the stick. False if nothing moved.
    pub(crate) fn pump(&mut self, around: &mut Around, to_stick: &mut Vec<u8>) -> bool {
        let mut moved = false;
        loop {
            let mut lost = None;
            while let Some(said) = self.session.as_mut().and_then(Session::output) {
                moved = true;
                match said {
                    Output::Write(bytes) => to_stick.extend_from_slice(&bytes),
                    Output::Lines { .. } => {}
                    Output::Event(event) => self.adapter(around, event),
                    Output::Log(level, text) => {
                        let level = log_level(level);
                        self.say(around, level, text);
                    }
                    Output::Fail(failure) => {
                        lost = Some(failure);
                        break;
                    }
                }
            }
            match lost {
                Some(Failure::Link(reason)) => self.lost(around, &reason),
                // Trying again does not help: the program ends.
                Some(failure) => {
                    let reason = failure.to_string();
                    self.lost(around, &reason);
                    self.reconnect_at = None;
                    self.failure = Some(reason);
                    self.input(around, CoreInput::Stop);
                }
                None => {}
            }
            while !around.broker.to_bridge.is_empty() {
                moved = true;
                for message in std::mem::take(&mut around.broker.to_bridge) {
                    let input = CoreInput::Mqtt {
                        topic: message.topic.as_ref().to_owned(),
                        payload: message.payload.to_vec(),
                        retain: message.stored,
                    };
                    self.input(around, input);
                }
            }
            if self.requests.is_empty() {
                return moved;
            }
            moved = true;
            for (id, request) in std::mem::take(&mut self.requests) {
                if let Some(session) = &mut self.session {
                    session.request(around.now.instant, id, request);
                } else {
                    let refused = Event::Reply(id, Err(RequestError::NotConnected));
                    self.adapter(around, refused);
                }
            }
        }
    }

    fn adapter(&mut self, around: &mut Around, event: Event) {
        match &event {
            Event::Reply(id, _) => {
                self.asked.remove(id);
            }
            Event::Up(_) => {
                self.up = true;
                self.said = None;
            }
            Event::Down => self.up = false,
            _ => {}
        }
        let greets = matches!(event, Event::Up(_));
        self.greeting |= greets;
        self.input(around, CoreInput::Adapter(event));
        if greets {
            self.greeting = false;
        }
    }

    /// The link is gone: nobody will reply any more.
    pub(crate) fn lost(&mut self, around: &mut Around, reason: &str) {
        self.session = None;
        self.reconnect_at = Some(around.now.instant + RECONNECT);
        // It is tried twice a second; what is said again and again would bury the rest.
        if self.said.as_deref() != Some(reason) {
            self.said = Some(reason.to_owned());
            let text = format!("No link to the coordinator: {reason}");
            self.say(around, LogLevel::Error, text);
        }
        for id in std::mem::take(&mut self.asked) {
            let reply = Event::Reply(id, Err(RequestError::NotConnected));
            self.input(around, CoreInput::Adapter(reply));
        }
        if std::mem::take(&mut self.up) {
            self.input(around, CoreInput::Adapter(Event::Down));
        }
        self.input(around, CoreInput::LinkFailed);
    }

    fn say(&mut self, around: &mut Around, level: LogLevel, text: String) {
        let entry = LogEntry {
            level,
            namespace: "zh:adapter".to_owned(),
            text,
        };
        self.input(around, CoreInput::Log(entry));
    }

    pub(crate) fn input(&mut self, around: &mut Around, input: CoreInput) {
        if let Some(journal) = &mut self.journal {
            journal.input(around.now, &input);
        }
        let outputs = self.core.handle(around.now, input);
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
                    let (topic, stored) = (&publish.topic, self.greeting);
                    around
                        .broker
                        .publish(topic, &publish.payload, publish.retain, stored);
                }
                CoreOutput::Subscribe(filters) => around.broker.subscribe_bridge(filters),
                CoreOutput::Unsubscribe(filters) => around.broker.unsubscribe_bridge(&filters),
                CoreOutput::Save(save) => around.disk.save(&self.core, save),
                CoreOutput::Log(entry) => around.log.push(entry),
                CoreOutput::Fetch(id, fetch) => {
                    let fetched = match fetch {
                        Fetch::Index(_) => Fetched::Index(Err(NOT_HERE.to_owned())),
                        Fetch::Image { .. } => Fetched::Image(Err(NOT_HERE.to_owned())),
                    };
                    self.input(around, CoreInput::Fetched(id, fetched));
                }
                CoreOutput::Archive(id) => {
                    let refused = CoreInput::Archived(id, Err(NOT_HERE.to_owned()));
                    self.input(around, refused);
                }
                CoreOutput::Remove { id, .. } => {
                    let refused = CoreInput::Removed(id, Err(NOT_HERE.to_owned()));
                    self.input(around, refused);
                }
                CoreOutput::Ask(id, _) => {
                    let refused = CoreInput::Answered(id, Err(NOT_HERE.to_owned()));
                    self.input(around, refused);
                }
                CoreOutput::Workers(workers) => self.functions.set(workers),
                CoreOutput::CallConverter(id, call) => {
                    let result = self.functions.call(id, call, &mut |level, text| {
                        let namespace = "z2m".to_owned();
                        around.log.push(LogEntry {
                            level,
                            namespace,
                            text,
                        });
                    });
                    self.input(around, CoreInput::ConverterReply(id, result));
                }
                CoreOutput::MeasureHost => {
                    self.input(around, CoreInput::HostMeasured(HostUsage::default()));
                }
                CoreOutput::TimerDue(due) => {
                    around.due.push(due);
                    around.rung = true;
                }
                // Who listens to messages does so at the broker.
                CoreOutput::Frame(..) | CoreOutput::Tell(..) | CoreOutput::OtaFile(_) => {}
                CoreOutput::Restart => self.wish = Some(Wish::Restart),
                CoreOutput::Stopped => self.wish = Some(Wish::Stopped),
            }
        }
    }

    /// The topic and payload that the broker publishes when the bridge dies.
    pub(crate) fn will(&self) -> (Arc<str>, &'static [u8]) {
        let base = &self.core.settings().mqtt().base_topic;
        (
            Arc::from(format!("{base}/bridge/state")),
            br#"{"state":"offline"}"#,
        )
    }

    /// True while the network is up.
    pub(crate) fn is_up(&self) -> bool {
        self.up
    }
}

fn log_level(level: tracing::Level) -> LogLevel {
    match level {
        tracing::Level::ERROR => LogLevel::Error,
        tracing::Level::WARN => LogLevel::Warning,
        tracing::Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}
