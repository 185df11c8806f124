//! Foundation commands (ZCL specification 2.5).

mod emit;
mod parse;

use super::{DataType, Frame, Status, Value};
use crate::{AttributeId, CommandId, ParseError};

/// An attribute with its value, as in reports and write requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Which attribute.
    pub id: AttributeId,
    /// The type of the value.
    pub data_type: DataType,
    /// The value.
    pub value: Value,
}

/// One record of a read response: a value, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRecord {
    /// Which attribute.
    pub id: AttributeId,
    /// The value with its type, or a status other than success.
    pub result: Result<(DataType, Value), Status>,
}

/// A status for one attribute, as in write responses. `None` as `id` stands for the single
/// success status that answers a request without failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeStatus {
    /// How it went.
    pub status: Status,
    /// Which attribute.
    pub id: Option<AttributeId>,
}

/// Who reports to whom.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportingDirection {
    /// The receiver of the request reports the attribute.
    Send {
        /// The attribute's type.
        data_type: DataType,
        /// Least time between reports, seconds.
        minimum: u16,
        /// Greatest time between reports, seconds; 0xffff switches reporting off.
        maximum: u16,
        /// Least change that is reported; present exactly for analog types.
        change: Option<Value>,
    },
    /// The receiver of the request expects reports.
    Receive {
        /// Greatest time between reports, seconds.
        timeout: u16,
    },
}

/// One record of a configure reporting request.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigureReporting {
    /// Which attribute.
    pub id: AttributeId,
    /// The configuration.
    pub direction: ReportingDirection,
}

/// One record of a configure reporting response. `None` as `id` as in [`AttributeStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportingStatus {
    /// How it went.
    pub status: Status,
    /// 0: the attribute is reported, 1: reports are expected. Absent together with `id`.
    pub direction: u8,
    /// Which attribute.
    pub id: Option<AttributeId>,
}

/// One record of a read reporting configuration response.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadReportingRecord {
    /// Which attribute.
    pub id: AttributeId,
    /// 0: the attribute is reported, 1: reports are expected.
    pub direction: u8,
    /// The configuration, or why there is none.
    pub result: Result<ReportingDirection, Status>,
}

/// One record of a discover attributes (extended) response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeInformation {
    /// Which attribute.
    pub id: AttributeId,
    /// Its type.
    pub data_type: DataType,
    /// Bit 0 readable, bit 1 writable, bit 2 reportable; only in the extended response.
    pub access: Option<u8>,
}

/// Selects an attribute or an element within it (ZCL 2.5.15.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Bits 4 to 7 of the indicator. In structured writes 0 sets the whole, 1 adds an element to a
    /// set or bag, 2 removes one; otherwise 0.
    pub operation: u8,
    /// The index at each level of nesting, at most 15; empty selects the whole attribute.
    pub indexes: Vec<u16>,
}

/// One record of a structured read request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructuredRead {
    /// Which attribute.
    pub id: AttributeId,
    /// What of it.
    pub selector: Selector,
}

/// One record of a structured write request.
#[derive(Debug, Clone, PartialEq)]
pub struct StructuredWrite {
    /// Which attribute.
    pub id: AttributeId,
    /// What of it, and what to do.
    pub selector: Selector,
    /// The type of the value.
    pub data_type: DataType,
    /// The value.
    pub value: Value,
}

/// One record of a structured write response. `None` as `target` stands for the single success
/// status that answers a request without failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructuredStatus {
    /// How it went.
    pub status: Status,
    /// Which attribute, and what of it.
    pub target: Option<(AttributeId, Selector)>,
}

