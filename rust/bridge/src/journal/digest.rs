//! A short hash of what an input led to, so that a replay can compare.
//!
//! It is taken over outputs whose secrets are masked: a replay has other values in their place.

use adapters::{Destination, Request};

use super::input::level_name;
use super::redact::{DOOR_LOCK, INSTALL_CODE};
use super::secrets::mask;
use super::suspicion::is_suspicious;
use crate::core::{Audience, CoreOutput, Publish};

/// The topics of files with code, of which the journal has the names only.
const CODE: [&str; 2] = ["bridge/converters", "bridge/extensions"];

/// A digest of everything that an input led to, in its order.
pub(crate) fn digest(outputs: &[CoreOutput]) -> u32 {
    let mut digest = Digest::new();
    for output in outputs {
        digest.output(output);
    }
    digest.end()
}

/// What stands before and after the part of a payload that many have in common, and the digest of that:
/// where none of them has anything like a secret, which none gets by standing beside the other.
fn with_common(publish: &Publish) -> Option<(&[u8], u64, &[u8])> {
    let (at, common) = publish.common.as_ref()?;
    let digest = (*common.digest.get_or_init(|| {
        let mut digest = Digest::new();
        digest.bytes(harmless(&common.text)?);
        Some(digest.0)
    }))?;
    let before = harmless(publish.payload.get(..*at)?)?;
    let after = harmless(publish.payload.get(at + common.text.len()..)?)?;
    Some((before, digest, after))
}

/// The text, if there is nothing like a secret in it.
fn harmless(text: &[u8]) -> Option<&[u8]> {
    (!is_suspicious(std::str::from_utf8(text).ok()?)).then_some(text)
}

/// Multiplies and folds sixteen bytes at a time. Against accidents, not against malice; the constants are
/// digits of pi.
struct Digest(u64);

const START: u64 = 0x243f_6a88_85a3_08d3;
const FACTOR: u64 = 0x1319_8a2e_0370_7345;

impl Digest {
    fn new() -> Self {
        Self(START)
    }

    fn number(&mut self, value: u64) {
        self.mix(value, 0);
    }

