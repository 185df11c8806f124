//! Configuring devices, reading their state again, and what the coordinator is asked for others.

use std::time::Duration;

use adapters::{Reply, Request, Secret};
use devices::{Io, SetRequest};
use zigbee::{IeeeAddress, zdo};

use crate::core::Purpose;
use crate::executor::{Answer, Shared};
use crate::procedures::io::sleep;
use crate::procedures::{DeviceIo, question};
use crate::{CommandError, CommandId, CommandReply, Entity, LogLevel};

/// Between two devices that are configured at the start.
const START_UP_PAUSE: Duration = Duration::from_secs(10);

/// Configures a device and notes how it went.
pub(crate) async fn configure(shared: Shared, ieee: IeeeAddress) {
    let definition = shared.with(|core| {
        core.log(
            LogLevel::Info,
            Some(Entity::Device(ieee)),
            "Configuring '{name}'",
        );
        core.records.get(ieee)?.device.definition.clone()
    });
    let Some(definition) = definition else {
        shared.with(|core| core.configured(ieee, &Err("it has no definition".into())));
        return;
    };
    let io = DeviceIo::new(shared.clone(), ieee);
    let result = definition.configure(&io).await;
    shared.with(|core| core.configured(ieee, &result.map_err(|error| error.to_string())));
}

/// Configures the devices that need it, one after the other.
pub(crate) async fn start_up(shared: Shared, devices: Vec<IeeeAddress>) {
    for ieee in devices {
        let start = shared.with(|core| {
            core.records
                .get_mut(ieee)
                .filter(|record| record.duties.configure_due && !record.duties.configuring)
                .map(|record| record.duties.configuring = true)
                .is_some()
        });
        if start {
            configure(shared.clone(), ieee).await;
            sleep(&shared, START_UP_PAUSE).await;
        }
    }
}

/// After an announce: the device's state, then settings that it forgets.
pub(crate) async fn refresh(shared: Shared, ieee: IeeeAddress) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let known = shared.with(|core| {
        let record = core.records.get(ieee)?;
        let definition = record.device.definition.clone()?;
        Some((
            definition,
            record.options.raw.clone(),
            record.options.disabled,
        ))
    });
    if let Some((definition, options, disabled)) = known {
        let ask = async |key: &str| {
            let request = SetRequest {
                payload: question(key),
                endpoint: None,
                options: options.clone(),
            };
            // Many devices have no such value or do not listen: no error.
            definition.get(&io, request).await;
        };
        ask("state").await;
        if io.state("state").is_some_and(|state| state == "ON") {
            for key in ["brightness", "color_temp", "color"] {
                if io.state(key).is_some() {
                    ask(key).await;
                }
            }
        }
        if !disabled && definition.reconciles() {
            definition.reconcile(&io, &options).await;
        }
    }
    shared.with(|core| {
        if let Some(record) = core.records.get_mut(ieee) {
            record.duties.refreshing = false;
        }
    });
}

/// After a power cut: settings that the device forgets.
pub(crate) async fn reconcile(shared: Shared, ieee: IeeeAddress) {
    let known = shared.with(|core| {
        let record = core.records.get(ieee)?;
        Some((
            record.device.definition.clone()?,
            record.options.raw.clone(),
        ))
    });
    if let Some((definition, options)) = known {
        let io = DeviceIo::impatient(shared.clone(), ieee);
        definition.reconcile(&io, &options).await;
    }
    shared.with(|core| {
        if let Some(record) = core.records.get_mut(ieee) {
            record.duties.reconciling = false;
        }
    });
}

/// Opens or closes the network.
pub(crate) async fn permit_join(shared: Shared, command: CommandId, seconds: u8, request: Request) {
    let result = ask_adapter(&shared, request).await;
    shared.with(|core| {
        let reply = match result {
            Ok(_) => {
                core.permitted(seconds);
                Ok(CommandReply::Done)
            }
            Err(error) => Err(error),
        };
        core.reply(command, reply);
    });
}

