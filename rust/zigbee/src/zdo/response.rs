//! ZDO responses and the device announcement as bytes (Zigbee specification 2.4.4).

use super::{
    BindTarget, Binding, LogicalType, Neighbor, NodeDescriptor, Response, Route, SimpleDescriptor,
    Status, emit_clusters, emit_list, parse_clusters, parse_list,
};
use crate::{
    ClusterId, DeviceId, EndpointId, IeeeAddress, ManufacturerCode, NwkAddress, ParseError,
    ProfileId, Reader, Writer,
};

impl Response {
    pub(super) fn cluster_id(&self) -> ClusterId {
        ClusterId(match self {
            Self::DeviceAnnounce { .. } => 0x0013,
            Self::NwkAddress { .. } => 0x8000,
            Self::IeeeAddress { .. } => 0x8001,
            Self::NodeDescriptor { .. } => 0x8002,
            Self::PowerDescriptor { .. } => 0x8003,
            Self::SimpleDescriptor { .. } => 0x8004,
            Self::ActiveEndpoints { .. } => 0x8005,
            Self::Match { .. } => 0x8006,
            Self::Bind => 0x8021,
            Self::Unbind => 0x8022,
            Self::MgmtLqi { .. } => 0x8031,
            Self::MgmtRouting { .. } => 0x8032,
            Self::MgmtBind { .. } => 0x8033,
            Self::MgmtLeave => 0x8034,
            Self::MgmtPermitJoin => 0x8036,
            Self::MgmtNwkUpdate { .. } => 0x8038,
        })
    }

    pub(super) fn emit_into(&self, w: &mut Writer) {
        if !matches!(self, Self::DeviceAnnounce { .. }) {
            w.u8(Status::SUCCESS.0);
        }
        match self {
            Self::DeviceAnnounce {
                nwk,
                ieee,
                capabilities,
            } => {
                w.nwk(*nwk).ieee(*ieee).u8(*capabilities);
            }
            Self::NwkAddress {
                ieee,
                nwk,
                associated,
            }
            | Self::IeeeAddress {
                ieee,
                nwk,
                associated,
            } => {
                w.ieee(*ieee).nwk(*nwk);
                emit_associated(associated, w);
            }
            Self::NodeDescriptor { nwk, descriptor } => {
                w.nwk(*nwk);
                descriptor.emit_into(w);
            }
            Self::PowerDescriptor { nwk, descriptor } => {
                w.nwk(*nwk).u16(*descriptor);
            }
            Self::SimpleDescriptor { nwk, descriptor } => {
                let mut bytes = Writer::new();
                descriptor.emit_into(&mut bytes);
                let bytes = bytes.into_bytes();
                let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
                w.nwk(*nwk).u8(length).bytes(&bytes);
            }
            Self::ActiveEndpoints { nwk, endpoints } | Self::Match { nwk, endpoints } => {
                w.nwk(*nwk);
                emit_list(endpoints, w, |endpoint, w| {
                    w.u8(endpoint.0);
                });
            }
            Self::MgmtLqi {
                total,
                start,
                neighbors,
            } => {
                w.u8(*total).u8(*start);
                emit_list(neighbors, w, Neighbor::emit_into);
            }
            Self::MgmtRouting {
                total,
                start,
                routes,
            } => {
                w.u8(*total).u8(*start);
                emit_list(routes, w, Route::emit_into);
            }
            Self::MgmtBind {
                total,
                start,
                bindings,
            } => {
                w.u8(*total).u8(*start);
                emit_list(bindings, w, Binding::emit_into);
            }
            Self::MgmtNwkUpdate {
                scanned,
                transmissions,
                failures,
                energies,
            } => {
                w.u32(*scanned).u16(*transmissions).u16(*failures);
                emit_list(energies, w, |energy, w| {
                    w.u8(*energy);
                });
            }
            Self::Bind | Self::Unbind | Self::MgmtLeave | Self::MgmtPermitJoin => {}
        }
    }

