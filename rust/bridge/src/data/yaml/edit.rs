//! Changing a text so that it means something else, and leaving alone what need not change.
//!
//! The wanted value is compared with the tree; entries that differ are replaced, removed or added in
//! the text, line by line. The result is parsed again: where it does not mean what was wanted (anchors
//! that changed, explicit `?` keys, a file in one pair of brackets), the whole text is written anew and
//! its comments are lost. The caller is told.

use std::ops::Range;

use devices::JsonMap;
use serde_json::Value as Json;

use super::node::{Entry, Kind, Node};
use super::parse::Document;
use super::render::{self, render};
use super::scalar;
use crate::data::json;

/// One difference between two values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Keys from the root.
    pub(crate) path: Vec<String>,
    /// The new value; `None` removes.
    pub(crate) value: Option<Json>,
}

/// A changed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edited {
    /// The text.
    pub(crate) text: String,
    /// True if it had to be written anew.
    pub(crate) rewritten: bool,
}

/// What has to change in `old` to get `new`. Lists count as one value.
pub(crate) fn changes(old: &JsonMap, new: &JsonMap) -> Vec<Change> {
    fn walk(path: &mut Vec<String>, old: &JsonMap, new: &JsonMap, into: &mut Vec<Change>) {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            path.push(key.clone());
            into.push(Change {
                path: path.clone(),
                value: None,
            });
            path.pop();
        }
        for (key, value) in new {
            path.push(key.clone());
            match (old.get(key), value) {
                (Some(before), after) if json::same(before, after) => {}
                (Some(Json::Object(before)), Json::Object(after)) => {
                    walk(path, before, after, into);
                }
                _ => into.push(Change {
                    path: path.clone(),
                    value: Some(value.clone()),
                }),
            }
            path.pop();
        }
    }
    let mut list = Vec::new();
    walk(&mut Vec::new(), old, new, &mut list);
    list
}

/// Carries changes out in a value.
fn change(map: &mut JsonMap, changes: &[Change]) {
    for change in changes {
        let path: Vec<&str> = change.path.iter().map(String::as_str).collect();
        match &change.value {
            Some(value) => json::set(map, &path, value.clone()),
            None => {
                json::take(map, &path);
            }
        }
    }
}

/// Carries changes out in a text.
pub(crate) fn apply(document: &Document, changes: &[Change]) -> Edited {
    let Json::Object(before) = document.to_json() else {
        let mut map = JsonMap::new();
        change(&mut map, changes);
        return Edited {
            text: render(&map, 0, None),
            rewritten: true,
        };
    };
    let mut wanted = before.clone();
    change(&mut wanted, changes);
    if json::same(&Json::Object(before), &Json::Object(wanted.clone())) {
        return Edited {
            text: document.text.clone(),
            rewritten: false,
        };
    }
    if let Some(text) = edit(document, &wanted) {
        let means = Document::parse(text.as_bytes()).map(|document| document.to_json());
        if means.is_ok_and(|value| json::same(&value, &Json::Object(wanted.clone()))) {
            return Edited {
                text,
                rewritten: false,
            };
        }
    }
    Edited {
        text: render(&wanted, 0, document.root.as_ref()),
        rewritten: true,
    }
}

/// A piece of text to be replaced.
struct Splice {
    range: Range<usize>,
    text: String,
}

