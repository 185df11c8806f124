//! Requests about the network around the coordinator: map, install codes, touchlink (§12.2).

use hub::{Command, CommandReply, Touchlink};
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;

use super::super::Core;
use super::{Answer, INVALID, flag, install_code};

const MAP_TYPES: [&str; 3] = ["raw", "graphviz", "plantuml"];

/// The form, or `{type, routes?}`.
pub(super) fn map(_: &mut Core, message: &Json) -> Result<Answer, String> {
    let wanted = match message {
        Json::Object(map) => map.get("type"),
        other => Some(other),
    };
    let kind = match wanted {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "undefined".to_owned(),
    };
    if !MAP_TYPES.contains(&kind.as_str()) {
        let allowed = MAP_TYPES.join(",");
        return Err(format!(
            "Type '{kind}' not supported, allowed are: {allowed}"
        ));
    }
    let routes = flag(message, "routes");
    Ok(Answer::Ask(
        Command::ScanNetwork { routes },
        Box::new(move |core, result| {
            let CommandReply::Network(found) = result.map_err(|error| error.to_string())? else {
                return Err("The network was not scanned".to_owned());
            };
            let map = core.map(&found, routes);
            let value = match kind.as_str() {
                "raw" => map.raw(),
                "graphviz" => json!(core.graphviz(&map)),
                _ => json!(map.plantuml()),
            };
            Ok(json!({"type": kind, "routes": routes, "value": value}))
        }),
    ))
}

/// The text of a code, or `{value}`. The code is a secret; nothing here shows it.
pub(super) fn add_install_code(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let value = match message {
        Json::Object(map) => map.get("value").ok_or(INVALID)?,
        other => other,
    };
    let read = install_code::parse(value.as_str().ok_or(INVALID)?)?;
    let install_code::InstallCode {
        device,
        code,
        derived,
        repair,
    } = read;
    if let Some(repair) = repair {
        let text = format!("The install code of {device}: {repair}");
        core.log(hub::LogLevel::Info, "z2m", text);
    }
    let data = json!({ "value": value });
    let command = Command::InstallCode { device, code };
    Ok(Answer::Ask(
        command,
        Box::new(move |core, result| {
            result.map_err(|error| error.to_string())?;
            if let Some(code) = derived {
                // The response tells of the code; whether this is a key besides only joining shows.
                core.ask(
                    Command::InstallCode { device, code },
                    move |core, result| {
                        if let Err(error) = result {
                            let text = format!(
                                "The key for {device} was not taken as a derived one: {error}"
                            );
                            core.log(hub::LogLevel::Warning, "z2m", text);
                        }
                    },
                );
            }
            let text = format!("Successfully added the install code of {device}");
            core.log(hub::LogLevel::Info, "z2m", text);
            Ok(data)
        }),
    ))
}

/// Anything.
#[expect(clippy::unnecessary_wraps, reason = "the form of the table")]
pub(super) fn touchlink_scan(_: &mut Core, _: &Json) -> Result<Answer, String> {
    Ok(Answer::Ask(
        Command::Touchlink(Touchlink::Scan),
        Box::new(|_, result| {
            let CommandReply::Found(found) = result.map_err(|error| error.to_string())? else {
                return Ok(json!({"found": []}));
            };
            let found: Vec<_> = found
                .iter()
                .map(
                    |(ieee, channel)| json!({"ieee_address": ieee.to_string(), "channel": channel}),
                )
                .collect();
            Ok(json!({ "found": found }))
        }),
    ))
}

/// `{ieee_address, channel}`.
pub(super) fn touchlink_identify(_: &mut Core, message: &Json) -> Result<Answer, String> {
    let (device, channel) = touchlink_device(message)?.ok_or(INVALID)?;
    let data = json!({"ieee_address": message["ieee_address"], "channel": message["channel"]});
    Ok(Answer::Ask(
        Command::Touchlink(Touchlink::Identify { device, channel }),
        Box::new(move |_, result| result.map(|_| data).map_err(|error| error.to_string())),
    ))
}

/// `{ieee_address, channel}`, or anything else for the first device that is found.
pub(super) fn touchlink_reset(_: &mut Core, message: &Json) -> Result<Answer, String> {
    const FAILED: &str = "Failed to factory reset device through Touchlink";
    let (operation, data) = match touchlink_device(message)? {
        Some((device, channel)) => (
            Touchlink::FactoryReset { device, channel },
            json!({"ieee_address": message["ieee_address"], "channel": message["channel"]}),
        ),
        None => (Touchlink::FactoryResetFirst, json!({})),
    };
    Ok(Answer::Ask(
        Command::Touchlink(operation),
        Box::new(|_, result| match result {
            Ok(CommandReply::Found(found)) if found.is_empty() => Err(FAILED.to_owned()),
            Ok(_) => Ok(data),
            Err(error) => Err(error.to_string()),
        }),
    ))
}

/// The device that a touchlink request names, if it names one.
fn touchlink_device(message: &Json) -> Result<Option<(IeeeAddress, u8)>, String> {
    let (Some(ieee), Some(channel)) = (message.get("ieee_address"), message.get("channel")) else {
        return Ok(None);
    };
    let device = ieee.as_str().and_then(|text| text.parse().ok());
    let channel = channel
        .as_u64()
        .and_then(|number| u8::try_from(number).ok());
    match (device, channel) {
        (Some(device), Some(channel @ 11..=26)) => Ok(Some((device, channel))),
        (None, _) => Err(format!("'{ieee}' is no IEEE address").replace('"', "")),
        _ => Err("The channel must be 11 to 26".to_owned()),
    }
}