    pub(super) fn parse_from(
        cluster: ClusterId,
        r: &mut Reader<'_>,
    ) -> Result<Option<Result<Self, Status>>, ParseError> {
        if cluster.0 == 0x0013 {
            return Ok(Some(Ok(Self::DeviceAnnounce {
                nwk: r.nwk()?,
                ieee: r.ieee()?,
                capabilities: r.u8()?,
            })));
        }
        if !matches!(cluster.0, 0x8000..=0x8006 | 0x8021 | 0x8022 | 0x8031..=0x8034 | 0x8036 | 0x8038)
        {
            return Ok(None);
        }
        let status = Status(r.u8()?);
        if status != Status::SUCCESS {
            return Ok(Some(Err(status)));
        }
        Ok(Some(Ok(match cluster.0 {
            0x8000 => {
                let (ieee, nwk, associated) = parse_addresses(r)?;
                Self::NwkAddress {
                    ieee,
                    nwk,
                    associated,
                }
            }
            0x8001 => {
                let (ieee, nwk, associated) = parse_addresses(r)?;
                Self::IeeeAddress {
                    ieee,
                    nwk,
                    associated,
                }
            }
            0x8002 => Self::NodeDescriptor {
                nwk: r.nwk()?,
                descriptor: NodeDescriptor::parse_from(r)?,
            },
            0x8003 => Self::PowerDescriptor {
                nwk: r.nwk()?,
                descriptor: r.u16()?,
            },
            0x8004 => Self::SimpleDescriptor {
                nwk: r.nwk()?,
                // The length says nothing that the counts inside don't, and some devices get it wrong.
                descriptor: r.u8().and_then(|_length| SimpleDescriptor::parse_from(r))?,
            },
            0x8005 => Self::ActiveEndpoints {
                nwk: r.nwk()?,
                endpoints: parse_list(r, |r| r.u8().map(EndpointId))?,
            },
            0x8006 => Self::Match {
                nwk: r.nwk()?,
                endpoints: parse_list(r, |r| r.u8().map(EndpointId))?,
            },
            0x8021 => Self::Bind,
            0x8022 => Self::Unbind,
            0x8031 => Self::MgmtLqi {
                total: r.u8()?,
                start: r.u8()?,
                neighbors: parse_list(r, Neighbor::parse_from)?,
            },
            0x8032 => Self::MgmtRouting {
                total: r.u8()?,
                start: r.u8()?,
                routes: parse_list(r, Route::parse_from)?,
            },
            0x8033 => Self::MgmtBind {
                total: r.u8()?,
                start: r.u8()?,
                bindings: parse_list(r, Binding::parse_from)?,
            },
            0x8034 => Self::MgmtLeave,
            0x8036 => Self::MgmtPermitJoin,
            // 0x8038: the guard above lets no other cluster through.
            _ => Self::MgmtNwkUpdate {
                scanned: r.u32()?,
                transmissions: r.u16()?,
                failures: r.u16()?,
                energies: {
                    let count = r.u8()?;
                    r.take(usize::from(count))?.to_vec()
                },
            },
        })))
    }
}

/// The list of associated devices is there only in extended responses; an empty one has no start
/// index.
fn emit_associated(associated: &[NwkAddress], w: &mut Writer) {
    let associated = associated.get(..255).unwrap_or(associated);
    if associated.is_empty() {
        return;
    }
    w.uint(associated.len() as u64, 1).u8(0);
    for address in associated {
        w.nwk(*address);
    }
}

fn parse_addresses(
    r: &mut Reader<'_>,
) -> Result<(IeeeAddress, NwkAddress, Vec<NwkAddress>), ParseError> {
    let ieee = r.ieee()?;
    let nwk = r.nwk()?;
    let mut associated = Vec::new();
    // The addresses are what was asked for: a list that is cut off is as long as it is.
    if let (Ok(count), Ok(_start)) = (r.u8(), r.u8()) {
        for _ in 0..count {
            let Ok(address) = r.nwk() else {
                break;
            };
            associated.push(address);
        }
    }
    Ok((ieee, nwk, associated))
}

