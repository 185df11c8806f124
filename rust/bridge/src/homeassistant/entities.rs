//! What a device or a group is in Home Assistant (§3.1, §6.11, §6.12).

use devices::{Expose, ExposeKind, JsonMap};
use serde_json::{Value as Json, json};

use super::exposes::{self, Place};
use super::finish::{Availability, Owner, finish};
use super::lookup::Lookup;
use super::{At, Config, Context, Draft, shows};
use crate::data::LastSeen;

/// A device, as far as discovery looks.
#[derive(Debug)]
pub(crate) struct Device<'a> {
    pub(crate) ieee: &'a str,
    pub(crate) name: &'a str,
    /// `B/N`.
    pub(crate) topic: &'a str,
    pub(crate) options: &'a JsonMap,
    pub(crate) vendor: &'a str,
    pub(crate) model: &'a str,
    pub(crate) description: &'a str,
    pub(crate) exposes: &'a [Expose],
    pub(crate) supports_ota: bool,
    pub(crate) software: Option<&'a str>,
    pub(crate) hardware: Option<u8>,
    /// Stored scenes: id and name.
    pub(crate) scenes: &'a [(u64, String)],
    /// `B/N/availability` is published.
    pub(crate) availability: bool,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) id: u16,
    pub(crate) name: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) options: &'a JsonMap,
    pub(crate) members: &'a [Member<'a>],
    pub(crate) scenes: &'a [(u64, String)],
    pub(crate) availability: bool,
}

/// A member of a group.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) exposes: &'a [Expose],
    /// The name of its endpoint.
    pub(crate) endpoint: Option<&'a str>,
    /// Its own messages.
    pub(crate) configs: &'a [Config],
}

/// `homeassistant` of the options; `Err` when the owner wants no discovery.
pub(crate) fn changes(options: &JsonMap) -> Result<Option<&JsonMap>, ()> {
    match options.get("homeassistant") {
        Some(Json::Object(changes)) => Ok(Some(changes)),
        Some(Json::Null | Json::Bool(false)) => Err(()),
        Some(_) | None => Ok(None),
    }
}

/// The name in Home Assistant.
fn shown_name(options: &JsonMap, name: &str) -> String {
    let wanted = options
        .get("homeassistant")
        .and_then(|changes| changes["name"].as_str());
    wanted.unwrap_or(name).to_owned()
}

/// The device block of a device.
pub(crate) fn device_block(device: &Device, context: &Context) -> Json {
    let mut block = json!({
        "identifiers": [format!("zigbee2mqtt_{}", device.ieee)],
        "name": shown_name(device.options, device.name),
        "manufacturer": device.vendor,
        "model": device.description,
        "model_id": device.model,
        "via_device": context.via(),
    });
    if let Some(map) = block.as_object_mut() {
        if let Some(version) = device.software {
            map.insert("sw_version".to_owned(), json!(version));
        }
        if let Some(version) = device.hardware {
            map.insert("hw_version".to_owned(), json!(version));
        }
        if let Some(page) = page(context, "device", &format!("{}/info", device.ieee)) {
            map.insert("configuration_url".to_owned(), json!(page));
        }
    }
    block
}

fn page(context: &Context, kind: &str, rest: &str) -> Option<String> {
    let (url, instance) = context.frontend.as_ref()?;
    let instance = if *instance { "0/" } else { "" };
    Some(format!("{url}/#/{kind}/{instance}{rest}"))
}

fn availability(options: &JsonMap, topic: &str, published: bool) -> Availability {
    if options.get("disabled") == Some(&Json::Bool(true)) {
        Availability::Disabled
    } else if published {
        Availability::BridgeAnd(format!("{topic}/availability"))
    } else {
        Availability::Bridge
    }
}

