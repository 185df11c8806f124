//! Foundation commands as JSON.

use serde_json::{Value as Json, json};
use zigbee::AttributeId;
use zigbee::zcl::{
    Attribute, AttributeInformation, DataType, Foundation, Parsed, ReportingDirection, Selector,
    Value,
};

use crate::{digits, type_name, value};

pub(crate) fn meaning(parsed: &Parsed) -> Json {
    let mut meaning = command(&parsed.command);
    if let (Some(fields), false) = (meaning.as_object_mut(), parsed.violations.is_empty()) {
        let names: Vec<String> = parsed
            .violations
            .iter()
            .map(|violation| format!("{violation:?}"))
            .collect();
        fields.insert("violations".to_owned(), json!(names));
        fields.insert("trailing".to_owned(), json!(digits(&parsed.trailing)));
    }
    meaning
}

fn id(id: AttributeId) -> Json {
    json!(id.to_string())
}

fn typed(data_type: DataType, content: &Value) -> Json {
    json!([type_name(data_type), value(content)])
}

fn attributes(records: &[Attribute]) -> Json {
    records
        .iter()
        .map(|record| json!([id(record.id), typed(record.data_type, &record.value)]))
        .collect()
}

fn reporting(direction: &ReportingDirection) -> Json {
    match direction {
        ReportingDirection::Send {
            data_type,
            minimum,
            maximum,
            change,
        } => json!({
            "type": type_name(*data_type),
            "minimum": minimum,
            "maximum": maximum,
            "change": change.as_ref().map(value),
        }),
        ReportingDirection::Receive { timeout } => json!({"timeout": timeout}),
    }
}

fn selector(selector: &Selector) -> Json {
    json!([selector.operation, selector.indexes])
}

fn discovered(complete: bool, attributes: &[AttributeInformation]) -> Json {
    let attributes: Vec<Json> = attributes
        .iter()
        .map(|attribute| {
            json!([
                id(attribute.id),
                type_name(attribute.data_type),
                attribute.access
            ])
        })
        .collect();
    json!({"complete": complete, "attributes": attributes})
}

fn command(command: &Foundation) -> Json {
    match command {
        Foundation::Read(ids) => {
            json!({"read": ids.iter().map(|attribute| id(*attribute)).collect::<Vec<_>>()})
        }
        Foundation::ReadResponse(records) => json!({"read response": records
            .iter()
            .map(|record| match &record.result {
                Ok((data_type, value)) => json!([id(record.id), typed(*data_type, value)]),
                Err(status) => json!([id(record.id), status.to_string()]),
            })
            .collect::<Vec<_>>()}),
        Foundation::Write(records) => json!({"write": attributes(records)}),
        Foundation::WriteUndivided(records) => json!({"write undivided": attributes(records)}),
        Foundation::WriteNoResponse(records) => {
            json!({"write without response": attributes(records)})
        }
        Foundation::Report(records) => json!({"report": attributes(records)}),
        Foundation::WriteResponse(records) => json!({"write response": records
            .iter()
            .map(|record| json!([record.status.to_string(), record.id.map(id)]))
            .collect::<Vec<_>>()}),
        Foundation::ConfigureReporting(records) => json!({"configure reporting": records
            .iter()
            .map(|record| json!([id(record.id), reporting(&record.direction)]))
            .collect::<Vec<_>>()}),
        Foundation::ConfigureReportingResponse(records) => {
            json!({"configure reporting response": records
                .iter()
                .map(|record| {
                    json!([record.status.to_string(), record.direction, record.id.map(id)])
                })
                .collect::<Vec<_>>()})
        }
        Foundation::ReadReporting(records) => json!({"read reporting": records
            .iter()
            .map(|(direction, attribute)| json!([direction, id(*attribute)]))
            .collect::<Vec<_>>()}),
        Foundation::ReadReportingResponse(records) => json!({"read reporting response": records
            .iter()
            .map(|record| match &record.result {
                Ok(direction) => json!([id(record.id), reporting(direction)]),
                Err(status) => json!([id(record.id), status.to_string()]),
            })
            .collect::<Vec<_>>()}),
        Foundation::DefaultResponse { command, status } => {
            json!({"default response": [command.0, status.to_string()]})
        }
        other => discovery(other),
    }
}

fn discovery(command: &Foundation) -> Json {
    match command {
        Foundation::DiscoverAttributes { start, maximum } => {
            json!({"discover attributes": [id(*start), maximum]})
        }
        Foundation::DiscoverAttributesExtended { start, maximum } => {
            json!({"discover attributes extended": [id(*start), maximum]})
        }
        Foundation::DiscoverAttributesResponse {
            complete,
            attributes,
        } => json!({"discover attributes response": discovered(*complete, attributes)}),
        Foundation::DiscoverAttributesExtendedResponse {
            complete,
            attributes,
        } => json!({"discover attributes extended response": discovered(*complete, attributes)}),
        Foundation::DiscoverCommandsReceived { start, maximum } => {
            json!({"discover commands received": [start.0, maximum]})
        }
        Foundation::DiscoverCommandsGenerated { start, maximum } => {
            json!({"discover commands generated": [start.0, maximum]})
        }
        Foundation::DiscoverCommandsReceivedResponse { complete, commands } => {
            let commands: Vec<u8> = commands.iter().map(|command| command.0).collect();
            json!({"discover commands received response": [complete, commands]})
        }
        Foundation::DiscoverCommandsGeneratedResponse { complete, commands } => {
            let commands: Vec<u8> = commands.iter().map(|command| command.0).collect();
            json!({"discover commands generated response": [complete, commands]})
        }
        Foundation::ReadStructured(records) => json!({"read structured": records
            .iter()
            .map(|record| json!([id(record.id), selector(&record.selector)]))
            .collect::<Vec<_>>()}),
        Foundation::WriteStructured(records) => json!({"write structured": records
            .iter()
            .map(|record| {
                json!([
                    id(record.id),
                    selector(&record.selector),
                    typed(record.data_type, &record.value)
                ])
            })
            .collect::<Vec<_>>()}),
        Foundation::WriteStructuredResponse(records) => {
            json!({"write structured response": records
                .iter()
                .map(|record| {
                    let target = record
                        .target
                        .as_ref()
                        .map(|(attribute, target)| json!([id(*attribute), selector(target)]));
                    json!([record.status.to_string(), target])
                })
                .collect::<Vec<_>>()})
        }
        Foundation::Unknown { command, payload } => {
            json!({"unknown": [command.0, digits(payload)]})
        }
        // The caller renders all others.
        _ => Json::Null,
    }
}
