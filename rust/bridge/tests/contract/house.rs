//! A house: a core, five known devices, a radio that answers, a broker that listens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::{
    ApsIndication, ApsRequest, Event, Instant, NetworkInfo, Reply, Request, RequestError, RequestId,
};
use bridge::core::{
    Core, CoreConfig, CoreInput, CoreOutput, HostInfo, LogEntry, Publish, Qos, Save,
};
use bridge::data::Settings;
use bridge::journal::{Recorder, Replay, Step, describe};
use devices::{Catalogue, Definition, DeviceInfo, DeviceKind, Endpoint, JsonMap};
use hub::{Device, Entity, Group, InterviewState, Now, Registry};
use serde_json::{Value as Json, json};
use zigbee::{
    ClusterId, DeviceId, EndpointId, ExtendedPanId, GroupId, IeeeAddress, ManufacturerCode,
    NwkAddress, PanId, ProfileId,
};

pub(crate) const COORDINATOR: IeeeAddress = IeeeAddress(0x0012_4b00_0000_0001);
/// QBKG41LM, called `switch`.
pub(crate) const SWITCH: IeeeAddress = IeeeAddress(0x0015_8d00_0000_0041);
/// LLKZMK11LM, called `hall/relay`.
pub(crate) const RELAY: IeeeAddress = IeeeAddress(0x0015_8d00_0000_0011);

/// 2026-01-05T12:00:00Z.
const START: i64 = 1_767_614_400_000;

/// A house's journal.
struct Journal {
    directory: tempfile::TempDir,
    recorder: Recorder,
}

impl Journal {
    /// None where devices have definitions that only a test knows: a replay finds those of the catalogue.
    /// And None in seven tests of eight, by their names: a replay costs more than the test.
    fn start(config: &CoreConfig, now: Now) -> Option<Self> {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        if !name
            .bytes()
            .map(usize::from)
            .sum::<usize>()
            .is_multiple_of(8)
        {
            return None;
        }
        let is_known = config.registry.devices.iter().all(|device| {
            let model = |definition: &Arc<Definition>| definition.model().to_owned();
            device.definition.as_ref().map(model)
                == config.catalogue.find(&device.info).as_ref().map(model)
        });
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(directory.path(), 1 << 24, &[7; 32], config, now).unwrap();
        is_known.then_some(Self {
            directory,
            recorder,
        })
    }

