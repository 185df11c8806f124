//! Checks of a whole document: the rules of the table and those between settings.

use std::collections::BTreeMap;

use devices::JsonMap;
use serde_json::Value as Json;

use super::json;
use super::names::check_name;
use super::schema::{self, Violation};
use super::settings::{address, group_id, section};
use crate::mqtt::{self, SERVER_FIX, Server};

/// Everything that is wrong with a document in the current format.
pub(crate) fn check(document: &JsonMap) -> Vec<Violation> {
    let mut violations = schema::validate(document);
    check_topics(document, &mut violations);
    check_broker(document, &mut violations);
    check_entities(document, &mut violations);
    violations
}

fn text<'a>(document: &'a JsonMap, path: &[&str]) -> Option<&'a str> {
    json::get(document, path).and_then(Json::as_str)
}

fn check_broker(document: &JsonMap, into: &mut Vec<Violation>) {
    if let Some(server) = text(document, &["mqtt", "server"])
        && let Err(error) = Server::parse(server)
    {
        into.push(violation(
            &["mqtt", "server"],
            error.to_string(),
            SERVER_FIX,
        ));
    }
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if text(document, &["mqtt", one]).is_some() && text(document, &["mqtt", other]).is_none() {
            into.push(violation(
                &["mqtt", one],
                format!("needs mqtt.{other} too"),
                format!("Add mqtt.{other}, or remove mqtt.{one}"),
            ));
        }
    }
}

/// What is wrong with the files that a valid document names. Looks at the disk.
pub(crate) fn check_files(document: &JsonMap) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mqtt_text = |key| text(document, &["mqtt", key]);
    // Without TLS nothing of it is used.
    if !mqtt_text("server").is_some_and(|server| Server::parse(server).is_ok_and(|s| s.is_secure)) {
        return violations;
    }
    let mut check = |key: &str, result: Result<(), String>, fix: &str| {
        let is_right = result.is_ok();
        if let Err(rule) = result {
            violations.push(violation(&["mqtt", key], rule, fix));
        }
        is_right
    };
    if let Some(ca) = mqtt_text("ca") {
        let fix = "Name the file of the authority that signed the broker's certificate";
        check("ca", mqtt::check_certificates(ca), fix);
    }
    if let (Some(cert), Some(key)) = (mqtt_text("cert"), mqtt_text("key")) {
        let cert_fix = "Name the file of our own certificate";
        let key_fix = "Name the file of the key of mqtt.cert";
        if check("cert", mqtt::check_certificates(cert), cert_fix)
            & check("key", mqtt::check_key(key), key_fix)
        {
            check("key", mqtt::check_identity(cert, key), key_fix);
        }
    }
    violations
}

fn violation(path: &[&str], rule: impl Into<String>, fix: impl Into<String>) -> Violation {
    Violation {
        path: path.iter().map(|key| (*key).to_owned()).collect(),
        rule: rule.into(),
        fix: fix.into(),
        secret: false,
    }
}

fn check_topics(document: &JsonMap, into: &mut Vec<Violation>) {
    let base = text(document, &["mqtt", "base_topic"]).unwrap_or("zigbee2mqtt");
    if base.contains(['+', '#']) {
        into.push(violation(
            &["mqtt", "base_topic"],
            "must not contain the wildcards + and #",
            "Choose a topic without them, for example zigbee2mqtt",
        ));
    }
    if text(document, &["homeassistant", "discovery_topic"]).unwrap_or("homeassistant") == base {
        into.push(violation(
            &["homeassistant", "discovery_topic"],
            "must differ from mqtt.base_topic",
            "Choose two different topics, for example homeassistant and zigbee2mqtt",
        ));
    }
}

fn check_entities(document: &JsonMap, into: &mut Vec<Violation>) {
    let mqtt5 = json::get(document, &["mqtt", "version"]).and_then(json::whole) == Some(5);
    if json::get(document, &["device_options", "retention"]).is_some() && !mqtt5 {
        into.push(retention(&["device_options", "retention"]));
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for kind in ["devices", "groups"] {
        for (key, own) in section(document, kind) {
            if let Some(name) = own.get("friendly_name").and_then(Json::as_str) {
                let path = [kind, key, "friendly_name"];
                if let Err(error) = check_name(name) {
                    into.push(violation(
                        &path,
                        format!("is not a possible name: {error}"),
                        "Choose another name",
                    ));
                } else if let Some(other) = names.insert(name, format!("{kind}.{key}")) {
                    into.push(violation(
                        &path,
                        format!("Duplicate friendly_name '{name}' found, {other} has it too"),
                        "Give one of them another name",
                    ));
                }
            }
            if let Some(icon) = own.get("icon").and_then(Json::as_str)
                && !["http://", "https://", "device_icons/"]
                    .iter()
                    .any(|prefix| icon.starts_with(prefix))
            {
                into.push(violation(
                    &[kind, key, "icon"],
                    "must be an address or a file in device_icons/",
                    "Put the image into device_icons/ and write device_icons/NAME.png",
                ));
            }
            if own.contains_key("retention") && !mqtt5 {
                into.push(retention(&[kind, key, "retention"]));
            }
        }
    }
}

fn retention(path: &[&str]) -> Violation {
    violation(
        path,
        "MQTT retention requires protocol version 5",
        "Set mqtt.version to 5 or remove retention",
    )
}

/// Keys of `devices` and `groups` that can't belong to anything: `(section, key)`.
pub(crate) fn inert_keys(document: &JsonMap) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    for (key, _) in section(document, "devices") {
        if address(key).is_none() {
            list.push(("devices", key.to_owned()));
        }
    }
    for (key, _) in section(document, "groups") {
        if group_id(key).is_none() {
            list.push(("groups", key.to_owned()));
        }
    }
    list
}

/// True if a setting that takes effect with a restart differs. A default that is written out does not.
pub(crate) fn needs_restart(old: &JsonMap, new: &JsonMap) -> bool {
    let effective = |document| {
        let mut map = schema::defaults();
        json::overlay(&mut map, document);
        map
    };
    let (old, new) = (&effective(old), &effective(new));
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    keys.into_iter()
        .any(|key| differs(&mut vec![key.clone()], old.get(&key), new.get(&key)))
}

/// True if such a setting differs at or below a path.
fn differs(path: &mut Vec<String>, old: Option<&Json>, new: Option<&Json>) -> bool {
    if old == new {
        return false;
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    if schema::requires_restart(&keys) {
        return true;
    }
    let old = old.and_then(Json::as_object);
    let new = new.and_then(Json::as_object);
    let keys = old
        .into_iter()
        .chain(new)
        .flat_map(|map| map.keys().cloned())
        .collect::<std::collections::BTreeSet<_>>();
    keys.into_iter().any(|key| {
        let (old, new) = (
            old.and_then(|map| map.get(&key)),
            new.and_then(|map| map.get(&key)),
        );
        path.push(key);
        let found = differs(path, old, new);
        path.pop();
        found
    })
}
