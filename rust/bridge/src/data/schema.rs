//! The table of settings, `schema.json`: types, ranges, defaults, which of them need a restart, which
//! are secret. Validation, defaults, the schema on `bridge/info` and the names of environment
//! variables all come from it.
//!
//! The file is JSON Schema with four keywords of our own: `requiresRestart` (which clients of the
//! schema know), `secret` (never shown), `generate` (may be the text `GENERATE`), and on a secret or
//! generated setting nothing else.

use std::sync::LazyLock;

use devices::JsonMap;
use serde_json::Value as Json;

use super::json;

static SCHEMA: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).unwrap_or_default());

/// The text that asks for a random value.
pub(crate) const GENERATE: &str = "GENERATE";

/// A value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Keys from the root.
    pub(crate) path: Vec<String>,
    /// Such as `must be <= 26`.
    pub(crate) rule: String,
    /// What would be right.
    pub(crate) fix: String,
    /// True when the value must not be shown.
    pub(crate) secret: bool,
}

impl Violation {
    /// The form of `bridge/response/options`: `advanced/channel must be <= 26`.
    pub(crate) fn message(&self) -> String {
        if self.path.is_empty() {
            self.rule.clone()
        } else {
            format!("{} {}", self.path.join("/"), self.rule)
        }
    }
}

/// The JSON schema for clients (`config_schema` on `bridge/info`).
pub(crate) fn public() -> Json {
    fn clean(node: &mut Json) {
        match node {
            Json::Object(map) => {
                // A property may have these names: then its value is an object.
                for own in ["secret", "generate"] {
                    if map.get(own).is_some_and(Json::is_boolean) {
                        map.remove(own);
                    }
                }
                for child in map.values_mut() {
                    clean(child);
                }
            }
            Json::Array(list) => list.iter_mut().for_each(clean),
            _ => {}
        }
    }
    let mut schema = SCHEMA.clone();
    // Clients read `definitions.device.properties` and do not follow `allOf`.
    let shared = schema
        .pointer("/definitions/device_options/properties")
        .cloned();
    if let Some(device) = schema
        .pointer_mut("/definitions/device")
        .and_then(Json::as_object_mut)
    {
        device.remove("allOf");
        if let (Some(Json::Object(own)), Some(Json::Object(shared))) =
            (device.get_mut("properties"), shared)
        {
            own.extend(shared);
        }
    }
    clean(&mut schema);
    schema
}

/// Every setting that has a default, with it.
pub(crate) fn defaults() -> JsonMap {
    match default_of(&SCHEMA) {
        Some(Json::Object(map)) => map,
        _ => JsonMap::new(),
    }
}

fn default_of(node: &Json) -> Option<Json> {
    let is_object = node.get("type").and_then(Json::as_str) == Some("object");
    match node.get("properties").and_then(Json::as_object) {
        Some(properties) if is_object => {
            let mut map = JsonMap::new();
            for (key, child) in properties {
                if let Some(value) = default_of(child) {
                    map.insert(key.clone(), value);
                }
            }
            (!map.is_empty() || node.get("default").is_some()).then_some(Json::Object(map))
        }
        _ => node.get("default").cloned(),
    }
}

/// All rules that `document` breaks, in the order of its keys.
pub(crate) fn validate(document: &JsonMap) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut path = Vec::new();
    check_object(&SCHEMA, document, &mut path, &mut violations);
    violations
}

/// Checks a device's or a group's options alone.
pub(crate) fn validate_entity(definition: &str, options: &JsonMap) -> Vec<Violation> {
    let mut violations = Vec::new();
    if let Some(node) = SCHEMA.get("definitions").and_then(|d| d.get(definition)) {
        check_object(node, options, &mut Vec::new(), &mut violations);
    }
    violations
}

/// True if a change of the setting at `path`, or of anything below it, takes effect with a restart.
pub(crate) fn requires_restart(path: &[&str]) -> bool {
    let mut node = &*SCHEMA;
    for key in path {
        let Some(next) = child(node, key) else {
            return false;
        };
        if next.get("requiresRestart") == Some(&Json::Bool(true)) {
            return true;
        }
        node = next;
    }
    false
}

/// True if the setting at `path` must never be shown.
pub(crate) fn is_secret(path: &[&str]) -> bool {
    let mut node = &*SCHEMA;
    for key in path {
        let Some(next) = child(node, key) else {
            return false;
        };
        if next.get("secret") == Some(&Json::Bool(true)) {
            return true;
        }
        node = next;
    }
    false
}

