//! Captures: frames of a device with what was published for them, and everything else that is needed to
//! decode them again. Only the fields that are named here are in one: no address, no name, no key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::{ApsIndication, Event, Instant};
use devices::{Catalogue, DeviceInfo, DeviceKind, Endpoint, JsonMap};
use hub::{Device, Entity, Hub, Input, InterviewState, Now, Output, Registry, Settings};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zigbee::zcl::{Frame, FrameType};
use zigbee::{
    ClusterId, CommandId, DeviceId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress,
    ProfileId,
};

use super::hex::Hex;
use super::secrets::conceal;
use crate::core::{Core, CoreInput, CoreOutput};
use crate::json;

/// Whom captures are decoded for.
const DEVICE: IeeeAddress = IeeeAddress(0x0001_0203_0405_0607);
const NWK: NwkAddress = NwkAddress(0x1234);
/// What a message says of time and name, not of the frame.
const NOT_COMPARED: [&str; 3] = ["last_seen", "elapsed", "device"];
/// Options that are about the owner's house.
const NOT_KEPT: [&str; 9] = [
    "friendly_name",
    "description",
    "homeassistant",
    "icon",
    "qos",
    "retain",
    "retention",
    "availability",
    "disabled",
];
const READ_RESPONSE: CommandId = CommandId(0x01);
const REPORT: CommandId = CommandId(0x0a);
/// Timers that are let go by between two frames.
const MOST_TIMERS: usize = 1000;

/// A frame and what was published for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// When it arrived, milliseconds since 1970.
    pub time: i64,
    /// The model of the definition that decoded it.
    #[serde(default)]
    pub model: Option<String>,
    /// What the device calls its model.
    #[serde(default)]
    pub zigbee_model: Option<String>,
    /// Its maker, as it says.
    #[serde(default)]
    pub manufacturer: Option<String>,
    interview: Interview,
    /// The device's options; not its name.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    options: JsonMap,
    /// What was known before: on the first frame, and where something else has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<JsonMap>,
    /// `advanced.cache_state`.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    cache_state: bool,
    /// The endpoint that it came from.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<u16>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    broadcast: bool,
    /// Link quality, 0 to 255.
    pub lqi: u8,
    zcl: Hex<'static>,
    /// What was published: null for nothing, a list for several messages.
    pub payload: Json,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_yes(value: &bool) -> bool {
    *value
}

/// What definitions are chosen by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Interview {
    kind: String,
    manufacturer_code: Option<u16>,
    power_source: Option<String>,
    application_version: Option<u8>,
    stack_version: Option<u8>,
    hardware_version: Option<u8>,
    zcl_version: Option<u8>,
    date_code: Option<String>,
    software_build_id: Option<String>,
    endpoints: Vec<Described>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Described {
    id: u8,
    profile: u16,
    device: u16,
    #[serde(rename = "in")]
    inputs: Vec<u16>,
    #[serde(rename = "out")]
    outputs: Vec<u16>,
}

impl Interview {
    fn new(info: &DeviceInfo) -> Self {
        let ids = |list: &[ClusterId]| list.iter().map(|id| id.0).collect();
        Self {
            kind: match info.kind {
                DeviceKind::Router => "Router",
                _ => "EndDevice",
            }
            .to_owned(),
            manufacturer_code: info.manufacturer_code.map(|code| code.0),
            power_source: info.power_source.clone(),
            application_version: info.application_version,
            stack_version: info.stack_version,
            hardware_version: info.hardware_version,
            zcl_version: info.zcl_version,
            date_code: info.date_code.clone(),
            software_build_id: info.software_build_id.clone(),
            endpoints: info
                .endpoints
                .iter()
                .map(|(id, endpoint)| Described {
                    id: id.0,
                    profile: endpoint.profile.0,
                    device: endpoint.device.0,
                    inputs: ids(&endpoint.inputs),
                    outputs: ids(&endpoint.outputs),
                })
                .collect(),
        }
    }
}

