//! The settings that shape what is published, taken from the configuration once per change.

use std::collections::BTreeMap;

use hub::LogLevel;
use regex::Regex;

use crate::data::{self, Output, Settings};

/// Settings that the core looks at while it runs.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the configuration's own"
)]
pub(crate) struct View {
    pub(crate) base: String,
    pub(crate) output: Output,
    pub(crate) force_disable_retain: bool,
    pub(crate) external_code: bool,
    pub(crate) send_cached_on_startup: bool,
    pub(crate) persist_states: bool,
    pub(crate) log_level: LogLevel,
    pub(crate) log_namespaced: BTreeMap<String, LogLevel>,
    pub(crate) debug_to_mqtt: bool,
    /// Namespaces whose debug lines nobody wants.
    ignored_debug: Option<Regex>,
    pub(crate) hub: hub::Settings,
}

impl View {
    pub(crate) fn new(settings: &Settings, utc_offset_minutes: i32) -> Self {
        let advanced = settings.advanced();
        let mqtt = settings.mqtt();
        Self {
            base: mqtt.base_topic.clone(),
            output: advanced.output,
            force_disable_retain: mqtt.force_disable_retain,
            external_code: advanced.enable_external_js,
            send_cached_on_startup: advanced.cache_state && advanced.cache_state_send_on_startup,
            persist_states: advanced.cache_state && advanced.cache_state_persistent,
            log_level: level(advanced.log_level),
            log_namespaced: advanced
                .log_namespaced_levels
                .iter()
                .map(|(namespace, value)| (namespace.clone(), level(*value)))
                .collect(),
            debug_to_mqtt: advanced.log_debug_to_mqtt_frontend,
            // One that is none is told at start.
            ignored_debug: Some(advanced.log_debug_namespace_ignore.as_str())
                .filter(|text| !text.is_empty())
                .and_then(|text| Regex::new(text).ok()),
            hub: hub::Settings {
                utc_offset_minutes,
                ..settings.hub()
            },
        }
    }

    /// True when a line of this level and namespace goes anywhere.
    pub(crate) fn wants(&self, level: LogLevel, namespace: &str) -> bool {
        let ignored = || {
            let pattern = self.ignored_debug.as_ref();
            pattern.is_some_and(|pattern| pattern.is_match(namespace))
        };
        level <= self.level_of(namespace) && !(level == LogLevel::Debug && ignored())
    }

    /// The level down to which lines of a namespace are wanted: the longest entry that is the
    /// namespace or ends at one of its `:`.
    fn level_of(&self, namespace: &str) -> LogLevel {
        if self.log_namespaced.is_empty() {
            return self.log_level;
        }
        let mut prefix = namespace;
        loop {
            if let Some(level) = self.log_namespaced.get(prefix) {
                return *level;
            }
            match prefix.rsplit_once(':') {
                Some((shorter, _)) => prefix = shorter,
                None => return self.log_level,
            }
        }
    }
}

fn level(level: data::LogLevel) -> LogLevel {
    match level {
        data::LogLevel::Error => LogLevel::Error,
        data::LogLevel::Warning => LogLevel::Warning,
        data::LogLevel::Info => LogLevel::Info,
        data::LogLevel::Debug => LogLevel::Debug,
    }
}

/// The name of a level in the configuration and on `bridge/logging`.
pub(crate) fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_longest_namespace_decides_the_level() {
        let document = json!({"mqtt": {"server": "mqtt://localhost"}, "advanced": {
            "log_level": "warning",
            "log_namespaced_levels": {"z2m": "info", "z2m:mqtt": "error"},
        }});
        let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
        let view = View::new(&settings, 0);
        assert_eq!(view.level_of("z2m"), LogLevel::Info);
        assert_eq!(view.level_of("z2m:mqtt"), LogLevel::Error);
        assert_eq!(view.level_of("z2m:mqtt:x"), LogLevel::Error);
        assert_eq!(view.level_of("z2mx"), LogLevel::Warning);
        assert_eq!(view.level_of("zh"), LogLevel::Warning);
    }

    #[test]
    fn debug_lines_of_ignored_namespaces_are_not_wanted() {
        let document = json!({"mqtt": {"server": "mqtt://localhost"}, "advanced": {
            "log_level": "debug", "log_debug_namespace_ignore": "^zh:(znp|controller)$",
        }});
        let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
        let view = View::new(&settings, 0);
        assert!(!view.wants(LogLevel::Debug, "zh:znp"));
        assert!(view.wants(LogLevel::Info, "zh:znp"));
        assert!(view.wants(LogLevel::Debug, "zh:znp:frame"));
    }
}
