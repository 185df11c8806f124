//! What a device sends on the air so that a property has a value: found by asking the definition what
//! it makes of what a device may send.

use devices::{Definition, DeviceInfo, JsonMap, Memory, Message, MessageKind};
use serde_json::Value as Json;
use zigbee::library;
use zigbee::wire::{Reader, Writer};
use zigbee::zcl::{Attribute, DataType, Direction, Foundation, Frame, FrameType, Header, Value};
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId, ManufacturerCode};

const ZONE: ClusterId = ClusterId(0x0500);
const LUMI: ClusterId = ClusterId(0xfcc0);
const TUYA: ClusterId = ClusterId(0xef00);
/// How far a number may be from the one that is wanted, as a part of it.
const FINE: f64 = 0.005;
const COARSE: f64 = 0.05;
/// Endpoints that devices use for buttons beyond those that they list.
const BUTTONS: std::ops::RangeInclusive<u8> = 1..=51;

/// A frame of a device.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) endpoint: EndpointId,
    pub(crate) cluster: ClusterId,
    pub(crate) frame: Frame,
    /// The attribute that the frame reports, with its bytes, where it is one.
    pub(crate) attribute: Option<(AttributeId, Vec<u8>)>,
}

/// An attribute and its bytes.
pub(crate) type Held = (EndpointId, ClusterId, AttributeId, Vec<u8>);

/// What a definition makes of frames.
pub(crate) struct Oracle<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) info: &'a DeviceInfo,
    pub(crate) options: &'a JsonMap,
    pub(crate) state: &'a JsonMap,
}

