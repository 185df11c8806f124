//! Text to tree.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::Value as Json;

use super::node::{Entry, Kind, Node};
use super::scalar;

/// Longest text that is read, in bytes. Real files stay below 1 MB.
const MAX_BYTES: usize = 8 << 20;
/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// Most nodes, those that aliases stand for counted each time.
const MAX_NODES: usize = 500_000;

/// A text that is not the YAML we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct YamlError {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) fix: String,
}

impl YamlError {
    fn new(line: usize, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// A text with its tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The text, without byte order mark.
    pub(crate) text: String,
    /// The tree; `None` for a text without content.
    pub(crate) root: Option<Node>,
}

impl Document {
    /// Parses a text with at most one document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        if bytes.len() > MAX_BYTES {
            return Err(YamlError::new(
                1,
                format!("is larger than {MAX_BYTES} bytes"),
                "Make it smaller",
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            YamlError::new(
                line_at(bytes, error.valid_up_to()),
                "is not UTF-8 text",
                "Save the file as UTF-8",
            )
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(at) = text.find('\0') {
            return Err(YamlError::new(
                line_at(bytes, at),
                "contains a NUL character",
                "Restore the file from a backup: it seems to be damaged",
            ));
        }
        let root = Builder::new(text).build()?;
        Ok(Self {
            text: text.to_owned(),
            root,
        })
    }

    /// Its value; an empty mapping for a text without content.
    pub(crate) fn to_json(&self) -> Json {
        self.root
            .as_ref()
            .map_or_else(|| Json::Object(serde_json::Map::new()), Node::to_json)
    }

    /// The line of the value at a path.
    pub(crate) fn line_of(&self, path: &[String]) -> usize {
        self.root.as_ref().map_or(1, |root| root.line_of(path))
    }
}

/// The line, from 1, of a byte.
fn line_at(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or_default();
    before.split(|byte| *byte == b'\n').count()
}

/// Something that is not complete yet.
enum Open {
    Sequence {
        start: Span,
        flow: bool,
        anchor: usize,
        items: Vec<Node>,
    },
    Mapping {
        start: Span,
        flow: bool,
        anchor: usize,
        entries: Vec<Entry>,
        seen: BTreeSet<String>,
        key: Option<Node>,
    },
}

struct Builder<'a> {
    text: &'a str,
    /// Byte offset of each character, unless the text is ASCII and they are the same.
    offsets: Option<Vec<usize>>,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    root: Option<Node>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let offsets =
            (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        Self {
            text,
            offsets,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            nodes: 0,
        }
    }

