//! The Zigbee Cluster Library: data types, frames, foundation commands, clusters.
//!
//! Source: Zigbee Cluster Library Specification (CSA 07-5123), chapter 2.

mod convert;
mod data_type;
mod foundation;
mod frame;
mod half;
mod status;
mod value;

pub use data_type::DataType;
pub use foundation::{
    Attribute, AttributeInformation, AttributeStatus, ConfigureReporting, Foundation, Parsed,
    ReadRecord, ReadReportingRecord, ReportingDirection, ReportingStatus, Selector, StructuredRead,
    StructuredStatus, StructuredWrite, Violation,
};
pub use frame::{Direction, Frame, FrameType, Header};
pub use status::Status;
pub use value::{Date, Number, TimeOfDay, Value};