impl Oracle<'_> {
    /// The frame after which a property has a value; `None` if no frame that is known here does it.
    pub(crate) fn find(&self, key: &str, value: &Json) -> Option<Said> {
        let endpoints: Vec<EndpointId> = self.info.endpoints.keys().copied().collect();
        let clusters: Vec<ClusterId> = self.definition.clusters().collect();
        let listed = || {
            clusters
                .iter()
                .flat_map(|cluster| endpoints.iter().map(|endpoint| (*endpoint, *cluster)))
        };
        // Buttons may be endpoints that the device doesn't list.
        let buttons = || {
            clusters
                .iter()
                .filter(|cluster| matches!(cluster.0, 0x0006 | 0x0012))
                .flat_map(|cluster| BUTTONS.map(|endpoint| (EndpointId(endpoint), *cluster)))
        };
        let whole = || {
            listed()
                .chain(buttons())
                .flat_map(|(endpoint, cluster)| attributes(endpoint, cluster))
        };
        let within = || {
            listed()
                .flat_map(|(endpoint, cluster)| members(endpoint, cluster))
                .filter(|slot| self.holds(slot, key))
        };
        // Some say the same thing in steps that are too coarse for the value.
        listed()
            .find_map(|(endpoint, cluster)| self.commands(endpoint, cluster, key, value))
            .or_else(|| whole().find_map(|slot| self.solve(&slot, key, value, FINE)))
            .or_else(|| within().find_map(|slot| self.solve(&slot, key, value, FINE)))
            .or_else(|| whole().find_map(|slot| self.solve(&slot, key, value, COARSE)))
    }

    /// The attributes of listed endpoints that would say that a property has a value, with their bytes.
    pub(crate) fn hold(&self, key: &str, value: &Json) -> Vec<Held> {
        self.info
            .endpoints
            .keys()
            .flat_map(|endpoint| {
                self.definition
                    .clusters()
                    .flat_map(|cluster| attributes(*endpoint, cluster))
            })
            .filter_map(|slot| self.solve(&slot, key, value, COARSE))
            .filter_map(|said| {
                let (attribute, bytes) = said.attribute?;
                Some((said.endpoint, said.cluster, attribute, bytes))
            })
            .collect()
    }

    /// True if some value in a slot says something of a property.
    fn holds(&self, slot: &Slot, key: &str) -> bool {
        [0.0, 1.0, 2.0, 100.0].into_iter().any(|raw| {
            slot.said(raw)
                .and_then(|said| self.decode(&said, key))
                .is_some()
        })
    }

    /// The value in a slot that gives the property its value.
    fn solve(&self, slot: &Slot, key: &str, wanted: &Json, within: f64) -> Option<Said> {
        let (least, most) = slot.range()?;
        let at = |raw: f64| slot.said(raw).and_then(|said| self.decode(&said, key));
        match wanted.as_f64() {
            Some(wanted) => {
                let low = if most >= 1000.0 {
                    100.0
                } else {
                    10.0_f64.min(most)
                };
                let high = (low * 2.0).min(most);
                let (first, second) = (at(low)?.as_f64()?, at(high)?.as_f64()?);
                let number = |raw: f64| at(raw).and_then(|value| value.as_f64());
                let slope = (second - first) / (high - low);
                if slope.abs() > f64::EPSILON {
                    let raw = slot.round(low + (wanted - first) / slope);
                    if (least..=most).contains(&raw)
                        && number(raw)
                            .is_some_and(|got| (got - wanted).abs() <= wanted.abs() * within + 1e-9)
                    {
                        return slot.said(raw);
                    }
                }
                let raw = self.bisect(slot, key, wanted, within)?;
                slot.said(raw)
            }
            None => slot
                .choices()
                .find(|raw| at(*raw).is_some_and(|got| got == *wanted))
                .and_then(|raw| slot.said(raw)),
        }
    }

    /// Where a function that only rises comes closest to a value.
    fn bisect(&self, slot: &Slot, key: &str, wanted: f64, within: f64) -> Option<f64> {
        let (least, most) = slot.range()?;
        let at = |raw: f64| {
            slot.said(slot.round(raw))
                .and_then(|said| self.decode(&said, key))
                .and_then(|value| value.as_f64())
        };
        let (mut low, mut high) = (least.max(1.0), most.min(65_534.0));
        if !(at(low)? <= wanted && wanted <= at(high)?) {
            return None;
        }
        for _ in 0..64 {
            let middle = f64::midpoint(low, high);
            if at(middle)? < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        let raw = slot.round(high);
        (at(raw)? - wanted)
            .abs()
            .le(&(wanted.abs() * within + 1e-9))
            .then_some(raw)
    }

    /// A command of the cluster that gives the property its value.
    fn commands(
        &self,
        endpoint: EndpointId,
        cluster: ClusterId,
        key: &str,
        wanted: &Json,
    ) -> Option<Said> {
        candidates(cluster)
            .into_iter()
            .find_map(|(direction, manufacturer, id, payload)| {
                let said = Said {
                    endpoint,
                    cluster,
                    frame: frame(FrameType::Cluster, direction, manufacturer, id, payload),
                    attribute: None,
                };
                (self.decode(&said, key).as_ref() == Some(wanted)).then_some(said)
            })
    }

    /// What the definition makes of a frame for a property.
    fn decode(&self, said: &Said, key: &str) -> Option<Json> {
        let kind = match said.frame.header.frame_type {
            FrameType::Global => MessageKind::Foundation(Foundation::parse(&said.frame).ok()?),
            _ => MessageKind::Cluster(said.frame.payload.clone()),
        };
        let message = Message {
            endpoint: said.endpoint,
            group: None,
            cluster: said.cluster,
            header: said.frame.header.clone(),
            kind,
        };
        let mut memory = Memory::default();
        let mut decoded =
            self.definition
                .decode(self.info, self.options, self.state, &mut memory, &message);
        decoded.payload.remove(key)
    }
}

/// The attributes of a cluster.
fn attributes(endpoint: EndpointId, cluster: ClusterId) -> Vec<Slot> {
    let Some(known) = library::cluster(cluster) else {
        return Vec::new();
    };
    let slot = |attribute: &library::Attribute| Slot {
        endpoint,
        cluster,
        kind: Kind::Attribute(attribute.id),
        data_type: attribute.data_type,
        manufacturer: attribute.manufacturer.or(known.manufacturer),
    };
    known.attributes().iter().map(slot).collect()
}

