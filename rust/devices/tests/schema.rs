//! The catalogue's files follow `catalogue/schema.json`.
//!
//! The check covers the keywords that the schema uses, and fails on any other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::path::PathBuf;

use serde_json::{Value as Json, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("catalogue")
}

fn load(name: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(folder().join(name)).unwrap()).unwrap()
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
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if matches!(name.as_str(), "schema.json" | "README.md") {
            continue;
        }
        check(&schema, &schema, &load(&name), &name).unwrap();
        files += 1;
    }
    assert!(files > 0);
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
