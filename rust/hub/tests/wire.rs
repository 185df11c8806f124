//! The hub on the real ZNP driver on a simulated stick with simulated devices, in virtual time: what the
//! scripted coordinator of the other tests cannot get wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use adapters::znp::ZnpSession;
use adapters::{Instant, NetworkParameters, Session, SessionConfig};
use devices::{Catalogue, Payload};
use hub::{
    Command, CommandId, CommandReply, Entity, Event, Hub, Input, InterviewState, LogLevel, LogLine,
    Now, OtaCommand, OtaPacing, OtaPlace, OtaReply, OtaSource, Output, Registry, Settings,
};
use serde_json::{Value as Json, json};
use simulator::{Action, Device, LinkFaults, Model, Stick, StickConfig, ota_image};
use zigbee::ota::Image;
use zigbee::{ExtendedPanId, IeeeAddress, PanId};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    hub: Hub,
    session: ZnpSession,
    stick: Stick,
    now: Instant,
    events: Vec<Event>,
    logs: Vec<LogLine>,
    replies: Vec<(CommandId, Result<hub::CommandReply, hub::CommandError>)>,
    commands: u64,
}

fn config() -> SessionConfig {
    SessionConfig {
        network: NetworkParameters {
            pan_id: PanId(0x1a62),
            extended_pan_id: ExtendedPanId(0x0123_4567_89ab_cdef),
            channel: 15,
            network_key: [7, 1, 7, 2, 7, 3, 7, 4, 7, 5, 7, 6, 7, 7, 7, 8],
        },
        backup: None,
        may_form: true,
        concurrency: None,
        transmit_power: None,
        disable_led: false,
        has_lines: false,
    }
}

impl House {
    fn new() -> Self {
        let mut house = Self {
            hub: Hub::new(
                Catalogue::builtin(),
                Registry::default(),
                Settings::default(),
                1,
            ),
            session: ZnpSession::new(config()),
            stick: Stick::new(StickConfig::default()).unwrap(),
            now: Instant(0),
            events: Vec::new(),
            logs: Vec::new(),
            replies: Vec::new(),
            commands: 0,
        };
        house.pass(60 * SECOND);
        assert!(house.hub.network().is_some(), "the network is up");
        house
    }

    fn feed(&mut self, input: Input) {
        let now = Now {
            instant: self.now,
            unix_ms: 1_767_614_400_000 + i64::try_from(self.now.0 / 1000).unwrap(),
        };
        for output in self.hub.handle(now, input) {
            match output {
                Output::Adapter(id, request) => self.session.request(self.now, id, request),
                Output::Event(event) => self.events.push(event),
                Output::Log(line) => self.logs.push(line),
                Output::Reply(id, result) => self.replies.push((id, result)),
                Output::Persist(_)
                | Output::Fetch(..)
                | Output::OtaFile(_)
                | Output::CallConverter(..) => {}
            }
        }
    }

