//! Checks and updates, from the request to the reply.

use std::sync::Arc;
use std::time::Duration;

use zigbee::IeeeAddress;
use zigbee::ota::{FileVersion, ImageId, response};

use super::device::{candidate, firmware, invite, notify, ota_endpoint, told};
use super::find::{self, Found};
use super::{OtaError, serve};
use crate::core::{Core, Purpose};
use crate::executor::Shared;
use crate::ota::{Candidate, OtaFile, Transfer, Versions};
use crate::{
    CommandError, CommandId, CommandReply, Entity, Firmware, LogLevel, OtaPacing, OtaReply,
    OtaSource, Output,
};

/// A device that waited longer than this for its image has likely given up: it is told again.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn check(
    shared: &Shared,
    ieee: IeeeAddress,
    command: Option<CommandId>,
    source: OtaSource,
    told: Option<(ImageId, Option<u16>)>,
) {
    let say = |level, text: String| {
        shared.with(|core| core.log(level, Some(Entity::Device(ieee)), text));
    };
    if command.is_some() {
        say(
            LogLevel::Info,
            "Checking if OTA update available for '{name}'".to_owned(),
        );
    }
    match checked(shared, ieee, command.is_some(), &source, told).await {
        Ok((found, versions)) => {
            if found {
                say(LogLevel::Info, "OTA update available for '{name}'".into());
            } else if command.is_some() {
                say(
                    LogLevel::Info,
                    "No OTA update available for '{name}'".into(),
                );
            }
            shared.with(|core| {
                let state = if found { "available" } else { "idle" };
                core.publish_update(ieee, state, Some(&versions), None);
                if let Some(command) = command {
                    let reply = OtaReply::Checked {
                        available: found,
                        source: versions.source,
                        release_notes: versions.release_notes,
                    };
                    core.reply(command, Ok(CommandReply::Ota(reply)));
                }
            });
        }
        Err(error) => shared.with(|core| {
            if let Some(command) = command {
                core.reply(command, Err(CommandError::Failed(error.to_string())));
                return;
            }
            core.log(
                LogLevel::Debug,
                Some(Entity::Device(ieee)),
                format!("No check for an OTA update of '{{name}}': {error}"),
            );
            // What is known already stays; at least what the device has is known.
            let unknown = core
                .records
                .get(ieee)
                .is_some_and(|record| !record.state.contains_key("update"));
            if let Some((installed, _)) = told
                && unknown
            {
                let versions = Versions::only(installed.version);
                core.publish_update(ieee, "idle", Some(&versions), None);
            }
        }),
    }
}

async fn checked(
    shared: &Shared,
    ieee: IeeeAddress,
    fresh: bool,
    source: &OtaSource,
    by_device: Option<(ImageId, Option<u16>)>,
) -> Result<(bool, Versions), OtaError> {
    let known = if let Some(known) = by_device {
        known
    } else {
        let asked = invite(shared, ieee).await?;
        // Whatever is found: nothing is installed by a check.
        shared.with(|core| core.answer_ota(ieee, &asked, response::no_image()));
        told(&asked).ok_or(OtaError::NoAnswer)?
    };
    let device = candidate(shared, ieee, known);
    let entry = find::entry(shared, ieee, source, &device, fresh).await?;
    let installed = device.installed.version;
    Ok(match entry {
        None => (false, Versions::only(installed)),
        Some(entry) => (
            entry.is_wanted(installed, source.downgrade),
            Versions {
                installed,
                latest: entry.version.unwrap_or(installed),
                source: Some(entry.location),
                release_notes: entry.release_notes,
            },
        ),
    })
}

/// An update from the request to its reply.
pub(super) async fn update(
    shared: &Shared,
    ieee: IeeeAddress,
    command: Option<CommandId>,
    source: OtaSource,
    pacing: OtaPacing,
) {
    shared.with(|core| {
        core.log(
            LogLevel::Info,
            Some(Entity::Device(ieee)),
            format!(
                "OTA updating '{{name}}' to {} firmware",
                if source.downgrade {
                    "previous"
                } else {
                    "latest"
                }
            ),
        );
    });
    let before = match command {
        Some(_) => Some(firmware(shared, ieee, FileVersion(0)).await),
        None => None,
    };
    let result = transfer(shared, ieee, command.is_some(), &source, pacing).await;
    match (result, command) {
        (Ok((from, to)), Some(command)) => {
            let from = Firmware {
                version: from,
                ..before.unwrap_or(Firmware {
                    version: from,
                    software_build_id: None,
                    date_code: None,
                })
            };
            let to = firmware(shared, ieee, to).await;
            let reply = CommandReply::Ota(OtaReply::Updated { from, to });
            shared.with(|core| core.reply(command, Ok(reply)));
        }
        (Ok(_), None) => {}
        (Err(error), command) => shared.with(|core| failed(core, ieee, command, &error)),
    }
}

