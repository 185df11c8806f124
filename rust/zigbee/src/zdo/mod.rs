//! The Zigbee Device Object: requests that a coordinator sends and what devices answer.
//!
//! Source: Zigbee specification (CSA 05-3474), chapter 2.4. Payloads are without the transaction
//! sequence number.

mod request;
mod response;

use std::fmt;

use crate::{
    ClusterId, DeviceId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress,
    ParseError, ProfileId, Reader, Writer,
};

/// A ZDO status code. Unknown codes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u8);

impl Status {
    /// All went well.
    pub const SUCCESS: Self = Self(0x00);
    /// The device doesn't know the request.
    pub const NOT_SUPPORTED: Self = Self(0x84);
    /// There is no such entry.
    pub const NO_ENTRY: Self = Self(0x88);
}

/// The names of the specification's table of status codes (2.4.5).
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0x00 => "SUCCESS",
            0x80 => "INV_REQUESTTYPE",
            0x81 => "DEVICE_NOT_FOUND",
            0x82 => "INVALID_EP",
            0x83 => "NOT_ACTIVE",
            0x84 => "NOT_SUPPORTED",
            0x85 => "TIMEOUT",
            0x86 => "NO_MATCH",
            0x88 => "NO_ENTRY",
            0x89 => "NO_DESCRIPTOR",
            0x8a => "INSUFFICIENT_SPACE",
            0x8b => "NOT_PERMITTED",
            0x8c => "TABLE_FULL",
            0x8d => "NOT_AUTHORIZED",
            0x8e => "DEVICE_BINDING_TABLE_FULL",
            other => return write!(f, "0x{other:02x}"),
        })
    }
}

/// Where a binding points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindTarget {
    /// A group.
    Group(GroupId),
    /// An endpoint of a device.
    Endpoint(IeeeAddress, EndpointId),
}

/// A request. Its cluster id is [`Request::cluster`].
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    NwkAddress {
        ieee: IeeeAddress,
        extended: bool,
        start: u8,
    },
    IeeeAddress {
        nwk: NwkAddress,
        extended: bool,
        start: u8,
    },
    NodeDescriptor {
        nwk: NwkAddress,
    },
    PowerDescriptor {
        nwk: NwkAddress,
    },
    SimpleDescriptor {
        nwk: NwkAddress,
        endpoint: EndpointId,
    },
    ActiveEndpoints {
        nwk: NwkAddress,
    },
    Match {
        nwk: NwkAddress,
        profile: ProfileId,
        inputs: Vec<ClusterId>,
        outputs: Vec<ClusterId>,
    },
    Bind {
        source: IeeeAddress,
        endpoint: EndpointId,
        cluster: ClusterId,
        target: BindTarget,
    },
    Unbind {
        source: IeeeAddress,
        endpoint: EndpointId,
        cluster: ClusterId,
        target: BindTarget,
    },
    MgmtLqi {
        start: u8,
    },
    MgmtRouting {
        start: u8,
    },
    MgmtBind {
        start: u8,
    },
    MgmtLeave {
        ieee: IeeeAddress,
        remove_children: bool,
        rejoin: bool,
    },
    MgmtPermitJoin {
        seconds: u8,
        trust_center_significance: bool,
    },
    MgmtNwkUpdate {
        channels: u32,
        duration: u8,
        count: u8,
        update_id: u8,
        manager: NwkAddress,
    },
}

/// The node descriptor's fields that a bridge uses, with the raw bytes kept.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDescriptor {
    pub logical_type: LogicalType,
    pub mac_capabilities: u8,
    pub manufacturer: ManufacturerCode,
    pub maximum_buffer: u8,
    pub maximum_incoming: u16,
    pub server_mask: u16,
    pub maximum_outgoing: u16,
    pub descriptor_capabilities: u8,
    /// The first two bytes as they came (logical type, flags, frequency bands).
    pub flags: u16,
}

/// What a node is in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogicalType {
    /// The coordinator.
    Coordinator,
    /// A router.
    Router,
    /// An end device.
    EndDevice,
    /// A reserved value.
    Reserved(u8),
}

/// A simple descriptor: one endpoint.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleDescriptor {
    pub endpoint: EndpointId,
    pub profile: ProfileId,
    pub device: DeviceId,
    pub version: u8,
    pub inputs: Vec<ClusterId>,
    pub outputs: Vec<ClusterId>,
}

/// A neighbour as listed by `Mgmt_Lqi_rsp`.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    pub extended_pan: u64,
    pub ieee: IeeeAddress,
    pub nwk: NwkAddress,
    /// 0 coordinator, 1 router, 2 end device, 3 unknown.
    pub device_type: u8,
    /// 0 no, 1 yes, 2 unknown.
    pub rx_on_when_idle: u8,
    /// 0 parent, 1 child, 2 sibling, 3 none, 4 previous child.
    pub relationship: u8,
    /// 0 no, 1 yes, 2 unknown.
    pub permit_joining: u8,
    pub depth: u8,
    pub lqi: u8,
}

/// A route as listed by `Mgmt_Rtg_rsp`.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub destination: NwkAddress,
    /// 0 active, 1 discovery underway, 2 discovery failed, 3 inactive, 4 validation underway.
    pub status: u8,
    pub memory_constrained: bool,
    pub many_to_one: bool,
    pub route_record_required: bool,
    pub next_hop: NwkAddress,
}

