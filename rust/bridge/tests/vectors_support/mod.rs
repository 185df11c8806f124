//! A house of one device around `Core`: its radio, its broker, its clock.

#[path = "../../../devices/tests/support/files.rs"]
pub(crate) mod files;
mod records;

use std::collections::VecDeque;

use self::files::{devices, hex};
use self::records::{coordinator, device, endpoints};
use adapters::{
    ApsIndication, ApsRequest, Destination, Event, Instant, NetworkInfo, Reply, Request,
    RequestError, RequestId,
};
use bridge::core::{Core, CoreConfig, CoreInput, CoreOutput, HostInfo, Qos};
use bridge::data::Settings;
use devices::{Catalogue, JsonMap};
use hub::{Entity, LogLevel, Now, Registry};
use serde_json::{Value as Json, json};
use zigbee::zcl::Frame;
use zigbee::zdo;
use zigbee::{
    ClusterId, EndpointId, ExtendedPanId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress,
    PanId, ProfileId,
};

/// 2026-01-05T12:00:00Z, when every case begins.
const BEGIN_MS: i64 = 1_767_614_400_000;
const NWK: NwkAddress = NwkAddress(0x5a3c);
const COORDINATOR: IeeeAddress = IeeeAddress(0x0012_4b00_1234_5678);

fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What came out during a step.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) tx: Vec<(u64, Json)>,
    pub(crate) zdo: Vec<(u64, Json)>,
    pub(crate) mqtt: Vec<(u64, Json)>,
    pub(crate) errors: Vec<String>,
}

/// How the radio behaves.
#[derive(Debug, Default)]
struct Radio {
    offline: bool,
    /// Answers to come: `tx` objects of the step that were not matched yet.
    script: Vec<Json>,
    /// The transaction number of the frame received last.
    received: Option<u8>,
}

/// A device, its radio and its broker.
pub(crate) struct House {
    core: Core,
    pub(crate) ieee: IeeeAddress,
    record: Json,
    now_us: u64,
    began_us: u64,
    radio: Radio,
    inputs: VecDeque<CoreInput>,
    log: Log,
    /// The last message on `bridge/devices`.
    pub(crate) bridge_devices: Json,
}

impl House {
    /// A house in which the case may begin.
    pub(crate) fn new(folder: &str, case: &Json) -> Self {
        let record = devices(folder)[case["device"].as_str().unwrap()].clone();
        let ieee = if record["manufacturerID"] == json!(4447) {
            IeeeAddress(0x54ef_4410_0012_3456)
        } else {
            IeeeAddress(0x0015_8d00_0012_3456)
        };
        let mut own = case["options"].as_object().cloned().unwrap_or_default();
        own.insert("friendly_name".to_owned(), json!("dev"));
        let document = json!({
            "version": 5,
            "mqtt": {"server": "mqtt://localhost", "base_topic": "zigbee2mqtt"},
            "serial": {"port": "/dev/null"},
            "advanced": {
                "network_key": [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13],
                "pan_id": 0x1a62,
                "ext_pan_id": [221, 221, 221, 221, 221, 221, 221, 221],
                "channel": 11,
                "log_level": "info",
            },
            "devices": {ieee.to_string(): own},
        });
        let Json::Object(document) = document else {
            unreachable!()
        };
        let settings = Settings::new(document).unwrap();
        let mut registry = Registry::default();
        registry.devices.push(coordinator());
        if case["kind"] != "interview" || case["steps"][0]["announce"] == json!(true) {
            registry.devices.push(device(ieee, &record, case));
            if let Some(state) = case["state"].as_object() {
                registry.states.insert(Entity::Device(ieee), state.clone());
            }
        }
        let config = CoreConfig {
            settings,
            registry,
            catalogue: Catalogue::builtin(),
            seed: 7,
            host: HostInfo::default(),
            utc_offset_minutes: 0,
            has_backup: true,
        };
        let mut house = Self {
            core: Core::new(
                config,
                Now {
                    instant: Instant(0),
                    unix_ms: BEGIN_MS,
                },
            ),
            ieee,
            record,
            now_us: 0,
            began_us: 0,
            radio: Radio::default(),
            inputs: VecDeque::new(),
            log: Log::default(),
            bridge_devices: Json::Null,
        };
        // What happens at the start is not part of the case: nobody listens on the radio.
        house.radio.offline = true;
        house.input(CoreInput::Adapter(Event::Up(NetworkInfo {
            ieee: COORDINATOR,
            pan_id: PanId(0x1a62),
            extended_pan_id: ExtendedPanId(0xdddd_dddd_dddd_dddd),
            channel: 11,
            kind: "zStack3x0".to_owned(),
            meta: json!({"revision": 20_240_710}),
            endpoints: vec![EndpointId(1), EndpointId(2), EndpointId(242)],
            formed: false,
        })));
        house.input(CoreInput::MqttConnected);
        house
    }