    /// The same inputs again: everything is as it was.
    fn replay(self) {
        drop(self.recorder);
        let mut replay = Replay::open(self.directory.path(), Catalogue::builtin()).unwrap();
        while let Some(step) = replay.step().unwrap() {
            match step {
                Step::Begin(_) => {}
                Step::Input(given) => assert!(
                    given.is_exact && !given.differs(),
                    "input {} is replayed otherwise: {}\n{:#?}",
                    given.number,
                    given.input,
                    given.outputs.iter().map(describe).collect::<Vec<_>>()
                ),
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(journal) = self.journal.take()
            && !std::thread::panicking()
        {
            journal.replay();
        }
    }
}

/// A device's answers to ZCL frames.
pub(crate) type Answers = fn(ClusterId, &[u8]) -> Option<Vec<u8>>;

pub(crate) struct House {
    /// Everything that happens in it is replayed when it goes.
    journal: Option<Journal>,
    pub(crate) core: Core,
    now: Now,
    /// What was published, since it was last looked at.
    pub(crate) published: Vec<Publish>,
    pub(crate) log: Vec<LogEntry>,
    pub(crate) asked: Vec<Request>,
    pub(crate) saved: Vec<Save>,
    pub(crate) subscribed: Vec<String>,
    pub(crate) others: Vec<CoreOutput>,
    /// False: requests go unanswered.
    pub(crate) radio_answers: bool,
    /// Answers that are not the usual ones.
    pub(crate) script: Option<Script>,
    /// What devices answer to ZCL requests: gets cluster and frame, gives the frame after the header.
    pub(crate) zcl: Option<Answers>,
}

/// The answer to a request of the coordinator; `None` for the usual one.
pub(crate) type Script = Box<dyn FnMut(&Request) -> Option<Result<Reply, RequestError>>>;

/// A device of `tests/vectors/five/devices.json`.
pub(crate) fn device(model: &str, ieee: IeeeAddress, nwk: u16, id: u32) -> Device {
    let all: Json =
        serde_json::from_str(include_str!("../../../../tests/vectors/five/devices.json")).unwrap();
    described(&all[model], ieee, nwk, id)
}

/// A device of `tests/vectors/breadth/devices.json`.
pub(crate) fn other_device(model: &str, ieee: IeeeAddress, nwk: u16, id: u32) -> Device {
    let all: Json = serde_json::from_str(include_str!(
        "../../../../tests/vectors/breadth/devices.json"
    ))
    .unwrap();
    described(&all[model], ieee, nwk, id)
}

fn described(record: &Json, ieee: IeeeAddress, nwk: u16, id: u32) -> Device {
    let number = |key: &str| record[key].as_u64().map(|n| u8::try_from(n).unwrap());
    let text = |key: &str| record[key].as_str().map(str::to_owned);
    let clusters = |list: &Json| -> Vec<ClusterId> {
        let list = list.as_array().unwrap();
        list.iter()
            .map(|id| ClusterId(u16::try_from(id.as_u64().unwrap()).unwrap()))
            .collect()
    };
    let short = |value: &Json| u16::try_from(value.as_u64().unwrap()).unwrap();
    let endpoints: BTreeMap<_, _> = record["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| {
            let id = u8::try_from(endpoint["id"].as_u64().unwrap()).unwrap();
            let entry = Endpoint {
                profile: ProfileId(short(&endpoint["profile"])),
                device: DeviceId(short(&endpoint["device"])),
                inputs: clusters(&endpoint["in"]),
                outputs: clusters(&endpoint["out"]),
                ..Endpoint::default()
            };
            (EndpointId(id), entry)
        })
        .collect();
    let info = DeviceInfo {
        ieee,
        nwk: NwkAddress(nwk),
        kind: match record["type"].as_str().unwrap() {
            "Router" => DeviceKind::Router,
            _ => DeviceKind::EndDevice,
        },
        model_id: text("modelID"),
        manufacturer_name: text("manufacturerName"),
        manufacturer_code: Some(ManufacturerCode(short(&record["manufacturerID"]))),
        power_source: Some(
            match record["power"].as_u64() {
                Some(1) => "Mains (single phase)",
                _ => "Battery",
            }
            .to_owned(),
        ),
        application_version: number("appVersion"),
        stack_version: number("stackVersion"),
        hardware_version: number("hwVersion"),
        zcl_version: number("zclVersion"),
        date_code: text("dateCode"),
        software_build_id: None,
        endpoints,
    };
    known(info, id)
}

fn known(info: DeviceInfo, id: u32) -> Device {
    let definition = Catalogue::builtin().find(&info);
    let mut meta = JsonMap::new();
    if let Some(version) = definition
        .as_ref()
        .and_then(|definition| definition.configure_version())
    {
        meta.insert("configured".to_owned(), json!(version));
    }
    Device {
        info,
        interview: InterviewState::Successful,
        definition,
        last_seen: None,
        link_quality: None,
        meta,
        checkin_interval: None,
        extra: JsonMap::new(),
        database_id: id,
    }
}

/// A device whose definition says nothing, with endpoints of these server and client clusters.
pub(crate) fn plain(
    kind: DeviceKind,
    ieee: IeeeAddress,
    nwk: u16,
    id: u32,
    endpoints: &[(u8, &[u16], &[u16])],
) -> Device {
    let ids = |list: &[u16]| list.iter().map(|id| ClusterId(*id)).collect();
    let endpoints = endpoints.iter().map(|(id, inputs, outputs)| {
        let entry = Endpoint {
            profile: ProfileId::HOME_AUTOMATION,
            inputs: ids(inputs),
            outputs: ids(outputs),
            ..Endpoint::default()
        };
        (EndpointId(*id), entry)
    });
    let info = DeviceInfo {
        kind,
        ieee,
        nwk: NwkAddress(nwk),
        endpoints: endpoints.collect(),
        ..coordinator().info
    };
    let nothing = json!({
        "match": [], "model": "nothing", "vendor": "", "description": "", "capabilities": [],
    });
    Device {
        definition: Some(Arc::new(
            Definition::from_json(&nothing.to_string()).unwrap(),
        )),
        ..known(info, id)
    }
}

pub(crate) fn coordinator() -> Device {
    known(
        DeviceInfo {
            ieee: COORDINATOR,
            nwk: NwkAddress::COORDINATOR,
            kind: DeviceKind::Coordinator,
            model_id: None,
            manufacturer_name: None,
            manufacturer_code: None,
            power_source: None,
            application_version: None,
            stack_version: None,
            hardware_version: None,
            zcl_version: None,
            date_code: None,
            software_build_id: None,
            endpoints: BTreeMap::new(),
        },
        1,
    )
}

pub(crate) fn network() -> NetworkInfo {
    NetworkInfo {
        ieee: COORDINATOR,
        pan_id: PanId(0x1a62),
        extended_pan_id: ExtendedPanId(0xdddd_dddd_dddd_dddd),
        channel: 11,
        kind: "zStack3x0".to_owned(),
        meta: json!({"revision": 20_240_710}),
        endpoints: vec![EndpointId(1)],
        formed: false,
    }
}

/// `extra` on top of the configuration of the house.
fn settings(extra: &Json) -> Settings {
    let mut document = json!({
        "version": 5,
        "mqtt": {"base_topic": "z", "server": "mqtt://me:secret@localhost:1883", "password": "hush"},
        "advanced": {"log_level": "warning", "network_key": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]},
        "devices": {
            (SWITCH.to_string()): {"friendly_name": "switch"},
            (RELAY.to_string()): {"friendly_name": "hall/relay", "description": "in the hall"},
        },
        "groups": {"5": {"friendly_name": "lights"}},
    });
    merge(&mut document, extra);
    Settings::new(document.as_object().unwrap().clone()).unwrap()
}

