//! Requests that concern devices' software (§12.7).

use std::sync::Arc;
use std::time::Duration;

use hub::{
    Command, CommandError, CommandReply, Entity, Firmware, OtaCommand, OtaPacing, OtaPlace,
    OtaReply, OtaSource,
};
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;
use zigbee::ota::Image;

use super::super::Core;
use super::{Answer, INVALID, device, id_of};

pub(super) fn check(core: &mut Core, message: &Json) -> Result<Answer, String> {
    check_for(core, message, false)
}

pub(super) fn check_downgrade(core: &mut Core, message: &Json) -> Result<Answer, String> {
    check_for(core, message, true)
}

pub(super) fn update(core: &mut Core, message: &Json) -> Result<Answer, String> {
    update_to(core, message, false)
}

pub(super) fn update_downgrade(core: &mut Core, message: &Json) -> Result<Answer, String> {
    update_to(core, message, true)
}

pub(super) fn schedule(core: &mut Core, message: &Json) -> Result<Answer, String> {
    schedule_for(core, message, false)
}

pub(super) fn schedule_downgrade(core: &mut Core, message: &Json) -> Result<Answer, String> {
    schedule_for(core, message, true)
}

/// A device that takes software, and its name.
fn target(core: &Core, message: &Json) -> Result<(IeeeAddress, Arc<str>), String> {
    let ieee = device::known(core, &id_of(message, "id")?)?;
    let name = core.name(Entity::Device(ieee));
    if core.hub.ota_busy(ieee) {
        return Err(format!(
            "OTA update or check for update already in progress for '{name}'"
        ));
    }
    Ok((ieee, name))
}

/// Whether a device can have software, from a source of the owner's or else from an index. That needs
/// no definition where the owner says which image it is, but a device that asks for images.
fn supported(core: &Core, ieee: IeeeAddress, name: &str, given: bool) -> Result<(), String> {
    let supported = core.hub.device(ieee).is_some_and(|device| {
        let asks = device
            .info
            .endpoints
            .values()
            .any(|endpoint| endpoint.outputs.contains(&zigbee::ota::CLUSTER));
        let defined = device
            .definition
            .as_ref()
            .is_some_and(|definition| definition.supports_ota());
        asks && (given || defined)
    });
    if supported {
        Ok(())
    } else {
        Err(format!("Device '{name}' does not support OTA updates"))
    }
}

/// The `id` as it was asked for.
fn asked_id(message: &Json) -> Json {
    message.get("id").unwrap_or(message).clone()
}

fn url(message: &Json) -> Result<Option<String>, String> {
    match message.get("url") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(url)) if url.is_empty() => Ok(None),
        Some(Json::String(url)) => Ok(Some(url.clone())),
        Some(_) => Err(INVALID.to_owned()),
    }
}

