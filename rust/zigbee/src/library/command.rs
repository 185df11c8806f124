//! Commands and their parameters.

use super::{Limits, Reading};
use crate::zcl::{DataType, Value};
use crate::{CommandId, ManufacturerCode};

/// A command of a cluster.
#[derive(Debug)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// Its name.
    pub name: &'static str,
    /// Set when only frames with this manufacturer code mean this command.
    pub manufacturer: Option<ManufacturerCode>,
    /// The command of the other direction that answers it.
    pub response: Option<CommandId>,
    /// True when every device with the cluster has it.
    pub mandatory: bool,
    /// The payload's fields, in order.
    pub parameters: &'static [Parameter],
}

/// A field of a command's payload.
#[derive(Debug)]
pub struct Parameter {
    /// Its name. Fields that stand for each other under opposite conditions share a name.
    pub name: &'static str,
    /// Its type.
    pub kind: ParameterType,
    /// The field that says how many elements there are; without it they go on to the payload's end.
    pub count: Option<&'static str>,
    /// The field is there only if all of these hold.
    pub when: &'static [Condition],
    /// Which values are valid.
    pub limits: Limits,
}

impl Parameter {
    /// Judges a value that a device sent.
    pub fn judge(&self, value: &Value) -> Reading {
        match self.kind {
            ParameterType::Zcl(data_type) => self.limits.judge(data_type, value),
            _ => Reading::Value,
        }
    }
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// A value of a ZCL type.
    Zcl(DataType),
    /// Values of one type without a count of their own.
    List(DataType),
    /// Bytes.
    Bytes,
    /// Scene extensions: cluster, length and attribute values of each (`clstId`, `len`, `extField`).
    ExtensionFieldSets,
    /// Thermostat schedule: `transitionTime`, `heatSetpoint`, `coolSetpoint` of each transition.
    Transitions,
    /// Tuya datapoints: `dp`, `datatype`, `data`.
    Datapoints,
    /// IAS zones: `zoneID`, `zoneStatus`.
    Zones,
}

/// When a field is there. Fields that are missing count as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// At least this many bytes are left.
    BytesLeft(usize),
    /// A field has this value.
    Equals(&'static str, u64),
    /// A field has another value.
    Differs(&'static str, u64),
    /// A field has a greater value.
    Above(&'static str, u64),
    /// All these bits of a field are set.
    Has(&'static str, u64),
    /// Not all these bits of a field are set.
    Lacks(&'static str, u64),
    /// Some bits of a field have this value.
    Bits {
        /// The field.
        field: &'static str,
        /// The lowest bit.
        offset: u8,
        /// How many bits.
        size: u8,
        /// Their value.
        value: u64,
    },
}
