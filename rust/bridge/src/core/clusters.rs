//! Names of clusters and attributes, and the cluster library of `bridge/definitions` (§11.6).

use hub::Device;
use serde_json::{Map, Value as Json, json};
use zigbee::library::{self, Cluster, Command, ParameterType};
use zigbee::zcl::{DataType, Direction};
use zigbee::{AttributeId, ClusterId, ManufacturerCode};

/// The name of a cluster; unknown ones go by their number.
pub(super) fn name(id: ClusterId) -> String {
    library::cluster_key(id).into_owned()
}

/// The name of an attribute; unknown ones go by their number.
pub(super) fn attribute(
    cluster: ClusterId,
    id: AttributeId,
    manufacturer: Option<ManufacturerCode>,
) -> Json {
    let known = library::cluster(cluster)
        .and_then(|cluster| cluster.attribute(id, manufacturer))
        .filter(|attribute| attribute.known);
    match known {
        Some(attribute) => json!(attribute.name),
        None => json!(id.0),
    }
}

/// The library, but for the clusters that exist on some manufacturers' devices only.
pub(super) fn all() -> Json {
    let clusters: Map<_, _> = library::clusters()
        .iter()
        .filter(|cluster| cluster.known && !cluster.custom)
        .map(|cluster| (cluster.name.to_owned(), describe(cluster)))
        .collect();
    Json::Object(clusters)
}

/// The clusters of each device's manufacturer, by the device's address. Devices often have them without
/// listing them, so the manufacturer decides.
pub(super) fn custom<'a>(devices: impl Iterator<Item = &'a Device>) -> Json {
    let devices: Map<_, _> = devices
        .filter_map(|device| {
            let clusters: Map<_, _> = of_manufacturer(device.info.manufacturer_code?)
                .map(|cluster| (cluster.name.to_owned(), describe(cluster)))
                .collect();
            (!clusters.is_empty()).then(|| (device.info.ieee.to_string(), Json::Object(clusters)))
        })
        .collect();
    Json::Object(devices)
}

fn of_manufacturer(code: ManufacturerCode) -> impl Iterator<Item = &'static Cluster> {
    library::clusters()
        .iter()
        .copied()
        .filter(move |cluster| cluster.custom && cluster.manufacturer == Some(code))
}

fn describe(cluster: &Cluster) -> Json {
    let attributes: Map<_, _> = cluster
        .attributes()
        .iter()
        .filter(|attribute| attribute.known)
        .map(|attribute| {
            let mut entry = json!({
                "ID": attribute.id.0,
                "name": attribute.name,
                "type": attribute.data_type.0,
            });
            put_code(&mut entry, attribute.manufacturer);
            let flags = [
                ("read", attribute.access.can_read()),
                ("write", attribute.access.can_write()),
                ("report", attribute.access.can_report()),
            ];
            for (key, _) in flags.into_iter().filter(|(_, allowed)| *allowed) {
                put(&mut entry, key, json!(true));
            }
            (attribute.name.to_owned(), entry)
        })
        .collect();
    let mut entry = json!({
        "ID": cluster.id.0,
        "name": cluster.name,
        "attributes": attributes,
        "commands": commands(cluster.commands(Direction::ToServer)),
        "commandsResponse": commands(cluster.commands(Direction::ToClient)),
    });
    put_code(&mut entry, cluster.manufacturer);
    entry
}

fn commands(commands: &[Command]) -> Json {
    let entries: Map<_, _> = commands
        .iter()
        .map(|command| {
            let parameters: Vec<Json> = command
                .parameters
                .iter()
                .map(|parameter| json!({"name": parameter.name, "type": number(parameter.kind)}))
                .collect();
            let mut entry = json!({
                "ID": command.id.0,
                "name": command.name,
                "parameters": parameters,
            });
            if let Some(response) = command.response {
                put(&mut entry, "response", json!(response.0));
            }
            put_code(&mut entry, command.manufacturer);
            (command.name.to_owned(), entry)
        })
        .collect();
    Json::Object(entries)
}

fn put_code(entry: &mut Json, manufacturer: Option<ManufacturerCode>) {
    if let Some(code) = manufacturer {
        put(entry, "manufacturerCode", json!(code.0));
    }
}

fn put(entry: &mut Json, key: &str, value: Json) {
    if let Some(map) = entry.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

/// ZCL's number of a type, or the number above 1000 that zigbee-herdsman has for what ZCL does not name.
fn number(kind: ParameterType) -> u16 {
    match kind {
        ParameterType::Zcl(kind) => u16::from(kind.0),
        ParameterType::List(DataType::UINT8) => 1001,
        ParameterType::List(DataType::UINT16) => 1002,
        ParameterType::List(DataType::UINT24) => 1003,
        ParameterType::List(DataType::UINT32) => 1004,
        ParameterType::Zones => 1005,
        ParameterType::ExtensionFieldSets => 1006,
        ParameterType::Transitions => 1007,
        ParameterType::List(_) | ParameterType::Bytes => 1008,
        ParameterType::Datapoints => 1011,
    }
}
