//! What a device is before it lives: a model read from data.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::DataType;
use zigbee::zdo::LogicalType;

use super::value;

/// The built-in models.
const BUILT_IN: &str = include_str!("models.json");
/// Lumi's manufacturer code.
pub(crate) const LUMI: u16 = 0x115f;

/// An attribute of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The endpoint.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    /// The attribute.
    pub attribute: u16,
}

/// An attribute with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The ZCL data type.
    pub data_type: DataType,
    /// The value's bytes.
    pub bytes: Vec<u8>,
    /// Set for manufacturer specific attributes.
    pub manufacturer: Option<u16>,
    /// It can be written.
    pub writable: bool,
    /// It is reported to the coordinator at every change, without any configuration.
    pub native: bool,
    /// It falls back to the model's value when the power is cut.
    pub volatile: bool,
}

/// Why a model cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No built-in model has this name.
    #[error("no simulated model `{0}`; known: {1}")]
    Unknown(String, String),
    /// Not JSON of the expected shape.
    #[error("the model is invalid: {0}")]
    Json(#[from] serde_json::Error),
    /// An attribute line cannot be read.
    #[error("the attribute `{0}` is not `CLUSTER/ATTRIBUTE FLAGS TYPE VALUE`")]
    Attribute(String),
}

/// Which special rules a model follows besides the cluster library's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rules {
    #[default]
    Standard,
    LumiRelay,
    LumiSwitch,
    LumiKnob,
    LumiLock,
    ContactSensor,
    Plug,
    Sleeper,
    Obliging,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndpoint {
    id: u8,
    #[serde(default = "home_automation")]
    profile: u16,
    device: u16,
    #[serde(default)]
    version: u8,
    #[serde(default, rename = "in")]
    inputs: Vec<u16>,
    #[serde(default, rename = "out")]
    outputs: Vec<u16>,
    #[serde(default)]
    attributes: Vec<String>,
}

const fn home_automation() -> u16 {
    0x0104
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    model_id: String,
    manufacturer: String,
    manufacturer_code: u16,
    router: bool,
    power_source: u8,
    zcl_version: u8,
    app_version: u8,
    stack_version: u8,
    hw_version: u8,
    date_code: String,
    #[serde(default)]
    sw_build: String,
    #[serde(default)]
    rules: Rules,
    /// Sleepy devices: milliseconds between polls, and how long they stay awake after sending.
    #[serde(default)]
    poll_ms: Option<u64>,
    #[serde(default)]
    awake_ms: Option<u64>,
    endpoints: Vec<RawEndpoint>,
}

/// An endpoint as the simple descriptor tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its number.
    pub id: u8,
    /// The profile.
    pub profile: u16,
    /// The device type.
    pub device: u16,
    /// The device version.
    pub version: u8,
    /// Clusters it serves.
    pub inputs: Vec<u16>,
    /// Clusters it uses.
    pub outputs: Vec<u16>,
}

/// A kind of device.
#[derive(Debug, Clone)]
pub struct Model {
    /// The vendor's model, such as `LLKZMK11LM`.
    pub name: String,
    /// The model identifier in genBasic.
    pub model_id: String,
    /// The manufacturer name in genBasic.
    pub manufacturer: String,
    /// The manufacturer code of the node descriptor.
    pub manufacturer_code: u16,
    /// Router or end device.
    pub logical_type: LogicalType,
    /// Milliseconds between polls of a sleepy device.
    pub poll_ms: Option<u64>,
    /// How long a sleepy device listens after it sent something, in milliseconds.
    pub awake_ms: u64,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// What the attributes are when the device leaves the factory.
    pub attributes: BTreeMap<Path, Attribute>,
    pub(crate) rules: Rules,
    pub(crate) power_source: u8,
}

