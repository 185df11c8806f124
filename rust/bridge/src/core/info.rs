//! The retained lists: `bridge/info`, `bridge/devices`, `bridge/groups`, `bridge/definitions`
//! (§11.2 to §11.6).

use devices::DeviceKind;
use hub::{Entity, Hub};
use serde_json::{Value as Json, json};
use zigbee::{ExtendedPanId, PanId};

use super::config::level_name;
use super::{Core, clusters, describe};
use crate::data::Settings;
use crate::json;

/// The version of Zigbee2MQTT whose contract this is. Clients gate features on it (§16).
pub(super) const CONTRACT_VERSION: &str = "2.14.1";
/// Versions of the libraries beside it, which some clients dereference.
const HERDSMAN_VERSION: &str = "10.9.2";
const CONVERTERS_VERSION: &str = "26.105.0";

impl Core {
    pub(super) fn publish_info(&mut self) {
        if self.has_audience() {
            let payload = json::render(&self.info());
            self.publish_bridge("info", payload);
        }
    }

    fn info(&self) -> Json {
        let mqtt = self.settings.mqtt();
        let config = self.settings.effective();
        let server = config
            .get("mqtt")
            .map_or(Json::Null, |mqtt| mqtt["server"].clone());
        let (coordinator, network) = self.network();
        let mut info = json!({
            "version": CONTRACT_VERSION,
            "commit": "unknown",
            "ferrobee": {
                "version": env!("CARGO_PKG_VERSION"),
                "converters": self.converters.files(),
                "automations": self.automations.files,
            },
            "coordinator": coordinator,
            "network": network,
            "log_level": level_name(self.view.log_level),
            "permit_join": self.permit_join_until.is_some(),
            "restart_required": self.restart_required,
            "config": config,
            "config_schema": Settings::schema(),
            "os": {
                "version": self.host.os,
                "node_version": "none",
                "cpus": self.host.cpus,
                "memory_mb": self.host.memory_mb,
            },
            "mqtt": {"version": mqtt.version, "server": server},
            "zigbee_herdsman": {"version": HERDSMAN_VERSION},
            "zigbee_herdsman_converters": {"version": CONVERTERS_VERSION},
        });
        if let (Some(until), Some(map)) = (self.permit_join_until, info.as_object_mut()) {
            map.insert("permit_join_end".to_owned(), until.into());
        }
        info
    }

    /// `coordinator` and `network`: as the radio tells, else as the files do.
    fn network(&self) -> (Json, Json) {
        let network = |pan_id: PanId, extended: ExtendedPanId, channel: u8| {
            json!({
                "pan_id": pan_id.0,
                "extended_pan_id": extended.to_string(),
                "channel": channel,
            })
        };
        if let Some(up) = self.hub.network() {
            let coordinator = json!({
                "ieee_address": up.ieee.to_string(),
                "type": up.kind,
                "meta": up.meta,
            });
            let network = network(up.pan_id, up.extended_pan_id, up.channel);
            return (coordinator, network);
        }
        let ieee = self.coordinator().map(|ieee| ieee.to_string());
        let coordinator = json!({
            "ieee_address": ieee.unwrap_or_default(),
            "type": "Unknown",
            "meta": {},
        });
        let set = self.settings.network();
        let network = network(set.pan_id, set.extended_pan_id, set.channel);
        (coordinator, network)
    }

    pub(super) fn publish_devices(&mut self) {
        if self.has_audience() {
            let payload = json::render_list(self.device_entries());
            self.publish_bridge("devices", payload);
        }
    }

    /// What `bridge/devices` says: all devices, the coordinator first.
    pub fn device_list(&self) -> Json {
        Json::Array(self.device_entries().collect())
    }

    fn device_entries(&self) -> impl Iterator<Item = Json> {
        let (coordinator, others): (Vec<_>, Vec<_>) = self
            .hub
            .devices()
            .partition(|device| device.info.kind == DeviceKind::Coordinator);
        let all = coordinator.into_iter().chain(others);
        all.map(|device| self.device_entry(device))
    }

    /// What `bridge/devices` says of one device.
    pub(super) fn device_entry(&self, device: &hub::Device) -> Json {
        let entity = Entity::Device(device.info.ieee);
        let mut entry = describe::device(device, &self.name(entity), self.options_of(entity));
        self.tell_origin(device, &mut entry);
        entry
    }

    pub(super) fn publish_groups(&mut self) {
        if self.has_audience() {
            let payload = json::render(&self.group_list());
            self.publish_bridge("groups", payload);
        }
    }

    /// What `bridge/groups` says.
    pub fn group_list(&self) -> Json {
        let groups = self.hub.groups().map(|group| {
            let entity = Entity::Group(group.id);
            let members: Vec<Json> = group
                .members
                .iter()
                .map(|(ieee, endpoint)| {
                    json!({"ieee_address": ieee.to_string(), "endpoint": endpoint.0})
                })
                .collect();
            let mut entry = json!({
                "id": group.id.0,
                "friendly_name": &*self.name(entity),
                "scenes": self.group_scenes(group),
                "members": members,
            });
            let description = self
                .settings
                .entity(entity)
                .and_then(|entry| entry.description.clone());
            if let (Some(description), Some(map)) = (description, entry.as_object_mut()) {
                map.insert("description".to_owned(), description.into());
            }
            entry
        });
        Json::Array(groups.collect())
    }

    /// A group's scenes are kept by its members (§9).
    pub(super) fn group_scenes(&self, group: &hub::Group) -> Vec<Json> {
        let metas = group.members.iter().filter_map(|(ieee, endpoint)| {
            let device = self.hub.device(*ieee)?;
            Some(&device.info.endpoints.get(endpoint)?.meta)
        });
        describe::scenes(metas, group.id.0)
    }

    pub(super) fn publish_definitions(&mut self) {
        if self.has_audience() {
            let payload = json::render(&definitions(&self.hub));
            self.publish_bridge("definitions", payload);
        }
    }
}

/// The cluster library for the consoles of frontends.
fn definitions(hub: &Hub) -> Json {
    json!({
        "clusters": clusters::all(),
        "custom_clusters": clusters::custom(hub.devices()),
        "actions": super::requests::ACTIONS,
    })
}