/// A foundation command with its payload.
#[allow(missing_docs, reason = "the names are the specification's own")]
#[derive(Debug, Clone, PartialEq)]
pub enum Foundation {
    Read(Vec<AttributeId>),
    ReadResponse(Vec<ReadRecord>),
    Write(Vec<Attribute>),
    WriteUndivided(Vec<Attribute>),
    WriteResponse(Vec<AttributeStatus>),
    WriteNoResponse(Vec<Attribute>),
    ConfigureReporting(Vec<ConfigureReporting>),
    ConfigureReportingResponse(Vec<ReportingStatus>),
    ReadReporting(Vec<(u8, AttributeId)>),
    ReadReportingResponse(Vec<ReadReportingRecord>),
    Report(Vec<Attribute>),
    DefaultResponse {
        command: CommandId,
        status: Status,
    },
    DiscoverAttributes {
        start: AttributeId,
        maximum: u8,
    },
    DiscoverAttributesResponse {
        complete: bool,
        attributes: Vec<AttributeInformation>,
    },
    ReadStructured(Vec<StructuredRead>),
    WriteStructured(Vec<StructuredWrite>),
    WriteStructuredResponse(Vec<StructuredStatus>),
    DiscoverCommandsReceived {
        start: CommandId,
        maximum: u8,
    },
    DiscoverCommandsReceivedResponse {
        complete: bool,
        commands: Vec<CommandId>,
    },
    DiscoverCommandsGenerated {
        start: CommandId,
        maximum: u8,
    },
    DiscoverCommandsGeneratedResponse {
        complete: bool,
        commands: Vec<CommandId>,
    },
    DiscoverAttributesExtended {
        start: AttributeId,
        maximum: u8,
    },
    /// Every [`AttributeInformation::access`] is present.
    DiscoverAttributesExtendedResponse {
        complete: bool,
        attributes: Vec<AttributeInformation>,
    },
    /// A command id that the specification reserves.
    Unknown {
        command: CommandId,
        payload: Vec<u8>,
    },
}

/// Something that breaks the specification but is understood. Counted, never fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Violation {
    /// A string announces more bytes than the frame has; what is there was taken.
    StringTooLong,
    /// A Lumi structure goes on behind the string that holds it; the rest is in
    /// [`Parsed::trailing`], where [`crate::lumi::LumiStruct::of`] finds it.
    StringTooShort,
    /// Bytes are left over behind the last record.
    TrailingBytes,
    /// A record is cut off; the records before it were taken.
    TruncatedRecord,
    /// A value has a type without known length (or contains one); it holds the rest of the frame.
    UnknownType,
    /// A field has a value that the specification reserves.
    ReservedValue,
}

/// A foundation command together with what was wrong about its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The command.
    pub command: Foundation,
    /// What was tolerated, in order.
    pub violations: Vec<Violation>,
    /// Bytes behind the last record that could be read. The Lumi structure in attribute 0xff01
    /// continues here when its string announces too few bytes.
    pub trailing: Vec<u8>,
}

impl Foundation {
    /// Reads the payload of a global frame. Fails only where nothing at all can be understood.
    pub fn parse(frame: &Frame) -> Result<Parsed, ParseError> {
        Self::parse_payload(frame.header.command, &frame.payload)
    }

    /// Reads a foundation command's payload. Fails only where nothing at all can be understood.
    pub fn parse_payload(command: CommandId, payload: &[u8]) -> Result<Parsed, ParseError> {
        parse::parse(command, payload)
    }

    /// The command's id.
    pub fn id(&self) -> CommandId {
        CommandId(match self {
            Self::Read(_) => 0x00,
            Self::ReadResponse(_) => 0x01,
            Self::Write(_) => 0x02,
            Self::WriteUndivided(_) => 0x03,
            Self::WriteResponse(_) => 0x04,
            Self::WriteNoResponse(_) => 0x05,
            Self::ConfigureReporting(_) => 0x06,
            Self::ConfigureReportingResponse(_) => 0x07,
            Self::ReadReporting(_) => 0x08,
            Self::ReadReportingResponse(_) => 0x09,
            Self::Report(_) => 0x0a,
            Self::DefaultResponse { .. } => 0x0b,
            Self::DiscoverAttributes { .. } => 0x0c,
            Self::DiscoverAttributesResponse { .. } => 0x0d,
            Self::ReadStructured(_) => 0x0e,
            Self::WriteStructured(_) => 0x0f,
            Self::WriteStructuredResponse(_) => 0x10,
            Self::DiscoverCommandsReceived { .. } => 0x11,
            Self::DiscoverCommandsReceivedResponse { .. } => 0x12,
            Self::DiscoverCommandsGenerated { .. } => 0x13,
            Self::DiscoverCommandsGeneratedResponse { .. } => 0x14,
            Self::DiscoverAttributesExtended { .. } => 0x15,
            Self::DiscoverAttributesExtendedResponse { .. } => 0x16,
            Self::Unknown { command, .. } => command.0,
        })
    }

    /// The payload's bytes (without the frame's header).
    pub fn emit(&self) -> Vec<u8> {
        emit::emit(self)
    }
}