/// The messages of a device; none when its owner wants none.
pub(crate) fn device(device: &Device, context: &Context, lookup: &Lookup) -> Vec<Config> {
    let Ok(changes) = changes(device.options) else {
        return Vec::new();
    };
    let at = At {
        state: device.topic,
    };
    let place = Place {
        at,
        context,
        lookup,
        model: device.model,
        all: device.exposes,
    };
    let mut drafts: Vec<Draft> = device
        .exposes
        .iter()
        .flat_map(|expose| exposes::map(expose, place))
        .collect();
    drafts.extend(last_seen(at, context));
    if device.supports_ota {
        drafts.push(update(device, context));
    }
    drafts.extend(scenes(device.scenes, at));
    let owner = Owner {
        node: device.ieee.to_owned(),
        id: device.ieee.to_owned(),
        name: shown_name(device.options, device.name),
        device: device_block(device, context),
        availability: availability(device.options, device.topic, device.availability),
        changes,
    };
    finish_all(drafts, &owner, context)
}

fn finish_all(drafts: Vec<Draft>, owner: &Owner, context: &Context) -> Vec<Config> {
    drafts
        .into_iter()
        .filter_map(|draft| finish(draft, owner, context))
        .collect()
}

fn last_seen(at: At, context: &Context) -> Option<Draft> {
    if context.last_seen == LastSeen::Disable {
        return None;
    }
    let mut draft = Draft::new(
        "sensor",
        "last_seen",
        json!({
            "name": "Last seen",
            "icon": "mdi:clock",
            "enabled_by_default": false,
            "entity_category": "diagnostic",
            "state_topic": at.state,
            "value_template": shows("last_seen"),
        }),
    );
    if context.last_seen != LastSeen::Epoch {
        draft.put("device_class", "timestamp");
    }
    Some(draft.reads("last_seen"))
}

/// What firmware there is. The property is filled in by [`super::Discovery::fill`].
fn update(device: &Device, context: &Context) -> Draft {
    Draft::new(
        "update",
        "update",
        json!({
            "name": null,
            "device_class": "firmware",
            "entity_category": "config",
            "state_topic": device.topic,
            "command_topic": format!("{}/bridge/request/device/ota_update/update", context.base),
            "payload_install": format!("{{\"id\": \"{}\"}}", device.ieee),
            "value_template":
                "{\"latest_version\":\"{{ value_json['update']['latest_version'] }}\",\
                 \"installed_version\":\"{{ value_json['update']['installed_version'] }}\",\
                 \"update_percentage\":{{ value_json['update'].get('progress', 'null') }},\
                 \"in_progress\":{{ (value_json['update']['state'] == 'updating') | lower }}}",
        }),
    )
    .reads(UPDATE)
}

/// The property of an update.
pub(super) const UPDATE: &str = "update";

fn scenes(scenes: &[(u64, String)], at: At) -> impl Iterator<Item = Draft> {
    scenes.iter().map(move |(id, name)| {
        let mut draft = Draft::new(
            "scene",
            format!("scene_{id}"),
            json!({
                "name": name,
                "command_topic": at.set(None),
                "payload_on": format!("{{ \"scene_recall\": {id} }}"),
            }),
        );
        let name = name.to_lowercase().replace(' ', "_");
        draft.suffix = Some(format!("_{id}_{name}"));
        draft
    })
}

/// Kinds that a group takes over from its members.
const GROUPED: [ExposeKind; 4] = [
    ExposeKind::Light,
    ExposeKind::Switch,
    ExposeKind::Lock,
    ExposeKind::Cover,
];

