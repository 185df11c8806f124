//! `ferrobee.journal` in `configuration.yaml`. Zigbee2MQTT keeps keys that it does not know.

use devices::JsonMap;
use serde_json::Value as Json;

use crate::data::Settings;

/// Whether there is a journal, and how large it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOptions {
    /// `enabled`.
    pub enabled: bool,
    /// `max_size`: the most bytes of all its files; in the configuration in MB.
    pub limit: u64,
}

const MB: u64 = 1_000_000;
/// In MB.
const SIZES: std::ops::RangeInclusive<u64> = 1..=100_000;

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            limit: 64 * MB,
        }
    }
}

impl JournalOptions {
    /// What the settings say, and what of it makes no sense.
    pub fn new(settings: &Settings) -> (Self, Vec<String>) {
        let mut options = Self::default();
        let mut problems = Vec::new();
        let ours = settings.document().get("ferrobee");
        let journal = ours
            .and_then(Json::as_object)
            .and_then(|m| m.get("journal"));
        let empty = JsonMap::new();
        let map = match journal {
            None | Some(Json::Null) => &empty,
            Some(Json::Object(map)) => map,
            Some(other) => {
                problems.push(format!(
                    "ferrobee.journal must be a block of keys (it is {other})"
                ));
                &empty
            }
        };
        match map.get("enabled") {
            None | Some(Json::Null) => {}
            Some(Json::Bool(enabled)) => options.enabled = *enabled,
            Some(other) => problems.push(format!(
                "ferrobee.journal.enabled must be true or false (it is {other})"
            )),
        }
        match map.get("max_size") {
            None | Some(Json::Null) => {}
            Some(size) => match size.as_u64().filter(|size| SIZES.contains(size)) {
                Some(size) => options.limit = size * MB,
                None => problems.push(format!(
                    "ferrobee.journal.max_size must be a whole number of MB from {} to {} (it is \
                     {size})",
                    SIZES.start(),
                    SIZES.end()
                )),
            },
        }
        (options, problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options(ours: Json) -> (JournalOptions, Vec<String>) {
        let mut document = json!({"version": 5, "mqtt": {"server": "mqtt://h"}});
        document["ferrobee"] = ours;
        let document = document.as_object().unwrap().clone();
        JournalOptions::new(&Settings::new(document).unwrap())
    }

    #[test]
    fn what_is_not_said_is_the_default_and_what_makes_no_sense_is_told() {
        let default = JournalOptions::default();
        assert_eq!(options(Json::Null), (default, vec![]));
        let (found, problems) = options(json!({"journal": {"enabled": false, "max_size": 2}}));
        assert_eq!((found.enabled, found.limit), (false, 2_000_000));
        assert!(problems.is_empty());
        for wrong in [
            json!(1),
            json!({"enabled": "yes"}),
            json!({"max_size": 0}),
            json!({"max_size": "64MB"}),
        ] {
            let (found, problems) = options(json!({ "journal": wrong }));
            assert_eq!((found, problems.len()), (default, 1));
        }
    }
}