/// True if the table has a setting at `path`.
pub(crate) fn is_known(path: &[&str]) -> bool {
    let mut node = &*SCHEMA;
    for key in path {
        let Some(next) = child(node, key) else {
            return false;
        };
        node = next;
    }
    true
}

/// Keys of a document that name no setting and are nearly the name of one: path and that name.
/// What resembles nothing is somebody else's.
pub(crate) fn misspelt(document: &JsonMap) -> Vec<(Vec<String>, &'static str)> {
    fn walk(
        node: &'static Json,
        document: &JsonMap,
        path: &mut Vec<String>,
        into: &mut Vec<(Vec<String>, &'static str)>,
    ) {
        let Some(known) = resolve(node).get("properties").and_then(Json::as_object) else {
            return;
        };
        for (key, value) in document {
            path.push(key.clone());
            match (known.get(key), value) {
                (Some(child), Json::Object(map)) => walk(child, map, path, into),
                (Some(_), _) => {}
                (None, _) => {
                    let near = known.keys().filter(|name| !document.contains_key(*name));
                    let near = near.map(|name| (strsim::osa_distance(key, name), name));
                    if let Some((_, name)) = near.filter(|(far, _)| far * 4 <= key.len()).min() {
                        into.push((path.clone(), name));
                    }
                }
            }
            path.pop();
        }
    }
    let mut list = Vec::new();
    walk(&SCHEMA, document, &mut Vec::new(), &mut list);
    list
}

/// What kind of value a setting takes, for the conversion of environment variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Object or array: JSON, else text.
    Structure,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// Text.
    Text,
}

/// All settings, parents before children: path and kind.
pub(crate) fn settings() -> Vec<(Vec<&'static str>, Kind)> {
    fn walk(
        node: &'static Json,
        path: &mut Vec<&'static str>,
        into: &mut Vec<(Vec<&'static str>, Kind)>,
    ) {
        let Some(properties) = node.get("properties").and_then(Json::as_object) else {
            return;
        };
        for (key, child) in properties {
            path.push(key);
            into.push((path.clone(), kind(child)));
            walk(child, path, into);
            path.pop();
        }
    }
    let mut list = Vec::new();
    walk(&SCHEMA, &mut Vec::new(), &mut list);
    list
}

fn kind(node: &Json) -> Kind {
    let node = resolve(node);
    let types = types(node);
    if types.iter().any(|t| matches!(*t, "object" | "array")) {
        Kind::Structure
    } else if types.iter().any(|t| matches!(*t, "number" | "integer")) {
        Kind::Number
    } else if types.contains(&"boolean") {
        Kind::Boolean
    } else {
        Kind::Text
    }
}

fn types(node: &Json) -> Vec<&str> {
    match node.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn resolve(node: &Json) -> &Json {
    node.get("$ref")
        .and_then(Json::as_str)
        .and_then(|reference| SCHEMA.pointer(reference.strip_prefix('#')?))
        .unwrap_or(node)
}

/// The schema of the value at `key` of an object with schema `node`.
fn child<'a>(node: &'a Json, key: &str) -> Option<&'a Json>
where
    'static: 'a,
{
    let node = resolve(node);
    if let Some(found) = node.get("properties").and_then(|p| p.get(key)) {
        return Some(found);
    }
    if let Some(bases) = node.get("allOf").and_then(Json::as_array) {
        for base in bases {
            if let Some(found) = child(base, key) {
                return Some(found);
            }
        }
    }
    node.get("additionalProperties").filter(|p| p.is_object())
}

fn check_object(node: &Json, map: &JsonMap, path: &mut Vec<String>, into: &mut Vec<Violation>) {
    let node = resolve(node);
    if let Some(required) = node.get("required").and_then(Json::as_array) {
        for key in required.iter().filter_map(Json::as_str) {
            if !map.contains_key(key) {
                into.push(Violation {
                    path: path.clone(),
                    rule: format!("must have required property '{key}'"),
                    fix: format!("Add it{}", example(child(node, key))),
                    secret: true,
                });
            }
        }
    }
    for (key, value) in map {
        // `serial:` with nothing but comments below it.
        if path.is_empty() && value.is_null() {
            continue;
        }
        if let Some(rule) = child(node, key) {
            path.push(key.clone());
            check(rule, value, path, into);
            path.pop();
        }
    }
}

fn check(node: &Json, value: &Json, path: &mut Vec<String>, into: &mut Vec<Violation>) {
    let node = resolve(node);
    let secret = node.get("secret") == Some(&Json::Bool(true));
    let mut fail = |rule: String| {
        into.push(Violation {
            path: path.clone(),
            rule,
            fix: fix(node),
            secret,
        });
    };
    if node.get("generate") == Some(&Json::Bool(true)) && value.is_string() {
        if value.as_str() != Some(GENERATE) {
            fail(format!("must be {}", wanted(node)));
        }
        return;
    }
    let types = types(node);
    if !types.is_empty() && !types.iter().any(|t| has_type(value, t)) {
        // Clients know these words: a text is no number; only a fraction is no integer.
        let words: Vec<_> = types
            .iter()
            .map(|name| match *name {
                "integer" if !value.is_number() => "number",
                name => name,
            })
            .collect();
        fail(format!("must be {}", words.join(",")));
        return;
    }
    if let Some(allowed) = node.get("enum").and_then(Json::as_array)
        && !allowed.iter().any(|a| json::same(a, value))
    {
        fail("must be equal to one of the allowed values".into());
        return;
    }
    match value {
        Json::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if let Some(least) = node.get("minimum").filter(|m| m.as_f64() > Some(number)) {
                fail(format!("must be >= {least}"));
            }
            if let Some(most) = node
                .get("maximum")
                .filter(|m| m.as_f64().is_some_and(|m| m < number))
            {
                fail(format!("must be <= {most}"));
            }
        }
        Json::String(text) => {
            let least = node.get("minLength").and_then(Json::as_u64).unwrap_or(0);
            if (text.chars().count() as u64) < least {
                fail(format!("must NOT have fewer than {least} characters"));
            }
            // Patterns in the table are prefixes: `^/`.
            if let Some(pattern) = node.get("pattern").and_then(Json::as_str)
                && !text.starts_with(pattern.trim_start_matches('^'))
            {
                fail(format!("must match pattern \"{pattern}\""));
            }
        }
        Json::Array(list) => {
            let count = list.len() as u64;
            if let Some(least) = node.get("minItems").filter(|m| m.as_u64() > Some(count)) {
                fail(format!("must NOT have fewer than {least} items"));
            }
            if let Some(most) = node
                .get("maxItems")
                .filter(|m| m.as_u64().is_some_and(|m| m < count))
            {
                fail(format!("must NOT have more than {most} items"));
            }
            if let Some(rule) = node.get("items") {
                for (index, item) in list.iter().enumerate() {
                    path.push(index.to_string());
                    let before = into.len();
                    check(rule, item, path, into);
                    for violation in into.iter_mut().skip(before) {
                        violation.secret |= secret;
                    }
                    path.pop();
                }
            }
        }
        Json::Object(map) => check_object(node, map, path, into),
        Json::Null | Json::Bool(_) => {}
    }
}

