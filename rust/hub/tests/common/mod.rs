//! A hub in virtual time with a scripted coordinator.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test program uses a part of this module, and tests may panic"
)]

mod fake;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use adapters::{
    ApsIndication, ApsRequest, Destination, Instant, NetworkInfo, Reply, Request, RequestError,
    RequestId,
};
use devices::{Catalogue, DeviceInfo, DeviceKind, Endpoint, JsonMap, Payload};
use hub::{
    Command, CommandId, Device, Entity, Event, Hub, Input, InterviewState, Now, Output, Registry,
    Settings,
};
use serde_json::{Value as Json, json};
use zigbee::{
    ClusterId, DeviceId, EndpointId, ExtendedPanId, IeeeAddress, ManufacturerCode, NwkAddress,
    PanId, ProfileId, zdo,
};

pub use fake::Fake;

pub const COORDINATOR: IeeeAddress = IeeeAddress(0x0012_4b00_0000_0001);
/// 2026-01-05T12:00:00Z.
pub const START_MS: i64 = 1_767_614_400_000;

/// What the coordinator does with a request.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Nothing is delivered to these.
    pub offline: Vec<NwkAddress>,
    /// Requests to these are never confirmed.
    pub stuck: Vec<NwkAddress>,
    /// These get requests and do not answer.
    pub mute: Vec<NwkAddress>,
}

/// A frame that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub at: u64,
    pub request: ApsRequest,
}

pub struct World {
    pub hub: Hub,
    pub now: Instant,
    pub script: Script,
    pub fakes: BTreeMap<NwkAddress, Fake>,
    pub sent: Vec<Sent>,
    pub zdo: Vec<(u64, NwkAddress, zdo::Request)>,
    pub events: Vec<(u64, Event)>,
    pub replies: Vec<(CommandId, Result<hub::CommandReply, hub::CommandError>)>,
    pub logs: Vec<hub::LogLine>,
    /// Files that are wanted.
    pub fetches: Vec<(hub::FetchId, hub::Fetch)>,
    pub ota_files: Vec<hub::OtaFile>,
    /// Calls of functions, with when they were given out.
    pub calls: Vec<(u64, hub::CallId, hub::ConverterCall)>,
    /// Debug text of all that came out, for comparing runs.
    pub journal: String,
    pub held: Vec<RequestId>,
    pub next_command: u64,
}

pub fn network() -> NetworkInfo {
    NetworkInfo {
        ieee: COORDINATOR,
        pan_id: PanId(0x1a62),
        extended_pan_id: ExtendedPanId(0xdddd_dddd_dddd_dddd),
        channel: 11,
        kind: "zStack3x0".into(),
        meta: json!({}),
        endpoints: vec![EndpointId(1)],
        formed: false,
    }
}

pub fn nwk_of(index: u16) -> NwkAddress {
    NwkAddress(0x1000 + index)
}

pub fn ieee_of(index: u16) -> IeeeAddress {
    IeeeAddress(0x00ff_0000_0000_0000 + u64::from(index))
}

fn vectors() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

pub fn read_vectors(path: &str) -> String {
    let path = vectors().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The interview data of a device of the vectors.
pub fn info(name: &str, index: u16) -> DeviceInfo {
    let devices: Json = serde_json::from_str(&read_vectors("five/devices.json")).unwrap();
    let data = &devices[name];
    let text = |key: &str| data[key].as_str().map(str::to_owned);
    let byte = |key: &str| data[key].as_u64().map(|n| u8::try_from(n).unwrap());
    let clusters = |list: &Json| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|n| ClusterId(u16::try_from(n.as_u64().unwrap()).unwrap()))
            .collect::<Vec<_>>()
    };
    DeviceInfo {
        ieee: ieee_of(index),
        nwk: nwk_of(index),
        kind: match data["type"].as_str() {
            Some("Router") => DeviceKind::Router,
            _ => DeviceKind::EndDevice,
        },
        model_id: text("modelID"),
        manufacturer_name: text("manufacturerName"),
        manufacturer_code: data["manufacturerID"]
            .as_u64()
            .map(|n| ManufacturerCode(u16::try_from(n).unwrap())),
        power_source: Some(
            match data["power"].as_u64() {
                Some(1) => "Mains (single phase)",
                _ => "Battery",
            }
            .to_owned(),
        ),
        application_version: byte("appVersion"),
        stack_version: byte("stackVersion"),
        hardware_version: byte("hwVersion"),
        zcl_version: byte("zclVersion"),
        date_code: text("dateCode"),
        software_build_id: text("swBuildId"),
        endpoints: data["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|endpoint| {
                let number = |key: &str| u16::try_from(endpoint[key].as_u64().unwrap()).unwrap();
                (
                    EndpointId(u8::try_from(number("id")).unwrap()),
                    Endpoint {
                        profile: ProfileId(number("profile")),
                        device: DeviceId(number("device")),
                        inputs: clusters(&endpoint["in"]),
                        outputs: clusters(&endpoint["out"]),
                        ..Endpoint::default()
                    },
                )
            })
            .collect(),
    }
}

