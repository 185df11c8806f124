//! Operations as tools read them, and what a device would say of them.

use serde_json::{Map, Value as Json, json};
use zigbee::ManufacturerCode;
use zigbee::zcl::{Attribute, Direction, Foundation, Frame, FrameType, Header, ReportingDirection};

use crate::Operation;
use crate::function::{hexadecimal_text, typed_data, typed_value};
use crate::primitives::datapoint_echo;

fn hexadecimal(id: u16) -> String {
    format!("{id:#06x}")
}

fn code(manufacturer: Option<ManufacturerCode>) -> Json {
    manufacturer.map(|code| code.0).into()
}

/// An operation in the form in which functions write them.
#[expect(clippy::too_many_lines, reason = "an arm for each operation")]
pub(super) fn operation(operation: &Operation) -> Json {
    match operation {
        Operation::Read {
            endpoint,
            cluster,
            manufacturer,
            attributes,
        } => {
            let attributes: Vec<_> = attributes.iter().map(|id| hexadecimal(id.0)).collect();
            json!({"read": {
                "endpoint": endpoint.0,
                "cluster": hexadecimal(cluster.0),
                "manufacturer": code(*manufacturer),
                "attributes": attributes,
            }})
        }
        Operation::Write {
            endpoint,
            cluster,
            manufacturer,
            attributes,
            wait,
        } => {
            let attributes: Map<String, Json> = attributes
                .iter()
                .map(|attribute| {
                    let value = typed_value(&attribute.value);
                    let value = json!({"type": attribute.data_type.0, "value": value});
                    (hexadecimal(attribute.id.0), value)
                })
                .collect();
            json!({"write": {
                "endpoint": endpoint.0,
                "cluster": hexadecimal(cluster.0),
                "manufacturer": code(*manufacturer),
                "attributes": attributes,
                "wait": wait,
            }})
        }
        Operation::Command {
            endpoint,
            cluster,
            manufacturer,
            command,
            payload,
            disable_default_response,
        } => json!({"command": {
            "endpoint": endpoint.0,
            "cluster": hexadecimal(cluster.0),
            "manufacturer": code(*manufacturer),
            "command": format!("{:#04x}", command.0),
            "payload": typed_data(payload),
            "disable_default_response": disable_default_response,
        }}),
        Operation::Respond {
            endpoint,
            cluster,
            command,
            payload,
            ..
        } => json!({"respond": {
            "endpoint": endpoint.0,
            "cluster": hexadecimal(cluster.0),
            "command": format!("{:#04x}", command.0),
            "payload": typed_data(payload),
        }}),
        Operation::ConfigureReporting {
            endpoint,
            cluster,
            manufacturer,
            records,
        } => {
            let reports: Vec<Json> = records
                .iter()
                .filter_map(|record| match &record.direction {
                    ReportingDirection::Send {
                        data_type,
                        minimum,
                        maximum,
                        change,
                    } => Some(json!({
                        "attribute": hexadecimal(record.id.0),
                        "type": data_type.0,
                        "minimum": minimum,
                        "maximum": maximum,
                        "change": change.as_ref().map(typed_value),
                    })),
                    ReportingDirection::Receive { .. } => None,
                })
                .collect();
            json!({"report": {
                "endpoint": endpoint.0,
                "cluster": hexadecimal(cluster.0),
                "manufacturer": code(*manufacturer),
                "attributes": reports,
            }})
        }
        Operation::Bind {
            endpoint, cluster, ..
        } => json!({"bind": {"endpoint": endpoint.0, "cluster": hexadecimal(cluster.0)}}),
        Operation::Unbind {
            endpoint, cluster, ..
        } => json!({"unbind": {"endpoint": endpoint.0, "cluster": hexadecimal(cluster.0)}}),
        Operation::ReadReporting {
            endpoint, cluster, ..
        } => json!({"read_reporting": {"endpoint": endpoint.0, "cluster": hexadecimal(cluster.0)}}),
        Operation::From(source, inner) => {
            let mut shown = self::operation(inner);
            if let Some(fields) = shown
                .as_object_mut()
                .and_then(|map| map.values_mut().next())
            {
                fields["from_endpoint"] = source.0.into();
            }
            shown
        }
        Operation::Sleep(time) => json!({"sleep": time.as_secs_f64()}),
    }
}

/// The frame with which a device would report what was written, as [`super::Frame`] has it; `None` where
/// nobody can know.
pub(super) fn echo(operation: &Operation, sequence: u8) -> Option<Json> {
    let (endpoint, cluster, frame) = match operation {
        Operation::Write {
            endpoint,
            cluster,
            manufacturer,
            attributes,
            ..
        } => (
            endpoint,
            cluster,
            report(*manufacturer, attributes.clone(), sequence),
        ),
        Operation::Command {
            endpoint,
            cluster,
            command,
            payload,
            ..
        } => {
            let (command, payload) = datapoint_echo(*cluster, *command, payload)?;
            let frame = Frame {
                header: Header {
                    frame_type: FrameType::Cluster,
                    direction: Direction::ToClient,
                    disable_default_response: true,
                    manufacturer: None,
                    sequence,
                    command,
                    reserved: 0,
                },
                payload,
            };
            (endpoint, cluster, frame)
        }
        Operation::From(_, inner) => return echo(inner, sequence),
        _ => return None,
    };
    let zcl = hexadecimal_text(&frame.emit());
    Some(json!({"endpoint": endpoint.0, "cluster": hexadecimal(cluster.0), "zcl": zcl}))
}

fn report(
    manufacturer: Option<ManufacturerCode>,
    attributes: Vec<Attribute>,
    sequence: u8,
) -> Frame {
    let report = Foundation::Report(attributes);
    Frame {
        header: Header {
            frame_type: FrameType::Global,
            direction: Direction::ToClient,
            disable_default_response: true,
            manufacturer,
            sequence,
            command: report.id(),
            reserved: 0,
        },
        payload: report.emit(),
    }
}
