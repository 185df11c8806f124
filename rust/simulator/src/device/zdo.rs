//! How a device answers ZDO requests (Zigbee specification 2.4). Payloads without sequence numbers.

use zigbee::wire::{Reader, Writer};
use zigbee::zdo::LogicalType;
use zigbee::{IeeeAddress, NwkAddress, ParseError};

use super::Device;
use super::model::Endpoint;
use super::node::{Binding, BindingTarget, Io};

const SUCCESS: u8 = 0x00;
const INVALID_ENDPOINT: u8 = 0x82;
const NOT_ACTIVE: u8 = 0x83;
const NOT_SUPPORTED: u8 = 0x84;
const NO_ENTRY: u8 = 0x88;

/// A neighbour in the answer to a link quality request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbor {
    pub(crate) ieee: IeeeAddress,
    pub(crate) nwk: NwkAddress,
    pub(crate) kind: LogicalType,
    pub(crate) rx_on: bool,
    /// 0 parent, 1 child, 2 sibling.
    pub(crate) relationship: u8,
    pub(crate) depth: u8,
    pub(crate) lqi: u8,
}

/// The body of a link quality response from entry `start` on.
pub(crate) fn lqi_response(extended_pan: [u8; 8], all: &[Neighbor], start: u8) -> Vec<u8> {
    let shown: Vec<&Neighbor> = all.iter().skip(usize::from(start)).take(3).collect();
    let mut writer = Writer::new();
    writer
        .u8(SUCCESS)
        .u8(u8::try_from(all.len()).unwrap_or(u8::MAX))
        .u8(start)
        .u8(u8::try_from(shown.len()).unwrap_or(0));
    for neighbor in shown {
        let kind = logical(neighbor.kind);
        writer
            .bytes(&extended_pan)
            .ieee(neighbor.ieee)
            .nwk(neighbor.nwk)
            .u8(kind | u8::from(neighbor.rx_on) << 2 | neighbor.relationship << 4)
            .u8(2)
            .u8(neighbor.depth)
            .u8(neighbor.lqi);
    }
    writer.into_bytes()
}

impl Endpoint {
    /// The simple descriptor with its length before it.
    pub(crate) fn simple_descriptor(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .u8(self.id)
            .u16(self.profile)
            .u16(self.device)
            .u8(self.version);
        for list in [&self.inputs, &self.outputs] {
            writer.u8(u8::try_from(list.len()).unwrap_or(0));
            for cluster in list {
                writer.u16(*cluster);
            }
        }
        super::octets(&writer.into_bytes())
    }
}

/// The number of a logical type.
pub(crate) const fn logical(kind: LogicalType) -> u8 {
    match kind {
        LogicalType::Coordinator => 0,
        LogicalType::Router => 1,
        LogicalType::EndDevice => 2,
        LogicalType::Reserved(other) => other & 7,
    }
}

/// What the network knows and a device needs to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) extended_pan: [u8; 8],
    pub(crate) neighbors: &'a [Neighbor],
}

impl Device {
    /// Answers a request; `None`: not for this device, or without an answer.
    pub(crate) fn zdo(
        &mut self,
        cluster: u16,
        payload: &[u8],
        around: Surroundings<'_>,
        io: &mut Io,
    ) -> Option<Vec<u8>> {
        match self.zdo_answer(cluster, payload, around, io) {
            Ok(answer) => answer,
            // 0x80: invalid request.
            Err(_) => Some(vec![0x80]),
        }
    }

