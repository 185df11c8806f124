//! JSON as the contract wants it on the wire (shared/facts/mqtt-api.md §3): keys sorted at every
//! depth, no whitespace, numbers as JavaScript prints them.

use std::io::Write as _;

use devices::JsonMap;
use serde_json::{Number, Value};

/// Renders a value.
pub fn render(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_value(&mut out, value);
    out
}

/// Renders values as a list, one at a time: no more than one of them is held.
pub fn render_list(values: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(&mut out, &value);
    }
    out.push(b']');
    out
}

/// Renders an object.
pub fn render_object(map: &JsonMap) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_object(&mut out, map);
    out
}

/// Renders an object of which one member is rendered already, and tells where that begins.
pub fn render_with(map: &JsonMap, key: &str, rendered: &[u8]) -> (Vec<u8>, Option<usize>) {
    let mut out = Vec::with_capacity(256 + rendered.len());
    let mut at = None;
    write_members(&mut out, map, |out, name, value| {
        if name == key {
            at = Some(out.len());
            out.extend_from_slice(rendered);
        } else {
            write_value(out, value);
        }
    });
    (out, at)
}

/// Renders a value as text.
pub fn render_text(value: &Value) -> String {
    // What this module writes is UTF-8; the lossy form never replaces anything.
    String::from_utf8_lossy(&render(value)).into_owned()
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(out, map),
    }
}

fn write_object(out: &mut Vec<u8>, map: &JsonMap) {
    write_members(out, map, |out, _, value| write_value(out, value));
}

fn write_members(
    out: &mut Vec<u8>,
    map: &JsonMap,
    mut write: impl FnMut(&mut Vec<u8>, &str, &Value),
) {
    let mut member = |out: &mut Vec<u8>, (index, (key, value)): (usize, (&String, &Value))| {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        write(out, key, value);
    };
    out.push(b'{');
    // A map keeps its keys sorted, as long as serde_json is built without `preserve_order`.
    map.iter().enumerate().for_each(|entry| member(out, entry));
    out.push(b'}');
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    if text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing a string into a `Vec` has no way to fail.
        let _ = serde_json::to_writer(&mut *out, text);
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    // Writing into a `Vec` has no way to fail.
    let _ = if number.is_i64() || number.is_u64() {
        serde_json::to_writer(&mut *out, number).map_err(Into::into)
    } else {
        let value = number.as_f64().unwrap_or(f64::NAN);
        let size = value.abs();
        if !value.is_finite() {
            write!(out, "null")
        } else if value == 0.0 {
            // JavaScript has a negative zero but prints none.
            write!(out, "0")
        } else if (1e-6..1e21).contains(&size) {
            write!(out, "{value}")
        } else {
            let text = format!("{value:e}");
            match text.split_once('e') {
                Some((digits, exponent)) if !exponent.starts_with('-') => {
                    write!(out, "{digits}e+{exponent}")
                }
                _ => write!(out, "{text}"),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth_without_whitespace() {
        let value = json!({"b": {"z": 1, "a": [1, {"y": null, "x": true}]}, "a": "text"});
        assert_eq!(
            render_text(&value),
            r#"{"a":"text","b":{"a":[1,{"x":true,"y":null}],"z":1}}"#
        );
    }

    #[test]
    fn numbers_look_as_javascript_prints_them() {
        for (value, text) in [
            (json!(21.0), "21"),
            (json!(-0.0), "0"),
            (json!(21.34), "21.34"),
            (json!(3.333_333_253_860_473_6_f64), "3.3333332538604736"),
            (json!(1e21), "1e+21"),
            (json!(1.5e300), "1.5e+300"),
            (json!(1e20), "100000000000000000000"),
            (json!(0.000_001), "0.000001"),
            (json!(1e-7), "1e-7"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(-5), "-5"),
        ] {
            assert_eq!(render_text(&value), text);
        }
    }

    #[test]
    fn a_list_is_rendered_like_an_array() {
        let items = [json!({"b": 1, "a": 2}), json!("x"), json!([])];
        assert_eq!(
            render_list(items.clone().into_iter()),
            render(&json!(items))
        );
        assert_eq!(render_list(std::iter::empty()), b"[]");
    }

    #[test]
    fn a_member_that_is_rendered_already_stands_in_its_place() {
        let Value::Object(map) = json!({"c": 1, "b": null, "a": "x"}) else {
            unreachable!("it is one")
        };
        assert_eq!(
            render_with(&map, "b", br#"{"z":0}"#),
            (br#"{"a":"x","b":{"z":0},"c":1}"#.to_vec(), Some(13))
        );
        assert_eq!(render_with(&map, "d", b"{}"), (render_object(&map), None));
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(render_text(&json!("a\"b\\c\n°C")), r#""a\"b\\c\n°C""#);
    }

    proptest! {
        #[test]
        fn what_is_rendered_parses_back(text in ".*", number in any::<f64>(), integer in any::<i64>()) {
            prop_assume!(number.is_finite());
            let value = json!({"t": text, "n": [integer], "k": {"f": number}});
            let back: Value = serde_json::from_slice(&render(&value)).unwrap();
            prop_assert_eq!(&back["t"], &value["t"]);
            prop_assert_eq!(&back["n"], &value["n"]);
            prop_assert_eq!(back["k"]["f"].as_f64(), Some(if number == 0.0 { 0.0 } else { number }));
        }
    }
}
