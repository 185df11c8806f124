//! The commands that every cluster has (ZCL 2.5), as a raw frame gives them (§12.2). Their names and the
//! keys of their payloads are those that clients of Zigbee2MQTT use.

use serde_json::Value as Json;
use zigbee::zcl::{
    Attribute, ConfigureReporting, DataType, Foundation, ReportingDirection, Status,
};
use zigbee::{AttributeId, CommandId, json as convert};

/// Each with its number.
const COMMANDS: [(&str, u8); 12] = [
    ("read", 0x00),
    ("write", 0x02),
    ("writeUndiv", 0x03),
    ("writeNoRsp", 0x05),
    ("configReport", 0x06),
    ("readReportConfig", 0x08),
    ("report", 0x0a),
    ("defaultRsp", 0x0b),
    ("discover", 0x0c),
    ("discoverCommands", 0x11),
    ("discoverCommandsGen", 0x13),
    ("discoverExt", 0x15),
];

/// The command of a key (its name or number) with its payload.
pub(super) fn command(key: &Json, payload: &Json) -> Result<Foundation, String> {
    let known = COMMANDS
        .iter()
        .find(|(name, id)| key == *name || *key == *id);
    let (name, _) = known.ok_or_else(|| {
        let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
        let key = key.to_string().replace('"', "");
        format!(
            "There is no global command {key}; there are {}",
            names.join(", ")
        )
    })?;
    let one = |key: &str, most: u64| number(payload, key, most);
    let start = |key: &str| one(key, 0xff).map(|id| CommandId(low(id)));
    Ok(match *name {
        "read" => Foundation::Read(each(payload, id)?),
        "write" => Foundation::Write(each(payload, attribute)?),
        "writeUndiv" => Foundation::WriteUndivided(each(payload, attribute)?),
        "writeNoRsp" => Foundation::WriteNoResponse(each(payload, attribute)?),
        "report" => Foundation::Report(each(payload, attribute)?),
        "configReport" => Foundation::ConfigureReporting(each(payload, reporting)?),
        "readReportConfig" => Foundation::ReadReporting(each(payload, |record| {
            Ok((low(number(record, "direction", 1)?), id(record)?))
        })?),
        "defaultRsp" => Foundation::DefaultResponse {
            command: start("cmdId")?,
            status: Status(low(one("statusCode", 0xff)?)),
        },
        "discoverCommands" => Foundation::DiscoverCommandsReceived {
            start: start("startCmdId")?,
            maximum: low(one("maxCmdIds", 0xff)?),
        },
        "discoverCommandsGen" => Foundation::DiscoverCommandsGenerated {
            start: start("startCmdId")?,
            maximum: low(one("maxCmdIds", 0xff)?),
        },
        extended => {
            let start = AttributeId(short(one("startAttrId", 0xffff)?));
            let maximum = low(one("maxAttrIds", 0xff)?);
            if extended == "discoverExt" {
                Foundation::DiscoverAttributesExtended { start, maximum }
            } else {
                Foundation::DiscoverAttributes { start, maximum }
            }
        }
    })
}

/// Whether a device answers it with something of its own.
pub(super) fn is_answered(command: &Foundation) -> bool {
    !matches!(
        command,
        Foundation::WriteNoResponse(_) | Foundation::Report(_) | Foundation::DefaultResponse { .. }
    )
}

fn each<T>(payload: &Json, record: impl Fn(&Json) -> Result<T, String>) -> Result<Vec<T>, String> {
    payload
        .as_array()
        .filter(|records| !records.is_empty())
        .ok_or("zcl.payload must be a list of records that is not empty")?
        .iter()
        .map(record)
        .collect()
}

fn id(record: &Json) -> Result<AttributeId, String> {
    number(record, "attrId", 0xffff).map(|id| AttributeId(short(id)))
}

fn data_type(record: &Json) -> Result<DataType, String> {
    number(record, "dataType", 0xff).map(|id| DataType(low(id)))
}

fn attribute(record: &Json) -> Result<Attribute, String> {
    let data_type = data_type(record)?;
    Ok(Attribute {
        id: id(record)?,
        data_type,
        value: value(record, "attrData", data_type)?,
    })
}

fn reporting(record: &Json) -> Result<ConfigureReporting, String> {
    let seconds = |key: &str| number(record, key, 0xffff).map(short);
    let direction = if number(record, "direction", 1)? == 1 {
        ReportingDirection::Receive {
            timeout: seconds("timeout")?,
        }
    } else {
        let data_type = data_type(record)?;
        ReportingDirection::Send {
            data_type,
            minimum: seconds("minRepIntval")?,
            maximum: seconds("maxRepIntval")?,
            change: data_type
                .is_analog()
                .then(|| value(record, "repChange", data_type))
                .transpose()?,
        }
    };
    Ok(ConfigureReporting {
        id: id(record)?,
        direction,
    })
}

fn value(record: &Json, key: &str, data_type: DataType) -> Result<zigbee::zcl::Value, String> {
    let given = &record[key];
    convert::to_value(data_type, given)
        .ok_or_else(|| format!("{key} {given} does not fit data type {}", data_type.0))
}

fn number(record: &Json, key: &str, most: u64) -> Result<u64, String> {
    record[key]
        .as_u64()
        .filter(|number| *number <= most)
        .ok_or_else(|| format!("{key} must be a number up to {most}"))
}

fn short(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn low(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
