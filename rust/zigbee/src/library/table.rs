//! What the generated tables are written with.

use super::{Access, Attribute, Condition, Limits, Parameter, ParameterType, Side};
use crate::zcl::DataType;
use crate::{AttributeId, ManufacturerCode};

pub(crate) const fn attribute(id: u16, name: &'static str, data_type: u8, access: u8) -> Attribute {
    Attribute {
        id: AttributeId(id),
        name,
        data_type: DataType(data_type),
        manufacturer: None,
        access: Access(access),
        side: Side::Server,
        mandatory: false,
        known: true,
        limits: Limits::NONE,
    }
}

impl Attribute {
    pub(crate) const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    pub(crate) const fn client(mut self) -> Self {
        self.side = Side::Client;
        self
    }

    pub(crate) const fn unknown(mut self) -> Self {
        self.known = false;
        self
    }

    pub(crate) const fn of(mut self, manufacturer: u16) -> Self {
        self.manufacturer = Some(ManufacturerCode(manufacturer));
        self
    }
}

pub(crate) const fn parameter(name: &'static str, kind: ParameterType) -> Parameter {
    Parameter {
        name,
        kind,
        count: None,
        when: &[],
        limits: Limits::NONE,
    }
}

/// A parameter of a ZCL type.
pub(crate) const fn zcl(name: &'static str, data_type: u8) -> Parameter {
    parameter(name, ParameterType::Zcl(DataType(data_type)))
}

impl Parameter {
    pub(crate) const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) const fn counted_by(mut self, count: &'static str) -> Self {
        self.count = Some(count);
        self
    }

    pub(crate) const fn when(mut self, conditions: &'static [Condition]) -> Self {
        self.when = conditions;
        self
    }
}
