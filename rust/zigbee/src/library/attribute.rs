//! Attributes: type, access, and which values are readings.

use std::borrow::Cow;

use crate::zcl::{DataType, Value};
use crate::{AttributeId, ManufacturerCode};

/// An attribute of a cluster.
#[derive(Debug)]
pub struct Attribute {
    /// Its id.
    pub id: AttributeId,
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub data_type: DataType,
    /// Set when only frames with this manufacturer code mean this attribute.
    pub manufacturer: Option<ManufacturerCode>,
    /// What may be done with it.
    pub access: Access,
    /// Who has it.
    pub side: Side,
    /// True when every device with the cluster has it.
    pub mandatory: bool,
    /// False when the name is ours: Zigbee2MQTT shows this attribute by its number.
    pub known: bool,
    /// Which values are valid.
    pub limits: Limits,
}

/// What the specification allows to do with an attribute: a set of the letters of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(pub(crate) u8);

impl Access {
    pub(crate) const READ: u8 = 0x01;
    pub(crate) const WRITE: u8 = 0x02;
    pub(crate) const WRITE_OPTIONAL: u8 = 0x04;
    pub(crate) const REPORT: u8 = 0x08;
    pub(crate) const SCENE: u8 = 0x10;

    /// R: it can be read.
    pub fn can_read(self) -> bool {
        self.0 & Self::READ != 0
    }

    /// W or *W: it can be written.
    pub fn can_write(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// *W: whether it can be written is the device's choice.
    pub fn is_write_optional(self) -> bool {
        self.0 & Self::WRITE_OPTIONAL != 0
    }

    /// P: it can be reported.
    pub fn can_report(self) -> bool {
        self.0 & Self::REPORT != 0
    }

    /// S: scenes store it.
    pub fn is_in_scenes(self) -> bool {
        self.0 & Self::SCENE != 0
    }
}

/// Who has an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server.
    Server,
    /// The client.
    Client,
}

/// Which values of a type are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The least value.
    pub minimum: Option<i128>,
    /// The greatest value.
    pub maximum: Option<i128>,
    /// The default; always valid.
    pub default: Option<i128>,
    /// Values with a meaning of their own; always valid.
    pub special: &'static [i128],
    /// The least and greatest length of a string.
    pub length: Option<(u16, u16)>,
}

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A value.
    Value,
    /// The type's non-value: the device has no reading. Zigbee2MQTT takes it as NaN.
    Nothing,
    /// A value that the specification rules out. Zigbee2MQTT ignores the attribute.
    OutOfRange,
}

impl Limits {
    /// Every value of the type but its non-value.
    pub const NONE: Self = Self {
        minimum: None,
        maximum: None,
        default: None,
        special: &[],
        length: None,
    };

    /// Judges a value that a device sent.
    pub fn judge(&self, data_type: DataType, value: &Value) -> Reading {
        if let Some(integer) = value.as_integer() {
            if self.default == Some(integer) || self.special.contains(&integer) {
                return Reading::Value;
            }
            // A limit at the non-value gives it back its meaning as a number.
            if data_type.non_value() == Some(integer)
                && self.minimum != Some(integer)
                && self.maximum != Some(integer)
            {
                return Reading::Nothing;
            }
        }
        if self.allows(value) {
            Reading::Value
        } else {
            Reading::OutOfRange
        }
    }

    /// True when a value may be written: within the limits, the default or a special value.
    pub fn accepts(&self, value: &Value) -> bool {
        value
            .as_integer()
            .is_some_and(|integer| self.default == Some(integer) || self.special.contains(&integer))
            || self.allows(value)
    }

    fn allows(&self, value: &Value) -> bool {
        if let Some((least, most)) = self.length {
            let length = match value {
                Value::Octets(bytes) => bytes.len(),
                Value::Text(bytes) => String::from_utf8_lossy(bytes).encode_utf16().count(),
                Value::Invalid => 0,
                _ => usize::from(least),
            };
            if length < usize::from(least) || length > usize::from(most) {
                return false;
            }
        }
        if let Some(integer) = value.as_integer() {
            return self.minimum.is_none_or(|minimum| integer >= minimum)
                && self.maximum.is_none_or(|maximum| integer <= maximum);
        }
        let Some(number) = value.as_f64() else {
            return true;
        };
        // NaN is neither above nor below.
        #[expect(
            clippy::cast_precision_loss,
            reason = "limits of floats are small whole numbers"
        )]
        let beyond = self.minimum.is_some_and(|minimum| number < minimum as f64)
            || self.maximum.is_some_and(|maximum| number > maximum as f64);
        !beyond
    }
}

impl Attribute {
    /// What Zigbee2MQTT calls the attribute: the name, or the number in decimal.
    pub fn key(&self) -> Cow<'static, str> {
        if self.known {
            Cow::Borrowed(self.name)
        } else {
            Cow::Owned(self.id.0.to_string())
        }
    }

    /// Judges a value that a device sent.
    pub fn judge(&self, value: &Value) -> Reading {
        self.limits.judge(self.data_type, value)
    }
}
