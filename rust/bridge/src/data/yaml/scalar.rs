//! Scalars: text to value and value to text.

use std::fmt::Write;

use serde_json::{Number, Value as Json};

use crate::data::json;

/// What a plain (unquoted) scalar means.
pub(crate) fn resolve(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

fn number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let signed = |value: u64| {
        if negative {
            i64::try_from(value).ok().map(|value| Number::from(-value))
        } else {
            Some(Number::from(value))
        }
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            // 16 digits are an address, not a number.
            let is_address = radix == 16 && rest.len() == 16;
            return (!rest.starts_with(['+', '-']) && !is_address)
                .then(|| u64::from_str_radix(rest, radix).ok().and_then(signed))
                .flatten();
        }
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that no integer holds is a float, as in JavaScript.
        if let Some(number) = digits.parse().ok().and_then(signed) {
            return Some(number);
        }
    }
    // `.5`, `5.`, `1e3`, but neither `e`, `inf` nor `nan`: JSON has no place for the last two.
    let is_float = digits
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !is_float {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    let whole = json::whole(&Json::from(value));
    whole.map(Number::from).or_else(|| Number::from_f64(value))
}

/// A text that means `value` again.
pub(crate) fn write(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::String(text) => quote(text),
        // Collections are written by the renderer; if one came here, JSON is YAML too.
        Json::Number(_) | Json::Array(_) | Json::Object(_) => json::compact(value),
    }
}

/// A text, quoted where it would mean something else without.
pub(crate) fn quote(text: &str) -> String {
    let needs_escapes = text.chars().any(|c| {
        (c.is_control())
            || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
            || u32::from(c) & 0xfffe == 0xfffe
    });
    if needs_escapes {
        return escape(text);
    }
    if is_plain(text) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// A double quoted text. JSON's escapes are YAML's.
fn escape(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
                || u32::from(c) & 0xfffe == 0xfffe =>
            {
                let code = u32::from(c);
                if code <= 0xffff {
                    let _ = write!(out, "\\u{code:04x}");
                } else {
                    let _ = write!(out, "\\U{code:08x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    // Texts that YAML 1.1 readers take for booleans or times are quoted for their sake.
    let lower = text.to_ascii_lowercase();
    let special = matches!(
        lower.as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | "=" | "<<"
    );
    let starts_like_number =
        first.is_ascii_digit() || (matches!(first, '+' | '-' | '.') && text.len() > 1);
    let plain_start = !starts_like_number
        && !matches!(
            first,
            '-' | '?'
                | ':'
                | ','
                | '['
                | ']'
                | '{'
                | '}'
                | '#'
                | '&'
                | '*'
                | '!'
                | '|'
                | '>'
                | '\''
                | '"'
                | '%'
                | '@'
                | '`'
                | ' '
        );
    plain_start
        && !special
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && resolve(text) == Json::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_mean_what_zigbee2mqtt_reads() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("on", json!("on")),
            ("off", json!("off")),
            ("yes", json!("yes")),
            ("True", json!(true)),
            ("0x1A62", json!(0x1a62)),
            ("0x00158d0001234567", json!("0x00158d0001234567")),
            ("0o17", json!(15)),
            ("017", json!(17)),
            ("-5", json!(-5)),
            ("1.50", json!(1.5)),
            ("10.0", json!(10)),
            ("1e3", json!(1000)),
            (".inf", json!(".inf")),
            ("1.2.3", json!("1.2.3")),
            ("2024-01-01", json!("2024-01-01")),
            ("GENERATE", json!("GENERATE")),
            ("0x+1", json!("0x+1")),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn resolving_never_panics(text in ".*") {
            let _ = resolve(&text);
        }
    }
}
