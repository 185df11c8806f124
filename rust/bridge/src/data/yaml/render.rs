//! Tree to text, for what is new.

use devices::JsonMap;
use serde_json::Value as Json;

use super::node::Node;
use super::scalar;

/// Keys that come first where nothing else orders them, as Zigbee2MQTT writes new entries.
const FIRST: [&str; 2] = ["version", "friendly_name"];

/// A block of keys at an indent of `indent` spaces, each line ending in `\n`. Keys stand in the order of
/// `like`, then in their own. An empty block is `{}`.
pub(crate) fn render(map: &JsonMap, indent: usize, like: Option<&Node>) -> String {
    if map.is_empty() {
        return format!("{:indent$}{{}}\n", "");
    }
    block(map, indent, like)
}

fn block(map: &JsonMap, indent: usize, like: Option<&Node>) -> String {
    let ordered = like.and_then(Node::entries).unwrap_or_default();
    let is_ordered = |key: &str| ordered.iter().any(|entry| entry.key == key);
    let first = ordered
        .iter()
        .filter_map(|old| Some((old.key.as_str(), map.get(&old.key)?, Some(&old.value))));
    let named = FIRST
        .into_iter()
        .filter(|key| !is_ordered(key))
        .filter_map(|key| Some((key, map.get(key)?, None)));
    let rest = map
        .iter()
        .filter(|(key, _)| !is_ordered(key) && !FIRST.contains(&key.as_str()))
        .map(|(key, value)| (key.as_str(), value, None));
    first
        .chain(named)
        .chain(rest)
        .map(|(key, value, like)| entry(key, value, indent, like))
        .collect()
}

/// `key: value` at an indent, ending in `\n`.
pub(crate) fn entry(key: &str, value: &Json, indent: usize, like: Option<&Node>) -> String {
    format!(
        "{:indent$}{}:{}\n",
        "",
        scalar::quote(key),
        value_after_colon(value, indent, like)
    )
}

/// What follows `key:`, without the last line end.
pub(crate) fn value_after_colon(value: &Json, indent: usize, like: Option<&Node>) -> String {
    match value {
        Json::Object(map) if map.is_empty() => " {}".to_owned(),
        Json::Array(list) if list.is_empty() => " []".to_owned(),
        Json::Object(map) => format!("\n{}", block(map, indent + 2, like).trim_end_matches('\n')),
        Json::Array(list) => format!("\n{}", sequence(list, indent + 2).trim_end_matches('\n')),
        scalar => format!(" {}", scalar::write(scalar)),
    }
}

fn sequence(list: &[Json], indent: usize) -> String {
    let items: Vec<_> = list
        .iter()
        .map(|item| {
            let text = match item {
                Json::Object(map) if map.is_empty() => "{}\n".to_owned(),
                Json::Array(inner) if inner.is_empty() => "[]\n".to_owned(),
                Json::Object(map) => block(map, indent + 2, None),
                Json::Array(inner) => sequence(inner, indent + 2),
                scalar => format!("{}\n", scalar::write(scalar)),
            };
            // The dash takes the place of the first line's indent.
            format!("{:indent$}- {}", "", text.trim_start_matches(' '))
        })
        .collect();
    items.concat()
}