    /// Moves bytes and events until nothing moves at this instant.
    fn settle(&mut self) {
        loop {
            let mut told = VecDeque::new();
            let mut moved = false;
            while let Some(output) = self.session.output() {
                moved = true;
                match output {
                    adapters::Output::Write(bytes) => self.stick.receive(self.now, &bytes),
                    adapters::Output::Event(event) => told.push_back(event),
                    adapters::Output::Fail(failure) => panic!("{failure}"),
                    adapters::Output::Lines { .. } | adapters::Output::Log(..) => {}
                }
            }
            for event in told {
                self.feed(Input::Adapter(event));
            }
            self.stick.timeout(self.now);
            while let Some(bytes) = self.stick.output() {
                moved = true;
                self.session.receive(self.now, &bytes);
            }
            if !moved {
                return;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            let next = [
                self.session.deadline(),
                self.stick.deadline(),
                self.hub.next_deadline(),
            ]
            .into_iter()
            .flatten()
            .min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if self.session.deadline().is_some_and(|at| at <= self.now) {
                self.session.timeout(self.now);
            }
            if self.hub.next_deadline().is_some_and(|at| at <= self.now) {
                self.feed(Input::Timer);
            }
        }
    }

    fn command(&mut self, command: Command) -> CommandId {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.feed(Input::Command(id, command));
        self.settle();
        id
    }

    fn set(&mut self, ieee: IeeeAddress, payload: Json) -> CommandId {
        let Json::Object(payload) = payload else {
            panic!("a payload is an object");
        };
        self.command(Command::Set {
            entity: Entity::Device(ieee),
            endpoint: None,
            payload: Payload::from(payload),
        })
    }

    fn open(&mut self) {
        self.command(Command::PermitJoin {
            seconds: 254,
            via: None,
        });
        self.pass(SECOND);
    }

    fn join(&mut self, number: u64, model: &str) -> IeeeAddress {
        let ieee = IeeeAddress(0x0015_8d00_0100_0000 + number);
        self.stick
            .add(Device::new(ieee, Model::built_in(model).unwrap()));
        self.stick.join(self.now, ieee).unwrap();
        ieee
    }

    fn act(&mut self, ieee: IeeeAddress, name: &str, parameters: &Json) {
        self.stick
            .act(self.now, ieee, &Action { name, parameters })
            .unwrap()
            .unwrap();
        self.pass(SECOND);
    }

    fn state(&self, ieee: IeeeAddress, key: &str) -> Json {
        self.hub
            .state(Entity::Device(ieee))
            .and_then(|state| state.get(key).cloned())
            .unwrap_or(Json::Null)
    }

    fn is_done(&self, id: CommandId) -> bool {
        self.replies.iter().any(|(command, _)| *command == id)
    }

    fn errors(&self) -> Vec<&LogLine> {
        self.logs
            .iter()
            .filter(|line| line.level <= LogLevel::Warning)
            .collect()
    }
}

#[test]
fn every_simulated_model_joins_and_is_interviewed_and_configured() {
    let mut house = House::new();
    house.open();
    let names = Model::names();
    let mut joined = Vec::new();
    for (number, name) in names.iter().enumerate() {
        joined.push((house.join(number as u64 + 1, name), name));
        house.pass(10 * SECOND);
    }
    house.pass(30 * SECOND);
    for (ieee, name) in &joined {
        let device = house.hub.device(*ieee).expect("it is in the registry");
        assert_eq!(
            device.interview,
            InterviewState::Successful,
            "{name}: {:?}",
            house.errors()
        );
        if let Some(definition) = &device.definition
            && let Some(version) = definition.configure_version()
        {
            assert_eq!(
                device.meta.get("configured").and_then(Json::as_str),
                Some(version),
                "{name}: {:?}",
                house.errors()
            );
        }
    }
    assert!(house.errors().is_empty(), "{:?}", house.errors());
}

#[test]
fn all_models_may_join_at_once() {
    let mut house = House::new();
    house.open();
    let names = Model::names();
    let joined: Vec<_> = (0..30)
        .map(|number| {
            let name = &names[number % names.len()];
            (house.join(number as u64 + 1, name), name.clone())
        })
        .collect();
    house.pass(200 * SECOND);
    for (ieee, name) in joined {
        assert_eq!(
            house.hub.device(ieee).unwrap().interview,
            InterviewState::Successful,
            "{name}: {:?}",
            house.errors()
        );
    }
}

#[test]
fn a_relay_is_switched_and_reports() {
    let mut house = House::new();
    house.open();
    let relay = house.join(1, "LLKZMK11LM");
    house.pass(20 * SECOND);
    let id = house.set(relay, json!({"state_l1": "ON", "state_l2": "OFF"}));
    house.pass(5 * SECOND);
    assert!(house.is_done(id));
    assert_eq!(house.state(relay, "state_l1"), "ON");
    assert_eq!(house.state(relay, "state_l2"), "OFF");
    assert!(house.errors().is_empty(), "{:?}", house.errors());

    // Out of reach: an error, and nobody else waits.
    let other = house.join(2, "QBKG40LM");
    house.pass(20 * SECOND);
    house.stick.set_reachable(relay, false).unwrap();
    let failing = house.set(relay, json!({"state_l1": "OFF"}));
    let working = house.set(other, json!({"state": "ON"}));
    house.pass(SECOND);
    assert!(house.is_done(working));
    house.pass(120 * SECOND);
    assert!(house.is_done(failing));
    assert_eq!(house.state(relay, "state_l1"), "ON");
    assert_eq!(house.state(other, "state"), "ON");
}

#[test]
fn a_sleeping_knob_gets_its_setting_when_it_is_turned() {
    let mut house = House::new();
    house.open();
    let knob = house.join(1, "ZNXNKG02LM");
    // It joins awake and falls asleep.
    house.pass(300 * SECOND);
    house.stick.set_reachable(knob, false).unwrap();
    let id = house.set(knob, json!({"sensitivity": "high"}));
    house.pass(120 * SECOND);
    assert!(!house.is_done(id), "{:?}", house.logs);
    house.stick.set_reachable(knob, true).unwrap();
    house.act(knob, "press", &json!({}));
    house.pass(60 * SECOND);
    assert!(house.is_done(id));
    assert_eq!(house.state(knob, "sensitivity"), "high");
}

#[test]
fn a_stick_that_resets_comes_back_and_carries_on() {
    let mut house = House::new();
    house.open();
    let relay = house.join(1, "LLKZMK11LM");
    house.pass(20 * SECOND);
    house.stick.reset(house.now);
    house.pass(Duration::from_millis(1));
    let id = house.set(relay, json!({"state_l1": "ON"}));
    house.pass(60 * SECOND);
    assert!(house.hub.network().is_some());
    assert!(house.is_done(id));
    let id = house.set(relay, json!({"state_l2": "ON"}));
    house.pass(5 * SECOND);
    assert!(house.is_done(id));
    assert_eq!(house.state(relay, "state_l2"), "ON");
}

#[test]
fn a_removed_device_is_gone_and_may_join_again() {
    let mut house = House::new();
    house.open();
    let relay = house.join(1, "LLKZMK11LM");
    house.pass(20 * SECOND);
    let id = house.command(Command::Remove {
        device: relay,
        force: false,
        block: false,
    });
    house.pass(10 * SECOND);
    assert!(house.is_done(id));
    assert!(house.hub.device(relay).is_none());
    let left = |house: &House| {
        house
            .events
            .iter()
            .filter(|event| matches!(event, Event::Left(_)))
            .count()
    };
    assert_eq!(left(&house), 1);
    house.stick.join(house.now, relay).unwrap();
    house.pass(20 * SECOND);
    assert_eq!(
        house.hub.device(relay).unwrap().interview,
        InterviewState::Successful
    );
}

/// Installs software on a relay whose client is set so, and gives how it stands then.
fn updated(client: &Json, faults: LinkFaults) -> Json {
    const LUMI: u16 = 0x115f;
    let mut house = House::new();
    house.open();
    let relay = house.join(1, "LLKZMK11LM");
    house.pass(30 * SECOND);
    house.act(relay, "ota", client);
    let image = Image::parse(ota_image(LUMI, 0x0101, 47, 3000)).unwrap();
    house.stick.set_link_faults(Some(relay), faults).unwrap();
    let place = OtaPlace::Upload {
        image: Arc::new(image),
        name: None,
    };
    let source = OtaSource {
        place,
        downgrade: false,
    };
    let id = house.command(Command::Ota {
        device: relay,
        command: OtaCommand::Update(source, OtaPacing::default()),
    });
    house.pass(900 * SECOND);
    let reply = house.replies.iter().find(|(command, _)| *command == id);
    let Some((_, Ok(CommandReply::Ota(OtaReply::Updated { from, to })))) = reply else {
        panic!("{client}: {reply:?}");
    };
    assert_eq!((from.version.0, to.version.0), (36, 47));
    let update = house.state(relay, "update");
    assert_eq!(update.get("state"), Some(&json!("idle")));
    house.stick.device(relay).unwrap().software().unwrap()
}

#[test]
fn a_relay_takes_its_software_however_it_asks_and_whatever_is_lost() {
    let perfect = LinkFaults::default();
    let blocks = updated(&json!({"version": 36}), perfect);
    assert_eq!(
        (&blocks["version"], &blocks["blocks"]),
        (&json!(47), &json!(63))
    );
    let pages = updated(&json!({"version": 36, "page": 480}), perfect);
    assert_eq!(
        (&pages["version"], &pages["blocks"]),
        (&json!(47), &json!(63))
    );
    let slow = updated(
        &json!({"version": 36, "pause_ms": 3000, "block": 30}),
        perfect,
    );
    assert_eq!(
        (&slow["version"], &slow["blocks"]),
        (&json!(47), &json!(100))
    );
    let lossy = LinkFaults {
        lose_permille: 100,
        duplicate_permille: 100,
        ..perfect
    };
    for page in [None, Some(480)] {
        let lost = updated(&json!({"version": 36, "page": page}), lossy);
        assert_eq!(lost.get("version"), Some(&json!(47)));
    }
}
