//! Zigbee2MQTT's data directory for a simulated network, so that a bridge finds everything known.

use std::fmt::Write as _;
use std::io;
use std::path::Path as FilePath;

use serde_json::{Value as Json, json};
use zigbee::zdo::LogicalType;

use crate::device::{Device, Path};
use crate::stick::{Network, Stick};

/// Writes `configuration.yaml` and `database.db` for the stick's network and its joined devices.
///
/// `port` is what the bridge opens, such as `tcp://127.0.0.1:9999`. The devices are marked as
/// interviewed; friendly names are their addresses.
pub fn write_data(directory: &FilePath, stick: &Stick, port: &str, server: &str) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let network = stick.network().unwrap_or_default();
    let mut yaml = configuration(&network, port, server);
    let empty = yaml.len();
    for device in stick.devices().filter(|device| device.node.joined) {
        let ieee = device.node.ieee;
        // Writing to a `String` does not fail.
        let _ = write!(yaml, "  '{ieee}':\n    friendly_name: '{ieee}'\n");
    }
    if yaml.len() == empty {
        yaml = yaml.replace("devices:\n", "");
    }
    std::fs::write(directory.join("configuration.yaml"), yaml)?;
    std::fs::write(directory.join("database.db"), database(stick))
}

/// The `database.db` of a bridge that knows the stick's devices: all are interviewed and configured.
pub fn database(stick: &Stick) -> String {
    let mut lines = vec![coordinator(stick).to_string()];
    let joined = stick.devices().filter(|device| device.node.joined);
    for (device, id) in joined.zip(2_u32..) {
        lines.push(record(device, id).to_string());
    }
    lines.join("\n")
}

fn configuration(network: &Network, port: &str, server: &str) -> String {
    let list = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "\n    - {byte}");
            text
        })
    };
    format!(
        "version: 5\nmqtt:\n  base_topic: zigbee2mqtt\n  server: {server}\nserial:\n  port: {port}\n  adapter: zstack\n\
         frontend:\n  enabled: false\nhomeassistant:\n  enabled: false\n\
         advanced:\n  log_level: warning\n  log_output:\n    - console\n  channel: {channel}\n  pan_id: {pan}\n  \
         ext_pan_id:{extended}\n  network_key:{key}\ndevices:\n",
        channel = network.channel,
        pan = network.pan_id,
        extended = list(&network.extended_pan_id),
        key = list(&network.key),
    )
}

fn endpoint(id: u8, profile: u16, device: u16, inputs: &[u16], outputs: &[u16]) -> Json {
    json!({
        "profId": profile, "epId": id, "devId": device,
        "inClusterList": inputs, "outClusterList": outputs,
        "clusters": {}, "binds": [], "configuredReportings": [], "meta": {},
    })
}

fn coordinator(stick: &Stick) -> Json {
    // The endpoints that zigbee-herdsman registers.
    let ids = [1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 47, 110, 242];
    let endpoints: serde_json::Map<String, Json> = ids
        .iter()
        .map(|id| (id.to_string(), endpoint(*id, 0x0104, 5, &[], &[])))
        .collect();
    json!({
        "id": 1, "type": "Coordinator", "ieeeAddr": stick.ieee().to_string(), "nwkAddr": 0,
        "manufId": 0, "epList": ids, "endpoints": endpoints,
        "interviewCompleted": true, "interviewState": "SUCCESSFUL", "meta": {}, "lastSeen": null,
    })
}

fn record(device: &Device, id: u32) -> Json {
    let node = &device.node;
    let model = &node.model;
    let basic = |attribute| Path {
        endpoint: model.endpoints.first().map_or(1, |endpoint| endpoint.id),
        cluster: 0,
        attribute,
    };
    let version = |attribute| {
        node.get(basic(attribute))
            .and_then(|value| value.first().copied())
    };
    let text = |attribute| {
        let bytes = node
            .get(basic(attribute))
            .and_then(|value| value.get(1..))
            .unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let ids: Vec<u8> = model.endpoints.iter().map(|endpoint| endpoint.id).collect();
    let endpoints: serde_json::Map<String, Json> = model
        .endpoints
        .iter()
        .map(|e| {
            (
                e.id.to_string(),
                endpoint(e.id, e.profile, e.device, &e.inputs, &e.outputs),
            )
        })
        .collect();
    let mut record = json!({
        "id": id,
        "type": if model.logical_type == LogicalType::Router { "Router" } else { "EndDevice" },
        "ieeeAddr": node.ieee.to_string(),
        "nwkAddr": node.nwk.0,
        "manufId": model.manufacturer_code,
        "manufName": model.manufacturer,
        "powerSource": if model.power_source == 3 { "Battery" } else { "Mains (single phase)" },
        "modelId": model.model_id,
        "epList": ids,
        "endpoints": endpoints,
        "appVersion": version(1),
        "stackVersion": version(2),
        "hwVersion": version(3),
        "dateCode": text(6),
        "zclVersion": version(0),
        "interviewCompleted": true,
        "interviewState": "SUCCESSFUL",
        "meta": {"configured": 1},
        "lastSeen": 1_767_614_400_000_u64,
    });
    let build = text(0x4000);
    if let Some(record) = record.as_object_mut().filter(|_| !build.is_empty()) {
        record.insert("swBuildId".to_owned(), build.into());
    }
    record
}
