//! Old formats of `configuration.yaml` (shared/facts/config.md §10).

use devices::JsonMap;
use serde_json::Value as Json;

use super::icon::Icon;
use super::json;

/// The format that is written.
pub(crate) const CURRENT: i64 = 5;

/// One step from a format to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// From this format.
    pub(crate) from: i64,
    /// What was done, for people.
    pub(crate) notes: Vec<String>,
    /// Images that the step makes of values.
    pub(crate) icons: Vec<Icon>,
}

/// Brings a document to the current format. `Err` names a format that is not known.
pub(crate) fn migrate(document: &mut JsonMap) -> Result<Vec<Step>, Json> {
    let mut version = match document.get("version") {
        None | Some(Json::Null) => 1,
        Some(value) => match json::whole(value) {
            Some(version @ 1..=CURRENT) => version,
            _ => return Err(value.clone()),
        },
    };
    let mut steps = Vec::new();
    while version < CURRENT {
        let mut step = Step {
            from: version,
            notes: Vec::new(),
            icons: Vec::new(),
        };
        match version {
            1 => to_2(document, &mut step.notes),
            2 => to_3(document, &mut step.notes),
            3 => to_4(document, &mut step),
            // 4 to 5 concerns `state.json` alone.
            _ => step
                .notes
                .push("Removed 'update' from the states in state.json.".to_owned()),
        }
        version += 1;
        document.insert("version".to_owned(), version.into());
        steps.push(step);
    }
    Ok(steps)
}

fn to_2(document: &mut JsonMap, notes: &mut Vec<String>) {
    for (from, to) in [
        (
            ["advanced", "homeassistant_discovery_topic"],
            ["homeassistant", "discovery_topic"],
        ),
        (
            ["advanced", "homeassistant_status_topic"],
            ["homeassistant", "status_topic"],
        ),
        (["advanced", "baudrate"], ["serial", "baudrate"]),
        (["advanced", "rtscts"], ["serial", "rtscts"]),
        (
            ["experimental", "transmit_power"],
            ["advanced", "transmit_power"],
        ),
        (["experimental", "output"], ["advanced", "output"]),
    ] {
        let Some(value) = json::take(document, &from) else {
            continue;
        };
        if json::get(document, &to).is_some() {
            notes.push(format!(
                "Removed '{}': '{}' is there already.",
                from.join("."),
                to.join(".")
            ));
            continue;
        }
        // `homeassistant: true` is a boolean until format 3.
        if let Some(Json::Bool(enabled)) = document.get(to[0]) {
            let section = JsonMap::from_iter([("enabled".to_owned(), Json::Bool(*enabled))]);
            document.insert(to[0].to_owned(), Json::Object(section));
        } else if to[0] == "homeassistant" && document.get(to[0]).is_none() {
            // An object means "enabled" until format 3; nothing meant "disabled".
            json::set(document, &["homeassistant", "enabled"], false.into());
        }
        json::set(document, &to, value);
        notes.push(format!("Moved '{}' to '{}'.", from.join("."), to.join(".")));
    }
    join_lists(document, notes);
    if json::get(document, &["advanced", "log_level"]) == Some(&Json::from("warn")) {
        json::set(document, &["advanced", "log_level"], "warning".into());
        notes.push("Changed 'advanced.log_level' from 'warn' to 'warning'.".to_owned());
    }
    remove_useless(document, notes);
}

