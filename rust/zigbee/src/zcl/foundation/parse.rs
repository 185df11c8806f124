//! Parses foundation commands, tolerating and noting what real devices do.

use super::{
    Attribute, AttributeInformation, AttributeStatus, ConfigureReporting, Foundation, Parsed,
    ReadRecord, ReadReportingRecord, ReportingDirection, ReportingStatus, Selector, StructuredRead,
    StructuredStatus, StructuredWrite, Violation,
};
use crate::lumi::{self, Cut};
use crate::zcl::data_type::Layout;
use crate::zcl::{DataType, Status, Value};
use crate::{AttributeId, CommandId, ParseError, Reader};

pub(super) fn parse(command: CommandId, payload: &[u8]) -> Result<Parsed, ParseError> {
    let mut parser = Parser {
        reader: Reader::new(payload),
        violations: Vec::new(),
    };
    let p = &mut parser;
    let command = match command.0 {
        0x00 => Foundation::Read(p.records(2, Parser::id)?),
        0x01 => Foundation::ReadResponse(p.records(3, Parser::read_record)?),
        0x02 => Foundation::Write(p.records(3, Parser::attribute)?),
        0x03 => Foundation::WriteUndivided(p.records(3, Parser::attribute)?),
        0x04 => Foundation::WriteResponse(p.write_response()?),
        0x05 => Foundation::WriteNoResponse(p.records(3, Parser::attribute)?),
        0x06 => Foundation::ConfigureReporting(p.records(5, Parser::configure_reporting)?),
        0x07 => Foundation::ConfigureReportingResponse(p.reporting_response()?),
        0x08 => Foundation::ReadReporting(p.records(3, |p| Ok((p.reader.u8()?, p.id()?)))?),
        0x09 => Foundation::ReadReportingResponse(p.records(4, Parser::read_reporting)?),
        0x0a => Foundation::Report(p.records(3, Parser::attribute)?),
        0x0b => Foundation::DefaultResponse {
            command: CommandId(p.reader.u8()?),
            status: Status(p.reader.u8()?),
        },
        0x0c => Foundation::DiscoverAttributes {
            start: p.id()?,
            maximum: p.reader.u8()?,
        },
        0x0d => Foundation::DiscoverAttributesResponse {
            complete: p.complete()?,
            attributes: p.records(3, |p| p.discovered(false))?,
        },
        0x0e => Foundation::ReadStructured(p.records(3, |p| {
            Ok(StructuredRead {
                id: p.id()?,
                selector: p.selector()?,
            })
        })?),
        0x0f => Foundation::WriteStructured(p.records(4, Parser::structured_write)?),
        0x10 => Foundation::WriteStructuredResponse(p.structured_response()?),
        0x11 => Foundation::DiscoverCommandsReceived {
            start: CommandId(p.reader.u8()?),
            maximum: p.reader.u8()?,
        },
        0x12 => Foundation::DiscoverCommandsReceivedResponse {
            complete: p.complete()?,
            commands: p.commands(),
        },
        0x13 => Foundation::DiscoverCommandsGenerated {
            start: CommandId(p.reader.u8()?),
            maximum: p.reader.u8()?,
        },
        0x14 => Foundation::DiscoverCommandsGeneratedResponse {
            complete: p.complete()?,
            commands: p.commands(),
        },
        0x15 => Foundation::DiscoverAttributesExtended {
            start: p.id()?,
            maximum: p.reader.u8()?,
        },
        0x16 => Foundation::DiscoverAttributesExtendedResponse {
            complete: p.complete()?,
            attributes: p.records(4, |p| p.discovered(true))?,
        },
        _ => Foundation::Unknown {
            command,
            payload: p.reader.take_rest().to_vec(),
        },
    };
    Ok(parser.finish(command))
}

struct Parser<'a> {
    reader: Reader<'a>,
    violations: Vec<Violation>,
}

impl<'a> Parser<'a> {
    fn finish(mut self, command: Foundation) -> Parsed {
        let trailing = self.reader.take_rest().to_vec();
        let explained = self.violations.iter().any(|violation| {
            matches!(
                violation,
                Violation::TruncatedRecord | Violation::StringTooShort
            )
        });
        if !trailing.is_empty() && !explained {
            self.violations.push(Violation::TrailingBytes);
        }
        Parsed {
            command,
            violations: self.violations,
            trailing,
        }
    }

