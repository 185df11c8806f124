//! A number that comes with its name, as text.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::Value;

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::message::{Decoded, Memory};
use crate::number;

/// The greatest length of a name: those of sensors on a wire have sixteen digits.
const NAME: usize = 32;

/// Text `name:number`; the name becomes the property. A message of the cluster without it publishes
/// `null` as `null`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Labelled {
    at: At,
    digits: u8,
}

impl Labelled {
    fn read(&self, value: &Value) -> Option<(String, Json)> {
        let (Value::Text(bytes) | Value::Octets(bytes)) = value else {
            return None;
        };
        let (name, value) = std::str::from_utf8(bytes).ok()?.split_once(':')?;
        let plain = name.len() <= NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if name.is_empty() || !plain {
            return None;
        }
        let value: f64 = value.trim_matches(['\0', ' ']).parse().ok()?;
        Some((
            name.to_owned(),
            number::json(number::round_to(value, self.digits)),
        ))
    }
}

impl Primitive for Labelled {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        match incoming.value(self.at) {
            Some(value) => match self.read(value) {
                Some((name, value)) => out.put(&name, value),
                None => out.problem("unexpected_value", "a reading has no name and number"),
            },
            None if incoming.carries_attributes_of(self.at.cluster()) => {
                out.put("null", Json::Null);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reading_has_a_plain_name_and_a_number() {
        let labelled: Labelled = serde_json::from_value(
            json!({"at": {"cluster": "0x0006", "attribute": "0xa198"}, "digits": 2}),
        )
        .unwrap();
        let read = |text: &str| labelled.read(&Value::Text(text.into()));
        assert_eq!(
            read("28ff641d8fa3:21.4375"),
            Some(("28ff641d8fa3".to_owned(), json!(21.44)))
        );
        for wrong in ["21.4", ":21.4", "a/b:1", "x:", "28ff:warm"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
