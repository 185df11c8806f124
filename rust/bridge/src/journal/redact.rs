//! Secrets in inputs, where the name of a key doesn't tell them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use adapters::ApsIndication;
use hub::{DurableChange, DurableRows, DurableTimer};
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::{self, Direction, FrameType};

use super::hex::{self, Hex};
use super::input::Payload;
use super::secrets::{Pseudonyms, is_secret};
use crate::core::disguise;

/// The cluster of door locks, whose frames tell codes.
pub(crate) const DOOR_LOCK: ClusterId = ClusterId(0x0101);
/// In the topics that install codes are added by, and that tell how that went.
pub(crate) const INSTALL_CODE: &str = "install_code";

/// Shorter words of what should be an install code are marks.
const SHORTEST_WORD: usize = 6;

/// A payload without its secrets.
pub(crate) fn payload<'a>(topic: &str, bytes: &'a [u8], hidden: &Pseudonyms) -> Payload<'a> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Payload::Bytes {
            hex: Hex::borrowed(bytes),
        };
    };
    Payload::Text(if topic.to_ascii_lowercase().contains(INSTALL_CODE) {
        Cow::Owned(install_code(text, hidden))
    } else {
        hidden.replace(text)
    })
}

/// A request that adds an install code, with another code.
fn install_code(text: &str, hidden: &Pseudonyms) -> String {
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object(mut request)) => {
            for (key, value) in &mut request {
                if key != "transaction" {
                    *value = match value.as_str() {
                        Some(code) => other_code(code, hidden).into(),
                        None => Json::Null,
                    };
                }
            }
            Json::Object(request).to_string()
        }
        Ok(Json::String(code)) => Json::from(other_code(&code, hidden)).to_string(),
        _ => other_code(text, hidden),
    }
}

/// Another code for the same device. What is no code is so in the same way.
fn other_code(text: &str, hidden: &Pseudonyms) -> String {
    let bytes = hidden.bytes(text.as_bytes());
    disguise(text, &bytes).unwrap_or_else(|| other_digits(text, &bytes))
}

/// Other hexadecimal digits in all words of some length; the marks between them are no secret.
fn other_digits(text: &str, bytes: &[u8]) -> String {
    let digits = hex::text(bytes);
    let mut digits = digits.chars().cycle();
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let is_word = part.len() >= SHORTEST_WORD;
        out.extend(part.chars().map(|c| match digits.next() {
            Some(digit) if is_word && c.is_ascii_hexdigit() => digit,
            _ => c,
        }));
    }
    out
}

/// What automations keep, without secrets.
pub(crate) fn change(change: &DurableChange, hidden: &Pseudonyms) -> DurableChange {
    match change {
        DurableChange::PutTimer(timer) => DurableChange::PutTimer(self::timer(timer, hidden)),
        DurableChange::PutValue { owner, key, value } => DurableChange::PutValue {
            owner: owner.clone(),
            key: key.clone(),
            value: self::value(key, value, hidden),
        },
        other => other.clone(),
    }
}

/// All that automations keep, without secrets.
pub(crate) fn rows(rows: &DurableRows, hidden: &Pseudonyms) -> DurableRows {
    let values = |values: &BTreeMap<String, String>| {
        let values = values.iter();
        values
            .map(|(key, text)| (key.clone(), value(key, text, hidden)))
            .collect()
    };
    DurableRows {
        timers: rows.timers.iter().map(|t| timer(t, hidden)).collect(),
        values: rows
            .values
            .iter()
            .map(|(owner, of)| (owner.clone(), values(of)))
            .collect(),
    }
}

fn timer(timer: &DurableTimer, hidden: &Pseudonyms) -> DurableTimer {
    DurableTimer {
        data: hidden.replace(&timer.data).into_owned(),
        ..timer.clone()
    }
}

/// JSON under a key.
fn value(key: &str, value: &str, hidden: &Pseudonyms) -> String {
    if is_secret(key) {
        format!("\"{}\"", hidden.word(value))
    } else {
        hidden.replace(value).into_owned()
    }
}

/// A frame without the codes of a lock's users.
pub(crate) fn frame<'a>(message: &'a ApsIndication, hidden: &Pseudonyms) -> Hex<'a> {
    if message.cluster != DOOR_LOCK {
        return Hex::borrowed(&message.payload);
    }
    match code_in(&message.payload) {
        Some((start, code)) => {
            let mut bytes = message.payload.clone();
            let digits = hidden.digits(&String::from_utf8_lossy(code));
            for (to, from) in bytes
                .iter_mut()
                .skip(start)
                .take(code.len())
                .zip(digits.bytes())
            {
                *to = from;
            }
            Hex::owned(bytes)
        }
        None => Hex::borrowed(&message.payload),
    }
}

/// Where a code is in a frame of a lock (ZCL 7.3.2.17): in answers to getPinCode and getRfidCode, and
/// in what it tells of operations and programming.
fn code_in(frame: &[u8]) -> Option<(usize, &[u8])> {
    let parsed = zcl::Frame::parse(frame).ok()?;
    let header = parsed.header;
    if header.frame_type != FrameType::Cluster || header.direction != Direction::ToClient {
        return None;
    }
    let before = match header.command.0 {
        0x06 | 0x18 | 0x20 | 0x21 => 4,
        _ => return None,
    };
    let begin = frame.len().checked_sub(parsed.payload.len())?;
    let length = usize::from(*frame.get(begin + before)?);
    let start = begin + before + 1;
    let code = frame.get(start..start + length).filter(|c| !c.is_empty())?;
    Some((start, code))
}
