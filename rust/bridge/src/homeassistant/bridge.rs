//! The bridge as a device of its own (§10).

use serde_json::{Value as Json, json};

use super::finish::{Availability, Owner, finish};
use super::{Config, Context, Draft};

/// What the bridge says of its coordinator.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bridge {
    /// Kind and revision, such as `zStack3x0 20240710`.
    pub(crate) hardware: Option<String>,
}

/// The messages of the bridge.
pub(crate) fn bridge(bridge: &Bridge, context: &Context) -> Vec<Config> {
    let base = &context.base;
    let mut device = json!({
        "identifiers": [context.via()],
        "name": "Zigbee2MQTT Bridge",
        "manufacturer": "Zigbee2MQTT",
        "model": "Bridge",
        "sw_version": context.version,
    });
    if let Some(map) = device.as_object_mut() {
        if let Some(hardware) = &bridge.hardware {
            map.insert("hw_version".to_owned(), json!(hardware));
        }
        if let Some((url, _)) = &context.frontend {
            map.insert(
                "configuration_url".to_owned(),
                json!(format!("{url}/#/settings")),
            );
        }
    }
    let owner = Owner {
        node: format!("{}_{}", context.encoded_base(), context.coordinator),
        id: format!("bridge_{}", context.coordinator),
        name: "Zigbee2MQTT Bridge".to_owned(),
        device,
        availability: Availability::Own,
        changes: None,
    };
    sensors(base)
        .into_iter()
        .chain(controls(base))
        .filter_map(|(component, object_id, payload)| {
            finish(Draft::new(component, object_id, payload), &owner, context)
        })
        .collect()
}

/// Component, object id and fields.
type Entity = (&'static str, &'static str, Json);

fn sensors(base: &str) -> [Entity; 5] {
    let topic = |path: &str| format!("{base}/bridge/{path}");
    [
        (
            "binary_sensor",
            "connection_state",
            json!({
                "name": "Connection state",
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": topic("state"),
                "value_template": "{{ value_json.state }}",
                "payload_on": "online",
                "payload_off": "offline",
            }),
        ),
        (
            "binary_sensor",
            "restart_required",
            json!({
                "name": "Restart required",
                "device_class": "problem",
                "entity_category": "diagnostic",
                "enabled_by_default": false,
                "state_topic": topic("info"),
                "value_template": "{{ value_json.restart_required }}",
                "payload_on": true,
                "payload_off": false,
            }),
        ),
        (
            "sensor",
            "version",
            json!({
                "name": "Version",
                "icon": "mdi:zigbee",
                "entity_category": "diagnostic",
                "state_topic": topic("info"),
                "value_template": "{{ value_json.version }}",
            }),
        ),
        (
            "sensor",
            "coordinator_version",
            json!({
                "name": "Coordinator version",
                "icon": "mdi:chip",
                "entity_category": "diagnostic",
                "enabled_by_default": false,
                "state_topic": topic("info"),
                "value_template": "{{ value_json.coordinator.meta.revision }}",
            }),
        ),
        (
            "sensor",
            "network_map",
            json!({
                "name": "Network map",
                "entity_category": "diagnostic",
                "enabled_by_default": false,
                "state_topic": topic("response/networkmap"),
                "value_template": "{{ now().strftime('%Y-%m-%d %H:%M:%S') }}",
                "json_attributes_topic": topic("response/networkmap"),
                "json_attributes_template": "{{ value_json.data.value | tojson }}",
            }),
        ),
    ]
}

fn controls(base: &str) -> [Entity; 3] {
    let topic = |path: &str| format!("{base}/bridge/{path}");
    [
        (
            "button",
            "restart",
            json!({
                "name": "Restart",
                "device_class": "restart",
                "command_topic": topic("request/restart"),
                "payload_press": "",
            }),
        ),
        (
            "select",
            "log_level",
            json!({
                "name": "Log level",
                "entity_category": "config",
                "state_topic": topic("info"),
                "value_template": "{{ value_json.log_level | lower }}",
                "command_topic": topic("request/options"),
                "command_template": "{\"options\": {\"advanced\": {\"log_level\": \"{{ value }}\" } } }",
                "options": ["error", "warning", "info", "debug"],
            }),
        ),
        (
            "switch",
            "permit_join",
            json!({
                "name": "Permit join",
                "icon": "mdi:human-greeting-proximity",
                "state_topic": topic("info"),
                "value_template": "{{ value_json.permit_join | lower }}",
                "state_on": "true",
                "state_off": "false",
                "command_topic": topic("request/permit_join"),
                "payload_on": "{\"time\": 254}",
                "payload_off": "{\"time\": 0}",
            }),
        ),
    ]
}