/// A record of a device that was interviewed and configured.
pub fn known(info: DeviceInfo, id: u32) -> Device {
    let definition = Catalogue::builtin().find(&info);
    let mut meta = JsonMap::new();
    if let Some(version) = definition.as_ref().and_then(|d| d.configure_version()) {
        meta.insert("configured".into(), version.into());
    }
    Device {
        info,
        interview: InterviewState::Successful,
        definition,
        last_seen: None,
        link_quality: Some(100),
        meta,
        checkin_interval: None,
        extra: JsonMap::new(),
        database_id: id,
    }
}

pub fn undelivered() -> RequestError {
    RequestError::Undelivered {
        status: 0xe9,
        name: "MAC_NO_ACK",
    }
}

impl World {
    pub fn new(devices: Vec<Device>) -> Self {
        Self::with(devices, Registry::default(), Settings::default())
    }

    pub fn with(devices: Vec<Device>, mut registry: Registry, settings: Settings) -> Self {
        let fakes = devices
            .iter()
            .map(|device| (device.info.nwk, Fake::new(device.info.clone())))
            .collect();
        registry.devices = devices;
        let mut world = Self {
            hub: Hub::new(Catalogue::builtin(), registry, settings, 7),
            now: Instant(0),
            script: Script::default(),
            fakes,
            sent: Vec::new(),
            zdo: Vec::new(),
            events: Vec::new(),
            replies: Vec::new(),
            logs: Vec::new(),
            fetches: Vec::new(),
            ota_files: Vec::new(),
            calls: Vec::new(),
            journal: String::new(),
            held: Vec::new(),
            next_command: 0,
        };
        world.adapter(adapters::Event::Up(network()));
        world.clear();
        world
    }

    pub fn clear(&mut self) {
        self.sent.clear();
        self.zdo.clear();
        self.events.clear();
        self.replies.clear();
        self.logs.clear();
    }

    pub fn ms(&self) -> u64 {
        self.now.0 / 1000
    }

    pub fn now(&self) -> Now {
        Now {
            instant: self.now,
            unix_ms: START_MS + i64::try_from(self.now.0 / 1000).unwrap(),
        }
    }

