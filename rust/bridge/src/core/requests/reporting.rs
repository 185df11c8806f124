//! Requests that set up reporting or ask what is set up (§12.3).

use devices::{JsonMap, Operation, OperationReply};
use hub::{Command, CommandReply};
use serde_json::{Value as Json, json};
use zigbee::zcl::{ConfigureReporting, DataType, ReadReportingRecord, ReportingDirection};
use zigbee::{
    AttributeId, ClusterId, EndpointId, IeeeAddress, ManufacturerCode, json as values, library,
};

use super::super::Core;
use super::{Answer, INVALID, device, endpoint, id_of};

/// `{id, endpoint, cluster, attribute, minimum_report_interval, maximum_report_interval,
/// reportable_change?, options?}`: binds the cluster to the coordinator, then configures the reporting.
pub(super) fn configure(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message.get("id").ok_or(INVALID)?, "")?;
    let wanted = message.get("endpoint").ok_or(INVALID)?;
    let cluster = message.get("cluster").ok_or(INVALID)?;
    let attribute = message.get("attribute").ok_or(INVALID)?;
    let minimum = short(&message["minimum_report_interval"])?;
    let maximum = short(&message["maximum_report_interval"])?;
    let (ieee, endpoint) = endpoint_of(core, &id, wanted)?;
    let cluster = cluster_of(cluster)?;
    let manufacturer = message
        .pointer("/options/manufacturerCode")
        .and_then(Json::as_u64)
        .map(|code| u16::try_from(code).map_err(|_| INVALID))
        .transpose()?
        .map(ManufacturerCode);
    let (attribute, data_type) = attribute_of(cluster, attribute, manufacturer)?;
    let change = match message.get("reportable_change") {
        _ if !data_type.is_analog() => None,
        None | Some(Json::Null) => Some(json!(0)),
        Some(change) => Some(change.clone()),
    };
    let change = change
        .map(|change| values::to_value(data_type, &change).ok_or(INVALID))
        .transpose()?;
    let record = ConfigureReporting {
        id: attribute,
        direction: ReportingDirection::Send {
            data_type,
            minimum,
            maximum,
            change,
        },
    };
    let operations = vec![
        Operation::Bind {
            endpoint,
            cluster,
            target: None,
        },
        Operation::ConfigureReporting {
            endpoint,
            cluster,
            manufacturer,
            records: vec![record],
        },
    ];
    let keys = [
        "id",
        "endpoint",
        "cluster",
        "attribute",
        "minimum_report_interval",
        "maximum_report_interval",
        "reportable_change",
    ];
    let data: JsonMap = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), message.get(key)?.clone())))
        .collect();
    Ok(Answer::Ask(
        Command::Perform {
            device: ieee,
            operations,
        },
        Box::new(move |core, result| {
            core.dirty.devices = true;
            match result {
                Ok(_) => Ok(Json::Object(data)),
                Err(error) => Err(error.to_string()),
            }
        }),
    ))
}

/// `{id, endpoint, cluster, configs: [{attribute, direction?}], manufacturer_code?}`: what the device
/// was configured to report.
pub(super) fn read(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message.get("id").ok_or(INVALID)?, "")?;
    let wanted = message.get("endpoint").ok_or(INVALID)?;
    let cluster = message.get("cluster").ok_or(INVALID)?;
    let configs = message["configs"].as_array().ok_or(INVALID)?;
    let manufacturer = match message.get("manufacturer_code") {
        None | Some(Json::Null) => None,
        Some(number) => Some(ManufacturerCode(short(number)?)),
    };
    let (device, endpoint) = endpoint_of(core, &id, wanted)?;
    let cluster = cluster_of(cluster)?;
    let records = configs
        .iter()
        .map(|config| {
            let attribute = config.get("attribute").ok_or(INVALID)?;
            let direction = match config.get("direction") {
                None | Some(Json::Null) => 0,
                Some(direction) => direction.as_u64().ok_or(INVALID)?,
            };
            let direction = u8::try_from(direction).map_err(|_| INVALID)?;
            Ok((direction, attribute_id(cluster, attribute, manufacturer)?))
        })
        .collect::<Result<Vec<_>, String>>()?;
    if records.is_empty() {
        return Err(INVALID.to_owned());
    }
    let keys = ["id", "endpoint", "cluster", "manufacturer_code"];
    let mut data: JsonMap = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), message.get(key)?.clone())))
        .collect();
    Ok(Answer::Ask(
        Command::Perform {
            device,
            operations: vec![Operation::ReadReporting {
                endpoint,
                cluster,
                manufacturer,
                records,
            }],
        },
        Box::new(move |core, result| {
            core.dirty.devices = true;
            let records = match result {
                Ok(CommandReply::Performed(replies)) => {
                    replies.into_iter().find_map(|reply| match reply {
                        OperationReply::Reporting(records) => Some(records),
                        _ => None,
                    })
                }
                Ok(_) => None,
                Err(error) => return Err(error.to_string()),
            };
            let records = records.ok_or("The device gave no answer to the question")?;
            let configs: Vec<Json> = records.iter().map(described).collect();
            data.insert("configs".to_owned(), Json::Array(configs));
            Ok(Json::Object(data))
        }),
    ))
}