impl Capture {
    /// A frame that arrives now; what is published for it comes later.
    fn new(core: &Core, device: &Device, now: Now, message: &ApsIndication) -> Self {
        let info = &device.info;
        let entity = Entity::Device(info.ieee);
        let mut options = core.settings().options(entity).as_ref().clone();
        options.retain(|key, _| !NOT_KEPT.contains(&key.as_str()));
        Self {
            time: now.unix_ms,
            model: device.definition.as_ref().map(|d| d.model().to_owned()),
            zigbee_model: info.model_id.clone(),
            manufacturer: info.manufacturer_name.clone(),
            interview: Interview::new(info),
            options: concealed(options),
            state: core.hub().state(entity).cloned().map(concealed),
            cache_state: core.settings().advanced().cache_state,
            endpoint: message.source_endpoint.0,
            cluster: message.cluster.0,
            profile: message.profile.map(|profile| profile.0),
            // Where it is a child's address, it told who sent it.
            group: message
                .group
                .filter(|_| message.source == info.nwk)
                .map(|group| group.0),
            broadcast: message.broadcast,
            lqi: message.link_quality,
            zcl: Hex::owned(message.payload.clone()),
            payload: Json::Null,
        }
    }

    fn indication(&self) -> ApsIndication {
        ApsIndication {
            source: NWK,
            source_endpoint: EndpointId(self.endpoint),
            destination_endpoint: EndpointId(1),
            group: self.group.map(GroupId),
            broadcast: self.broadcast,
            profile: self.profile.map(ProfileId),
            cluster: ClusterId(self.cluster),
            link_quality: self.lqi,
            payload: self.zcl.0.to_vec(),
        }
    }

    /// The device as its interview left it.
    fn device(&self) -> Device {
        let told = &self.interview;
        let ids = |list: &[u16]| list.iter().map(|id| ClusterId(*id)).collect();
        let endpoints = told.endpoints.iter().map(|endpoint| {
            let entry = Endpoint {
                profile: ProfileId(endpoint.profile),
                device: DeviceId(endpoint.device),
                inputs: ids(&endpoint.inputs),
                outputs: ids(&endpoint.outputs),
                ..Endpoint::default()
            };
            (EndpointId(endpoint.id), entry)
        });
        Device {
            info: DeviceInfo {
                ieee: DEVICE,
                nwk: NWK,
                kind: match told.kind.as_str() {
                    "Router" => DeviceKind::Router,
                    _ => DeviceKind::EndDevice,
                },
                model_id: self.zigbee_model.clone(),
                manufacturer_name: self.manufacturer.clone(),
                manufacturer_code: told.manufacturer_code.map(ManufacturerCode),
                power_source: told.power_source.clone(),
                application_version: told.application_version,
                stack_version: told.stack_version,
                hardware_version: told.hardware_version,
                zcl_version: told.zcl_version,
                date_code: told.date_code.clone(),
                software_build_id: told.software_build_id.clone(),
                endpoints: endpoints.collect(),
            },
            interview: InterviewState::Successful,
            definition: None,
            last_seen: None,
            link_quality: None,
            meta: JsonMap::new(),
            checkin_interval: None,
            extra: JsonMap::new(),
            database_id: 1,
        }
    }
}

/// False for answers to what was asked: what they end says something about that, not about them.
fn says_something(message: &ApsIndication) -> bool {
    let Ok(frame) = Frame::parse(&message.payload) else {
        return true;
    };
    frame.header.frame_type != FrameType::Global
        || [READ_RESPONSE, REPORT].contains(&frame.header.command)
}

fn concealed(map: JsonMap) -> JsonMap {
    let text = Json::Object(map).to_string();
    // Concealing keeps JSON what it is.
    serde_json::from_str(&conceal(&text)).unwrap_or_default()
}

/// Messages as one value, without what is not compared.
fn payload(messages: Vec<Json>) -> Json {
    let mut messages: Vec<_> = messages.into_iter().map(compared).collect();
    match messages.len() {
        0 => Json::Null,
        1 => messages.remove(0),
        _ => Json::Array(messages),
    }
}

fn compared(message: Json) -> Json {
    match message {
        Json::Object(mut map) => {
            map.retain(|key, _| !NOT_COMPARED.contains(&key.as_str()));
            Json::Object(concealed(map))
        }
        Json::Array(messages) => messages.into_iter().map(compared).collect(),
        other => other,
    }
}

/// Makes captures of a device while a journal is replayed.
pub(crate) struct Capturing {
    device: IeeeAddress,
    open: Option<Capture>,
    /// The state after the last frame.
    known: Option<JsonMap>,
    is_first: bool,
    /// Where captures go.
    pub(crate) done: std::sync::mpsc::Sender<Capture>,
}

impl Capturing {
    pub(crate) fn new(device: IeeeAddress, done: std::sync::mpsc::Sender<Capture>) -> Self {
        Self {
            device,
            open: None,
            known: None,
            is_first: true,
            done,
        }
    }
}