fn has_type(value: &Json, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn fix(node: &Json) -> String {
    format!("Write {}{}", wanted(node), example(Some(node)))
}

/// What a setting takes, in words.
fn wanted(node: &Json) -> String {
    if let Some(allowed) = node.get("enum").and_then(Json::as_array) {
        let names: Vec<_> = allowed
            .iter()
            .map(|value| match value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        return format!("one of {}", names.join(", "));
    }
    let mut words: Vec<_> = types(node)
        .into_iter()
        .filter(|name| *name != "string" || node.get("generate").is_none())
        .map(|name| match name {
            "integer" | "number" => {
                let noun = if name == "integer" {
                    "a whole number"
                } else {
                    "a number"
                };
                match (node.get("minimum"), node.get("maximum")) {
                    (Some(least), Some(most)) => format!("{noun} from {least} to {most}"),
                    (Some(least), None) => format!("{noun}, at least {least}"),
                    (None, Some(most)) => format!("{noun}, at most {most}"),
                    (None, None) => noun.to_owned(),
                }
            }
            "boolean" => "true or false".to_owned(),
            "string" => "a text in quotes".to_owned(),
            "array" => match node.get("minItems") {
                Some(count) => format!("a list of {count} numbers from 0 to 255"),
                None => "a list".to_owned(),
            },
            "object" => "a block of keys".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    if node.get("generate").is_some() {
        words.push(GENERATE.to_owned());
    }
    words.join(" or ")
}

fn example(node: Option<&Json>) -> String {
    let Some(node) = node.filter(|n| n.get("secret").is_none()) else {
        return String::new();
    };
    node.get("examples")
        .and_then(|e| e.get(0))
        .or_else(|| {
            node.get("default")
                .filter(|d| !d.is_object() && !d.is_array())
        })
        .map(|value| format!(", for example {value}"))
        .unwrap_or_default()
}
