//! The log, and `bridge/logging` (§11.7).

use hub::{LogLevel, LogLine};
use serde_json::json;

use super::config::level_name;
use super::{Core, CoreOutput, LogEntry, Publish, Qos};
use crate::json;

impl Core {
    /// True when a line of this level and namespace goes anywhere.
    pub(super) fn wants(&self, level: LogLevel, namespace: &str) -> bool {
        self.view.wants(level, namespace)
    }

    /// Writes a line to the log.
    pub(super) fn log(&mut self, level: LogLevel, namespace: &str, text: String) {
        if !self.wants(level, namespace) {
            return;
        }
        let message = format!("{namespace}: {text}");
        let publication = namespace == "z2m:mqtt" && level >= LogLevel::Info;
        self.out.push(CoreOutput::Log(LogEntry {
            level,
            namespace: namespace.to_owned(),
            text,
        }));
        self.log_to_mqtt(level, message, publication);
    }

    fn log_to_mqtt(&mut self, level: LogLevel, message: String, publication: bool) {
        if !self.has_audience() || (level == LogLevel::Debug && !self.view.debug_to_mqtt) {
            return;
        }
        let repeated = self
            .last_logged
            .as_ref()
            .is_some_and(|(last_level, last)| *last_level == level && *last == message);
        // In our own process each error is told: somebody may wait for what becomes of his command.
        if repeated && (!self.has_locals() || level > LogLevel::Error) {
            return;
        }
        let payload = json::render(&json!({"level": level_name(level), "message": message}));
        let topic = self.bridge_topic("logging");
        if !publication {
            self.tell_locals(&topic, &payload);
        }
        if repeated {
            return;
        }
        self.last_logged = Some((level, message));
        self.mirror_to_web(&topic, &payload, false);
        // A line that the broker misses is not worth one more.
        if self.greeted {
            self.send_quietly(Publish::new(topic, payload, Qos::AtMostOnce, false));
        }
    }

    pub(super) fn error(&mut self, text: String) {
        self.log(LogLevel::Error, "z2m", text);
    }

    /// A line of the hub: the bridge knows the names.
    pub(super) fn hub_log(&mut self, line: LogLine) {
        let namespace = match line.text.split_once(": ") {
            Some((prefix, _)) if prefix.starts_with("zhc:") || prefix.starts_with("zh:") => {
                prefix.to_owned()
            }
            _ => "z2m".to_owned(),
        };
        if !self.wants(line.level, &namespace) {
            return;
        }
        let mut text = match line.text.strip_prefix(&format!("{namespace}: ")) {
            Some(text) => text.to_owned(),
            None => line.text,
        };
        if let Some(entity) = line.device {
            text = text.replace("{name}", &self.name(entity));
        }
        self.log(line.level, &namespace, text);
    }
}
