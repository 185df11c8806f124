//! Requests that concern the bridge and its network (§12.2).

use std::collections::BTreeSet;
use std::time::Duration;

use devices::DeviceKind;
use hub::{Command, CommandReply, Entity};
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;

use super::super::Core;
use super::{Answer, INVALID, id_of};

/// Time for the response to reach the broker.
const RESTART_DELAY: Duration = Duration::from_millis(500);

/// `{time: 0..254, device?}`, or just the time.
pub(super) fn permit_join(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let (time, device) = match message {
        Json::Object(map) => (map.get("time").ok_or(INVALID)?, map.get("device")),
        other => (other, None),
    };
    let seconds = time
        .as_f64()
        .or_else(|| time.as_str()?.trim().parse().ok())
        .filter(|seconds| *seconds >= 0.0)
        .ok_or(INVALID)?;
    if seconds > 254.0 {
        return Err("Cannot permit join for more than 254 seconds.".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: 0 to 254"
    )]
    let seconds = seconds as u8;
    let mut data = json!({ "time": seconds });
    let mut via = None;
    if let Some(device) = device.filter(|device| !device.is_null()) {
        let id = id_of(device, "")?;
        let ieee = core
            .find_device(&id)
            .ok_or_else(|| format!("Device '{id}' does not exist"))?;
        via = Some(ieee);
        if let Some(data) = data.as_object_mut() {
            data.insert("device".to_owned(), device.clone());
        }
    }
    Ok(Answer::Ask(
        Command::PermitJoin { seconds, via },
        Box::new(|_, result| match result {
            Ok(_) => Ok(data),
            Err(error) => Err(error.to_string()),
        }),
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of the table")]
pub(super) fn health_check(_: &mut Core, _: &Json) -> Result<Answer, String> {
    Ok(Answer::Now(json!({"healthy": true})))
}

/// Routers that the coordinator does not know.
#[expect(clippy::unnecessary_wraps, reason = "the form of the table")]
pub(super) fn coordinator_check(_: &mut Core, _: &Json) -> Result<Answer, String> {
    Ok(Answer::Ask(
        Command::Backup,
        Box::new(|core, result| match result {
            Ok(CommandReply::Backup(backup)) => Ok(missing_routers(core, &backup)),
            Ok(_) => Err("The coordinator gave no backup".to_owned()),
            Err(error) => Err(error.to_string()),
        }),
    ))
}

fn missing_routers(core: &Core, backup: &Json) -> Json {
    let known: BTreeSet<IeeeAddress> = backup["devices"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|device| {
            let digits = device["ieee_address"].as_str()?;
            u64::from_str_radix(digits, 16).ok().map(IeeeAddress)
        })
        .collect();
    let missing: Vec<Json> = core
        .hub
        .devices()
        .filter(|device| device.info.kind == DeviceKind::Router)
        .filter(|device| !known.contains(&device.info.ieee))
        .map(|device| {
            let ieee = device.info.ieee;
            json!({
                "ieee_address": ieee.to_string(),
                "friendly_name": &*core.name(Entity::Device(ieee)),
            })
        })
        .collect();
    json!({ "missing_routers": missing })
}

#[expect(clippy::unnecessary_wraps, reason = "the form of the table")]
pub(super) fn restart(core: &mut Core, _: &Json) -> Result<Answer, String> {
    core.restart_at = Some(core.now.instant + RESTART_DELAY);
    Ok(Answer::Now(json!({})))
}

/// The whole data directory, with a fresh backup of the coordinator where it can give one.
#[expect(clippy::unnecessary_wraps, reason = "the form of the table")]
pub(super) fn backup(_: &mut Core, _: &Json) -> Result<Answer, String> {
    Ok(Answer::Archive)
}
