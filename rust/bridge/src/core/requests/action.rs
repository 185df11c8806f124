//! `bridge/request/action` (§12.2): frames as somebody else makes them, and Hue's reset by serial number.

use std::time::Duration;

use adapters::{ApsIndication, ApsRequest, Destination};
use hub::{Command, CommandReply, RawMessage, Touchlink};
use serde_json::{Value as Json, json};
use zigbee::library::{self, Cluster};
use zigbee::zcl::{Direction, Frame, FrameType, Header};
use zigbee::{
    ClusterId, CommandId, EndpointId, ExtendedPanId, GroupId, ManufacturerCode, NwkAddress,
    ProfileId, json as convert,
};

use super::super::Core;
use super::{Answer, INVALID, global};

/// The actions, as `bridge/definitions` lists them.
pub(in crate::core) const ACTIONS: [&str; 2] = ["raw", "philips_hue_factory_reset"];
/// How long an answer is waited for unless the request says so, and at most.
const ANSWER: u64 = 10_000;
const LONGEST: u64 = 60_000;
/// Serial numbers in one call: what fits into a frame.
const SERIALS: usize = 16;

/// `{action, params?}`.
pub(super) fn action(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let action = message["action"].as_str().filter(|name| !name.is_empty());
    let action = action.ok_or(INVALID)?;
    match action {
        "raw" => raw(&message["params"]),
        "philips_hue_factory_reset" => hue_reset(core, &message["params"]),
        _ => Err("Invalid action".to_owned()),
    }
}

/// `{serial_numbers: ["3A745C"], extended_pan_id?: "0x..."}`.
fn hue_reset(core: &Core, params: &Json) -> Result<Answer, String> {
    let serials = params["serial_numbers"].as_array();
    let serial_numbers = serials
        .filter(|list| (1..=SERIALS).contains(&list.len()))
        .and_then(|list| list.iter().map(serial).collect::<Option<Vec<_>>>())
        .ok_or_else(|| {
            format!("serial_numbers must be an array of 1 to {SERIALS} 6-character hex strings")
        })?;
    let extended_pan_id = match &params["extended_pan_id"] {
        Json::Null => match core.hub.network() {
            Some(network) => network.extended_pan_id,
            None => return Err("the coordinator is not connected".to_owned()),
        },
        given => given
            .as_str()
            .and_then(|text| text.strip_prefix("0x"))
            .filter(|digits| digits.len() == 16)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(ExtendedPanId)
            .ok_or("extended_pan_id must be 0x and 16 hex digits")?,
    };
    let command = Command::Touchlink(Touchlink::HueReset {
        extended_pan_id,
        serial_numbers,
    });
    Ok(Answer::Ask(
        command,
        Box::new(|_, result| {
            result
                .map(|_| Json::Null)
                .map_err(|error| error.to_string())
        }),
    ))
}

fn serial(value: &Json) -> Option<u32> {
    let text = value.as_str()?;
    let is_hex = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(text, 16).ok())?
}

/// One frame to a device, a group or everybody, and its answer.
fn raw(params: &Json) -> Result<Answer, String> {
    if params["interpan"] == true {
        return Err("raw frames without a network are not supported; see touchlink/".to_owned());
    }
    let number = |key: &str, default: Option<u64>, most: u64| -> Result<u64, String> {
        match &params[key] {
            Json::Null => default.ok_or_else(|| format!("{key} is missing")),
            value => value
                .as_u64()
                .filter(|number| *number <= most)
                .ok_or_else(|| format!("{key} must be a number up to {most}")),
        }
    };
    let short = |key: &str, default: Option<u64>| {
        number(key, default, 0xffff).map(|number| u16::try_from(number).unwrap_or(u16::MAX))
    };
    let byte = |key: &str, default: Option<u64>| {
        number(key, default, 0xff).map(|number| u8::try_from(number).unwrap_or(u8::MAX))
    };
    let profile = short("profile_id", Some(ProfileId::HOME_AUTOMATION.0.into()))?;
    if profile == 0 {
        return Err("raw ZDO requests are not supported".to_owned());
    }
    let destination = if params["group_id"].is_null() {
        let nwk = NwkAddress(short("network_address", None)?);
        let endpoint = EndpointId(byte("dst_endpoint", None)?);
        if nwk.is_broadcast() {
            Destination::Broadcast(nwk, endpoint)
        } else {
            Destination::Device(nwk, endpoint)
        }
    } else {
        Destination::Group(GroupId(short("group_id", None)?))
    };
    let (cluster, frame, waits, numbered) = frame(params)?;
    let limit = number("timeout", Some(ANSWER), LONGEST)?;
    let wait = waits
        && params["disable_response"] != true
        && matches!(destination, Destination::Device(..));
    let message = RawMessage {
        message: ApsRequest {
            destination,
            source_endpoint: EndpointId(byte("src_endpoint", Some(1))?),
            profile: ProfileId(profile),
            cluster,
            payload: frame.emit(),
            patience: None,
        },
        number: !numbered,
        answer: wait.then(|| Duration::from_millis(limit)),
    };
    Ok(Answer::Ask(
        Command::Raw(message),
        Box::new(|_, result| match result {
            Ok(CommandReply::Raw(answer)) => Ok(shown(&answer)),
            Ok(_) => Ok(Json::Null),
            Err(error) => Err(error.to_string()),
        }),
    ))
}