fn merge(base: &mut Json, extra: &Json) {
    match (base, extra) {
        (Json::Object(base), Json::Object(extra)) => {
            for (key, value) in extra {
                merge(base.entry(key).or_insert(Json::Null), value);
            }
        }
        (base, extra) => *base = extra.clone(),
    }
}

impl House {
    /// Nothing is connected yet.
    pub(crate) fn dark(extra: &Json) -> Self {
        Self::with_states(extra, &[])
    }

    pub(crate) fn with_states(extra: &Json, states: &[(IeeeAddress, Json)]) -> Self {
        Self::dark_with(extra, states, Vec::new())
    }

    /// The same with more devices in it.
    pub(crate) fn with_devices(extra: &Json, more: Vec<Device>) -> Self {
        Self::dark_with(extra, &[], more).lit()
    }

    fn dark_with(extra: &Json, states: &[(IeeeAddress, Json)], more: Vec<Device>) -> Self {
        let mut devices = vec![
            device("lumi.switch.b2nc01", SWITCH, 0x4141, 2),
            coordinator(),
            device("lumi.relay.c2acn01/fw47", RELAY, 0x1111, 3),
        ];
        devices.extend(more);
        let registry = Registry {
            devices,
            groups: vec![Group {
                id: GroupId(5),
                members: vec![(RELAY, EndpointId(1))],
                meta: JsonMap::new(),
                extra: JsonMap::new(),
                database_id: 4,
            }],
            states: states
                .iter()
                .map(|(ieee, state)| (Entity::Device(*ieee), state.as_object().unwrap().clone()))
                .collect(),
            options: BTreeMap::new(),
            last_id: 0,
            durable: hub::DurableRows::default(),
        };
        Self::of(extra, registry)
    }

    /// A house of other devices and groups.
    pub(crate) fn of(extra: &Json, registry: Registry) -> Self {
        let now = Now {
            instant: Instant(0),
            unix_ms: START,
        };
        let config = CoreConfig {
            settings: settings(extra),
            registry,
            catalogue: Catalogue::builtin(),
            seed: 1,
            host: HostInfo {
                os: "linux".to_owned(),
                cpus: "one".to_owned(),
                memory_mb: 512,
            },
            utc_offset_minutes: 0,
            has_backup: true,
        };
        Self {
            journal: Journal::start(&config, now),
            core: Core::new(config, now),
            now,
            published: Vec::new(),
            log: Vec::new(),
            asked: Vec::new(),
            saved: Vec::new(),
            subscribed: Vec::new(),
            others: Vec::new(),
            radio_answers: true,
            script: None,
            zcl: None,
        }
    }

