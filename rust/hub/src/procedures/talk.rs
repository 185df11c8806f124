//! Small exchanges that follow from what a device said.

use devices::{Io, Operation, OperationReply};
use zigbee::zcl::Value;
use zigbee::{AttributeId, CommandId, EndpointId, IeeeAddress};

use crate::exchange::POLL_CONTROL;
use crate::executor::Shared;
use crate::procedures::DeviceIo;
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

/// Exchanges that somebody asked for, until one fails.
pub(crate) async fn exchanges(
    shared: Shared,
    command: CommandNumber,
    ieee: IeeeAddress,
    operations: Vec<Operation>,
) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let mut result = Ok(CommandReply::Done);
    for operation in operations {
        if let Err(error) = io.perform(operation).await {
            result = Err(CommandError::Failed(error.to_string()));
            break;
        }
    }
    shared.with(|core| core.reply(command, result));
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