/// The cluster, the frame, whether it is answered, and whether the request numbered it.
fn frame(params: &Json) -> Result<(ClusterId, Frame, bool, bool), String> {
    let zcl = params["zcl"].as_object().ok_or("zcl is missing")?;
    let field = |key: &str| zcl.get(key).unwrap_or(&Json::Null);
    let manufacturer = match field("manufacturer_code") {
        Json::Null => None,
        code => Some(
            code.as_u64()
                .and_then(|code| u16::try_from(code).ok())
                .map(ManufacturerCode)
                .ok_or("zcl.manufacturer_code must be a number")?,
        ),
    };
    let (id, cluster) = cluster(&params["cluster_key"], manufacturer)?;
    let direction = match field("direction").as_u64() {
        Some(0) => Direction::ToServer,
        Some(1) => Direction::ToClient,
        _ => return Err("zcl.direction must be 0 or 1".to_owned()),
    };
    let key = field("command_key");
    let quiet = field("disable_default_response") == true;
    let sequence = field("tsn").as_u64().and_then(|tsn| u8::try_from(tsn).ok());
    let header = |frame_type, command| Header {
        frame_type,
        direction,
        disable_default_response: quiet,
        manufacturer,
        sequence: sequence.unwrap_or(0),
        command,
        reserved: 0,
    };
    match field("frame_type").as_u64() {
        Some(0) => {
            let command = global::command(key, field("payload"))?;
            let waits = direction == Direction::ToServer && global::is_answered(&command);
            let frame = Frame {
                header: header(FrameType::Global, command.id()),
                payload: command.emit(),
            };
            return Ok((id, frame, waits, sequence.is_some()));
        }
        Some(1) => {}
        _ => return Err("zcl.frame_type must be 0 or 1".to_owned()),
    }
    let known = match (key, cluster) {
        (Json::String(name), Some(cluster)) => cluster.command_by_name(direction, name),
        (Json::Number(number), Some(cluster)) => number
            .as_u64()
            .and_then(|number| u8::try_from(number).ok())
            .and_then(|number| cluster.command(direction, CommandId(number))),
        _ => None,
    };
    let command = known.ok_or_else(|| {
        let shown = |key: &Json| key.to_string().replace('"', "");
        format!(
            "Cluster '{}' has no command {}",
            shown(&params["cluster_key"]),
            shown(key)
        )
    })?;
    let mut arguments = Vec::new();
    for (name, value) in field("payload").as_object().into_iter().flatten() {
        let parameter = command
            .parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .ok_or_else(|| format!("Command '{}' has no parameter '{name}'", command.name))?;
        let argument = convert::to_argument(parameter, value)
            .ok_or_else(|| format!("{value} does not fit parameter '{name}'"))?;
        arguments.push((name.clone(), argument));
    }
    let payload = command
        .encode(&arguments)
        .map_err(|error| error.to_string())?;
    let frame = Frame {
        header: header(FrameType::Cluster, command.id),
        payload,
    };
    let waits = direction == Direction::ToServer && (command.response.is_some() || !quiet);
    Ok((id, frame, waits, sequence.is_some()))
}

fn cluster(
    key: &Json,
    manufacturer: Option<ManufacturerCode>,
) -> Result<(ClusterId, Option<&'static Cluster>), String> {
    match key {
        Json::String(name) => {
            let cluster = library::cluster_by_name(name)
                .ok_or_else(|| format!("Cluster '{name}' does not exist"))?;
            Ok((cluster.id, Some(cluster)))
        }
        Json::Number(number) => {
            let id = number.as_u64().and_then(|id| u16::try_from(id).ok());
            let id = ClusterId(id.ok_or("cluster_key must be a name or a number")?);
            let cluster = match manufacturer {
                Some(manufacturer) => library::cluster_of(id, manufacturer),
                None => library::cluster(id),
            };
            Ok((id, cluster))
        }
        _ => Err("cluster_key must be a name or a number".to_owned()),
    }
}

/// An answer in the form that clients of Zigbee2MQTT know.
fn shown(answer: &ApsIndication) -> Json {
    let header = Frame::parse(&answer.payload).ok().map(|frame| {
        let header = frame.header;
        json!({
            "frameControl": {
                "frameType": u8::from(header.frame_type == FrameType::Cluster),
                "manufacturerSpecific": header.manufacturer.is_some(),
                "direction": u8::from(header.direction == Direction::ToClient),
                "disableDefaultResponse": header.disable_default_response,
                "reservedBits": header.reserved,
            },
            "manufacturerCode": header.manufacturer.map(|code| code.0),
            "transactionSequenceNumber": header.sequence,
            "commandIdentifier": header.command.0,
        })
    });
    json!({
        "clusterID": answer.cluster.0,
        "header": header,
        "address": answer.source.0,
        "data": {"type": "Buffer", "data": answer.payload},
        "endpoint": answer.source_endpoint.0,
        "linkquality": answer.link_quality,
        "groupID": answer.group.map_or(0, |group| group.0),
        "wasBroadcast": answer.broadcast,
        "destinationEndpoint": answer.destination_endpoint.0,
    })
}
