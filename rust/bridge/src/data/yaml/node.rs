//! The tree.

use std::ops::Range;

use devices::JsonMap;
use serde_json::Value as Json;

/// A value in a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it stands, in bytes. For a block collection from its first key or dash to the end of its
    /// last value; empty for a value that is not written.
    pub(crate) span: Range<usize>,
    /// Its line, from 1.
    pub(crate) line: usize,
    /// Its column in characters, from 0.
    pub(crate) column: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A scalar.
    Scalar(Json),
    /// A list.
    Sequence {
        /// True for `[a, b]`.
        flow: bool,
        /// Its items.
        items: Vec<Node>,
    },
    /// A mapping.
    Mapping {
        /// True for `{a: b}`.
        flow: bool,
        /// Its entries in the order of the text.
        entries: Vec<Entry>,
    },
    /// `*anchor`, with what it stands for.
    Alias(Box<Node>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The key's text.
    pub(crate) key: String,
    /// Where the key stands, in bytes.
    pub(crate) key_span: Range<usize>,
    /// The key's line, from 1.
    pub(crate) line: usize,
    /// The key's column in characters, from 0.
    pub(crate) column: usize,
    /// The value.
    pub(crate) value: Node,
}

impl Node {
    /// The entries, if it is a mapping.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The entry with a key, if it is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The line of the value at a path, or of the nearest thing above it that is written.
    pub(crate) fn line_of(&self, path: &[String]) -> usize {
        let mut node = self;
        let mut line = node.line;
        for key in path {
            match &node.kind {
                Kind::Mapping { .. } => match node.entry(key) {
                    Some(entry) => {
                        line = entry.line;
                        node = &entry.value;
                    }
                    None => return line,
                },
                Kind::Sequence { items, .. } => {
                    match key.parse::<usize>().ok().and_then(|index| items.get(index)) {
                        Some(item) => {
                            line = item.line;
                            node = item;
                        }
                        None => return line,
                    }
                }
                Kind::Scalar(_) | Kind::Alias(_) => return line,
            }
        }
        line
    }

    /// Its value. Merge keys (`<<`) are carried out.
    pub(crate) fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Sequence { items, .. } => items.iter().map(Self::to_json).collect(),
            Kind::Mapping { entries, .. } => {
                let mut map = JsonMap::new();
                for entry in entries.iter().filter(|entry| entry.key == "<<") {
                    merge(&mut map, entry.value.to_json());
                }
                for entry in entries.iter().filter(|entry| !entry.is_merge()) {
                    map.insert(entry.key.clone(), entry.value.to_json());
                }
                Json::Object(map)
            }
            Kind::Alias(target) => target.to_json(),
        }
    }
}

impl Entry {
    /// True for `<<: *other`.
    fn is_merge(&self) -> bool {
        self.key == "<<"
    }
}

/// What is merged first wins, as YAML's merge type says.
fn merge(map: &mut JsonMap, value: Json) {
    match value {
        Json::Object(other) => {
            for (key, value) in other {
                map.entry(key).or_insert(value);
            }
        }
        Json::Array(list) => list.into_iter().for_each(|item| merge(map, item)),
        _ => {}
    }
}