    /// Sets the radio up for a step.
    pub(crate) fn begin(&mut self, step: &Json, _case: &Json, _decision: Option<&Json>) {
        self.radio.offline = step["offline"] == json!(true);
        self.radio.script = step["expect"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|expect| expect["tx"].is_object())
            .map(|expect| expect["tx"].clone())
            .collect();
        self.log = Log::default();
        self.began_us = self.now_us;
    }

    /// Runs a step and the waiting behind it.
    pub(crate) fn step(&mut self, step: &Json) -> Log {
        let ieee = self.ieee;
        if let Some(rx) = step["rx"].as_object() {
            let zcl = hex(rx["zcl"].as_str().unwrap());
            self.radio.received = Frame::parse(&zcl).ok().map(|frame| frame.header.sequence);
            let number = |key: &str| rx.get(key).and_then(Json::as_u64);
            self.input(CoreInput::Adapter(Event::Message(ApsIndication {
                source: NWK,
                source_endpoint: EndpointId(u8::try_from(number("ep").unwrap()).unwrap()),
                destination_endpoint: EndpointId(1),
                group: number("group").map(|group| GroupId(u16::try_from(group).unwrap())),
                broadcast: rx.get("broadcast") == Some(&json!(true)),
                profile: Some(ProfileId::HOME_AUTOMATION),
                cluster: ClusterId(u16::try_from(number("cluster").unwrap()).unwrap()),
                link_quality: u8::try_from(number("lqi").unwrap()).unwrap(),
                payload: zcl,
            })));
        } else if let Some(mqtt) = step["mqtt"].as_object() {
            self.input(CoreInput::Mqtt {
                topic: mqtt["topic"].as_str().unwrap().to_owned(),
                payload: mqtt["text"].as_str().unwrap().as_bytes().to_vec(),
                retain: false,
            });
        } else if step["configure"] == json!(true) {
            self.input(CoreInput::Mqtt {
                topic: "zigbee2mqtt/bridge/request/device/configure".to_owned(),
                payload: br#"{"id":"dev"}"#.to_vec(),
                retain: false,
            });
        } else if step["join"] == json!(true) {
            self.input(CoreInput::Adapter(Event::Joined {
                nwk: NWK,
                ieee,
                parent: NwkAddress::COORDINATOR,
            }));
        } else if step["announce"] == json!(true) {
            let capabilities = if self.record["type"] == "Router" {
                0x8e
            } else {
                0x80
            };
            self.input(CoreInput::Adapter(Event::Announced {
                nwk: NWK,
                ieee,
                capabilities,
            }));
        }
        self.wait(step["wait_ms"].as_u64().unwrap_or(0));
        std::mem::take(&mut self.log)
    }

    /// The cached state of the device.
    pub(crate) fn state(&self) -> JsonMap {
        self.core
            .hub()
            .state(Entity::Device(self.ieee))
            .cloned()
            .unwrap_or_default()
    }