    /// Feeds an input and everything that the coordinator makes of the outputs.
    pub fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.hub.handle(self.now(), input) {
                let _ = writeln!(self.journal, "{} {output:?}", self.now.0 / 1000);
                match output {
                    Output::Adapter(id, request) => {
                        for event in self.respond(id, request) {
                            inputs.push_back(Input::Adapter(event));
                        }
                    }
                    Output::Event(event) => self.events.push((self.ms(), event)),
                    Output::Reply(id, result) => self.replies.push((id, result)),
                    Output::Persist(_) => {}
                    Output::Fetch(id, fetch) => self.fetches.push((id, fetch)),
                    Output::CallConverter(id, call) => self.calls.push((self.ms(), id, call)),
                    Output::OtaFile(file) => self.ota_files.push(file),
                    Output::Log(line) => self.logs.push(line),
                }
            }
        }
    }

    fn respond(&mut self, id: RequestId, request: Request) -> Vec<adapters::Event> {
        use adapters::Event as E;

        match request {
            Request::Aps(aps) => {
                self.sent.push(Sent {
                    at: self.ms(),
                    request: aps.clone(),
                });
                let Destination::Device(nwk, endpoint) = aps.destination else {
                    return vec![E::Reply(id, Ok(Reply::Done))];
                };
                if self.script.stuck.contains(&nwk) {
                    self.held.push(id);
                    return vec![];
                }
                if self.script.offline.contains(&nwk) {
                    return vec![E::Reply(id, Err(undelivered()))];
                }
                let mut events = vec![E::Reply(id, Ok(Reply::Done))];
                if let Some(payload) = self
                    .fakes
                    .get(&nwk)
                    .filter(|_| !self.script.mute.contains(&nwk))
                    .and_then(|fake| fake.answer(&aps, endpoint))
                {
                    events.push(message(nwk, endpoint, aps.cluster, payload));
                }
                events
            }
            Request::Zdo(nwk, request) => {
                self.zdo.push((self.ms(), nwk, request.clone()));
                if self.script.stuck.contains(&nwk) {
                    self.held.push(id);
                    return vec![];
                }
                let silent = Err(RequestError::NoResponse(Duration::from_secs(10)));
                if self.script.offline.contains(&nwk) || self.script.mute.contains(&nwk) {
                    return vec![E::Reply(id, silent)];
                }
                let Some(fake) = self.fakes.get_mut(&nwk) else {
                    return vec![E::Reply(id, silent)];
                };
                if let Some(left) = fake.deaf_to_zdo.get_mut(&request.cluster().0)
                    && *left > 0
                {
                    *left -= 1;
                    return vec![E::Reply(id, silent)];
                }
                vec![E::Reply(id, fake.zdo(&request))]
            }
            Request::Backup => vec![E::Reply(
                id,
                Ok(Reply::Backup(json!({"backup": true}).into())),
            )],
            _ => vec![E::Reply(id, Ok(Reply::Done))],
        }
    }

    pub fn adapter(&mut self, event: adapters::Event) {
        self.feed(Input::Adapter(event));
    }

    pub fn command(&mut self, command: Command) -> CommandId {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.feed(Input::Command(id, command));
        id
    }

    pub fn set(&mut self, index: u16, payload: Json) -> CommandId {
        self.command(Command::Set {
            entity: Entity::Device(ieee_of(index)),
            endpoint: None,
            payload: payload_of(payload),
        })
    }

    pub fn get(&mut self, index: u16, payload: Json) -> CommandId {
        self.command(Command::Get {
            entity: Entity::Device(ieee_of(index)),
            endpoint: None,
            payload: payload_of(payload),
        })
    }

    /// A frame from a device, as hex.
    pub fn receive(&mut self, index: u16, endpoint: u8, cluster: u16, zcl: &str) {
        self.adapter(message(
            nwk_of(index),
            EndpointId(endpoint),
            ClusterId(cluster),
            unhex(zcl),
        ));
    }

    /// Lets time pass, with timers.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.hub.next_deadline().filter(|at| *at <= end) {
            self.now = deadline.max(self.now);
            self.feed(Input::Timer);
            assert!(
                self.hub.next_deadline().is_none_or(|at| at > self.now),
                "a timer that was due is still there"
            );
        }
        self.now = end;
    }

    /// Published messages of a device.
    pub fn published(&self, index: u16) -> Vec<Json> {
        self.events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::State { entity, message } if *entity == Entity::Device(ieee_of(index)) => {
                    Some(Json::Object(message.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// Frames sent to a device as hex, their sequence numbers set to 0.
    pub fn frames(&self, index: u16) -> Vec<String> {
        self.sent
            .iter()
            .filter(|sent| {
                matches!(sent.request.destination, Destination::Device(nwk, _) if nwk == nwk_of(index))
            })
            .map(|sent| hex(&without_sequence(&sent.request.payload)))
            .collect()
    }

    pub fn replied(&self, id: CommandId) -> Option<&Result<hub::CommandReply, hub::CommandError>> {
        self.replies
            .iter()
            .find(|(command, _)| *command == id)
            .map(|(_, result)| result)
    }
}

pub fn payload_of(payload: Json) -> Payload {
    let Json::Object(map) = payload else {
        panic!("a payload is an object");
    };
    Payload::from(map)
}

pub fn message(
    source: NwkAddress,
    endpoint: EndpointId,
    cluster: ClusterId,
    payload: Vec<u8>,
) -> adapters::Event {
    adapters::Event::Message(ApsIndication {
        source,
        source_endpoint: endpoint,
        destination_endpoint: EndpointId(1),
        group: None,
        broadcast: false,
        profile: Some(ProfileId::HOME_AUTOMATION),
        cluster,
        link_quality: 100,
        payload,
    })
}

pub fn without_sequence(zcl: &[u8]) -> Vec<u8> {
    let mut zcl = zcl.to_vec();
    let at = if zcl[0] & 0x04 == 0 { 1 } else { 3 };
    zcl[at] = 0;
    zcl
}

pub fn with_sequence(zcl: &[u8], sequence: u8) -> Vec<u8> {
    let mut zcl = zcl.to_vec();
    let at = if zcl[0] & 0x04 == 0 { 1 } else { 3 };
    zcl[at] = sequence;
    zcl
}

pub fn sequence(zcl: &[u8]) -> u8 {
    zcl[if zcl[0] & 0x04 == 0 { 1 } else { 3 }]
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub fn options(options: Json) -> Arc<JsonMap> {
    let Json::Object(map) = options else {
        panic!("options are an object");
    };
    Arc::new(map)
}
