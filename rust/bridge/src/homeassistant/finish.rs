//! What every discovery message has: identity, device, origin, availability, and the owner's changes
//! (§2, §3, §9).

use devices::JsonMap;
use serde_json::{Value as Json, json};

use super::{Config, Context, Draft};
use crate::json;

/// Whom a message belongs to.
#[derive(Debug)]
pub(super) struct Owner<'a> {
    /// The level of the topic.
    pub(super) node: String,
    /// What unique ids begin with.
    pub(super) id: String,
    /// The name that entity ids are made of.
    pub(super) name: String,
    /// The device block.
    pub(super) device: Json,
    pub(super) availability: Availability,
    /// `homeassistant` of the options.
    pub(super) changes: Option<&'a JsonMap>,
}

/// Which topics say whether an entity is there (§3.3).
#[derive(Debug, Clone)]
pub(super) enum Availability {
    /// The bridge's alone.
    Bridge,
    /// The bridge's and this topic.
    BridgeAnd(String),
    /// A disabled device is never there.
    Disabled,
    /// An entity of the bridge itself.
    Own,
}

/// Who makes these messages.
pub(super) fn origin() -> Json {
    json!({"name": "ferrobee", "sw": env!("CARGO_PKG_VERSION")})
}

/// Keys of the owner's changes that do not name a field of the message.
const NOT_FIELDS: [&str; 2] = ["type", "object_id"];

/// The message of an entity; `None` when its owner doesn't want it.
pub(super) fn finish(draft: Draft, owner: &Owner, context: &Context) -> Option<Config> {
    let Draft {
        component,
        mut object_id,
        mut payload,
        endpoint,
        specific,
        reads,
        suffix,
    } = draft;
    let mut component = component.to_owned();
    if let Some(changes) = owner.changes {
        if changes.get(&object_id).is_some_and(Json::is_null) {
            return None;
        }
        if let Some(change) = changes.get(&object_id) {
            if let Some(kind) = change["type"].as_str() {
                kind.clone_into(&mut component);
            }
            if let Some(id) = change["object_id"].as_str() {
                id.clone_into(&mut object_id);
            }
        }
    }
    let unique_id = format!("{}_{object_id}_{}", owner.id, context.base);
    let suffix = suffix.unwrap_or_else(|| suffix_of(&object_id, &component));
    let suggested = format!("{}{suffix}", underscored(&owner.name).to_lowercase());
    let mut put = |key: &str, value: Json| {
        payload.insert(key.to_owned(), value);
    };
    put("unique_id", json!(unique_id));
    put("object_id", json!(suggested));
    put(
        "default_entity_id",
        json!(format!("{component}.{suggested}")),
    );
    put("device", owner.device.clone());
    put("origin", origin());
    availability(&mut payload, owner, context, &object_id);
    if let Some(changes) = owner.changes {
        apply(&mut payload, changes, true);
        if let Some(Json::Object(changes)) = changes.get(&object_id) {
            apply(&mut payload, changes, false);
        }
    }
    let topic = format!(
        "{}/{component}/{}/{object_id}/config",
        context.discovery, owner.node
    );
    Some(Config {
        topic: topic.into(),
        payload: json::render_object(&payload),
        component,
        unique_id,
        endpoint,
        specific,
        reads,
    })
}

fn availability(payload: &mut JsonMap, owner: &Owner, context: &Context, object_id: &str) {
    let bridge = format!("{}/bridge/state", context.base);
    let state = "{{ value_json.state }}";
    let (list, all) = match &owner.availability {
        Availability::Own if object_id == "connection_state" => return,
        Availability::Own => (json!([{"topic": bridge, "value_template": state}]), true),
        Availability::Bridge => (json!([{"topic": bridge, "value_template": state}]), false),
        Availability::BridgeAnd(topic) => (
            json!([
                {"topic": bridge, "value_template": state},
                {"topic": topic, "value_template": state},
            ]),
            true,
        ),
        Availability::Disabled => (
            json!([{"topic": bridge, "value_template": "{{ 'offline' }}"}]),
            false,
        ),
    };
    payload.insert("availability".to_owned(), list);
    if all {
        payload.insert("availability_mode".to_owned(), json!("all"));
    }
}

/// The owner's changes: values replace, null removes, `device` is merged (§9).
fn apply(payload: &mut JsonMap, changes: &JsonMap, of_all: bool) {
    for (key, value) in changes {
        if NOT_FIELDS.contains(&key.as_str()) || (of_all && key == "name") {
            continue;
        }
        match value {
            Json::Null => {
                payload.remove(key);
            }
            Json::Object(more) => {
                if key == "device"
                    && let Some(Json::Object(device)) = payload.get_mut("device")
                {
                    device.extend(more.clone());
                }
            }
            value => {
                payload.insert(key.clone(), value.clone());
            }
        }
    }
}

/// What follows the name of the device in an entity id (§2).
fn suffix_of(object_id: &str, component: &str) -> String {
    match object_id.strip_prefix(component) {
        Some("") => String::new(),
        Some(_) => match object_id.split_once('_') {
            Some((_, rest)) => format!("_{rest}"),
            None => String::new(),
        },
        None => format!("_{object_id}"),
    }
}

/// Each run of white space as one underscore.
fn underscored(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut blank = false;
    for letter in name.chars() {
        if letter.is_whitespace() {
            if !blank {
                text.push('_');
            }
        } else {
            text.push(letter);
        }
        blank = letter.is_whitespace();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_ids_follow_the_textual_rule() {
        for (object_id, component, suffix) in [
            ("switch_l1", "switch", "_l1"),
            ("switch", "switch", ""),
            (
                "switch_power_outage_memory",
                "switch",
                "_power_outage_memory",
            ),
            ("switch_type", "select", "_switch_type"),
            ("sensor_type", "sensor", "_type"),
            ("power", "sensor", "_power"),
        ] {
            assert_eq!(suffix_of(object_id, component), suffix);
        }
        assert_eq!(underscored("Living  room/bulb 1"), "Living_room/bulb_1");
    }
}