/// What vendors' structures may hold.
fn members(endpoint: EndpointId, cluster: ClusterId) -> Vec<Slot> {
    let slots = |kinds: std::ops::RangeInclusive<u8>, kind: fn(u8) -> Kind, types: &[DataType]| {
        kinds
            .flat_map(|number| types.iter().map(move |data_type| (number, *data_type)))
            .map(|(number, data_type)| Slot {
                endpoint,
                cluster,
                kind: kind(number),
                data_type,
                manufacturer: matches!(cluster, ClusterId(0x0000) | LUMI)
                    .then_some(ManufacturerCode(0x115f)),
            })
            .collect()
    };
    match cluster {
        ClusterId(0x0000) | LUMI => slots(
            0..=0xff,
            Kind::Tag,
            &[
                DataType::BOOL,
                DataType::UINT8,
                DataType::UINT16,
                DataType::UINT32,
                DataType::INT16,
                DataType::SINGLE,
            ],
        ),
        TUYA => slots(
            1..=200,
            Kind::Datapoint,
            &[DataType::UINT32, DataType::BOOL, DataType::ENUM8],
        ),
        // A vendor's own cluster, which only a converter knows.
        id if library::cluster(id).is_none() => slots(
            0..=0x40,
            |number| Kind::Attribute(AttributeId(number.into())),
            &[
                DataType::INT16,
                DataType::UINT8,
                DataType::UINT32,
                DataType::SINGLE,
                DataType::BOOL,
            ],
        ),
        _ => Vec::new(),
    }
}

/// Where a device may put a value.
#[derive(Debug, Clone, Copy)]
struct Slot {
    endpoint: EndpointId,
    cluster: ClusterId,
    kind: Kind,
    data_type: DataType,
    manufacturer: Option<ManufacturerCode>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Attribute(AttributeId),
    /// A tag of Lumi's structure.
    Tag(u8),
    /// A datapoint of Tuya's cluster.
    Datapoint(u8),
}

impl Slot {
    /// The least and the greatest number of the type; `None` for what is no number.
    fn range(&self) -> Option<(f64, f64)> {
        Some(match self.data_type {
            DataType::BOOL => (0.0, 1.0),
            DataType::UINT8 | DataType::ENUM8 | DataType::BITMAP8 => (0.0, 254.0),
            DataType::INT8 => (-127.0, 127.0),
            DataType::UINT16 | DataType::ENUM16 | DataType::BITMAP16 => (0.0, 65_534.0),
            DataType::INT16 => (-32_767.0, 32_767.0),
            DataType::UINT24 => (0.0, 16_777_214.0),
            DataType::INT24 => (-8_388_607.0, 8_388_607.0),
            DataType::UINT32 | DataType::BITMAP32 => (0.0, 4_294_967_294.0),
            DataType::INT32 => (-2_147_483_647.0, 2_147_483_647.0),
            DataType::UINT48 => (0.0, 281_474_976_710_654.0),
            DataType::SINGLE => (-1e30, 1e30),
            _ => return None,
        })
    }

    fn round(&self, raw: f64) -> f64 {
        if self.data_type == DataType::SINGLE {
            raw
        } else {
            raw.round()
        }
    }

    /// Values that stand for words and for yes and no.
    fn choices(&self) -> impl Iterator<Item = f64> {
        let most = self.range().map_or(0.0, |(_, most)| most);
        (0..=255_u32)
            .chain((8..16).map(|bit| 1 << bit))
            .map(f64::from)
            .filter(move |raw| *raw <= most)
    }

    fn said(&self, raw: f64) -> Option<Said> {
        let bytes = simulator::number(self.data_type, raw)?;
        let (attribute, data_type, value) = match self.kind {
            Kind::Attribute(id) => (id, self.data_type, bytes),
            Kind::Tag(tag) => {
                let mut structure = vec![tag, self.data_type.0];
                structure.extend(bytes);
                let length = u8::try_from(structure.len()).ok()?;
                structure.insert(0, length);
                if self.cluster == LUMI {
                    (AttributeId(0x00f7), DataType::OCTET_STRING, structure)
                } else {
                    (AttributeId(0xff01), DataType::CHAR_STRING, structure)
                }
            }
            Kind::Datapoint(number) => {
                let kind = match self.data_type {
                    DataType::BOOL => 1,
                    DataType::ENUM8 => 4,
                    _ => 2,
                };
                let mut payload = vec![0, 1, number, kind];
                payload.extend(u16::try_from(bytes.len()).ok()?.to_be_bytes());
                payload.extend(bytes.iter().rev());
                let (class, to) = (FrameType::Cluster, Direction::ToClient);
                return Some(Said {
                    endpoint: self.endpoint,
                    cluster: self.cluster,
                    frame: frame(class, to, None, 0x02, payload),
                    attribute: None,
                });
            }
        };
        let mut reader = Reader::new(&value);
        let report = Attribute {
            id: attribute,
            data_type,
            value: Value::parse(data_type, &mut reader).ok()?,
        };
        let mut writer = Writer::new();
        writer.u16(report.id.0).u8(data_type.0);
        report.value.emit(data_type, &mut writer);
        let (class, to) = (FrameType::Global, Direction::ToClient);
        Some(Said {
            endpoint: self.endpoint,
            cluster: self.cluster,
            frame: frame(class, to, self.manufacturer, 0x0a, writer.into_bytes()),
            attribute: Some((attribute, value)),
        })
    }
}