impl Model {
    /// The built-in model of that name or model identifier.
    pub fn built_in(name: &str) -> Result<Arc<Self>, ModelError> {
        let raw: Vec<RawModel> = serde_json::from_str(BUILT_IN)?;
        match raw
            .iter()
            .find(|raw| raw.name.eq_ignore_ascii_case(name) || raw.model_id == name)
        {
            Some(raw) => Self::build(raw).map(Arc::new),
            None => Err(ModelError::Unknown(
                name.to_owned(),
                raw.iter()
                    .map(|raw| raw.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            )),
        }
    }

    /// The names of the built-in models.
    pub fn names() -> Vec<String> {
        let raw: Vec<RawModel> = serde_json::from_str(BUILT_IN).unwrap_or_default();
        raw.into_iter().map(|raw| raw.name).collect()
    }

    /// A model described in JSON, of the shape of `models.json`.
    pub fn from_json(json: &Json) -> Result<Arc<Self>, ModelError> {
        Self::build(&serde_json::from_value(json.clone())?).map(Arc::new)
    }

    /// True for a device that sleeps and polls.
    pub fn sleepy(&self) -> bool {
        self.poll_ms.is_some()
    }

    /// MAC capabilities as in the node descriptor and the announce.
    pub fn capabilities(&self) -> u8 {
        match (self.logical_type, self.sleepy()) {
            (LogicalType::Router | LogicalType::Coordinator, _) => 0x8e,
            (_, true) => 0x80,
            (_, false) => 0x8c,
        }
    }

    fn build(raw: &RawModel) -> Result<Self, ModelError> {
        let mut attributes = BTreeMap::new();
        for endpoint in &raw.endpoints {
            for line in &endpoint.attributes {
                let (cluster, attribute, value) =
                    parse_attribute(line).ok_or_else(|| ModelError::Attribute(line.clone()))?;
                let path = Path {
                    endpoint: endpoint.id,
                    cluster,
                    attribute,
                };
                attributes.insert(path, value);
            }
            if endpoint.inputs.contains(&0) {
                basic(raw, endpoint.id, &mut attributes);
            }
        }
        Ok(Self {
            name: raw.name.clone(),
            model_id: raw.model_id.clone(),
            manufacturer: raw.manufacturer.clone(),
            manufacturer_code: raw.manufacturer_code,
            logical_type: if raw.router {
                LogicalType::Router
            } else {
                LogicalType::EndDevice
            },
            poll_ms: raw.poll_ms,
            awake_ms: raw.awake_ms.unwrap_or(3000),
            endpoints: raw
                .endpoints
                .iter()
                .map(|endpoint| Endpoint {
                    id: endpoint.id,
                    profile: endpoint.profile,
                    device: endpoint.device,
                    version: endpoint.version,
                    inputs: endpoint.inputs.clone(),
                    outputs: endpoint.outputs.clone(),
                })
                .collect(),
            attributes,
            rules: raw.rules,
            power_source: raw.power_source,
        })
    }
}

/// The attributes of genBasic that every device has.
fn basic(raw: &RawModel, endpoint: u8, attributes: &mut BTreeMap<Path, Attribute>) {
    let mut add = |attribute, data_type, value: Json| {
        let path = Path {
            endpoint,
            cluster: 0,
            attribute,
        };
        if let Some(bytes) = value::from_json(data_type, &value) {
            attributes.entry(path).or_insert(Attribute {
                data_type,
                bytes,
                manufacturer: None,
                writable: false,
                native: false,
                volatile: false,
            });
        }
    };
    add(0x0000, DataType::UINT8, raw.zcl_version.into());
    add(0x0001, DataType::UINT8, raw.app_version.into());
    add(0x0002, DataType::UINT8, raw.stack_version.into());
    add(0x0003, DataType::UINT8, raw.hw_version.into());
    add(
        0x0004,
        DataType::CHAR_STRING,
        raw.manufacturer.clone().into(),
    );
    add(0x0005, DataType::CHAR_STRING, raw.model_id.clone().into());
    add(0x0006, DataType::CHAR_STRING, raw.date_code.clone().into());
    add(0x0007, DataType::ENUM8, raw.power_source.into());
    add(0x4000, DataType::CHAR_STRING, raw.sw_build.clone().into());
}

/// Reads `CLUSTER/ATTRIBUTE FLAGS TYPE VALUE`: numbers in hexadecimal; flags are letters out of
/// `w` (writable), `n` (reported by itself), `v` (volatile), `m` (Lumi's manufacturer code), or `-`;
/// `=` and a number behind them is another manufacturer's code.
fn parse_attribute(line: &str) -> Option<(u16, u16, Attribute)> {
    let mut words = line.splitn(4, ' ');
    let (cluster, attribute) = words.next()?.split_once('/')?;
    let flags = words.next()?;
    let (flags, code) = flags.split_once('=').unwrap_or((flags, ""));
    let manufacturer = match code {
        "" => flags.contains('m').then_some(LUMI),
        code => Some(u16::from_str_radix(code, 16).ok()?),
    };
    let data_type = match words.next()? {
        "bool" => DataType::BOOL,
        "u8" => DataType::UINT8,
        "u16" => DataType::UINT16,
        "u24" => DataType::UINT24,
        "u32" => DataType::UINT32,
        "u48" => DataType::UINT48,
        "i8" => DataType::INT8,
        "i16" => DataType::INT16,
        "i24" => DataType::INT24,
        "i32" => DataType::INT32,
        "e8" => DataType::ENUM8,
        "e16" => DataType::ENUM16,
        "b8" => DataType::BITMAP8,
        "b16" => DataType::BITMAP16,
        "b32" => DataType::BITMAP32,
        "f32" => DataType::SINGLE,
        "text" => DataType::CHAR_STRING,
        "oct" => DataType::OCTET_STRING,
        "ieee" => DataType::IEEE_ADDRESS,
        _ => return None,
    };
    let value = words.next().unwrap_or_default();
    Some((
        u16::from_str_radix(cluster, 16).ok()?,
        u16::from_str_radix(attribute, 16).ok()?,
        Attribute {
            data_type,
            bytes: value::from_json(data_type, &Json::from(value))?,
            manufacturer,
            writable: flags.contains('w'),
            native: flags.contains('n'),
            volatile: flags.contains('v'),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_model_reads() {
        let names = Model::names();
        assert!(names.len() >= 10, "{names:?}");
        for name in names {
            let model = Model::built_in(&name).unwrap();
            assert!(!model.endpoints.is_empty(), "{name}");
        }
    }

    #[test]
    fn an_unknown_model_is_refused_with_the_known_ones() {
        let error = Model::built_in("NOPE").unwrap_err().to_string();
        assert!(
            error.contains("NOPE") && error.contains("LLKZMK11LM"),
            "{error}"
        );
    }
}
