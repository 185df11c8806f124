//! Requests that set up reporting (§12.3).

use devices::Operation;
use hub::Command;
use serde_json::{Value as Json, json};
use zigbee::zcl::{ConfigureReporting, DataType, ReportingDirection};
use zigbee::{AttributeId, ClusterId, ManufacturerCode, json as values, library};

use super::super::Core;
use super::{Answer, INVALID, device, endpoint, id_of};

/// `{id, endpoint, cluster, attribute, minimum_report_interval, maximum_report_interval,
/// reportable_change?, options?}`: binds the cluster to the coordinator, then configures the reporting.
pub(super) fn configure(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message.get("id").ok_or(INVALID)?, "")?;
    let wanted = message.get("endpoint").ok_or(INVALID)?;
    let cluster = message.get("cluster").ok_or(INVALID)?;
    let attribute = message.get("attribute").ok_or(INVALID)?;
    let minimum = seconds(&message["minimum_report_interval"])?;
    let maximum = seconds(&message["maximum_report_interval"])?;
    let ieee = device::known(core, &id)?;
    let chosen = endpoint::choose(core, ieee, Some(wanted));
    let Some(endpoint) = chosen.id else {
        return Err(format!(
            "Device '{ieee}' does not have endpoint '{}'",
            chosen.shown()
        ));
    };
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
    let data: devices::JsonMap = keys
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

fn seconds(value: &Json) -> Result<u16, String> {
    let seconds = value.as_u64().ok_or(INVALID)?;
    u16::try_from(seconds).map_err(|_| INVALID.to_owned())
}

/// A cluster by its name or number.
fn cluster_of(key: &Json) -> Result<ClusterId, String> {
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