/// A binding as listed by `Mgmt_Bind_rsp`.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub source: IeeeAddress,
    pub endpoint: EndpointId,
    pub cluster: ClusterId,
    pub target: BindTarget,
}

/// A response, or a device announce. A status other than success is the `Err` side.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    NwkAddress {
        ieee: IeeeAddress,
        nwk: NwkAddress,
        associated: Vec<NwkAddress>,
    },
    IeeeAddress {
        ieee: IeeeAddress,
        nwk: NwkAddress,
        associated: Vec<NwkAddress>,
    },
    NodeDescriptor {
        nwk: NwkAddress,
        descriptor: NodeDescriptor,
    },
    PowerDescriptor {
        nwk: NwkAddress,
        descriptor: u16,
    },
    SimpleDescriptor {
        nwk: NwkAddress,
        descriptor: SimpleDescriptor,
    },
    ActiveEndpoints {
        nwk: NwkAddress,
        endpoints: Vec<EndpointId>,
    },
    Match {
        nwk: NwkAddress,
        endpoints: Vec<EndpointId>,
    },
    Bind,
    Unbind,
    MgmtLqi {
        total: u8,
        start: u8,
        neighbors: Vec<Neighbor>,
    },
    MgmtRouting {
        total: u8,
        start: u8,
        routes: Vec<Route>,
    },
    MgmtBind {
        total: u8,
        start: u8,
        bindings: Vec<Binding>,
    },
    MgmtLeave,
    MgmtPermitJoin,
    MgmtNwkUpdate {
        scanned: u32,
        transmissions: u16,
        failures: u16,
        energies: Vec<u8>,
    },
    DeviceAnnounce {
        nwk: NwkAddress,
        ieee: IeeeAddress,
        capabilities: u8,
    },
}

/// The bit that tells a response's cluster from its request's.
const RESPONSE: u16 = 0x8000;

impl Request {
    /// The request's cluster; the response's has bit 15 set.
    pub fn cluster(&self) -> ClusterId {
        self.cluster_id()
    }

    /// The cluster of the response to this request.
    pub fn response_cluster(&self) -> ClusterId {
        ClusterId(self.cluster_id().0 | RESPONSE)
    }

    /// The payload's bytes.
    pub fn emit(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.emit_into(&mut writer);
        writer.into_bytes()
    }

    /// Reads a request's payload. `None`: the cluster is not a request known here. Bytes behind the
    /// request (the TLVs of later revisions) are ignored.
    pub fn parse(cluster: ClusterId, payload: &[u8]) -> Option<Result<Self, ParseError>> {
        Self::parse_from(cluster, &mut Reader::new(payload)).transpose()
    }
}

impl Response {
    /// The response's cluster.
    pub fn cluster(&self) -> ClusterId {
        self.cluster_id()
    }

    /// The bytes of a response with status success.
    pub fn emit(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.emit_into(&mut writer);
        writer.into_bytes()
    }

    /// Reads a response's payload. `None`: the cluster is not a response known here. Bytes behind
    /// the response (the TLVs of later revisions) are ignored.
    pub fn parse(
        cluster: ClusterId,
        payload: &[u8],
    ) -> Option<Result<Result<Self, Status>, ParseError>> {
        Self::parse_from(cluster, &mut Reader::new(payload)).transpose()
    }
}

impl BindTarget {
    /// Address mode, then address (Zigbee specification 2.4.3.2.2).
    fn emit_into(self, writer: &mut Writer) {
        match self {
            Self::Group(group) => writer.u8(0x01).u16(group.0),
            Self::Endpoint(ieee, endpoint) => writer.u8(0x03).ieee(ieee).u8(endpoint.0),
        };
    }

    fn parse_from(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let offset = reader.offset();
        match reader.u8()? {
            0x01 => Ok(Self::Group(GroupId(reader.u16()?))),
            0x03 => Ok(Self::Endpoint(reader.ieee()?, EndpointId(reader.u8()?))),
            _ => Err(ParseError::Invalid {
                offset,
                field: "destination address mode",
            }),
        }
    }
}

/// Appends a count of one byte and the first 255 elements.
fn emit_list<T>(list: &[T], writer: &mut Writer, emit: impl Fn(&T, &mut Writer)) {
    let list = list.get(..255).unwrap_or(list);
    writer.uint(list.len() as u64, 1);
    for element in list {
        emit(element, writer);
    }
}

/// Reads a count of one byte and the elements. No more than 255 of them, so that what is reserved
/// is bounded.
fn parse_list<T>(
    reader: &mut Reader<'_>,
    parse: impl Fn(&mut Reader<'_>) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let count = reader.u8()?;
    (0..count).map(|_| parse(reader)).collect()
}

fn emit_clusters(clusters: &[ClusterId], writer: &mut Writer) {
    emit_list(clusters, writer, |cluster, writer| {
        writer.u16(cluster.0);
    });
}

fn parse_clusters(reader: &mut Reader<'_>) -> Result<Vec<ClusterId>, ParseError> {
    parse_list(reader, |reader| reader.u16().map(ClusterId))
}
