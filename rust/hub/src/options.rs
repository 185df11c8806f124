//! The options of a device or group that shape what is published, compiled once
//! (shared/facts/mqtt-api.md §5.3).

use std::sync::Arc;
use std::time::Duration;

use devices::JsonMap;
use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value as Json;

use crate::availability::Wish;

/// The greatest compiled size of one pattern, bytes. A pattern that needs more is refused.
const PATTERN_LIMIT: usize = 256 * 1024;

/// Effective options, read once instead of at every message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// As they came.
    pub(crate) raw: Arc<JsonMap>,
    /// `optimistic: false` is set.
    pub(crate) pessimistic: bool,
    pub(crate) filtered_attributes: Filter,
    pub(crate) filtered_cache: Filter,
    pub(crate) filtered_optimistic: Filter,
    pub(crate) debounce: Option<Duration>,
    pub(crate) debounce_ignore: Vec<String>,
    pub(crate) throttle: Option<Duration>,
    pub(crate) disabled: bool,
    pub(crate) availability: Wish,
    /// Groups: `off_state: last_member_state`.
    pub(crate) off_with_last_member: bool,
}

impl Options {
    /// Compiles options; the second value names the patterns that could not be used.
    pub(crate) fn compile(raw: Arc<JsonMap>) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        let options = Self {
            pessimistic: raw.get("optimistic") == Some(&Json::Bool(false)),
            filtered_attributes: Filter::compile(raw.get("filtered_attributes"), &mut refused),
            filtered_cache: Filter::compile(raw.get("filtered_cache"), &mut refused),
            filtered_optimistic: Filter::compile(raw.get("filtered_optimistic"), &mut refused),
            debounce: seconds(raw.get("debounce")),
            debounce_ignore: strings(raw.get("debounce_ignore")),
            throttle: seconds(raw.get("throttle")),
            availability: Wish::new(raw.get("availability")),
            disabled: raw.get("disabled") == Some(&Json::Bool(true)),
            off_with_last_member: raw.get("off_state").and_then(Json::as_str)
                == Some("last_member_state"),
            raw,
        };
        (options, refused)
    }
}

fn seconds(value: Option<&Json>) -> Option<Duration> {
    let seconds = value?.as_f64()?;
    if seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).ok()
    } else {
        None
    }
}

fn strings(value: Option<&Json>) -> Vec<String> {
    value
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// Patterns for property names, each anchored at both ends.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    names: Vec<String>,
    /// Of patterns that are a name and `.*`, without that: by far the most that are no names.
    prefixes: Vec<String>,
    patterns: Vec<Regex>,
}

impl Filter {
    /// The patterns of an option. One that is no pattern matches nothing.
    pub fn new(value: Option<&Json>) -> Self {
        Self::compile(value, &mut Vec::new())
    }

    fn compile(value: Option<&Json>, refused: &mut Vec<String>) -> Self {
        let mut filter = Self::default();
        for pattern in strings(value) {
            let prefix = pattern.strip_suffix(".*");
            if is_name(prefix.unwrap_or(&pattern)) {
                match prefix {
                    Some(prefix) => filter.prefixes.push(prefix.to_owned()),
                    None => filter.names.push(pattern),
                }
                continue;
            }
            // Property names are ASCII, so Unicode classes would only cost tables.
            match RegexBuilder::new(&format!("^(?:{pattern})$"))
                .unicode(false)
                .size_limit(PATTERN_LIMIT)
                .build()
            {
                Ok(regex) => filter.patterns.push(regex),
                Err(_) => refused.push(pattern),
            }
        }
        filter
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.prefixes.is_empty() && self.patterns.is_empty()
    }

    /// True when a pattern fits a property.
    pub fn matches(&self, key: &str) -> bool {
        let has = |prefix: &String| key.starts_with(&**prefix) && !key.contains('\n');
        self.names.iter().any(|name| name == key)
            || self.prefixes.iter().any(has)
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.is_match(key.as_bytes()))
    }
}

/// True for a pattern that stands for itself.
fn is_name(pattern: &str) -> bool {
    let mut bytes = pattern.bytes();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// True for keys that no cache ever keeps (mqtt-api.md §5.2).
pub(crate) fn is_transient(key: &str) -> bool {
    if key.starts_with("action") {
        return key.len() == 6 || key.as_bytes().get(6) == Some(&b'_');
    }
    matches!(
        key,
        "button"
            | "button_left"
            | "button_right"
            | "forgotten"
            | "keyerror"
            | "step_size"
            | "transition_time"
            | "group_list"
            | "group_capacity"
            | "no_occupancy_since"
            | "step_mode"
            | "elapsed"
            | "from_side"
            | "to_side"
            | "illuminance_lux"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compiled(options: Json) -> (Options, Vec<String>) {
        let Json::Object(map) = options else {
            unreachable!("tests give objects");
        };
        Options::compile(Arc::new(map))
    }

    #[test]
    fn names_and_patterns_are_anchored() {
        let (options, refused) =
            compiled(json!({"filtered_attributes": ["power", "state_.*", "^ene.{2,}y$"]}));
        assert_eq!(refused, Vec::<String>::new());
        let filter = &options.filtered_attributes;
        for key in ["power", "state_l1", "energy"] {
            assert!(filter.matches(key), "{key}");
        }
        for key in ["power_outage_count", "my_state_l1", "state", "state_\n"] {
            assert!(!filter.matches(key), "{key}");
        }
        assert!(Filter::new(Some(&json!([".*"]))).matches("anything"));
    }

    #[test]
    fn patterns_that_cannot_be_compiled_are_named_and_ignored() {
        let (options, refused) =
            compiled(json!({"filtered_cache": ["(", "(a{1000}){1000}", "ok"]}));
        assert_eq!(refused, ["(", "(a{1000}){1000}"]);
        assert!(options.filtered_cache.matches("ok"));
    }

    #[test]
    fn transient_keys_are_those_of_the_contract() {
        for key in ["action", "action_user", "elapsed", "illuminance_lux"] {
            assert!(is_transient(key), "{key}");
        }
        for key in ["actions", "state", "duration", "actionable_x"] {
            assert!(!is_transient(key), "{key}");
        }
    }
}