impl From<u8> for LogicalType {
    fn from(bits: u8) -> Self {
        match bits {
            0 => Self::Coordinator,
            1 => Self::Router,
            2 => Self::EndDevice,
            other => Self::Reserved(other),
        }
    }
}

impl LogicalType {
    fn bits(self) -> u8 {
        match self {
            Self::Coordinator => 0,
            Self::Router => 1,
            Self::EndDevice => 2,
            Self::Reserved(other) => other & 0x07,
        }
    }
}

impl NodeDescriptor {
    fn emit_into(&self, w: &mut Writer) {
        w.u16((self.flags & !0x07) | u16::from(self.logical_type.bits()))
            .u8(self.mac_capabilities)
            .u16(self.manufacturer.0)
            .u8(self.maximum_buffer)
            .u16(self.maximum_incoming)
            .u16(self.server_mask)
            .u16(self.maximum_outgoing)
            .u8(self.descriptor_capabilities);
    }

    fn parse_from(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        let flags = r.u16()?;
        let [low, _] = flags.to_le_bytes();
        Ok(Self {
            logical_type: LogicalType::from(low & 0x07),
            mac_capabilities: r.u8()?,
            manufacturer: ManufacturerCode(r.u16()?),
            maximum_buffer: r.u8()?,
            maximum_incoming: r.u16()?,
            server_mask: r.u16()?,
            maximum_outgoing: r.u16()?,
            descriptor_capabilities: r.u8()?,
            flags,
        })
    }
}

impl SimpleDescriptor {
    fn emit_into(&self, w: &mut Writer) {
        w.u8(self.endpoint.0)
            .u16(self.profile.0)
            .u16(self.device.0)
            .u8(self.version);
        emit_clusters(&self.inputs, w);
        emit_clusters(&self.outputs, w);
    }

    fn parse_from(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            endpoint: EndpointId(r.u8()?),
            profile: ProfileId(r.u16()?),
            device: DeviceId(r.u16()?),
            version: r.u8()?,
            inputs: parse_clusters(r)?,
            outputs: parse_clusters(r)?,
        })
    }
}

impl Neighbor {
    fn emit_into(&self, w: &mut Writer) {
        w.u64(self.extended_pan)
            .ieee(self.ieee)
            .nwk(self.nwk)
            .u8((self.device_type & 0x03)
                | (self.rx_on_when_idle & 0x03) << 2
                | (self.relationship & 0x07) << 4)
            .u8(self.permit_joining & 0x03)
            .u8(self.depth)
            .u8(self.lqi);
    }

    fn parse_from(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        let (extended_pan, ieee, nwk) = (r.u64()?, r.ieee()?, r.nwk()?);
        let bits = r.u8()?;
        Ok(Self {
            extended_pan,
            ieee,
            nwk,
            device_type: bits & 0x03,
            rx_on_when_idle: (bits >> 2) & 0x03,
            relationship: (bits >> 4) & 0x07,
            permit_joining: r.u8()? & 0x03,
            depth: r.u8()?,
            lqi: r.u8()?,
        })
    }
}

impl Route {
    fn emit_into(&self, w: &mut Writer) {
        w.nwk(self.destination)
            .u8((self.status & 0x07)
                | u8::from(self.memory_constrained) << 3
                | u8::from(self.many_to_one) << 4
                | u8::from(self.route_record_required) << 5)
            .nwk(self.next_hop);
    }

    fn parse_from(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        let destination = r.nwk()?;
        let bits = r.u8()?;
        Ok(Self {
            destination,
            status: bits & 0x07,
            memory_constrained: bits & 0x08 != 0,
            many_to_one: bits & 0x10 != 0,
            route_record_required: bits & 0x20 != 0,
            next_hop: r.nwk()?,
        })
    }
}

impl Binding {
    fn emit_into(&self, w: &mut Writer) {
        w.ieee(self.source).u8(self.endpoint.0).u16(self.cluster.0);
        self.target.emit_into(w);
    }

    fn parse_from(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            source: r.ieee()?,
            endpoint: EndpointId(r.u8()?),
            cluster: ClusterId(r.u16()?),
            target: BindTarget::parse_from(r)?,
        })
    }
}
