//! Emits foundation commands.

use super::{
    Attribute, AttributeInformation, Foundation, ReadReportingRecord, ReportingDirection, Selector,
};
use crate::zcl::Status;
use crate::{CommandId, Writer};

#[expect(clippy::too_many_lines, reason = "one arm for each command")]
pub(super) fn emit(command: &Foundation) -> Vec<u8> {
    let mut writer = Writer::new();
    let w = &mut writer;
    match command {
        Foundation::Read(ids) => {
            for id in ids {
                w.u16(id.0);
            }
        }
        Foundation::ReadResponse(records) => {
            for record in records {
                w.u16(record.id.0);
                match &record.result {
                    Ok((data_type, value)) => {
                        w.u8(Status::SUCCESS.0).u8(data_type.0);
                        value.emit(*data_type, w);
                    }
                    Err(status) => {
                        w.u8(status.0);
                    }
                }
            }
        }
        Foundation::Write(records)
        | Foundation::WriteUndivided(records)
        | Foundation::WriteNoResponse(records)
        | Foundation::Report(records) => attributes(records, w),
        Foundation::WriteResponse(records) => {
            for record in records {
                w.u8(record.status.0);
                if let Some(id) = record.id {
                    w.u16(id.0);
                }
            }
        }
        Foundation::ConfigureReporting(records) => {
            for record in records {
                w.u8(direction(&record.direction)).u16(record.id.0);
                reporting(&record.direction, w);
            }
        }
        Foundation::ConfigureReportingResponse(records) => {
            for record in records {
                w.u8(record.status.0);
                if let Some(id) = record.id {
                    w.u8(record.direction).u16(id.0);
                }
            }
        }
        Foundation::ReadReporting(records) => {
            for (direction, id) in records {
                w.u8(*direction).u16(id.0);
            }
        }
        Foundation::ReadReportingResponse(records) => {
            for record in records {
                read_reporting(record, w);
            }
        }
        Foundation::DefaultResponse { command, status } => {
            w.u8(command.0).u8(status.0);
        }
        Foundation::DiscoverAttributes { start, maximum }
        | Foundation::DiscoverAttributesExtended { start, maximum } => {
            w.u16(start.0).u8(*maximum);
        }
        Foundation::DiscoverAttributesResponse {
            complete,
            attributes,
        } => discovered(*complete, attributes, false, w),
        Foundation::DiscoverAttributesExtendedResponse {
            complete,
            attributes,
        } => discovered(*complete, attributes, true, w),
        Foundation::DiscoverCommandsReceived { start, maximum }
        | Foundation::DiscoverCommandsGenerated { start, maximum } => {
            w.u8(start.0).u8(*maximum);
        }
        Foundation::DiscoverCommandsReceivedResponse { complete, commands }
        | Foundation::DiscoverCommandsGeneratedResponse { complete, commands } => {
            w.u8(u8::from(*complete));
            for CommandId(command) in commands {
                w.u8(*command);
            }
        }
        Foundation::ReadStructured(records) => {
            for record in records {
                w.u16(record.id.0);
                selector(&record.selector, w);
            }
        }
        Foundation::WriteStructured(records) => {
            for record in records {
                w.u16(record.id.0);
                selector(&record.selector, w);
                w.u8(record.data_type.0);
                record.value.emit(record.data_type, w);
            }
        }
        Foundation::WriteStructuredResponse(records) => {
            for record in records {
                w.u8(record.status.0);
                if let Some((id, target)) = &record.target {
                    w.u16(id.0);
                    selector(target, w);
                }
            }
        }
        Foundation::Unknown { payload, .. } => {
            w.bytes(payload);
        }
    }
    writer.into_bytes()
}

fn attributes(records: &[Attribute], w: &mut Writer) {
    for record in records {
        w.u16(record.id.0).u8(record.data_type.0);
        record.value.emit(record.data_type, w);
    }
}

fn direction(reporting: &ReportingDirection) -> u8 {
    match reporting {
        ReportingDirection::Send { .. } => 0,
        ReportingDirection::Receive { .. } => 1,
    }
}

fn reporting(reporting: &ReportingDirection, w: &mut Writer) {
    match reporting {
        ReportingDirection::Send {
            data_type,
            minimum,
            maximum,
            change,
        } => {
            w.u8(data_type.0).u16(*minimum).u16(*maximum);
            if let Some(change) = change {
                change.emit(*data_type, w);
            }
        }
        ReportingDirection::Receive { timeout } => {
            w.u16(*timeout);
        }
    }
}

fn read_reporting(record: &ReadReportingRecord, w: &mut Writer) {
    match &record.result {
        Ok(result) => {
            w.u8(Status::SUCCESS.0)
                .u8(record.direction)
                .u16(record.id.0);
            reporting(result, w);
        }
        Err(status) => {
            w.u8(status.0).u8(record.direction).u16(record.id.0);
        }
    }
}

fn discovered(complete: bool, attributes: &[AttributeInformation], extended: bool, w: &mut Writer) {
    w.u8(u8::from(complete));
    for attribute in attributes {
        w.u16(attribute.id.0).u8(attribute.data_type.0);
        if extended {
            w.u8(attribute.access.unwrap_or_default());
        }
    }
}

fn selector(selector: &Selector, w: &mut Writer) {
    let indexes = selector.indexes.get(..15).unwrap_or(&selector.indexes);
    w.u8((selector.operation << 4) | u8::try_from(indexes.len()).unwrap_or(15));
    for index in indexes {
        w.u16(*index);
    }
}