    /// Radio and broker are there, and what the start published is forgotten.
    pub(crate) fn new(extra: &Json) -> Self {
        Self::dark(extra).lit()
    }

    fn lit(mut self) -> Self {
        self.input(CoreInput::MqttConnected);
        self.radio(Event::Up(network()));
        self.forget();
        self
    }

    pub(crate) fn forget(&mut self) {
        self.published.clear();
        self.log.clear();
        self.asked.clear();
        self.saved.clear();
        self.others.clear();
    }

    pub(crate) fn radio(&mut self, event: Event) {
        self.input(CoreInput::Adapter(event));
    }

    pub(crate) fn mqtt(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.input(CoreInput::Mqtt {
            topic: topic.to_owned(),
            payload: payload.as_ref().to_vec(),
            retain: false,
        });
    }

    pub(crate) fn input(&mut self, input: CoreInput) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            if let Some(journal) = &mut self.journal {
                journal.recorder.input(self.now, &input);
            }
            let outputs = self.core.handle(self.now, input);
            if let Some(journal) = &mut self.journal {
                journal.recorder.outputs(&outputs);
            }
            for output in outputs {
                match output {
                    CoreOutput::Adapter(id, request) => {
                        if self.radio_answers {
                            let scripted = self.script.as_mut().and_then(|script| script(&request));
                            let reply = match scripted {
                                Some(result) => Event::Reply(id, result),
                                None => answer(id, &request),
                            };
                            inputs.push_back(CoreInput::Adapter(reply));
                            inputs.extend(self.zcl_answer(&request));
                        }
                        self.asked.push(request);
                    }
                    CoreOutput::Publish(publish) => self.published.push(publish),
                    CoreOutput::Log(entry) => self.log.push(entry),
                    CoreOutput::Save(save) => self.saved.push(save),
                    CoreOutput::Subscribe(filters) => self.subscribed.extend(filters),
                    other => self.others.push(other),
                }
            }
        }
    }

    fn zcl_answer(&self, request: &Request) -> Option<CoreInput> {
        let (Some(zcl), Request::Aps(request)) = (self.zcl, request) else {
            return None;
        };
        let adapters::Destination::Device(nwk, endpoint) = request.destination else {
            return None;
        };
        let sent = &request.payload;
        let answer = zcl(request.cluster, sent)?;
        // A default response answers commands of both kinds.
        let kind = if answer[0] == 0x0b { 0 } else { sent[0] & 0x01 };
        let mut payload = vec![0x18 | kind, sent[1]];
        payload.extend(answer);
        let indication = ApsIndication {
            source: nwk,
            source_endpoint: endpoint,
            destination_endpoint: EndpointId(1),
            group: None,
            broadcast: false,
            profile: Some(ProfileId::HOME_AUTOMATION),
            cluster: request.cluster,
            link_quality: 100,
            payload,
        };
        Some(CoreInput::Adapter(Event::Message(indication)))
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(due) = self.core.next_deadline().filter(|due| *due <= end) {
            self.set_time(due.max(self.now.instant));
            self.input(CoreInput::Timer);
        }
        self.set_time(end);
    }

    fn set_time(&mut self, instant: Instant) {
        let passed = instant.since(self.now.instant);
        self.now.unix_ms += i64::try_from(passed.as_millis()).unwrap();
        self.now.instant = instant;
    }

    /// A ZCL frame from a device.
    pub(crate) fn frame(&mut self, nwk: u16, endpoint: u8, cluster: u16, zcl: &[u8]) {
        self.radio(Event::Message(ApsIndication {
            source: NwkAddress(nwk),
            source_endpoint: EndpointId(endpoint),
            destination_endpoint: EndpointId(1),
            group: None,
            broadcast: false,
            profile: Some(ProfileId::HOME_AUTOMATION),
            cluster: ClusterId(cluster),
            link_quality: 100,
            payload: zcl.to_vec(),
        }));
    }

    /// A report of `genOnOff.onOff` from the switch's left button.
    pub(crate) fn report(&mut self, sequence: u8, on: bool) {
        self.frame(
            0x4141,
            1,
            6,
            &[0x18, sequence, 0x0a, 0, 0, 0x10, u8::from(on)],
        );
    }

    /// What was published, as `topic payload`, with `retain` and `qos` where they are not the usual.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.published)
            .iter()
            .map(line)
            .collect()
    }

    /// The last message on a topic.
    pub(crate) fn last(&self, topic: &str) -> Json {
        let message = self
            .published
            .iter()
            .rev()
            .find(|publish| &*publish.topic == topic)
            .unwrap_or_else(|| panic!("nothing on {topic}"));
        serde_json::from_slice(&message.payload).unwrap()
    }

    /// Sends a request that takes its time and gives its response.
    pub(crate) fn request_within(
        &mut self,
        time: Duration,
        path: &str,
        payload: impl AsRef<[u8]>,
    ) -> Json {
        self.forget();
        self.mqtt(&format!("z/bridge/request/{path}"), payload);
        self.wait(time);
        self.last(&format!("z/bridge/response/{path}"))
    }

    /// Sends a request and gives its response.
    pub(crate) fn request(&mut self, path: &str, payload: impl AsRef<[u8]>) -> String {
        self.mqtt(&format!("z/bridge/request/{path}"), payload);
        let topic = response_topic(path);
        let found = self
            .published
            .iter()
            .rev()
            .find(|publish| *publish.topic == *topic);
        match found {
            Some(publish) => {
                assert!(!publish.retain && publish.qos == Qos::AtMostOnce);
                String::from_utf8(publish.payload.clone()).unwrap()
            }
            None => "no response".to_owned(),
        }
    }

    pub(crate) fn log_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
            .into_iter()
            .map(|entry| format!("{:?} {}: {}", entry.level, entry.namespace, entry.text))
            .collect()
    }

    /// ZCL frames asked of the radio: `nwk/endpoint cluster hex`.
    pub(crate) fn frames(&mut self) -> Vec<ApsRequest> {
        std::mem::take(&mut self.asked)
            .into_iter()
            .filter_map(|request| match request {
                Request::Aps(request) => Some(request),
                _ => None,
            })
            .collect()
    }
}