/// A record of a device's answer.
fn described(record: &ReadReportingRecord) -> Json {
    let (id, direction) = (record.id.0, record.direction);
    match &record.result {
        Ok(ReportingDirection::Send {
            data_type,
            minimum,
            maximum,
            change,
        }) => {
            let mut config = json!({
                "status": 0,
                "direction": direction,
                "attrId": id,
                "dataType": data_type.0,
                "minRepIntval": minimum,
                "maxRepIntval": maximum,
            });
            if let (Some(change), Some(map)) = (change, config.as_object_mut()) {
                let change = values::from_value(*data_type, change);
                map.insert("repChange".to_owned(), change);
            }
            config
        }
        Ok(ReportingDirection::Receive { timeout }) => json!({
            "status": 0,
            "direction": direction,
            "attrId": id,
            "timeout": timeout,
        }),
        Err(status) => json!({"status": status.0, "direction": direction, "attrId": id}),
    }
}

/// The device and endpoint that a request means.
fn endpoint_of(core: &Core, id: &str, wanted: &Json) -> Result<(IeeeAddress, EndpointId), String> {
    let ieee = device::known(core, id)?;
    let chosen = endpoint::choose(core, ieee, Some(wanted));
    match chosen.id {
        Some(endpoint) => Ok((ieee, endpoint)),
        None => Err(format!(
            "Device '{ieee}' does not have endpoint '{}'",
            chosen.shown()
        )),
    }
}

fn short(value: &Json) -> Result<u16, String> {
    let number = value.as_u64().ok_or(INVALID)?;
    u16::try_from(number).map_err(|_| INVALID.to_owned())
}

/// A cluster by its name or number.
pub(super) fn cluster_of(key: &Json) -> Result<ClusterId, String> {
    let number = match key {
        Json::String(name) => match library::cluster_by_name(name) {
            Some(cluster) => return Ok(cluster.id),
            None => name.parse().ok(),
        },
        other => other.as_u64(),
    };
    let id = number.and_then(|number| u16::try_from(number).ok());
    id.map(ClusterId)
        .ok_or_else(|| format!("Cluster {key} does not exist"))
}

/// An attribute by its name or number. A number need not be known to the library.
fn attribute_id(
    cluster: ClusterId,
    key: &Json,
    manufacturer: Option<ManufacturerCode>,
) -> Result<AttributeId, String> {
    match key.as_u64().map(u16::try_from) {
        Some(Ok(id)) => Ok(AttributeId(id)),
        Some(Err(_)) => Err(INVALID.to_owned()),
        None => attribute_of(cluster, key, manufacturer).map(|(id, _)| id),
    }
}

/// An attribute by its name or number, with its type: only the library knows it.
fn attribute_of(
    cluster: ClusterId,
    key: &Json,
    manufacturer: Option<ManufacturerCode>,
) -> Result<(AttributeId, DataType), String> {
    let known = library::cluster(cluster);
    let number = match key {
        Json::String(name) => name.parse().ok(),
        other => other.as_u64(),
    };
    let number = number.and_then(|number| u16::try_from(number).ok());
    let by_name = || known?.attribute_by_name(key.as_str()?);
    let by_number = || known?.attribute(AttributeId(number?), manufacturer);
    by_name()
        .or_else(by_number)
        .map(|attribute| (attribute.id, attribute.data_type))
        .ok_or_else(|| {
            let cluster = library::cluster_key(cluster);
            format!("Cluster '{cluster}' has no attribute {key}")
        })
}