/// The messages of a group; none without members.
pub(crate) fn group(group: &Group, context: &Context, lookup: &Lookup) -> Vec<Config> {
    let Ok(changes) = changes(group.options) else {
        return Vec::new();
    };
    if group.members.is_empty() {
        return Vec::new();
    }
    let at = At { state: group.topic };
    let effects: Vec<Expose> = group
        .members
        .iter()
        .flat_map(|member| member.exposes)
        .filter(|expose| expose.kind == ExposeKind::Enum)
        .cloned()
        .collect();
    let place = Place {
        at,
        context,
        lookup,
        model: "",
        all: &effects,
    };
    let mut drafts = Vec::new();
    for expose in merged(group.members) {
        for mut draft in exposes::map(&expose, place) {
            let ids: Vec<&str> = group
                .members
                .iter()
                .filter_map(|member| entity_of(member, draft.component))
                .collect();
            draft.put("group", ids);
            drafts.push(draft);
        }
    }
    drafts.extend(scenes(group.scenes, at));
    let node = format!("{}_{}", context.encoded_base(), group.id);
    let mut block = json!({
        "identifiers": [format!("zigbee2mqtt_{node}")],
        "name": shown_name(group.options, group.name),
        "manufacturer": "Zigbee2MQTT",
        "model": "Group",
        "sw_version": format!("Zigbee2MQTT {}", context.version),
        "via_device": context.via(),
    });
    if let (Some(page), Some(map)) = (
        page(context, "group", &group.id.to_string()),
        block.as_object_mut(),
    ) {
        map.insert("configuration_url".to_owned(), json!(page));
    }
    let owner = Owner {
        node,
        id: group.id.to_string(),
        name: shown_name(group.options, group.name),
        device: block,
        availability: availability(group.options, group.topic, group.availability),
        changes,
    };
    finish_all(drafts, &owner, context)
}

/// The unique id of a member's entity of a component: the one on its endpoint, else the only one.
fn entity_of<'a>(member: &'a Member, component: &str) -> Option<&'a str> {
    let mut configs = member
        .configs
        .iter()
        .filter(|config| config.specific && config.component == component);
    let on_endpoint = configs
        .clone()
        .find(|config| config.endpoint.as_deref() == member.endpoint);
    on_endpoint
        .or_else(|| configs.find(|config| config.endpoint.is_none()))
        .map(|config| config.unique_id.as_str())
}

/// One expose for each kind and first property of the members' exposes, without endpoints, with all
/// features of the members.
fn merged(members: &[Member]) -> Vec<Expose> {
    let mut all: Vec<Expose> = Vec::new();
    for expose in members.iter().flat_map(|member| member.exposes) {
        if !GROUPED.contains(&expose.kind) {
            continue;
        }
        let expose = without_endpoint(expose);
        let key = |expose: &Expose| {
            let first = expose
                .features
                .first()
                .and_then(|first| first.property.clone());
            // A light is a light, whatever its first feature is.
            (
                expose.kind,
                first.filter(|_| expose.kind != ExposeKind::Light),
            )
        };
        match all.iter_mut().find(|known| key(known) == key(&expose)) {
            Some(known) => {
                for feature in expose.features {
                    let mut had = known.features.iter_mut();
                    match had.find(|had| had.name == feature.name) {
                        Some(had) if feature.name.as_deref() == Some("color_temp") => {
                            narrow(had, &feature);
                        }
                        Some(_) => {}
                        None => known.features.push(feature),
                    }
                }
            }
            None => all.push(expose),
        }
    }
    all
}

fn without_endpoint(expose: &Expose) -> Expose {
    let mut expose = expose.clone();
    if let Some(endpoint) = expose.endpoint.take()
        && let Some(property) = &mut expose.property
        && let Some(stem) = property.strip_suffix(&format!("_{endpoint}"))
    {
        *property = stem.to_owned();
    }
    expose.features = expose.features.iter().map(without_endpoint).collect();
    expose
}

/// The range that both have.
fn narrow(had: &mut Expose, other: &Expose) {
    let number = |value: &Option<Json>| value.as_ref().and_then(Json::as_f64);
    if number(&other.value_min) > number(&had.value_min) {
        had.value_min.clone_from(&other.value_min);
    }
    if let (Some(theirs), Some(ours)) = (number(&other.value_max), number(&had.value_max))
        && theirs < ours
    {
        had.value_max.clone_from(&other.value_max);
    }
}