    fn mix(&mut self, one: u64, other: u64) {
        let product = u128::from(self.0 ^ one) * u128::from(FACTOR ^ other);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let (low, high) = (product as u64, (product >> 64) as u64);
        self.0 = (low ^ high).wrapping_add(FACTOR);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let (chunks, rest) = bytes.as_chunks::<16>();
        for chunk in chunks {
            let both = u128::from_le_bytes(*chunk);
            #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
            self.mix(both as u64, (both >> 64) as u64);
        }
        let (chunks, rest) = rest.as_chunks::<8>();
        for chunk in chunks {
            self.number(u64::from_le_bytes(*chunk));
        }
        let rest = rest.iter().rev();
        self.number(rest.fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }

    fn text(&mut self, text: &str) {
        self.bytes(mask(text).as_bytes());
    }

    fn debug(&mut self, value: &dyn std::fmt::Debug) {
        self.bytes(format!("{value:?}").as_bytes());
    }

    #[expect(clippy::cast_possible_truncation, reason = "the half that is kept")]
    fn end(self) -> u32 {
        (self.0 ^ self.0 >> 32) as u32
    }

    /// A text if it is one.
    fn payload(&mut self, payload: &[u8]) {
        match std::str::from_utf8(payload) {
            Ok(text) => self.text(text),
            Err(_) => self.bytes(payload),
        }
    }

    fn output(&mut self, output: &CoreOutput) {
        match output {
            CoreOutput::Adapter(id, request) => {
                self.number(1);
                self.number(id.0);
                self.request(request);
            }
            CoreOutput::Publish(publish) => self.publish(publish),
            CoreOutput::Frame(audience, frame) => {
                self.number(3);
                match audience {
                    Audience::All => self.number(0),
                    Audience::One(id) => {
                        self.number(1);
                        self.number(id.0);
                    }
                }
                let text = std::str::from_utf8(frame).unwrap_or_default();
                let is_kept =
                    !text.contains(INSTALL_CODE) && !CODE.iter().any(|topic| text.contains(topic));
                if is_kept {
                    self.payload(frame);
                }
            }
            CoreOutput::Tell(id, told) => {
                self.number(17);
                self.number(id.0);
                self.number(u64::from(told.stored));
                self.message(&told.topic, &told.payload);
            }
            CoreOutput::Subscribe(filters) => {
                self.number(4);
                self.debug(filters);
            }
            CoreOutput::Unsubscribe(filters) => {
                self.number(5);
                self.debug(filters);
            }
            // Its content follows from the states, which are published too.
            CoreOutput::Save(save) => {
                self.number(6);
                self.debug(save);
            }
            CoreOutput::Log(entry) => {
                self.number(7);
                self.text(level_name(entry.level));
                self.text(&entry.namespace);
                self.text(&entry.text);
            }
            CoreOutput::Fetch(id, fetch) => {
                self.number(8);
                self.number(id.0);
                self.debug(fetch);
            }
            CoreOutput::OtaFile(hub::OtaFile::Write(name, image)) => {
                self.number(9);
                self.text(name);
                self.bytes(image.bytes());
            }
            CoreOutput::OtaFile(hub::OtaFile::Remove(name)) => {
                self.number(10);
                self.text(name);
            }
            CoreOutput::Archive(id) => {
                self.number(11);
                self.number(id.0);
            }
            CoreOutput::Remove { id, path } => {
                self.number(12);
                self.number(id.0);
                self.text(path);
            }
            CoreOutput::Workers(workers) => {
                self.number(18);
                self.debug(workers);
            }
            CoreOutput::CallConverter(id, call) => {
                self.number(19);
                self.number(id.0);
                self.number(call.device.0);
                self.text(&call.definition);
                self.debug(&call.call);
            }
            CoreOutput::Ask(id, question) => {
                self.number(20);
                self.number(id.0);
                self.text(&question.to_string());
            }
            CoreOutput::MeasureHost => self.number(13),
            CoreOutput::Restart => self.number(14),
            CoreOutput::Stopped => self.number(15),
            CoreOutput::TimerDue(due) => {
                self.number(16);
                self.text(&due.timer.owner);
                self.text(&due.timer.id);
                self.text(&due.timer.data);
                self.number(due.late_ms);
                self.number(u64::from(due.missed));
            }
        }
    }

    fn publish(&mut self, publish: &Publish) {
        self.number(2);
        self.number(publish.qos as u64);
        self.number(u64::from(publish.retain));
        self.number(publish.expiry.map_or(u64::MAX, u64::from));
        match with_common(publish) {
            Some((before, common, after)) => {
                self.bytes(publish.topic.as_bytes());
                self.bytes(before);
                self.number(common);
                self.bytes(after);
            }
            None => self.message(&publish.topic, &publish.payload),
        }
    }

    fn message(&mut self, topic: &str, payload: &[u8]) {
        self.bytes(topic.as_bytes());
        let is_code = CODE.iter().any(|code| topic.ends_with(code));
        // Answers repeat the request's letters, large and small.
        let is_install_code =
            topic.contains("/response/") && topic.to_ascii_lowercase().contains(INSTALL_CODE);
        if !is_code && !is_install_code {
            self.payload(payload);
        }
    }

    fn request(&mut self, request: &Request) {
        let Request::Aps(aps) = request else {
            // Secrets have a form of their own that tells nothing.
            self.debug(request);
            return;
        };
        match aps.destination {
            Destination::Device(nwk, endpoint) => {
                self.number(u64::from(nwk.0) << 8 | u64::from(endpoint.0));
            }
            Destination::Group(group) => self.number(1 << 32 | u64::from(group.0)),
            Destination::Broadcast(nwk, endpoint) => {
                self.number(1 << 40 | u64::from(nwk.0) << 8 | u64::from(endpoint.0));
            }
        }
        let numbers = [aps.source_endpoint.0.into(), aps.profile.0, aps.cluster.0];
        for number in numbers {
            self.number(number.into());
        }
        self.debug(&aps.patience);
        // Requests to locks tell codes.
        let shown = if aps.cluster == DOOR_LOCK {
            3
        } else {
            usize::MAX
        };
        let shown = aps.payload.get(..shown.min(aps.payload.len()));
        self.bytes(shown.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::{Common, Qos};

    /// Of a message that has `common` in it.
    fn of(common: &str, rest: &str) -> u32 {
        let payload = format!(r#"{{"device":{common},{rest}}}"#);
        let topic = Arc::from("zigbee2mqtt/lamp");
        let mut publish = Publish::new(topic, payload.into_bytes(), Qos::AtMostOnce, false);
        let common = Common {
            text: common.as_bytes().to_vec(),
            ..Common::default()
        };
        publish.common = Some((10, Arc::new(common)));
        digest(&[CoreOutput::Publish(publish)])
    }

    #[test]
    fn a_part_that_messages_have_in_common_counts_and_a_secret_anywhere_does_not() {
        let digest = of(r#"{"model":"a"}"#, r#""n":1"#);
        assert_eq!(digest, of(r#"{"model":"a"}"#, r#""n":1"#));
        assert_ne!(digest, of(r#"{"model":"b"}"#, r#""n":1"#));
        assert_ne!(digest, of(r#"{"model":"a"}"#, r#""n":2"#));
        let lock = |common: &str, code: &str, n: u8| {
            of(common, &format!(r#""pin_code":"{code}","n":{n}"#))
        };
        let plain = r#"{"model":"a"}"#;
        assert_eq!(lock(plain, "1234", 1), lock(plain, "9999", 1));
        assert_ne!(lock(plain, "1234", 1), lock(plain, "1234", 2));
        let named = |token: &str| format!(r#"{{"token":"{token}"}}"#);
        assert_eq!(of(&named("x"), r#""n":1"#), of(&named("y"), r#""n":1"#));
    }
}