fn frame(
    frame_type: FrameType,
    direction: Direction,
    manufacturer: Option<ManufacturerCode>,
    command: u8,
    payload: Vec<u8>,
) -> Frame {
    Frame {
        header: Header {
            frame_type,
            direction,
            disable_default_response: true,
            manufacturer,
            sequence: 0,
            command: CommandId(command),
            reserved: 0,
        },
        payload,
    }
}

type Candidate = (Direction, Option<ManufacturerCode>, u8, Vec<u8>);

/// What remotes and sensors send as commands of a cluster.
fn candidates(cluster: ClusterId) -> Vec<Candidate> {
    let server = |id: u8, payload: &[u8]| (Direction::ToServer, None, id, payload.to_vec());
    match cluster.0 {
        0x0006 => {
            let mut all = vec![server(1, &[]), server(0, &[]), server(2, &[])];
            all.push(server(0x40, &[0, 0]));
            all.push(server(0x42, &[0, 100, 0, 0, 0]));
            // Tuya's buttons.
            all.extend((0..3).map(|kind| server(0xfd, &[kind])));
            all.extend((0..3).map(|kind| server(0xfc, &[kind])));
            all
        }
        0x0008 => [0_u8, 4]
            .into_iter()
            .flat_map(|base| {
                [
                    server(base, &[128, 0, 0]),
                    server(base + 1, &[0, 50]),
                    server(base + 1, &[1, 50]),
                    server(base + 2, &[0, 32, 5, 0]),
                    server(base + 2, &[1, 32, 5, 0]),
                    server(base + 3, &[]),
                ]
            })
            .collect(),
        0x0005 => {
            let ikea = Some(ManufacturerCode(0x117c));
            let own = |id, payload: &[u8]| (Direction::ToServer, ikea, id, payload.to_vec());
            (0..=8)
                .map(|scene| server(5, &[0, 0, scene]))
                .chain([
                    own(7, &[0, 1, 13, 0]),
                    own(7, &[1, 1, 13, 0]),
                    own(8, &[0, 13, 0, 0]),
                    own(8, &[1, 13, 0, 0]),
                    own(9, &[0, 0]),
                ])
                .collect()
        }
        0x0102 => (0..3).map(|id| server(id, &[])).collect(),
        0x0300 => vec![
            server(0x0a, &[200, 0, 0, 0]),
            server(0x4c, &[1, 20, 0, 5, 0, 0, 0, 0, 0]),
            server(0x4c, &[3, 20, 0, 5, 0, 0, 0, 0, 0]),
            server(0x4b, &[1, 20, 0, 0, 0, 0, 0, 0, 0]),
            server(0x4b, &[3, 20, 0, 0, 0, 0, 0, 0, 0]),
            server(0x47, &[]),
        ],
        id if id == ZONE.0 => std::iter::once(0_u16)
            .chain((0..16).map(|bit| 1 << bit))
            .map(|status| {
                let [low, high] = status.to_le_bytes();
                let payload = vec![low, high, 0, 23, 0, 0];
                (Direction::ToClient, None, 0, payload)
            })
            .collect(),
        0x0501 => {
            let mut all: Vec<Candidate> = (0..4).map(|mode| server(0, &[mode, 0, 0])).collect();
            all.extend((2..5).map(|id| server(id, &[])));
            all
        }
        0xfc00 => (1..=4)
            .flat_map(|button| (0..4).map(move |kind| vec![button, 0, 0, 0x30, kind, 0x21, 0, 0]))
            .map(|payload| {
                (
                    Direction::ToClient,
                    Some(ManufacturerCode(0x100b)),
                    0,
                    payload,
                )
            })
            .collect(),
        _ => Vec::new(),
    }
}
