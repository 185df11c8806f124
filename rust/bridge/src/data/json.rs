//! Small helpers on JSON values.

use std::io;

use devices::JsonMap;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Equality in which `1` and `1.0` are the same number, as in JavaScript.
pub(crate) fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Json::Array(x), Json::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// Puts `over` on top of `base`, objects merged key by key.
pub(crate) fn overlay(base: &mut JsonMap, over: &JsonMap) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Json::Object(below)), Json::Object(above)) => overlay(below, above),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The value at `path`.
pub(crate) fn get<'a>(map: &'a JsonMap, path: &[&str]) -> Option<&'a Json> {
    let (last, parents) = path.split_last()?;
    let mut map = map;
    for key in parents {
        map = map.get(*key)?.as_object()?;
    }
    map.get(*last)
}

/// Sets the value at `path`; what stands in the way and is not an object is replaced.
pub(crate) fn set(map: &mut JsonMap, path: &[&str], value: Json) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        map.insert((*first).to_owned(), value);
        return;
    }
    let child = map
        .entry(*first)
        .or_insert_with(|| Json::Object(JsonMap::new()));
    if !child.is_object() {
        *child = Json::Object(JsonMap::new());
    }
    if let Json::Object(child) = child {
        set(child, rest, value);
    }
}

/// Removes and returns the value at `path`.
pub(crate) fn take(map: &mut JsonMap, path: &[&str]) -> Option<Json> {
    let (last, parents) = path.split_last()?;
    let mut map = map;
    for key in parents {
        map = map.get_mut(*key)?.as_object_mut()?;
    }
    map.remove(*last)
}

/// Compact JSON with numbers as JavaScript writes them (`21`, not `21.0`).
pub(crate) fn compact<T: Serialize>(value: &T) -> String {
    write(value, Numbers(CompactFormatter))
}

/// JSON with an indent of `spaces`, numbers as JavaScript writes them.
pub(crate) fn pretty<T: Serialize>(value: &T, spaces: usize) -> String {
    let indent = " ".repeat(spaces);
    write(
        value,
        Numbers(PrettyFormatter::with_indent(indent.as_bytes())),
    )
}

fn write<T: Serialize, F: Formatter>(value: &T, formatter: F) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, formatter);
    // Neither JSON values nor a Vec can fail here.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct Numbers<F>(F);

macro_rules! forward {
    ($($name:ident($($argument:ident: $kind:ty),*)),* $(,)?) => {
        $(fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        })*
    };
}

impl<F: Formatter> Formatter for Numbers<F> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within 2^53: exact"
    )]
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            self.0.write_i64(writer, value as i64)
        } else {
            self.0.write_f64(writer, value)
        }
    }

    forward! {
        begin_array(), end_array(), begin_array_value(first: bool), end_array_value(),
        begin_object(), end_object(), begin_object_key(first: bool), end_object_key(),
        begin_object_value(), end_object_value(),
    }
}

/// A number without fraction that fits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked: whole and within 2^53"
)]
pub(crate) fn whole(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| {
        value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0)
            .map(|n| n as i64)
    })
}
