//! Names of clusters and attributes, and the cluster library of `bridge/definitions` (§11.6).

use serde_json::{Value as Json, json};
use zigbee::{AttributeId, ClusterId, ManufacturerCode};

/// Unknown clusters go by their number.
pub(super) fn name(id: ClusterId) -> String {
    id.0.to_string()
}

/// Unknown attributes go by their number.
pub(super) fn attribute(
    cluster: ClusterId,
    id: AttributeId,
    manufacturer: Option<ManufacturerCode>,
) -> Json {
    let _ = (cluster, manufacturer);
    json!(id.0)
}

/// The whole library.
pub(super) fn all() -> Json {
    json!({})
}
