//! Captures: frames of a device with what was published for them, and everything else that is needed to
//! decode them again. Only the fields that are named here are in one: no address, no name, no key.

use adapters::ApsIndication;
use devices::{DeviceInfo, DeviceKind, Endpoint, JsonMap};
use hub::{Device, Entity, InterviewState, Now};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zigbee::{
    ClusterId, DeviceId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress, ProfileId,
};

use super::hex::Hex;
use super::secrets::conceal;
use crate::core::Core;

/// Whom captures are decoded for.
pub(super) const DEVICE: IeeeAddress = IeeeAddress(0x0001_0203_0405_0607);
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

/// A frame and what was published for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// When it arrived, milliseconds since 1970.
    #[serde(default)]
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
    #[serde(default)]
    pub(super) interview: Interview,
    /// The device's options; not its name.
    #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
    pub(super) options: JsonMap,
    /// What was known before: on the first frame, and where something else has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<JsonMap>,
    /// `advanced.cache_state`.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(super) cache_state: bool,
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
    #[serde(default)]
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Interview {
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
    pub(super) fn new(core: &Core, device: &Device, now: Now, message: &ApsIndication) -> Self {
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

    pub(super) fn indication(&self) -> ApsIndication {
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
    pub(super) fn device(&self) -> Device {
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

pub(super) fn concealed(map: JsonMap) -> JsonMap {
    let text = Json::Object(map).to_string();
    // Concealing keeps JSON what it is.
    serde_json::from_str(&conceal(&text)).unwrap_or_default()
}

/// Messages as one value, without what is not compared.
pub(super) fn payload(messages: Vec<Json>) -> Json {
    let mut messages: Vec<_> = messages.into_iter().map(compared).collect();
    match messages.len() {
        0 => Json::Null,
        1 => messages.remove(0),
        _ => Json::Array(messages),
    }
}

pub(super) fn compared(message: Json) -> Json {
    match message {
        Json::Object(mut map) => {
            map.retain(|key, _| !NOT_COMPARED.contains(&key.as_str()));
            Json::Object(concealed(map))
        }
        Json::Array(messages) => messages.into_iter().map(compared).collect(),
        other => other,
    }
}
