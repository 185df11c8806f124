//! A device as `bridge/devices` shows it (§11.3).

use std::collections::BTreeMap;

use devices::{DeviceKind, JsonMap};
use hub::{Device, InterviewState};
use serde_json::{Map, Value as Json, json};
use zigbee::ClusterId;
use zigbee::zdo::BindTarget;

use super::clusters;

/// The entry of a device.
pub(super) fn device(device: &Device, name: &str, options: Option<&JsonMap>) -> Json {
    let info = &device.info;
    let coordinator = info.kind == DeviceKind::Coordinator;
    let option = |key: &str| options.and_then(|options| options.get(key));
    let interview = device.interview;
    let mut entry = Map::new();
    let mut put = |key: &str, value: Json| {
        entry.insert(key.to_owned(), value);
    };
    put("ieee_address", json!(info.ieee.to_string()));
    put("type", json!(kind_name(info.kind)));
    put("network_address", json!(info.nwk.0));
    put(
        "friendly_name",
        json!(if coordinator { "Coordinator" } else { name }),
    );
    put(
        "disabled",
        json!(option("disabled").and_then(Json::as_bool) == Some(true)),
    );
    if let Some(description) = option("description") {
        put("description", description.clone());
    }
    if let Some(text) = &info.power_source {
        put("power_source", json!(text));
    }
    if let Some(text) = &info.software_build_id {
        put("software_build_id", json!(text));
    }
    if let Some(text) = &info.date_code {
        put("date_code", json!(text));
    }
    if let Some(text) = &info.model_id {
        put("model_id", json!(text));
    }
    if let Some(text) = &info.manufacturer_name {
        put("manufacturer", json!(text));
    }
    put("interview_state", json!(interview_name(interview)));
    put(
        "interviewing",
        json!(interview == InterviewState::InProgress),
    );
    put(
        "interview_completed",
        json!(interview == InterviewState::Successful),
    );
    put("endpoints", endpoints(device));
    let definition = (!coordinator)
        .then(|| definition(device, options))
        .flatten();
    put("supported", json!(coordinator || supported(device)));
    if let Some(definition) = definition {
        put("definition", definition);
    }
    Json::Object(entry)
}

/// The `definition` object, with the owner's icon.
pub(super) fn definition(device: &Device, options: Option<&JsonMap>) -> Option<Json> {
    let mut definition = device.definition.as_ref()?.describe();
    if let Some(icon) = options.and_then(|options| options.get("icon"))
        && let Some(map) = definition.as_object_mut()
    {
        map.insert("icon".to_owned(), icon.clone());
    }
    Some(definition)
}

/// A definition derived from what the device says of itself does not count as support.
pub(super) fn supported(device: &Device) -> bool {
    device
        .definition
        .as_ref()
        .is_some_and(|definition| definition.supported())
}

/// `type`.
pub(super) fn kind_name(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Coordinator => "Coordinator",
        DeviceKind::Router => "Router",
        DeviceKind::EndDevice => "EndDevice",
        DeviceKind::GreenPower => "GreenPower",
        DeviceKind::Unknown => "Unknown",
    }
}

fn interview_name(state: InterviewState) -> &'static str {
    match state {
        InterviewState::Pending => "PENDING",
        InterviewState::InProgress => "IN_PROGRESS",
        InterviewState::Successful => "SUCCESSFUL",
        InterviewState::Failed => "FAILED",
    }
}

fn endpoints(device: &Device) -> Json {
    let mut all = Map::new();
    for (id, endpoint) in &device.info.endpoints {
        let bindings: Vec<Json> = endpoint
            .bindings
            .iter()
            .map(|binding| {
                let target = match binding.target {
                    BindTarget::Group(group) => json!({"type": "group", "id": group.0}),
                    BindTarget::Endpoint(ieee, endpoint) => json!({
                        "type": "endpoint",
                        "ieee_address": ieee.to_string(),
                        "endpoint": endpoint.0,
                    }),
                };
                json!({"cluster": clusters::name(binding.cluster), "target": target})
            })
            .collect();
        let reportings: Vec<Json> = endpoint
            .reportings
            .iter()
            .map(|reporting| {
                let mut entry = json!({
                    "cluster": clusters::name(reporting.cluster),
                    "attribute": clusters::attribute(
                        reporting.cluster,
                        reporting.attribute,
                        reporting.manufacturer,
                    ),
                    "minimum_report_interval": reporting.minimum,
                    "maximum_report_interval": reporting.maximum,
                });
                if let (Some(change), Some(map)) = (&reporting.change, entry.as_object_mut()) {
                    map.insert("reportable_change".to_owned(), change.clone());
                }
                entry
            })
            .collect();
        let names = |clusters: &[ClusterId]| -> Vec<String> {
            clusters.iter().map(|id| clusters::name(*id)).collect()
        };
        let mut entry = json!({
            "scenes": scenes(std::iter::once(&endpoint.meta), 0),
            "bindings": bindings,
            "configured_reportings": reportings,
            "clusters": {"input": names(&endpoint.inputs), "output": names(&endpoint.outputs)},
        });
        let name = device
            .definition
            .as_ref()
            .and_then(|definition| definition.endpoint_name(*id));
        if let (Some(name), Some(map)) = (name, entry.as_object_mut()) {
            map.insert("name".to_owned(), json!(name));
        }
        all.insert(id.to_string(), entry);
    }
    Json::Object(all)
}

/// The scenes that endpoints remember for a group; 0 is the device itself. The keys of `meta.scenes`
/// are `<scene>_<group>`.
pub(super) fn scenes<'a>(metas: impl Iterator<Item = &'a JsonMap>, group: u16) -> Vec<Json> {
    let suffix = format!("_{group}");
    let mut scenes: BTreeMap<u64, String> = BTreeMap::new();
    for (key, scene) in metas
        .filter_map(|meta| meta.get("scenes")?.as_object())
        .flatten()
    {
        if let Some(id) = key.strip_suffix(&suffix).and_then(|id| id.parse().ok()) {
            scenes
                .entry(id)
                .or_insert_with(|| match scene["name"].as_str() {
                    Some(name) => name.to_owned(),
                    None => format!("Scene {id}"),
                });
        }
    }
    scenes
        .into_iter()
        .map(|(id, name)| json!({"id": id, "name": name}))
        .collect()
}