/// Lists that had other names.
fn join_lists(document: &mut JsonMap, notes: &mut Vec<String>) {
    for (from, to) in [("ban", "blocklist"), ("whitelist", "passlist")] {
        let Some(old) = document.remove(from) else {
            continue;
        };
        let mut list = Vec::new();
        for part in [Some(old), document.remove(to)].into_iter().flatten() {
            if let Json::Array(part) = part {
                for item in part {
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
            }
        }
        document.insert(to.to_owned(), Json::Array(list));
        notes.push(format!("Moved '{from}' to '{to}'."));
    }
}

/// Settings of 1.x that have no use any more.
fn remove_useless(document: &mut JsonMap, notes: &mut Vec<String>) {
    for path in [
        &["homeassistant", "legacy_triggers"][..],
        &["homeassistant", "legacy_entity_attributes"],
        &["advanced", "homeassistant_legacy_triggers"],
        &["advanced", "homeassistant_legacy_entity_attributes"],
        &["permit_join"],
        &["ota", "ikea_ota_use_test_url"],
        &["advanced", "ikea_ota_use_test_url"],
        &["advanced", "legacy_api"],
        &["advanced", "legacy_availability_payload"],
        &["advanced", "soft_reset_timeout"],
        &["advanced", "report"],
        &["advanced", "availability_timeout"],
        &["advanced", "availability_blocklist"],
        &["advanced", "availability_passlist"],
        &["advanced", "availability_blacklist"],
        &["advanced", "availability_whitelist"],
        &["device_options", "legacy"],
        &["experimental"],
        &["external_converters"],
    ] {
        if json::take(document, path).is_some() {
            notes.push(format!(
                "Removed '{}': it has no use any more.",
                path.join(".")
            ));
        }
    }
    for (section, keys) in [
        ("devices", &["retrieve_state"][..]),
        ("groups", &["retrieve_state", "devices"]),
    ] {
        let Some(Json::Object(entries)) = document.get_mut(section) else {
            continue;
        };
        for (id, entry) in entries.iter_mut() {
            for key in keys {
                let removed = entry.as_object_mut().and_then(|entry| entry.remove(*key));
                if removed.is_some() {
                    notes.push(format!(
                        "Removed '{section}.{id}.{key}': it has no use any more."
                    ));
                }
            }
        }
    }
}

fn to_3(document: &mut JsonMap, notes: &mut Vec<String>) {
    for key in ["homeassistant", "frontend", "availability"] {
        match document.get_mut(key) {
            Some(Json::Bool(enabled)) => {
                let section = JsonMap::from_iter([("enabled".to_owned(), Json::Bool(*enabled))]);
                document.insert(key.to_owned(), Json::Object(section));
            }
            Some(Json::Object(section)) if !section.contains_key("enabled") => {
                section.insert("enabled".to_owned(), true.into());
            }
            // `frontend:` with nothing below it.
            Some(Json::Null) => {
                document.remove(key);
            }
            _ => continue,
        }
        notes.push(format!("'{key}' is a block with 'enabled' in it."));
    }
}

fn to_4(document: &mut JsonMap, step: &mut Step) {
    let Some(Json::Object(devices)) = document.get_mut("devices") else {
        return;
    };
    for (id, device) in devices.iter_mut() {
        let text = device.get("icon").and_then(Json::as_str);
        // What is no image is for the check to tell.
        let Some(Ok(Some(icon))) = text.map(Icon::from_data_url) else {
            continue;
        };
        let path = icon.path();
        if let Some(device) = device.as_object_mut() {
            device.insert("icon".to_owned(), path.into());
        }
        step.notes
            .push(format!("Moved the image of 'devices.{id}.icon' to {path}."));
        step.icons.push(icon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn migrated(document: Json) -> Json {
        let Json::Object(mut map) = document else {
            return Json::Null;
        };
        let steps = migrate(&mut map);
        assert!(steps.is_ok());
        Json::Object(map)
    }

    #[test]
    fn each_format_leads_to_the_current_one() {
        for version in 1..=5 {
            let mut map = JsonMap::from_iter([("version".to_owned(), version.into())]);
            assert_eq!(migrate(&mut map).unwrap().len(), 5 - version);
            assert_eq!(map["version"], json!(5));
        }
        for version in [json!(0), json!(6), json!("2"), json!(1.5)] {
            let mut map = JsonMap::from_iter([("version".to_owned(), version.clone())]);
            assert_eq!(migrate(&mut map), Err(version));
        }
    }

    #[test]
    fn switches_become_blocks() {
        assert_eq!(
            migrated(
                json!({"version": 2, "homeassistant": true, "frontend": {"port": 1}, "availability": false})
            ),
            json!({"version": 5, "homeassistant": {"enabled": true}, "frontend": {"enabled": true, "port": 1}, "availability": {"enabled": false}})
        );
        assert_eq!(
            migrated(json!({"version": 2, "frontend": null})),
            json!({"version": 5})
        );
    }

    #[test]
    fn a_topic_alone_does_not_switch_home_assistant_on() {
        assert_eq!(
            migrated(json!({"advanced": {"homeassistant_status_topic": "ha"}})),
            json!({"version": 5, "advanced": {}, "homeassistant": {"enabled": false, "status_topic": "ha"}})
        );
    }

    #[test]
    fn lists_under_old_names_are_joined() {
        assert_eq!(
            migrated(json!({"ban": ["a", "b"], "blocklist": ["b", "c"], "whitelist": ["d"]})),
            json!({"version": 5, "blocklist": ["a", "b", "c"], "passlist": ["d"]})
        );
    }

    #[test]
    fn what_is_not_of_the_expected_kind_is_left_to_the_check() {
        for document in [
            json!({"advanced": 5, "experimental": [], "devices": 1, "groups": {"1": null}}),
            json!({"version": 3, "devices": {"x": "y", "../a": {"icon": "data:image/../x;base64,AAAA"}}}),
            json!({"version": 3, "devices": {"x": {"icon": "data:image/png;base64,*"}}}),
        ] {
            let _ = migrated(document);
        }
    }
}