    /// Reads records until less than `shortest` bytes are left or one can't be read. What is left
    /// stays in the reader.
    fn records<T>(
        &mut self,
        shortest: usize,
        read: impl Fn(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut records = Vec::new();
        while self.reader.rest().len() >= shortest {
            let before = self.reader.clone();
            let noted = self.violations.len();
            match read(self) {
                Ok(record) => {
                    records.push(record);
                    if self.violations.last() == Some(&Violation::StringTooShort) {
                        break;
                    }
                }
                Err(error) if records.is_empty() => return Err(error),
                Err(_) => {
                    self.reader = before;
                    self.violations.truncate(noted);
                    self.violations.push(Violation::TruncatedRecord);
                    break;
                }
            }
        }
        if records.is_empty() && !self.reader.is_empty() {
            return Err(ParseError::Truncated {
                offset: self.reader.offset(),
                needed: shortest.saturating_sub(self.reader.rest().len()),
            });
        }
        Ok(records)
    }

    fn id(&mut self) -> Result<AttributeId, ParseError> {
        self.reader.u16().map(AttributeId)
    }

    fn data_type(&mut self) -> Result<DataType, ParseError> {
        self.reader.u8().map(DataType)
    }

    /// A value at the outermost level, where the end of the frame bounds it: a string that
    /// announces too much ends there, and so does a type without known length.
    fn value(&mut self, data_type: DataType) -> Result<Value, ParseError> {
        let before = self.reader.clone();
        match Value::parse(data_type, &mut self.reader) {
            Err(ParseError::UnknownDataType { .. }) => {
                self.reader = before;
                self.violations.push(Violation::UnknownType);
                Ok(Value::Raw(self.reader.take_rest().to_vec()))
            }
            Err(error @ ParseError::Truncated { .. }) if data_type.is_string() => {
                self.reader = before;
                self.cut_off_string(data_type).ok_or(error)
            }
            other => other,
        }
    }

    fn cut_off_string(&mut self, data_type: DataType) -> Option<Value> {
        let (width, text) = match data_type.layout() {
            Layout::Octets(width) => (width, false),
            Layout::Text(width) => (width, true),
            _ => return None,
        };
        self.reader.take(width).ok()?;
        self.violations.push(Violation::StringTooLong);
        let bytes = self.reader.take_rest().to_vec();
        Some(if text {
            Value::Text(bytes)
        } else {
            Value::Octets(bytes)
        })
    }

    fn attribute(&mut self) -> Result<Attribute, ParseError> {
        let id = self.id()?;
        let data_type = self.data_type()?;
        let start = self.reader.clone();
        let mut value = self.value(data_type)?;
        self.look_behind(id, data_type, start, &mut value);
        Ok(Attribute {
            id,
            data_type,
            value,
        })
    }

    /// Finds the real end of a string with a Lumi structure that has something behind it. Without
    /// that the structure's last bytes would be taken for a record, or a record's first ones for the
    /// string's.
    fn look_behind(
        &mut self,
        id: AttributeId,
        data_type: DataType,
        start: Reader<'a>,
        value: &mut Value,
    ) {
        if self.reader.is_empty() || !lumi::is_structure(id) {
            return;
        }
        let (Value::Text(bytes) | Value::Octets(bytes)) = value else {
            return;
        };
        let end = lumi::end(bytes, self.reader.rest());
        let goes_on = match end.cut {
            None => false,
            Some(Cut::InField) => true,
            Some(Cut::BetweenFields) => !attributes_follow(&self.reader),
        };
        if goes_on {
            self.violations.push(Violation::StringTooShort);
            return;
        }
        if !(1..=MOST_TOO_LONG).contains(&bytes.len().saturating_sub(end.fields)) {
            return;
        }
        let mut reader = start;
        let skipped = reader.take(data_type.length_width().unwrap_or_default() + end.fields);
        if skipped.is_ok() && attributes_follow(&reader) && !attributes_follow(&self.reader) {
            bytes.truncate(end.fields);
            self.reader = reader;
            self.violations.push(Violation::StringTooLong);
        }
    }

    fn read_record(&mut self) -> Result<ReadRecord, ParseError> {
        let id = self.id()?;
        let status = Status(self.reader.u8()?);
        Ok(ReadRecord {
            id,
            result: if status == Status::SUCCESS {
                let data_type = self.data_type()?;
                let start = self.reader.clone();
                let mut value = self.value(data_type)?;
                self.look_behind(id, data_type, start, &mut value);
                Ok((data_type, value))
            } else {
                Err(status)
            },
        })
    }

    /// The status of a response that consists of one byte.
    fn lone_status(&mut self) -> Option<Status> {
        let [status] = *self.reader.rest() else {
            return None;
        };
        self.reader.take_rest();
        Some(Status(status))
    }

    fn write_response(&mut self) -> Result<Vec<AttributeStatus>, ParseError> {
        if let Some(status) = self.lone_status() {
            return Ok(vec![AttributeStatus { status, id: None }]);
        }
        self.records(3, |p| {
            Ok(AttributeStatus {
                status: Status(p.reader.u8()?),
                id: Some(p.id()?),
            })
        })
    }

    fn reporting_response(&mut self) -> Result<Vec<ReportingStatus>, ParseError> {
        if let Some(status) = self.lone_status() {
            return Ok(vec![ReportingStatus {
                status,
                direction: 0,
                id: None,
            }]);
        }
        self.records(4, |p| {
            Ok(ReportingStatus {
                status: Status(p.reader.u8()?),
                direction: p.reader.u8()?,
                id: Some(p.id()?),
            })
        })
    }

    fn structured_response(&mut self) -> Result<Vec<StructuredStatus>, ParseError> {
        if let Some(status) = self.lone_status() {
            return Ok(vec![StructuredStatus {
                status,
                target: None,
            }]);
        }
        self.records(4, |p| {
            Ok(StructuredStatus {
                status: Status(p.reader.u8()?),
                target: Some((p.id()?, p.selector()?)),
            })
        })
    }

    fn reporting(&mut self, direction: u8) -> Result<ReportingDirection, ParseError> {
        let offset = self.reader.offset();
        match direction {
            0 => {
                let data_type = self.data_type()?;
                Ok(ReportingDirection::Send {
                    data_type,
                    minimum: self.reader.u16()?,
                    maximum: self.reader.u16()?,
                    change: if data_type.is_analog() {
                        Some(Value::parse(data_type, &mut self.reader)?)
                    } else {
                        None
                    },
                })
            }
            1 => Ok(ReportingDirection::Receive {
                timeout: self.reader.u16()?,
            }),
            _ => Err(ParseError::Invalid {
                offset,
                field: "direction",
            }),
        }
    }

    fn configure_reporting(&mut self) -> Result<ConfigureReporting, ParseError> {
        let direction = self.reader.u8()?;
        Ok(ConfigureReporting {
            id: self.id()?,
            direction: self.reporting(direction)?,
        })
    }

    fn read_reporting(&mut self) -> Result<ReadReportingRecord, ParseError> {
        let status = Status(self.reader.u8()?);
        let direction = self.reader.u8()?;
        Ok(ReadReportingRecord {
            id: self.id()?,
            direction,
            result: if status == Status::SUCCESS {
                Ok(self.reporting(direction)?)
            } else {
                Err(status)
            },
        })
    }

    fn complete(&mut self) -> Result<bool, ParseError> {
        let complete = self.reader.u8()?;
        if complete > 1 {
            self.violations.push(Violation::ReservedValue);
        }
        Ok(complete != 0)
    }

    fn discovered(&mut self, extended: bool) -> Result<AttributeInformation, ParseError> {
        Ok(AttributeInformation {
            id: self.id()?,
            data_type: self.data_type()?,
            access: if extended {
                Some(self.reader.u8()?)
            } else {
                None
            },
        })
    }

    fn commands(&mut self) -> Vec<CommandId> {
        let commands: &'a [u8] = self.reader.take_rest();
        commands.iter().copied().map(CommandId).collect()
    }

    fn selector(&mut self) -> Result<Selector, ParseError> {
        let indicator = self.reader.u8()?;
        let mut indexes = Vec::new();
        for _ in 0..indicator & 0x0f {
            indexes.push(self.reader.u16()?);
        }
        Ok(Selector {
            operation: indicator >> 4,
            indexes,
        })
    }

    fn structured_write(&mut self) -> Result<StructuredWrite, ParseError> {
        let id = self.id()?;
        let selector = self.selector()?;
        let data_type = self.data_type()?;
        Ok(StructuredWrite {
            id,
            selector,
            data_type,
            value: self.value(data_type)?,
        })
    }
}

/// By how many bytes the strings of Lumi structures were seen to be too long.
const MOST_TOO_LONG: usize = 3;

/// True if all that is left are sound attributes, each with a value.
fn attributes_follow(reader: &Reader<'_>) -> bool {
    let mut reader = reader.clone();
    while !reader.is_empty() {
        let data_type = match (reader.u16(), reader.u8()) {
            (Ok(_id), Ok(data_type)) => DataType(data_type),
            _ => return false,
        };
        if data_type.width() == Some(0) || Value::parse(data_type, &mut reader).is_err() {
            return false;
        }
    }
    true
}