    fn build(mut self) -> Result<Option<Node>, YamlError> {
        let mut parser = Parser::new_from_str(self.text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let what = error.info();
                YamlError::new(
                    error.marker().line(),
                    format!("is not valid YAML: {what}"),
                    syntax_hint(self.text, error.marker().line()),
                )
            })?;
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(YamlError::new(
                            span.start.line(),
                            "holds more than one YAML document",
                            "Remove the second `---` and what follows it",
                        ));
                    }
                }
                Event::Alias(id) => self.alias(id, span)?,
                Event::Scalar(text, style, anchor, tag) => {
                    let value = scalar_value(&text, style, tag.as_deref(), span)?;
                    let bytes = self.scalar_bytes(span, style);
                    let node = self.node(span.start, bytes, Kind::Scalar(value))?;
                    self.push(node, anchor, 1)?;
                }
                Event::SequenceStart(anchor, _) => {
                    self.deeper(span)?;
                    let flow = self.is_flow(span, '[');
                    self.stack.push(Open::Sequence {
                        start: span,
                        flow,
                        anchor,
                        items: Vec::new(),
                    });
                }
                Event::MappingStart(anchor, _) => {
                    self.deeper(span)?;
                    let flow = self.is_flow(span, '{');
                    self.stack.push(Open::Mapping {
                        start: span,
                        flow,
                        anchor,
                        entries: Vec::new(),
                        seen: BTreeSet::new(),
                        key: None,
                    });
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.root)
    }

    fn deeper(&self, span: Span) -> Result<(), YamlError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(YamlError::new(
                span.start.line(),
                format!("is nested deeper than {MAX_DEPTH} levels"),
                "Remove the nested brackets",
            ));
        }
        Ok(())
    }

    fn is_flow(&self, span: Span, bracket: char) -> bool {
        self.text
            .get(self.offset(span.start.index())..)
            .is_some_and(|rest| rest.starts_with(bracket))
    }

    fn offset(&self, index: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(index).copied().unwrap_or(self.text.len()),
            None => index.min(self.text.len()),
        }
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let start = self.offset(span.start.index());
        start..self.offset(span.end.index()).max(start)
    }

    /// Where a scalar stands. The parser's end may lie behind spaces and comments that follow.
    fn scalar_bytes(&self, span: Span, style: ScalarStyle) -> Range<usize> {
        let bytes = self.bytes(span);
        let written = self.text.get(bytes.clone()).unwrap_or_default();
        let length = match style {
            ScalarStyle::SingleQuoted => quoted_length(written, '\'', None),
            ScalarStyle::DoubleQuoted => quoted_length(written, '"', Some('\\')),
            _ => written.trim_end().len(),
        };
        bytes.start..bytes.start + length
    }

    fn node(
        &mut self,
        start: saphyr_parser::Marker,
        span: Range<usize>,
        kind: Kind,
    ) -> Result<Node, YamlError> {
        self.count(1, start.line())?;
        Ok(Node {
            span,
            line: start.line(),
            column: start.col(),
            kind,
        })
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(YamlError::new(
                line,
                format!("holds more than {MAX_NODES} values"),
                "Remove anchors and aliases that multiply",
            ));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), YamlError> {
        let Some((target, size)) = self.anchors.get(&id).cloned() else {
            return Err(YamlError::new(
                span.start.line(),
                "refers to an anchor that contains it",
                "Write the value out",
            ));
        };
        self.count(size, span.start.line())?;
        let bytes = self.bytes(span);
        let node = self.node(span.start, bytes, Kind::Alias(Box::new(target)))?;
        self.push(node, 0, size)
    }

    fn close(&mut self, end: Span) -> Result<(), YamlError> {
        let before = self.nodes;
        let (start, anchor, kind) = match self.stack.pop() {
            Some(Open::Sequence {
                start,
                flow,
                anchor,
                items,
            }) => (start, anchor, Kind::Sequence { flow, items }),
            Some(Open::Mapping {
                start,
                flow,
                anchor,
                entries,
                ..
            }) => (start, anchor, Kind::Mapping { flow, entries }),
            None => return Ok(()),
        };
        let first = self.offset(start.start.index());
        let last = match &kind {
            // The end of a block is told where the next thing begins; its last value says more.
            Kind::Sequence { flow: false, items } => {
                items.iter().rev().find_map(Node::end).unwrap_or(first + 1)
            }
            Kind::Mapping {
                flow: false,
                entries,
            } => entries.last().map_or(first, Entry::end),
            _ => self.offset(end.end.index()),
        };
        let node = self.node(start.start, first..last.max(first), kind)?;
        let size = size(&node).max(self.nodes - before);
        self.push(node, anchor, size)
    }

    /// Adds a complete node to what contains it.
    fn push(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping {
                entries, key, seen, ..
            }) => match key.take() {
                None => {
                    *key = Some(node);
                }
                Some(name) => {
                    let text = key_text(self.text, &name)?;
                    if !seen.insert(text.clone()) {
                        return Err(YamlError::new(
                            name.line,
                            format!("has the key '{text}' twice in the same block"),
                            "Keep one of them",
                        ));
                    }
                    entries.push(Entry {
                        key: text,
                        key_span: name.span,
                        line: name.line,
                        column: name.column,
                        value: node,
                    });
                }
            },
        }
        Ok(())
    }
}

/// The length of a quoted text with its quotes. Without an escape character a doubled quote is one.
fn quoted_length(written: &str, quote: char, escape: Option<char>) -> usize {
    let mut characters = written.char_indices().peekable();
    characters.next();
    while let Some((at, c)) = characters.next() {
        if Some(c) == escape {
            characters.next();
        } else if c == quote {
            match characters.peek() {
                Some((_, next)) if escape.is_none() && *next == quote => {
                    characters.next();
                }
                _ => return at + c.len_utf8(),
            }
        }
    }
    written.trim_end().len()
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 1,
        Kind::Sequence { items, .. } => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Mapping { entries, .. } => {
            1 + entries
                .iter()
                .map(|entry| size(&entry.value))
                .sum::<usize>()
        }
        Kind::Alias(target) => size(target),
    }
}

/// The text of a key. A plain key is what is written (`1`, `0x00158d0001234567`), whatever it would
/// mean as a value.
fn key_text(text: &str, node: &Node) -> Result<String, YamlError> {
    match &node.kind {
        Kind::Scalar(Json::String(key)) => Ok(key.clone()),
        Kind::Scalar(_) => Ok(text.get(node.span.clone()).unwrap_or_default().to_owned()),
        Kind::Alias(target) => key_text(text, target),
        Kind::Sequence { .. } | Kind::Mapping { .. } => Err(YamlError::new(
            node.line,
            "has a list or block where a key belongs",
            "Use a text as key",
        )),
    }
}

fn scalar_value(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: Span,
) -> Result<Json, YamlError> {
    let as_text = || Json::String(text.to_owned());
    match tag {
        None if style == ScalarStyle::Plain => Ok(scalar::resolve(text)),
        None => Ok(as_text()),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(as_text()),
            _ => Ok(scalar::resolve(text)),
        },
        // Neither the tag nor the text is shown: it may be a password that begins with `!`.
        Some(_) => Err(YamlError::new(
            span.start.line(),
            "has a text that begins with ! without quotes",
            "Put it in quotes, for example '!secret password'",
        )),
    }
}

/// What is most often wrong on a line that is not YAML.
fn syntax_hint(text: &str, line: usize) -> String {
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let indent = written
        .chars()
        .take_while(|c| c.is_whitespace())
        .collect::<String>();
    if indent.contains('\t') {
        "Indent with spaces, not with tabs".to_owned()
    } else {
        "Check the indentation and quotes on this line and the one before".to_owned()
    }
}
