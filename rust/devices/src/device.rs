//! What is known of a device from its interview.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use zigbee::zdo::BindTarget;
use zigbee::{
    AttributeId, ClusterId, DeviceId, EndpointId, IeeeAddress, ManufacturerCode, NwkAddress,
    ProfileId,
};

/// What a node is in the network, as `type` on `bridge/devices`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the specification's own")]
pub enum DeviceKind {
    Coordinator,
    Router,
    EndDevice,
    GreenPower,
    Unknown,
}

/// A device as its interview describes it (`database.db`, shared/facts/config.md §7.1).
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceInfo {
    /// Its address.
    pub ieee: IeeeAddress,
    /// Its network address.
    pub nwk: NwkAddress,
    /// What it is in the network.
    pub kind: DeviceKind,
    /// `genBasic.modelId`.
    pub model_id: Option<String>,
    /// `genBasic.manufacturerName`.
    pub manufacturer_name: Option<String>,
    /// The node descriptor's manufacturer code.
    pub manufacturer_code: Option<ManufacturerCode>,
    /// Text of `genBasic.powerSource`, such as `Mains (single phase)`.
    pub power_source: Option<String>,
    /// `genBasic.appVersion`.
    pub application_version: Option<u8>,
    /// `genBasic.stackVersion`.
    pub stack_version: Option<u8>,
    /// `genBasic.hwVersion`.
    pub hardware_version: Option<u8>,
    /// `genBasic.zclVersion`.
    pub zcl_version: Option<u8>,
    /// `genBasic.dateCode`.
    pub date_code: Option<String>,
    /// `genBasic.swBuildId`.
    pub software_build_id: Option<String>,
    /// Its endpoints.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
}

/// An attribute cache: cluster name → attribute name → value, the names and form of `database.db`.
pub type Attributes = BTreeMap<String, BTreeMap<String, Json>>;

/// An endpoint (shared/facts/config.md §7.2).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    /// Its profile.
    pub profile: ProfileId,
    /// Its device type.
    pub device: DeviceId,
    /// Server clusters.
    pub inputs: Vec<ClusterId>,
    /// Client clusters.
    pub outputs: Vec<ClusterId>,
    /// Last known attribute values.
    pub attributes: Attributes,
    /// Bindings made by the bridge.
    pub bindings: Vec<Binding>,
    /// Reportings configured by the bridge.
    pub reportings: Vec<Reporting>,
    /// `meta`, such as scenes.
    pub meta: serde_json::Map<String, Json>,
}

/// A binding of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The bound cluster.
    pub cluster: ClusterId,
    /// Where its messages go.
    pub target: BindTarget,
}

/// A reporting configured on an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Reporting {
    /// The cluster.
    pub cluster: ClusterId,
    /// The attribute.
    pub attribute: AttributeId,
    /// Least time between reports, seconds.
    pub minimum: u16,
    /// Greatest time between reports, seconds.
    pub maximum: u16,
    /// Least change that is reported, as stored (a number, or a list for 64 bit values).
    pub change: Option<Json>,
    /// Set for manufacturer specific attributes.
    pub manufacturer: Option<ManufacturerCode>,
}