/// Where a request is answered (§12.7: without `/downgrade`).
pub(crate) fn response_topic(path: &str) -> String {
    let path = path.strip_suffix("/downgrade").unwrap_or(path);
    format!("z/bridge/response/{path}")
}

/// Bytes in base 16.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

pub(crate) fn line(publish: &Publish) -> String {
    let retain = if publish.retain { " retained" } else { "" };
    let qos = match publish.qos {
        Qos::AtMostOnce => "",
        Qos::AtLeastOnce => " qos1",
        Qos::ExactlyOnce => " qos2",
    };
    let expiry = publish.expiry.map(|seconds| format!(" {seconds}s"));
    format!(
        "{}{retain}{qos}{} {}",
        publish.topic,
        expiry.unwrap_or_default(),
        String::from_utf8_lossy(&publish.payload)
    )
}

fn answer(id: RequestId, request: &Request) -> Event {
    let reply = match request {
        Request::Backup => Ok(Reply::Backup(
            json!({
                "metadata": {"format": "zigpy/open-coordinator-backup"},
                "devices": [{"ieee_address": "00158d0000000041"}],
            })
            .into(),
        )),
        Request::Zdo(_, zigbee::zdo::Request::Bind { .. }) => {
            Ok(Reply::Zdo(zigbee::zdo::Response::Bind))
        }
        Request::Zdo(_, zigbee::zdo::Request::Unbind { .. }) => {
            Ok(Reply::Zdo(zigbee::zdo::Response::Unbind))
        }
        Request::Zdo(..) => Err(adapters::RequestError::NoResponse(Duration::from_secs(10))),
        _ => Ok(Reply::Done),
    };
    Event::Reply(id, reply)
}

/// Shortcut for `Arc<str>` topics in comparisons.
pub(crate) fn topic_of(publish: &Publish) -> Arc<str> {
    Arc::clone(&publish.topic)
}