    fn zdo_answer(
        &mut self,
        cluster: u16,
        payload: &[u8],
        around: Surroundings<'_>,
        io: &mut Io,
    ) -> Result<Option<Vec<u8>>, ParseError> {
        let node = &mut self.node;
        let model = &node.model;
        let mut reader = Reader::new(payload);
        let mut answer = Writer::new();
        match cluster {
            0x0000 | 0x0001 => {
                let mine = if cluster == 0 {
                    reader.ieee()? == node.ieee
                } else {
                    reader.nwk()? == node.nwk
                };
                if !mine {
                    return Ok(None);
                }
                answer.u8(SUCCESS).ieee(node.ieee).nwk(node.nwk);
                // Type 1 asks for the children as well; there are none.
                if reader.u8()? == 1 {
                    answer.u8(0).u8(0);
                }
            }
            0x0002 => {
                answer
                    .u8(SUCCESS)
                    .nwk(node.nwk)
                    .u8(logical(model.logical_type))
                    .u8(0x40)
                    .u8(model.capabilities())
                    .u16(model.manufacturer_code)
                    .u8(82)
                    .u16(82)
                    .u16(0x2c00)
                    .u16(82)
                    .u8(0);
            }
            0x0003 => {
                // Mains: constant, level full; battery: on receiving, level full.
                let descriptor: u16 = if model.power_source == 3 {
                    0xc440
                } else {
                    0xc110
                };
                answer.u8(SUCCESS).nwk(node.nwk).u16(descriptor);
            }
            0x0004 => {
                reader.nwk()?;
                let id = reader.u8()?;
                if let Some(endpoint) = model.endpoints.iter().find(|endpoint| endpoint.id == id) {
                    answer
                        .u8(SUCCESS)
                        .nwk(node.nwk)
                        .bytes(&endpoint.simple_descriptor());
                } else {
                    let valid = (1..=240).contains(&id);
                    let status = if valid { NOT_ACTIVE } else { INVALID_ENDPOINT };
                    answer.u8(status).nwk(node.nwk).u8(0);
                }
            }
            0x0005 => {
                let ids: Vec<u8> = model.endpoints.iter().map(|endpoint| endpoint.id).collect();
                answer
                    .u8(SUCCESS)
                    .nwk(node.nwk)
                    .u8(u8::try_from(ids.len()).unwrap_or(0))
                    .bytes(&ids);
            }
            0x0006 => {
                reader.nwk()?;
                let profile = reader.u16()?;
                let mut lists = [Vec::new(), Vec::new()];
                for list in &mut lists {
                    for _ in 0..reader.u8()? {
                        list.push(reader.u16()?);
                    }
                }
                let [inputs, outputs] = lists;
                let ids: Vec<u8> = model
                    .endpoints
                    .iter()
                    .filter(|endpoint| endpoint.profile == profile)
                    .filter(|endpoint| {
                        inputs
                            .iter()
                            .any(|cluster| endpoint.inputs.contains(cluster))
                            || outputs
                                .iter()
                                .any(|cluster| endpoint.outputs.contains(cluster))
                    })
                    .map(|endpoint| endpoint.id)
                    .collect();
                answer
                    .u8(SUCCESS)
                    .nwk(node.nwk)
                    .u8(u8::try_from(ids.len()).unwrap_or(0))
                    .bytes(&ids);
            }
            0x0021..=0x0036 => return self.management(cluster, reader, around, io),
            _ => {
                answer.u8(NOT_SUPPORTED);
            }
        }
        Ok(Some(answer.into_bytes()))
    }

    /// Bindings, tables, leaving.
    fn management(
        &mut self,
        cluster: u16,
        mut reader: Reader<'_>,
        around: Surroundings<'_>,
        io: &mut Io,
    ) -> Result<Option<Vec<u8>>, ParseError> {
        let node = &mut self.node;
        let model = &node.model;
        let mut answer = Writer::new();
        match cluster {
            0x0021 | 0x0022 => {
                let source = reader.ieee()?;
                let endpoint = reader.u8()?;
                let bound = reader.u16()?;
                let target = match reader.u8()? {
                    0x01 => BindingTarget::Group(reader.u16()?),
                    0x03 => BindingTarget::Endpoint(reader.ieee()?, reader.u8()?),
                    _ => {
                        return Err(ParseError::Invalid {
                            offset: reader.offset(),
                            field: "destination address mode",
                        });
                    }
                };
                let binding = Binding {
                    endpoint,
                    cluster: bound,
                    target,
                };
                let known = source == node.ieee && node.has_endpoint(endpoint);
                let status = match (known, cluster) {
                    (false, _) => INVALID_ENDPOINT,
                    (true, 0x0021) => {
                        node.bindings.insert(binding);
                        SUCCESS
                    }
                    (true, _) if node.bindings.remove(&binding) => SUCCESS,
                    (true, _) => NO_ENTRY,
                };
                answer.u8(status);
            }
            0x0031 if model.logical_type == LogicalType::Router => {
                let start = reader.u8()?;
                return Ok(Some(lqi_response(
                    around.extended_pan,
                    around.neighbors,
                    start,
                )));
            }
            0x0032 if model.logical_type == LogicalType::Router => {
                let start = reader.u8()?;
                // One route: to the coordinator, active, through the parent.
                answer.u8(SUCCESS).u8(1).u8(start);
                if start == 0 {
                    answer.u8(1).u16(0).u8(0).nwk(node.parent);
                } else {
                    answer.u8(0);
                }
            }
            0x0033 => {
                let start = reader.u8()?;
                let shown: Vec<&Binding> = node
                    .bindings
                    .iter()
                    .skip(usize::from(start))
                    .take(3)
                    .collect();
                answer
                    .u8(SUCCESS)
                    .u8(u8::try_from(node.bindings.len()).unwrap_or(u8::MAX))
                    .u8(start)
                    .u8(u8::try_from(shown.len()).unwrap_or(0));
                for binding in shown {
                    answer
                        .ieee(node.ieee)
                        .u8(binding.endpoint)
                        .u16(binding.cluster);
                    match binding.target {
                        BindingTarget::Group(group) => answer.u8(1).u16(group),
                        BindingTarget::Endpoint(ieee, endpoint) => {
                            answer.u8(3).ieee(ieee).u8(endpoint)
                        }
                    };
                }
            }
            0x0034 => {
                reader.ieee()?;
                let flags = reader.u8()?;
                answer.u8(SUCCESS);
                // Bit 7: it may come back.
                if flags & 0x80 == 0 {
                    io.left = true;
                }
            }
            0x0036 => {
                answer.u8(SUCCESS);
            }
            _ => {
                answer.u8(NOT_SUPPORTED);
            }
        }
        Ok(Some(answer.into_bytes()))
    }
}