impl Capturing {
    /// The core is about to take an input.
    pub(crate) fn before(&mut self, core: &Core, now: Now, input: &CoreInput) {
        let CoreInput::Adapter(Event::Message(message)) = input else {
            return;
        };
        if core.hub().sender(message) != Some(self.device) || !says_something(message) {
            return;
        }
        let device = core.hub().device(self.device);
        let is_known = |device: &&Device| device.interview == InterviewState::Successful;
        let Some(device) = device.filter(is_known) else {
            return;
        };
        let mut capture = Capture::new(core, device, now, message);
        if !std::mem::take(&mut self.is_first) && capture.state == self.known {
            capture.state = None;
        }
        self.open = Some(capture);
    }

    /// It took it.
    pub(crate) fn after(&mut self, core: &Core, outputs: &[CoreOutput]) {
        let Some(mut capture) = self.open.take() else {
            return;
        };
        let entity = Entity::Device(self.device);
        let base = &core.settings().mqtt().base_topic;
        let topic = format!("{base}/{}", core.settings().friendly_name(entity));
        let messages = outputs.iter().filter_map(|output| match output {
            CoreOutput::Publish(publish) if *publish.topic == *topic => {
                serde_json::from_slice(&publish.payload).ok()
            }
            _ => None,
        });
        capture.payload = payload(messages.collect());
        self.known = core.hub().state(entity).cloned().map(concealed);
        // Nobody listens any more: the replay ends by itself.
        let _ = self.done.send(capture);
    }
}

/// Decodes captures of one device, one after the other, as this version and this catalogue do.
pub struct Decoder {
    catalogue: Arc<Catalogue>,
    house: Option<House>,
}

struct House {
    hub: Hub,
    first: i64,
    last: Instant,
    like: Capture,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            house: None,
        }
    }

    /// What would be published for a frame now; to be compared with [`Decoder::expected`].
    pub fn decode(&mut self, capture: &Capture) -> Json {
        let goes_on = capture.state.is_none()
            && self.house.as_ref().is_some_and(|house| {
                house.like.interview == capture.interview
                    && house.like.options == capture.options
                    && house.like.zigbee_model == capture.zigbee_model
                    && house.like.manufacturer == capture.manufacturer
                    && house.first <= capture.time
            });
        if !goes_on {
            self.house = None;
        }
        let catalogue = &self.catalogue;
        let house = self
            .house
            .get_or_insert_with(|| House::new(capture, Arc::clone(catalogue)));
        payload(house.frame(capture))
    }

    /// What was published for a frame, without what is not compared.
    pub fn expected(capture: &Capture) -> Json {
        compared(capture.payload.clone())
    }
}

impl House {
    fn new(capture: &Capture, catalogue: Arc<Catalogue>) -> Self {
        let entity = Entity::Device(DEVICE);
        let state = capture.state.clone().map(|state| (entity, state));
        let registry = Registry {
            devices: vec![capture.device()],
            groups: Vec::new(),
            states: state.into_iter().collect(),
            options: BTreeMap::from([(entity, Arc::new(capture.options.clone()))]),
            ..Registry::default()
        };
        let settings = Settings {
            cache_state: capture.cache_state,
            ..Settings::default()
        };
        Self {
            hub: Hub::new(catalogue, registry, settings, 0),
            first: capture.time,
            // Long after its start: nothing that happens then is still to come.
            last: Instant(0) + Duration::from_secs(3600),
            like: capture.clone(),
        }
    }

    fn frame(&mut self, capture: &Capture) -> Vec<Json> {
        let passed = u64::try_from(capture.time - self.first).unwrap_or_default();
        let at = Instant(0) + Duration::from_secs(3600) + Duration::from_millis(passed);
        let at = at.max(self.last);
        let now = |instant: Instant| Now {
            instant,
            unix_ms: capture.time,
        };
        for _ in 0..MOST_TIMERS {
            match self.hub.next_deadline().filter(|due| *due <= at) {
                Some(due) => {
                    let due = due.max(self.last);
                    self.last = due;
                    self.hub.handle(now(due), Input::Timer);
                }
                None => break,
            }
        }
        self.last = at;
        let message = Input::Adapter(Event::Message(capture.indication()));
        let outputs = self.hub.handle(now(at), message);
        outputs
            .into_iter()
            .filter_map(|output| match output {
                Output::Event(hub::Event::State { entity, message })
                    if entity == Entity::Device(DEVICE) =>
                {
                    serde_json::from_slice(&json::render_object(&message)).ok()
                }
                _ => None,
            })
            .collect()
    }
}