/// What follows when an update or the rest of one fails.
pub(super) fn failed(
    core: &mut Core,
    ieee: IeeeAddress,
    command: Option<CommandId>,
    error: &OtaError,
) {
    // A transfer that the device may take up again is kept.
    if let OtaError::Silent { reached, .. } = error {
        core.pause_transfer(ieee, *reached);
    } else {
        core.forget_transfer(ieee);
    }
    let scheduled = core
        .records
        .get(ieee)
        .is_some_and(|record| crate::ota::Scheduled::of(&record.device.extra).is_some());
    let mut state = if *error == OtaError::NoImage {
        "idle"
    } else {
        "available"
    };
    if scheduled && command.is_none() {
        // The same image would be refused again at every query; everything else may get better.
        if matches!(
            error,
            OtaError::Ended(_) | OtaError::Refused(_) | OtaError::NoImage | OtaError::Aborted(_)
        ) {
            core.unschedule(ieee);
        } else {
            state = "scheduled";
        }
    }
    core.publish_update(ieee, state, None, None);
    match (command, error) {
        (Some(command), OtaError::NoImage) => {
            core.reply(command, Ok(CommandReply::Ota(OtaReply::NoImage)));
        }
        (Some(command), error) => {
            core.reply(command, Err(CommandError::Failed(error.to_string())));
        }
        (None, error) => core.log(
            LogLevel::Error,
            Some(Entity::Device(ieee)),
            format!("OTA update of '{{name}}' failed ({error})"),
        ),
    }
}

/// Finds an image, offers it and serves it until the device has installed it. Gives the versions
/// before and after.
async fn transfer(
    shared: &Shared,
    ieee: IeeeAddress,
    invited: bool,
    source: &OtaSource,
    pacing: OtaPacing,
) -> Result<(FileVersion, FileVersion), OtaError> {
    let mut asked = if invited {
        invite(shared, ieee).await?
    } else {
        let asked = shared.with(|core| core.desk(ieee)?.take());
        asked.ok_or(OtaError::NoAnswer)?
    };
    let known = told(&asked).ok_or(OtaError::NoAnswer)?;
    let device = candidate(shared, ieee, known);
    let begun = shared.with(|core| core.now.instant);
    let found = find::image(shared, ieee, source, &device).await;
    // A device that asked again meanwhile waits for the answer to that.
    if let Some(newer) = shared.with(|core| core.desk(ieee)?.take())
        && told(&newer).is_some()
    {
        asked = newer;
    }
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            shared.with(|core| {
                core.answer_ota(ieee, &asked, response::no_image());
                if error == OtaError::NoImage {
                    let versions = Versions::only(device.installed.version);
                    core.publish_update(ieee, "idle", Some(&versions), None);
                }
            });
            return Err(error);
        }
    };
    let versions = Versions {
        installed: device.installed.version,
        latest: found.image.id().version,
        source: found.location.clone(),
        release_notes: found.release_notes.clone(),
    };
    shared.with(|core| {
        keep(core, ieee, &found, &device, &pacing);
        let image = &found.image;
        core.answer_ota(ieee, &asked, response::next_image(image.id(), image.size()));
        if core.now.instant.since(begun) > PATIENCE
            && let Some(endpoint) = ota_endpoint(core, ieee)
        {
            notify(core, ieee, endpoint, Purpose::Nobody);
        }
    });
    serve::serve(shared, ieee, &found.image, &versions, pacing).await?;
    Ok((versions.installed, versions.latest))
}

/// Keeps what a transfer needs to go on after a restart.
fn keep(core: &mut Core, ieee: IeeeAddress, found: &Found, device: &Candidate, pacing: &OtaPacing) {
    let image = &found.image;
    let name = found
        .name
        .clone()
        .unwrap_or_else(|| format!("{ieee}_{:08x}.ota", image.id().version.0));
    core.outputs.push(Output::OtaFile(OtaFile::Write(
        name.clone(),
        Arc::clone(image),
    )));
    let mut transfer = Transfer::new(name, image, device.installed, pacing);
    transfer.source.clone_from(&found.location);
    transfer.release_notes.clone_from(&found.release_notes);
    core.keep_transfer(ieee, &mut transfer);
}
