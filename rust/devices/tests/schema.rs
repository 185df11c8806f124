//! The catalogue's files follow `catalogue/schema.json`.
//!
//! The check covers the keywords that the schema uses, and fails on any other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value as Json, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("catalogue")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn load(name: &str) -> Json {
    serde_json::from_str(&text(name)).unwrap()
}

/// The files of the catalogue, without the schema.
fn catalogue() -> Vec<String> {
    let names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !matches!(name.as_str(), "schema.json" | "README.md"))
        .collect();
    assert!(!names.is_empty());
    names
}

/// JSON no object of which has a key twice. Of such keys `serde_json` keeps the last and says nothing.
#[derive(Debug)]
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose objects have every key once")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(de::Error::custom(format_args!(
                    "the key {key:?} comes twice"
                )));
            }
            entries.next_value::<Self>()?;
            seen.insert(key);
        }
        Ok(self)
    }
}

/// Text of lower-case hexadecimal digits: the only patterns of the schema.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let hexadecimal = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match pattern {
        "^0x[0-9a-f]{1,4}$" => text
            .strip_prefix("0x")
            .is_some_and(|digits| (1..=4).contains(&digits.len()) && hexadecimal(digits)),
        "^([0-9a-f]{2})+$" => !text.is_empty() && text.len().is_multiple_of(2) && hexadecimal(text),
        other => panic!("the pattern {other} is not known here"),
    }
}

fn is_type(name: &str, value: &Json) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known here"),
    }
}

/// Checks a value; the error says where it breaks the schema.
fn check(root: &Json, schema: &Json, value: &Json, path: &str) -> Result<(), String> {
    let fail = |why: String| Err(format!("{path}: {why}"));
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, path)?;
            }
            "type" => {
                let ok = match rule {
                    Json::Array(names) => names
                        .iter()
                        .any(|name| is_type(name.as_str().unwrap(), value)),
                    name => is_type(name.as_str().unwrap(), value),
                };
                if !ok {
                    return fail(format!("{value} is no {rule}"));
                }
            }
            "const" if value != rule => return fail(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return fail(format!("{value} is none of {rule}"));
            }
            "pattern" => {
                if let Some(text) = value.as_str()
                    && !matches_pattern(rule.as_str().unwrap(), text)
                {
                    return fail(format!("{text:?} does not match {rule}"));
                }
            }
            "minimum" if value.as_f64() < rule.as_f64() => {
                return fail(format!("{value} is below {rule}"));
            }
            "maximum" if value.as_f64() > rule.as_f64() => {
                return fail(format!("{value} is above {rule}"));
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.get(key.as_str().unwrap()).is_none() {
                        return fail(format!("{key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, child) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rule.get(key) {
                        check(root, rule, child, &format!("{path}/{key}"))?;
                    }
                }
            }
            "additionalProperties" => {
                for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
                    if schema["properties"].get(key).is_none() {
                        return fail(format!("{key} is not known"));
                    }
                }
            }
            "items" => {
                for (index, child) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, child, &format!("{path}/{index}"))?;
                }
            }
            "prefixItems" => {
                let rules = rule.as_array().unwrap();
                for (index, (rule, child)) in rules
                    .iter()
                    .zip(value.as_array().into_iter().flatten())
                    .enumerate()
                {
                    check(root, rule, child, &format!("{path}/{index}"))?;
                }
            }
            "minItems" | "maxItems" => {
                let length = value.as_array().map_or(0, Vec::len) as u64;
                let limit = rule.as_u64().unwrap();
                if (keyword == "minItems" && length < limit)
                    || (keyword == "maxItems" && length > limit)
                {
                    return fail(format!("{length} items"));
                }
            }
            "oneOf" => {
                let results: Vec<_> = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|rule| check(root, rule, value, path))
                    .collect();
                let fits = results.iter().filter(|result| result.is_ok()).count();
                if fits != 1 {
                    return fail(format!("{fits} of the alternatives fit: {results:?}"));
                }
            }
            // Words about the schema, and rules that the guards above found kept.
            "$schema" | "$defs" | "title" | "description" | "const" | "enum" | "minimum"
            | "maximum" => {}
            other => panic!("the keyword {other} is not known here"),
        }
    }
    Ok(())
}

#[test]
fn catalogue_files_follow_the_schema() {
    let schema = load("schema.json");
    for name in catalogue() {
        check(&schema, &schema, &load(&name), &name).unwrap();
    }
}

#[test]
fn no_object_of_the_files_has_a_key_twice() {
    for name in catalogue().into_iter().chain(["schema.json".to_owned()]) {
        if let Err(why) = serde_json::from_str::<Strict>(&text(&name)) {
            panic!("{name}: {why}");
        }
    }
}

#[test]
fn a_key_that_comes_twice_is_found_at_any_depth() {
    for (json, twice) in [
        (r#"{"a": 1, "a": 1}"#, true),
        (
            r#"{"a": [{"b": null}, {"b": "", "c": -1.5, "b": true}]}"#,
            true,
        ),
        (r#"{"a": {"b": {"a": 1, "\u0061": 2}}}"#, true),
        (r#"{"a": {"a": [{"a": -1}, {"a": false}]}, "b": 1}"#, false),
    ] {
        let read = serde_json::from_str::<Strict>(json);
        assert_eq!(read.is_err_and(|why| why.is_data()), twice, "{json}");
    }
}

#[test]
fn what_breaks_the_schema_is_refused() {
    let schema = load("schema.json");
    let mut file = load("aqara.json");
    for (pointer, wrong) in [
        ("/definitions/0/vendor", json!(1)),
        ("/definitions/0/capabilities/0/type", json!("nonsense")),
        (
            "/definitions/0/capabilities/0/sources/0/at/cluster",
            json!("fcc0"),
        ),
        ("/definitions/0/endpoints/0/1", json!(0)),
        ("/definitions/2/configure/0", json!({"write": {}})),
    ] {
        let old = std::mem::replace(file.pointer_mut(pointer).unwrap(), wrong);
        assert!(check(&schema, &schema, &file, "").is_err(), "{pointer}");
        *file.pointer_mut(pointer).unwrap() = old;
    }
    assert_eq!(check(&schema, &schema, &file, ""), Ok(()));
}
