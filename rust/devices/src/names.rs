//! Names of clusters as Zigbee2MQTT shows them.

use zigbee::ClusterId;

/// A cluster's name, or its number where it has none.
pub(crate) fn cluster(cluster: ClusterId) -> String {
    cluster.to_string()
}
