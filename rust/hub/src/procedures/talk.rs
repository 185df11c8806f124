//! Small exchanges that follow from what a device said, or from its silence.

use std::time::Duration;

use devices::{Io, Operation, OperationReply};
use zigbee::zcl::Value;
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId, IeeeAddress};

use crate::exchange::POLL_CONTROL;
use crate::executor::Shared;
use crate::procedures::DeviceIo;
use crate::procedures::io::sleep;
use crate::{CommandError, CommandId as CommandNumber, CommandReply, Entity, LogLevel};

/// One exchange whose outcome only the log shows.
pub(crate) async fn perform(shared: Shared, ieee: IeeeAddress, operation: Operation) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    if let Err(error) = io.perform(operation).await {
        shared.with(|core| {
            core.log(
                LogLevel::Debug,
                Some(Entity::Device(ieee)),
                format!("an answer to {{name}} failed: {error}"),
            );
        });
    }
}

/// What a function answered to a message, until one fails.
pub(crate) async fn operations(shared: Shared, ieee: IeeeAddress, operations: Vec<Operation>) {
    let io = DeviceIo::new(shared.clone(), ieee);
    for operation in operations {
        if let Err(error) = io.perform(operation).await {
            shared.with(|core| {
                let text = format!("An operation of {{name}}'s converter failed: {error}");
                core.log(LogLevel::Warning, Some(Entity::Device(ieee)), text);
            });
            return;
        }
    }
}

/// The same after a while.
pub(crate) async fn later(
    shared: Shared,
    ieee: IeeeAddress,
    after: Duration,
    operation: Operation,
) {
    sleep(&shared, after).await;
    perform(shared, ieee, operation).await;
}

/// Exchanges that somebody asked for, until one fails.
pub(crate) async fn exchanges(
    shared: Shared,
    command: CommandNumber,
    ieee: IeeeAddress,
    operations: Vec<Operation>,
) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let mut replies = Vec::new();
    let mut failure = None;
    for operation in operations {
        match io.perform(operation).await {
            Ok(reply) => replies.push(reply),
            Err(error) => {
                failure = Some(CommandError::Failed(error.to_string()));
                break;
            }
        }
    }
    let result = failure.map_or(Ok(CommandReply::Performed(replies)), Err);
    shared.with(|core| core.reply(command, result));
}

/// Between two devices that are asked whether they are there (shared/facts/mqtt-api.md §10).
const PING_PAUSE: Duration = Duration::from_secs(2);
/// Between two questions to the same device.
const PING_AGAIN: Duration = Duration::from_secs(3);

/// Asks devices that were silent for too long, one after the other. An answer counts where every
/// message does; here is seen to what follows when none comes.
pub(crate) async fn pings(shared: Shared) {
    while let Some((ieee, endpoint, attempts)) = shared.with(crate::core::Core::next_ping) {
        for attempt in 1..=attempts {
            let read = Operation::Read {
                endpoint,
                cluster: ClusterId(0x0000),
                manufacturer: None,
                attributes: vec![AttributeId(0x0000)],
            };
            // Whatever it answers, it is there.
            let _ = DeviceIo::impatient(shared.clone(), ieee)
                .perform(read)
                .await;
            if attempt == attempts || shared.with(|core| core.ping_is_settled(ieee)) {
                break;
            }
            sleep(&shared, PING_AGAIN).await;
            if shared.with(|core| core.ping_is_settled(ieee)) {
                break;
            }
        }
        shared.with(|core| core.ping_ended(ieee));
        sleep(&shared, PING_PAUSE).await;
    }
}

/// The device polls fast for a while: what waited is being sent; here its check-in interval is read
/// if nobody knows it, and fast polling ends.
pub(crate) async fn check_in(
    shared: Shared,
    ieee: IeeeAddress,
    endpoint: EndpointId,
    read_interval: bool,
) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    if read_interval {
        let read = Operation::Read {
            endpoint,
            cluster: POLL_CONTROL,
            manufacturer: None,
            attributes: vec![AttributeId(0x0000)],
        };
        if let Ok(OperationReply::Read(records)) = io.perform(read).await
            && let Some(record) = records.first()
            && let Ok((_, Value::Unsigned(quarters))) = &record.result
        {
            // The attribute counts quarters of a second.
            let seconds = u32::try_from(quarters / 4).unwrap_or(u32::MAX);
            shared.with(|core| {
                if let Some(record) = core.records.get_mut(ieee) {
                    record.device.checkin_interval = Some(seconds.max(1));
                    core.registry_changed = true;
                }
            });
        }
    }
    // Waits its turn behind what was queued before.
    let stop = Operation::Command {
        endpoint,
        cluster: POLL_CONTROL,
        manufacturer: None,
        command: CommandId(0x01),
        payload: Vec::new(),
        disable_default_response: true,
    };
    if let Err(error) = io.perform(stop).await {
        shared.with(|core| {
            core.log(
                LogLevel::Debug,
                Some(Entity::Device(ieee)),
                format!("{{name}} could not be told to stop fast polling: {error}"),
            );
        });
    }
}