fn edit(document: &Document, wanted: &JsonMap) -> Option<String> {
    let text = &document.text;
    let Some(root) = &document.root else {
        // Nothing but comments.
        let separator = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        return Some(format!("{text}{separator}{}", render(wanted, 0, None)));
    };
    let Kind::Mapping {
        flow: false,
        entries,
    } = &root.kind
    else {
        return None;
    };
    let mut splices = Vec::new();
    edit_block(text, entries, wanted, &mut splices)?;
    splices.sort_by_key(|splice| splice.range.start);
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for splice in splices {
        out.push_str(text.get(at..splice.range.start)?);
        out.push_str(&splice.text.replace('\n', line_end));
        at = splice.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// The splices that turn a block of entries into `wanted`. `None` if that can't be done in place.
fn edit_block(
    text: &str,
    entries: &[Entry],
    wanted: &JsonMap,
    splices: &mut Vec<Splice>,
) -> Option<()> {
    let (first, last) = (entries.first()?, entries.last()?);
    if !entries.iter().any(|entry| wanted.contains_key(&entry.key)) {
        return None;
    }
    for entry in entries {
        let Some(value) = wanted.get(&entry.key) else {
            if entry.key != "<<" {
                splices.push(Splice {
                    range: line_start(text, entry.key_span.start)..line_end(text, entry.end()),
                    text: String::new(),
                });
            }
            continue;
        };
        if json::same(&entry.value.to_json(), value) {
            continue;
        }
        if let (
            Kind::Mapping {
                flow: false,
                entries: inner,
            },
            Json::Object(map),
        ) = (&entry.value.kind, value)
        {
            let mut below = Vec::new();
            if edit_block(text, inner, map, &mut below).is_some() {
                splices.append(&mut below);
                continue;
            }
        }
        splices.push(replace(text, entry, value)?);
    }
    let mut added = String::new();
    let merged: Vec<_> = entries
        .iter()
        .filter(|entry| entry.key == "<<")
        .filter_map(|entry| match entry.value.to_json() {
            Json::Object(map) => Some(map),
            _ => None,
        })
        .collect();
    for (key, value) in wanted {
        let is_merged = || {
            merged
                .iter()
                .any(|map| map.get(key).is_some_and(|merged| json::same(merged, value)))
        };
        if !entries.iter().any(|entry| entry.key == *key) && !is_merged() {
            added.push_str(&render::entry(key, value, first.column, None));
        }
    }
    if !added.is_empty() {
        let end = line_end(text, last.end());
        if !text.get(..end)?.ends_with('\n') {
            added.insert(0, '\n');
        }
        splices.push(Splice {
            range: end..end,
            text: added,
        });
    }
    Some(())
}

/// Replaces the value of an entry.
fn replace(text: &str, entry: &Entry, value: &Json) -> Option<Splice> {
    let after_key = text.get(entry.key_span.end..)?;
    let colon = entry.key_span.end + after_key.find(':')?;
    if !after_key
        .get(..colon - entry.key_span.end)?
        .trim()
        .is_empty()
    {
        return None;
    }
    let old = &entry.value;
    let is_scalar = !value.is_object() && !value.is_array();
    let is_written_scalar = matches!(old.kind, Kind::Scalar(_) | Kind::Alias(_))
        && !old.span.is_empty()
        && !text.get(old.span.clone())?.contains('\n');
    if is_scalar && is_written_scalar {
        return Some(Splice {
            range: old.span.clone(),
            text: scalar::write(value),
        });
    }
    Some(Splice {
        range: colon + 1..entry.end().max(colon + 1),
        text: render::value_after_colon(value, entry.column, Some(old)),
    })
}

impl Entry {
    /// Where its value ends, in bytes; that of its key if the value is not written.
    pub(super) fn end(&self) -> usize {
        self.value.end().unwrap_or(self.key_span.end)
    }
}

impl Node {
    /// Where it ends, in bytes; `None` if it is not written.
    pub(super) fn end(&self) -> Option<usize> {
        (!self.span.is_empty()).then_some(self.span.end)
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}

/// The beginning of the line after the one with `at`.
fn line_end(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |newline| at + newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edited(text: &str, changes: &[(&str, Option<Json>)]) -> Edited {
        let document = Document::parse(text.as_bytes()).unwrap();
        let changes: Vec<_> = changes
            .iter()
            .map(|(path, value)| Change {
                path: path.split('.').map(str::to_owned).collect(),
                value: value.clone(),
            })
            .collect();
        apply(&document, &changes)
    }

    #[test]
    fn comments_order_and_quotes_stay() {
        let text = "# my house\nmqtt:\n  server: 'mqtt://a' # the broker\n\n  # topic\n  base_topic: zigbee2mqtt\n\n# below\nadvanced:\n    channel: 11   # quiet\n    pan_id: 0x1A62\n";
        let result = edited(
            text,
            &[
                ("advanced.channel", Some(json!(15))),
                ("mqtt.user", Some(json!("me"))),
                ("mqtt.server", Some(json!("mqtt://b"))),
            ],
        );
        assert_eq!(
            result,
            Edited {
                text: "# my house\nmqtt:\n  server: mqtt://b # the broker\n\n  # topic\n  base_topic: zigbee2mqtt\n  user: me\n\n# below\nadvanced:\n    channel: 15   # quiet\n    pan_id: 0x1A62\n".into(),
                rewritten: false
            }
        );
    }

    #[test]
    fn entries_are_removed_with_their_lines() {
        let text = "a: 1\nb:\n  c: 2 # see\n  d:\n    - 1\n    - 2\n  e: x\nf: 3\n";
        assert_eq!(
            edited(text, &[("b.d", None), ("f", None)]),
            Edited {
                text: "a: 1\nb:\n  c: 2 # see\n  e: x\n".into(),
                rewritten: false
            }
        );
    }

    #[test]
    fn the_last_entry_of_a_block_leaves_empty_brackets() {
        let result = edited("a:\n  b: 1\nc: 2\n", &[("a.b", None)]);
        assert_eq!(result.text, "a: {}\nc: 2\n");
        let result = edited("a: {}\nc: 2\n", &[("a.b", Some(json!(1)))]);
        assert_eq!(result.text, "a:\n  b: 1\nc: 2\n");
    }

    #[test]
    fn values_that_are_not_written_can_be_set() {
        let result = edited(
            "serial:\nmqtt:\n  server: x\n",
            &[("serial.port", Some(json!("/dev/a")))],
        );
        assert_eq!(result.text, "serial:\n  port: /dev/a\nmqtt:\n  server: x\n");
        let result = edited("a:   # note\nb: 1\n", &[("a", Some(json!(true)))]);
        assert_eq!(result.text, "a: true   # note\nb: 1\n");
    }

    #[test]
    fn addresses_and_words_are_quoted() {
        let result = edited(
            "devices:\n  '0x00158d0000000001':\n    friendly_name: a\n",
            &[(
                "devices.0x00158d0000000002",
                Some(json!({"friendly_name": "0x00158d0000000002", "icon": "on", "x": "it's: #1"})),
            )],
        );
        assert_eq!(
            result.text,
            "devices:\n  '0x00158d0000000001':\n    friendly_name: a\n  '0x00158d0000000002':\n    friendly_name: '0x00158d0000000002'\n    icon: 'on'\n    x: 'it''s: #1'\n"
        );
        assert!(!result.rewritten);
    }

    #[test]
    fn lists_and_brackets_are_replaced_whole() {
        let result = edited(
            "a: [1, 2] # x\nb: {c: 1, d: 2}\ne:\n- 1\n- 2\nf: 1\n",
            &[
                ("a", Some(json!([3]))),
                ("b.c", Some(json!(5))),
                ("e", Some(json!([{"k": 1, "l": [2]}]))),
            ],
        );
        assert!(!result.rewritten);
        assert_eq!(
            Document::parse(result.text.as_bytes()).unwrap().to_json(),
            json!({"a": [3], "b": {"c": 5, "d": 2}, "e": [{"k": 1, "l": [2]}], "f": 1})
        );
    }

    #[test]
    fn a_change_that_an_anchor_would_spread_rewrites_the_text() {
        let result = edited("# c\na: &x 1\nb: *x\n", &[("a", Some(json!(2)))]);
        assert!(result.rewritten);
        assert_eq!(result.text, "a: 2\nb: 1\n");
        // Beside the anchor nothing is lost.
        let result = edited("# c\na: &x 1\nb: *x\nd: 3\n", &[("d", Some(json!(4)))]);
        assert_eq!(result.text, "# c\na: &x 1\nb: *x\nd: 4\n");
    }

    #[test]
    fn windows_line_ends_stay() {
        let result = edited("a: 1\r\nb:\r\n  c: 1\r\n", &[("b.d", Some(json!(2)))]);
        assert_eq!(result.text, "a: 1\r\nb:\r\n  c: 1\r\n  d: 2\r\n");
    }

    #[test]
    fn a_text_without_last_line_end_is_extended() {
        let result = edited("a: 1\nb:\n  c: 1", &[("b.d", Some(json!(2)))]);
        assert_eq!(result.text, "a: 1\nb:\n  c: 1\n  d: 2\n");
    }

    #[test]
    fn block_texts_can_be_replaced_and_passed() {
        let text = "a: |\n  one\n  two\nb: >-\n  x\n  y\nc: 1\n";
        let result = edited(text, &[("a", Some(json!("z"))), ("c", Some(json!(2)))]);
        assert_eq!(result.text, "a: z\nb: >-\n  x\n  y\nc: 2\n");
        let result = edited(text, &[("d", Some(json!("line\nline")))]);
        assert_eq!(
            result.text,
            "a: |\n  one\n  two\nb: >-\n  x\n  y\nc: 1\nd: \"line\\nline\"\n"
        );
    }
}
