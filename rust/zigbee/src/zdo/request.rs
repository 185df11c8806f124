//! ZDO requests as bytes (Zigbee specification 2.4.3).

use super::{BindTarget, Request, emit_clusters, parse_clusters};
use crate::{ClusterId, EndpointId, NwkAddress, ParseError, ProfileId, Reader, Writer};

impl Request {
    pub(super) fn cluster_id(&self) -> ClusterId {
        ClusterId(match self {
            Self::NwkAddress { .. } => 0x0000,
            Self::IeeeAddress { .. } => 0x0001,
            Self::NodeDescriptor { .. } => 0x0002,
            Self::PowerDescriptor { .. } => 0x0003,
            Self::SimpleDescriptor { .. } => 0x0004,
            Self::ActiveEndpoints { .. } => 0x0005,
            Self::Match { .. } => 0x0006,
            Self::Bind { .. } => 0x0021,
            Self::Unbind { .. } => 0x0022,
            Self::MgmtLqi { .. } => 0x0031,
            Self::MgmtRouting { .. } => 0x0032,
            Self::MgmtBind { .. } => 0x0033,
            Self::MgmtLeave { .. } => 0x0034,
            Self::MgmtPermitJoin { .. } => 0x0036,
            Self::MgmtNwkUpdate { .. } => 0x0038,
        })
    }

    pub(super) fn emit_into(&self, w: &mut Writer) {
        match self {
            Self::NwkAddress {
                ieee,
                extended,
                start,
            } => {
                w.ieee(*ieee).u8(u8::from(*extended)).u8(*start);
            }
            Self::IeeeAddress {
                nwk,
                extended,
                start,
            } => {
                w.nwk(*nwk).u8(u8::from(*extended)).u8(*start);
            }
            Self::NodeDescriptor { nwk }
            | Self::PowerDescriptor { nwk }
            | Self::ActiveEndpoints { nwk } => {
                w.nwk(*nwk);
            }
            Self::SimpleDescriptor { nwk, endpoint } => {
                w.nwk(*nwk).u8(endpoint.0);
            }
            Self::Match {
                nwk,
                profile,
                inputs,
                outputs,
            } => {
                w.nwk(*nwk).u16(profile.0);
                emit_clusters(inputs, w);
                emit_clusters(outputs, w);
            }
            Self::Bind {
                source,
                endpoint,
                cluster,
                target,
            }
            | Self::Unbind {
                source,
                endpoint,
                cluster,
                target,
            } => {
                w.ieee(*source).u8(endpoint.0).u16(cluster.0);
                target.emit_into(w);
            }
            Self::MgmtLqi { start } | Self::MgmtRouting { start } | Self::MgmtBind { start } => {
                w.u8(*start);
            }
            Self::MgmtLeave {
                ieee,
                remove_children,
                rejoin,
            } => {
                let flags =
                    if *remove_children { 0x40 } else { 0 } | if *rejoin { 0x80 } else { 0 };
                w.ieee(*ieee).u8(flags);
            }
            Self::MgmtPermitJoin {
                seconds,
                trust_center_significance,
            } => {
                w.u8(*seconds).u8(u8::from(*trust_center_significance));
            }
            Self::MgmtNwkUpdate {
                channels,
                duration,
                count,
                update_id,
                manager,
            } => {
                w.u32(*channels).u8(*duration);
                match NwkUpdate::from(*duration) {
                    NwkUpdate::Scan => w.u8(*count),
                    NwkUpdate::Channel => w.u8(*update_id),
                    NwkUpdate::Manager => w.u8(*update_id).nwk(*manager),
                    NwkUpdate::Reserved => w,
                };
            }
        }
    }

    pub(super) fn parse_from(
        cluster: ClusterId,
        r: &mut Reader<'_>,
    ) -> Result<Option<Self>, ParseError> {
        Ok(Some(match cluster.0 {
            0x0000 => Self::NwkAddress {
                ieee: r.ieee()?,
                extended: r.u8()? != 0,
                start: r.u8()?,
            },
            0x0001 => Self::IeeeAddress {
                nwk: r.nwk()?,
                extended: r.u8()? != 0,
                start: r.u8()?,
            },
            0x0002 => Self::NodeDescriptor { nwk: r.nwk()? },
            0x0003 => Self::PowerDescriptor { nwk: r.nwk()? },
            0x0004 => Self::SimpleDescriptor {
                nwk: r.nwk()?,
                endpoint: EndpointId(r.u8()?),
            },
            0x0005 => Self::ActiveEndpoints { nwk: r.nwk()? },
            0x0006 => Self::Match {
                nwk: r.nwk()?,
                profile: ProfileId(r.u16()?),
                inputs: parse_clusters(r)?,
                outputs: parse_clusters(r)?,
            },
            0x0021 => Self::Bind {
                source: r.ieee()?,
                endpoint: EndpointId(r.u8()?),
                cluster: ClusterId(r.u16()?),
                target: BindTarget::parse_from(r)?,
            },
            0x0022 => Self::Unbind {
                source: r.ieee()?,
                endpoint: EndpointId(r.u8()?),
                cluster: ClusterId(r.u16()?),
                target: BindTarget::parse_from(r)?,
            },
            0x0031 => Self::MgmtLqi { start: r.u8()? },
            0x0032 => Self::MgmtRouting { start: r.u8()? },
            0x0033 => Self::MgmtBind { start: r.u8()? },
            0x0034 => {
                let ieee = r.ieee()?;
                let flags = r.u8()?;
                Self::MgmtLeave {
                    ieee,
                    remove_children: flags & 0x40 != 0,
                    rejoin: flags & 0x80 != 0,
                }
            }
            0x0036 => Self::MgmtPermitJoin {
                seconds: r.u8()?,
                trust_center_significance: r.u8()? != 0,
            },
            0x0038 => Self::parse_nwk_update(r)?,
            _ => return Ok(None),
        }))
    }

    fn parse_nwk_update(r: &mut Reader<'_>) -> Result<Self, ParseError> {
        let channels = r.u32()?;
        let duration = r.u8()?;
        let (mut count, mut update_id, mut manager) = (0, 0, NwkAddress::COORDINATOR);
        match NwkUpdate::from(duration) {
            NwkUpdate::Scan => count = r.u8()?,
            NwkUpdate::Channel => update_id = r.u8()?,
            NwkUpdate::Manager => {
                update_id = r.u8()?;
                manager = r.nwk()?;
            }
            NwkUpdate::Reserved => {}
        }
        Ok(Self::MgmtNwkUpdate {
            channels,
            duration,
            count,
            update_id,
            manager,
        })
    }
}

/// What the scan duration of `Mgmt_NWK_Update_req` asks for; it decides which fields follow
/// (Zigbee specification 2.4.3.3.9).
enum NwkUpdate {
    Scan,
    Channel,
    Manager,
    Reserved,
}

impl From<u8> for NwkUpdate {
    fn from(duration: u8) -> Self {
        match duration {
            0..=5 => Self::Scan,
            0xfe => Self::Channel,
            0xff => Self::Manager,
            _ => Self::Reserved,
        }
    }
}