/// Reads the coordinator's network state.
pub(crate) async fn backup(shared: Shared, command: CommandId) {
    let reply = match ask_adapter(&shared, Request::Backup).await {
        Ok(Reply::Backup(backup)) => Ok(CommandReply::Backup(backup)),
        Ok(_) => Err(CommandError::Failed(
            "the coordinator gave no backup".into(),
        )),
        Err(error) => Err(error),
    };
    shared.with(|core| core.reply(command, reply));
}

/// Moves the network to another channel.
pub(crate) async fn change_channel(shared: Shared, command: CommandId, channel: u8) {
    let result = ask_adapter(&shared, Request::ChangeChannel(channel)).await;
    shared.with(|core| {
        if result.is_ok()
            && let Some(network) = &mut core.network
        {
            network.channel = channel;
        }
        core.reply(command, result.map(|_| CommandReply::Done));
    });
}

/// Asks devices to leave that the passlist or blocklist does not let in. One that does not answer
/// stays, and is asked again at the next start.
pub(crate) async fn expel(shared: Shared, devices: Vec<IeeeAddress>) {
    for ieee in devices {
        let leave = zdo::Request::MgmtLeave {
            ieee,
            remove_children: false,
            rejoin: false,
        };
        let result = DeviceIo::impatient(shared.clone(), ieee).zdo(leave).await;
        shared.with(|core| {
            if core.records.get(ieee).is_none() {
                return;
            }
            let device = Some(Entity::Device(ieee));
            match result {
                Ok(_) => {
                    let text = "'{name}' is not allowed on the network: it was asked to leave";
                    core.log(LogLevel::Info, device, text);
                    core.forget(ieee);
                }
                Err(error) => {
                    let text = format!(
                        "'{{name}}' is not allowed on the network, but did not leave: {error}"
                    );
                    core.log(LogLevel::Warning, device, text);
                }
            }
        });
    }
}

/// Asks a device to leave and forgets it.
pub(crate) async fn remove(
    shared: Shared,
    command: CommandId,
    ieee: IeeeAddress,
    force: bool,
    block: bool,
) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let leave = zdo::Request::MgmtLeave {
        ieee,
        remove_children: false,
        rejoin: false,
    };
    let result = if force {
        Ok(())
    } else {
        io.zdo(leave).await.map(|_| ())
    };
    shared.with(|core| {
        // It may say that it leaves before it answers.
        let gone = core.records.get(ieee).is_none();
        let reply = match result {
            Err(error) if !gone => Err(CommandError::Failed(error.to_string())),
            _ => {
                if block && !core.settings.blocklist.contains(&ieee) {
                    core.settings.blocklist.push(ieee);
                }
                core.forget(ieee);
                core.departed.remove(&ieee);
                core.options.remove(&Entity::Device(ieee));
                Ok(CommandReply::Done)
            }
        };
        core.reply(command, reply);
    });
}

/// Admits one device with its install code.
pub(crate) async fn install_code(
    shared: Shared,
    command: CommandId,
    ieee: IeeeAddress,
    code: Secret<Vec<u8>>,
) {
    let result = ask_adapter(&shared, Request::InstallCode { ieee, code }).await;
    shared.with(|core| core.reply(command, result.map(|_| CommandReply::Done)));
}

pub(crate) async fn ask_adapter(shared: &Shared, request: Request) -> Result<Reply, CommandError> {
    let answer = shared
        .wait(|core, slot| {
            core.request(request, Purpose::Slot(slot));
        })
        .await;
    match answer {
        Answer::Adapter(Ok(reply)) => Ok(reply),
        Answer::Adapter(Err(error)) => Err(CommandError::Failed(error.to_string())),
        _ => Err(CommandError::Failed(
            "an answer of another kind than the question".into(),
        )),
    }
}
