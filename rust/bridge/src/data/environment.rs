//! Settings from the environment: `ZIGBEE2MQTT_CONFIG_MQTT_SERVER` and so on (shared/facts/config.md
//! §6). They are written into `configuration.yaml`.

use std::collections::BTreeMap;

use devices::JsonMap;
use serde_json::Value as Json;

use super::error::Warning;
use super::json;
use super::schema::{self, Kind};
use super::typed::LogLevel;

const PREFIX: &str = "ZIGBEE2MQTT_CONFIG_";

/// A setting from the environment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Override {
    /// The variable.
    pub(crate) name: String,
    /// The setting.
    pub(crate) path: Vec<&'static str>,
    /// Its value.
    pub(crate) value: Json,
}

impl Override {
    /// True for a file name in place of devices or groups, and for a reference to a secret: these are
    /// resolved like the text of the file.
    pub(crate) fn is_reference(&self) -> bool {
        self.value.as_str().is_some_and(|text| {
            text.starts_with('!') || matches!(self.path.as_slice(), ["devices" | "groups"])
        })
    }

    pub(crate) fn set(&self, document: &mut JsonMap) {
        json::set(document, &self.path, self.value.clone());
    }
}

/// The settings in an environment, and warnings for variables that name none. An empty value is none.
pub(crate) fn overrides(environment: &BTreeMap<String, String>) -> (Vec<Override>, Vec<Warning>) {
    let mut left: BTreeMap<&str, &str> = environment
        .iter()
        .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut found = Vec::new();
    for (path, kind) in schema::settings() {
        let name = format!("{PREFIX}{}", path.join("_").to_ascii_uppercase());
        if let Some(text) = left.remove(name.as_str()) {
            let value = convert(text, kind);
            found.push(Override { name, path, value });
        }
    }
    let warnings = left
        .keys()
        .map(|name| {
            Warning::new(
                "environment",
                format!("{name} does not name a setting and is ignored"),
            )
        })
        .collect();
    (found, warnings)
}

/// The level of the log where the configuration has none (`DEBUG`).
pub(crate) fn log_level(environment: &BTreeMap<String, String>) -> LogLevel {
    match environment.get("DEBUG") {
        Some(text) if !text.is_empty() => LogLevel::Debug,
        _ => LogLevel::Info,
    }
}

fn convert(text: &str, kind: Kind) -> Json {
    let as_text = || Json::String(text.to_owned());
    match kind {
        Kind::Structure => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
        // A text that is no number is found by the check of the settings.
        Kind::Number => match super::yaml::resolve(text.trim()) {
            number @ Json::Number(_) => number,
            _ => as_text(),
        },
        Kind::Boolean => Json::Bool(text.eq_ignore_ascii_case("true")),
        Kind::Text => as_text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_converted_as_the_table_says() {
        for (text, kind, value) in [
            ("[1,2]", Kind::Structure, json!([1, 2])),
            ("devices.yaml", Kind::Structure, json!("devices.yaml")),
            ("15", Kind::Number, json!(15)),
            ("0x1A62", Kind::Number, json!(0x1a62)),
            ("many", Kind::Number, json!("many")),
            ("TRUE", Kind::Boolean, json!(true)),
            ("1", Kind::Boolean, json!(false)),
            ("true", Kind::Text, json!("true")),
        ] {
            assert_eq!(convert(text, kind), value, "{text}");
        }
    }

    #[test]
    fn every_setting_has_one_name() {
        let mut names = std::collections::BTreeSet::new();
        for (path, _) in schema::settings() {
            assert!(names.insert(path.join("_")), "{path:?}");
        }
        assert!(names.contains("advanced_log_syslog_type"));
    }
}
