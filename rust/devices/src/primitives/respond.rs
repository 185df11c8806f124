//! A report that has to be answered with a write.

use serde::{Deserialize, Deserializer, de};
use zigbee::ClusterId;
use zigbee::zcl::{Attribute, DataType, Value};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::message::{Decoded, Effect, Memory};
use crate::{Operation, number};

/// Octets of an attribute that call for an answer in the same attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Respond {
    at: At,
    /// How the report begins.
    prefix: Octets,
    /// The answer.
    answer: Octets,
}

/// Bytes, written as hexadecimal text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        number::bytes(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom(format_args!("{text:?} is not hexadecimal")))
    }
}

impl Primitive for Respond {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(Value::Octets(bytes)) = incoming.value(self.at) else {
            return;
        };
        if incoming.is_report() && bytes.starts_with(&self.prefix.0) {
            out.effects.push(Effect::Perform(Operation::Write {
                endpoint: incoming.endpoint(),
                cluster: self.at.cluster(),
                manufacturer: self.at.manufacturer(),
                attributes: vec![Attribute {
                    id: self.at.attribute(),
                    data_type: DataType::OCTET_STRING,
                    value: Value::Octets(self.answer.0.clone()),
                }],
                wait: true,
            }));
        }
    }
}