/// `url`, `hex` or neither.
fn place(message: &Json, name: &str) -> Result<OtaPlace, String> {
    let hex = match message.get("hex") {
        None | Some(Json::Null) => {
            return Ok(url(message)?.map_or(OtaPlace::Index, OtaPlace::Location));
        }
        Some(hex) => hex,
    };
    let data = hex
        .get("data")
        .and_then(Json::as_str)
        .and_then(bytes)
        .ok_or(INVALID)?;
    let file = match hex.get("file_name") {
        None | Some(Json::Null) => None,
        Some(file) => Some(file.as_str().and_then(hub::ota::file_name).ok_or(INVALID)?),
    };
    let image = Image::parse(data)
        .map_err(|error| format!("OTA update of '{name}' failed (the image: {error})"))?;
    Ok(OtaPlace::Upload {
        image: Arc::new(image),
        name: file.map(str::to_owned),
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect()
}

fn check_for(core: &mut Core, message: &Json, downgrade: bool) -> Result<Answer, String> {
    let (ieee, name) = target(core, message)?;
    let place = url(message)?.map_or(OtaPlace::Index, OtaPlace::Location);
    supported(core, ieee, &name, matches!(place, OtaPlace::Location(_)))?;
    let id = asked_id(message);
    let source = OtaSource { place, downgrade };
    Ok(ask(
        ieee,
        OtaCommand::Check(source),
        move |result| match result {
            Ok(CommandReply::Ota(OtaReply::Checked {
                available,
                source,
                release_notes,
            })) => {
                let mut data = json!({
                    "id": id,
                    "update_available": available,
                    "downgrade": downgrade,
                });
                put(&mut data, "source", source);
                put(&mut data, "release_notes", release_notes);
                Ok(data)
            }
            Ok(_) => Err(unexpected()),
            Err(error) => Err(format!(
                "Failed to check if OTA update available for '{name}' ({error})"
            )),
        },
    ))
}

fn update_to(core: &mut Core, message: &Json, downgrade: bool) -> Result<Answer, String> {
    let (ieee, name) = target(core, message)?;
    let pacing = pacing(core.view.hub.ota.pacing, message)?;
    let place = place(message, &name)?;
    supported(core, ieee, &name, !matches!(place, OtaPlace::Index))?;
    let id = asked_id(message);
    let source = OtaSource { place, downgrade };
    let command = OtaCommand::Update(source, pacing);
    Ok(ask(ieee, command, move |result| match result {
        Ok(CommandReply::Ota(OtaReply::Updated { from, to })) => Ok(json!({
            "id": id,
            "from": firmware(from),
            "to": firmware(to),
        })),
        Ok(CommandReply::Ota(OtaReply::NoImage)) => Err(format!(
            "Update of '{name}' failed (No image currently available)"
        )),
        Ok(_) => Err(unexpected()),
        Err(error) => Err(format!("OTA update of '{name}' failed ({error})")),
    }))
}

/// How images are transferred, with what the request says.
fn pacing(mut pacing: OtaPacing, message: &Json) -> Result<OtaPacing, String> {
    let given = |key: &str| match message.get(key) {
        // A setting of 0 is none, as for Zigbee2MQTT.
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(0.0) => Ok(None),
            Some(number) if number > 0.0 => Ok(Some(number)),
            _ => Err(format!("{key} must be a number of 0 or more")),
        },
    };
    let time = |milliseconds: f64| {
        Duration::try_from_secs_f64(milliseconds / 1000.0).map_err(|_| INVALID.to_owned())
    };
    if let Some(timeout) = given("image_block_request_timeout")? {
        pacing.block_timeout = time(timeout)?;
    }
    if let Some(delay) = given("image_block_response_delay")? {
        pacing.response_delay = time(delay)?;
    }
    if let Some(size) = given("default_maximum_data_size")? {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates"
        )]
        let size = size as u8;
        pacing.data_size = size.max(1);
    }
    Ok(pacing)
}

fn firmware(firmware: Firmware) -> Json {
    let mut data = json!({"file_version": firmware.version.0});
    put(&mut data, "software_build_id", firmware.software_build_id);
    put(&mut data, "date_code", firmware.date_code);
    data
}

fn schedule_for(core: &mut Core, message: &Json, downgrade: bool) -> Result<Answer, String> {
    let (ieee, name) = target(core, message)?;
    let place = place(message, &name)?;
    supported(core, ieee, &name, !matches!(place, OtaPlace::Index))?;
    let id = asked_id(message);
    let source = OtaSource { place, downgrade };
    Ok(ask(
        ieee,
        OtaCommand::Schedule(source),
        move |result| match result {
            Ok(CommandReply::Ota(OtaReply::Scheduled(url))) => {
                let mut data = json!({ "id": id });
                put(&mut data, "url", url);
                Ok(data)
            }
            Ok(_) => Err(unexpected()),
            Err(error) => Err(error.to_string()),
        },
    ))
}

pub(super) fn unschedule(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let (ieee, _) = target(core, message)?;
    let id = asked_id(message);
    Ok(ask(ieee, OtaCommand::Unschedule, move |result| {
        result
            .map(|_| json!({ "id": id }))
            .map_err(|error| error.to_string())
    }))
}

pub(super) fn abort(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let ieee = device::known(core, &id_of(message, "id")?)?;
    let name = core.name(Entity::Device(ieee));
    let id = asked_id(message);
    Ok(ask(ieee, OtaCommand::Abort, move |result| {
        result
            .map(|_| json!({ "id": id }))
            .map_err(|_| format!("No OTA in progress to abort for device '{name}'"))
    }))
}

fn ask(
    device: IeeeAddress,
    command: OtaCommand,
    finish: impl FnOnce(Result<CommandReply, CommandError>) -> Result<Json, String> + Send + 'static,
) -> Answer {
    Answer::Ask(
        Command::Ota { device, command },
        Box::new(move |_, result| finish(result)),
    )
}

fn put(data: &mut Json, key: &str, value: Option<String>) {
    if let (Some(value), Some(data)) = (value, data.as_object_mut()) {
        data.insert(key.to_owned(), value.into());
    }
}

/// Cannot be, and is an error if it is.
fn unexpected() -> String {
    "an answer of another kind than the question".to_owned()
}
