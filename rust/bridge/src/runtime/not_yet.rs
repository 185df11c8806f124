//! Settings that are understood but have no effect yet: silence would be worse.

use crate::data::Settings;

/// A line for the log for each feature that the owner configured in vain.
pub(super) fn not_yet(settings: &Settings) -> Vec<String> {
    let advanced = settings.advanced();
    let table: &[(bool, &str)] = &[
        (
            settings.mqtt().version == 3,
            "mqtt.version: MQTT 3.1.1 is spoken; 3.1 is not supported",
        ),
        (
            advanced.adapter_delay.is_some(),
            "advanced.adapter_delay has no effect on Z-Stack sticks",
        ),
        (
            regex::Regex::new(&advanced.log_debug_namespace_ignore).is_err(),
            "advanced.log_debug_namespace_ignore is not a pattern that is understood; it has no effect",
        ),
    ];
    table
        .iter()
        .filter(|(configured, _)| *configured)
        .map(|(_, line)| (*line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn lines(mut document: Json) -> Vec<String> {
        document["version"] = json!(5);
        if document.get("mqtt").is_none() {
            document["mqtt"] = json!({"server": "mqtt://h"});
        }
        let document = document.as_object().unwrap().clone();
        not_yet(&Settings::new(document).unwrap())
    }

    #[test]
    fn what_is_configured_in_vain_is_told_once_each() {
        for (document, begin) in [
            (
                json!({"mqtt": {"server": "mqtt://h", "version": 3}}),
                "mqtt.version",
            ),
            (
                json!({"advanced": {"adapter_delay": 5}}),
                "advanced.adapter_delay",
            ),
            (
                json!({"advanced": {"log_debug_namespace_ignore": "(?!x)"}}),
                "advanced.log_debug",
            ),
        ] {
            let lines = lines(document);
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].starts_with(begin), "{lines:?}");
        }
    }

    #[test]
    fn what_is_off_or_empty_is_not_told() {
        let document = json!({
            "advanced": {"log_output": ["syslog"], "log_syslog": {"host": "h"}},
        });
        assert_eq!(lines(document), Vec::<String>::new());
    }
}