    fn now(&self) -> Now {
        Now {
            instant: Instant(self.now_us),
            unix_ms: BEGIN_MS + i64::try_from(self.now_us / 1000).unwrap(),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        (self.now_us - self.began_us) / 1000
    }

    fn input(&mut self, input: CoreInput) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let outputs = self.core.handle(self.now(), input);
            for output in outputs {
                self.output(output);
            }
        }
    }

    /// Lets time pass.
    fn wait(&mut self, ms: u64) {
        let end = self.now_us + ms * 1000;
        let mut turns = 0;
        while let Some(due) = self.core.next_deadline() {
            if due.0 > end {
                break;
            }
            self.now_us = self.now_us.max(due.0);
            self.input(CoreInput::Timer);
            turns += 1;
            assert!(turns < 10_000, "timers do not come to an end");
        }
        self.now_us = end;
    }

    fn output(&mut self, output: CoreOutput) {
        match output {
            CoreOutput::Adapter(id, request) => self.request(id, request),
            CoreOutput::Publish(publish) => {
                let topic = &*publish.topic;
                let parse = || {
                    serde_json::from_slice::<Json>(&publish.payload)
                        .unwrap_or_else(|_| json!(String::from_utf8_lossy(&publish.payload)))
                };
                if topic == "zigbee2mqtt/bridge/devices" {
                    self.bridge_devices = parse();
                    return;
                }
                if topic.starts_with("zigbee2mqtt/bridge/")
                    && topic != "zigbee2mqtt/bridge/event"
                    && topic != "zigbee2mqtt/bridge/response/device/configure"
                {
                    return;
                }
                let qos = match publish.qos {
                    Qos::AtMostOnce => 0,
                    Qos::AtLeastOnce => 1,
                    Qos::ExactlyOnce => 2,
                };
                let message = json!({
                    "topic": topic,
                    "payload": parse(),
                    "retain": publish.retain,
                    "qos": qos,
                });
                self.log.mqtt.push((self.elapsed_ms(), message));
            }
            CoreOutput::Log(entry) if entry.level == LogLevel::Error => {
                self.log.errors.push(entry.text);
            }
            _ => {}
        }
    }

    fn reply(&mut self, id: RequestId, result: Result<Reply, RequestError>) {
        self.inputs
            .push_back(CoreInput::Adapter(Event::Reply(id, result)));
    }

    fn request(&mut self, id: RequestId, request: Request) {
        match request {
            Request::Aps(aps) => self.aps(id, &aps),
            Request::Zdo(_, request) => self.zdo(id, &request),
            _ => self.reply(id, Ok(Reply::Done)),
        }
    }

    fn aps(&mut self, id: RequestId, aps: &ApsRequest) {
        let Destination::Device(_, endpoint) = aps.destination else {
            self.reply(id, Ok(Reply::Done));
            return;
        };
        let mut frame = Frame::parse(&aps.payload).unwrap();
        let sequence = frame.header.sequence;
        frame.header.sequence = 0;
        let zcl = to_hex(&frame.emit());
        self.log.tx.push((
            self.elapsed_ms(),
            json!({
                "ep": endpoint.0,
                "src_ep": aps.source_endpoint.0,
                "cluster": aps.cluster.0,
                "zcl": zcl,
                "tsn_echo": self.radio.received == Some(sequence),
            }),
        ));
        let scripted = self
            .radio
            .script
            .iter()
            .position(|tx| {
                tx["zcl"] == json!(zcl)
                    && tx["ep"] == json!(endpoint.0)
                    && tx["cluster"] == json!(aps.cluster.0)
            })
            .map(|index| self.radio.script.remove(index));
        if self.radio.offline
            || scripted
                .as_ref()
                .is_some_and(|tx| tx["delivery"] == "failed")
        {
            let error = RequestError::Undelivered {
                status: 0xe9,
                name: "MAC_NO_ACK",
            };
            self.reply(id, Err(error));
            return;
        }
        self.reply(id, Ok(Reply::Done));
        let Some(reply) = scripted.as_ref().and_then(|tx| tx["reply"].as_str()) else {
            return;
        };
        let mut answer = Frame::parse(&hex(reply)).unwrap();
        answer.header.sequence = sequence;
        self.inputs
            .push_back(CoreInput::Adapter(Event::Message(ApsIndication {
                source: NWK,
                source_endpoint: endpoint,
                destination_endpoint: aps.source_endpoint,
                group: None,
                broadcast: false,
                profile: Some(ProfileId::HOME_AUTOMATION),
                cluster: aps.cluster,
                link_quality: 100,
                payload: answer.emit(),
            })));
    }

    fn zdo(&mut self, id: RequestId, request: &zdo::Request) {
        let (name, endpoint) = match request {
            zdo::Request::NodeDescriptor { .. } => ("NODE_DESCRIPTOR_REQUEST", None),
            zdo::Request::ActiveEndpoints { .. } => ("ACTIVE_ENDPOINTS_REQUEST", None),
            zdo::Request::SimpleDescriptor { endpoint, .. } => {
                ("SIMPLE_DESCRIPTOR_REQUEST", Some(*endpoint))
            }
            zdo::Request::IeeeAddress { .. } => ("IEEE_ADDRESS_REQUEST", None),
            zdo::Request::NwkAddress { .. } => ("NETWORK_ADDRESS_REQUEST", None),
            zdo::Request::Bind { .. } => ("BIND_REQUEST", None),
            _ => ("OTHER", None),
        };
        let mut asked = json!({ "req": name });
        if let Some(endpoint) = endpoint {
            asked["ep"] = json!(endpoint.0);
        }
        if let zdo::Request::Bind {
            endpoint,
            cluster,
            target,
            ..
        } = request
        {
            asked["src_ep"] = json!(endpoint.0);
            asked["cluster"] = json!(cluster.0);
            if let zdo::BindTarget::Endpoint(ieee, endpoint) = target {
                asked["dst_ep"] = json!(endpoint.0);
                asked["dst"] = if *ieee == COORDINATOR {
                    json!("coordinator")
                } else {
                    json!("device")
                };
            }
        }
        self.log.zdo.push((self.elapsed_ms(), asked));
        let answer = if self.radio.offline {
            None
        } else {
            self.descriptor(request)
        };
        let result = answer
            .map(Reply::Zdo)
            .ok_or(RequestError::NoResponse(std::time::Duration::from_secs(10)));
        self.reply(id, result);
    }

    fn descriptor(&self, request: &zdo::Request) -> Option<zdo::Response> {
        let router = self.record["type"] == "Router";
        Some(match request {
            zdo::Request::Bind { .. } => zdo::Response::Bind,
            zdo::Request::NodeDescriptor { .. } => zdo::Response::NodeDescriptor {
                nwk: NWK,
                descriptor: zdo::NodeDescriptor {
                    logical_type: if router {
                        zdo::LogicalType::Router
                    } else {
                        zdo::LogicalType::EndDevice
                    },
                    mac_capabilities: if router { 0x8e } else { 0x80 },
                    manufacturer: ManufacturerCode(
                        u16::try_from(self.record["manufacturerID"].as_u64().unwrap()).unwrap(),
                    ),
                    maximum_buffer: 82,
                    maximum_incoming: 100,
                    server_mask: 0,
                    maximum_outgoing: 100,
                    descriptor_capabilities: 0,
                    flags: if router { 0x4001 } else { 0x4002 },
                },
            },
            zdo::Request::ActiveEndpoints { .. } => zdo::Response::ActiveEndpoints {
                nwk: NWK,
                endpoints: endpoints(&self.record).into_keys().collect(),
            },
            zdo::Request::SimpleDescriptor { endpoint, .. } => {
                let known = endpoints(&self.record).remove(endpoint)?;
                zdo::Response::SimpleDescriptor {
                    nwk: NWK,
                    descriptor: zdo::SimpleDescriptor {
                        endpoint: *endpoint,
                        profile: known.profile,
                        device: known.device,
                        version: 1,
                        inputs: known.inputs,
                        outputs: known.outputs,
                    },
                }
            }
            _ => return None,
        })
    }
}
