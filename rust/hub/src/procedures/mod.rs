//! What takes more than one step: straight-line procedures on the hub's executor.

mod binding;
pub(crate) mod bound_lights;
mod care;
mod group;
mod interview;
mod io;
pub(crate) mod membership;
mod ota;
pub(crate) mod raw;
mod reporting;
mod talk;
mod topology;
mod touchlink;

use std::future::Future;
use std::pin::Pin;

use devices::{Definition, Operation, Payload, SetOutcome, SetRequest};
use std::sync::Arc;
use std::time::Duration;
use zigbee::{EndpointId, GroupId, IeeeAddress};

use crate::executor::Shared;
use crate::{
    BindCommand, CommandId, CommandReply, Entity, GroupCommand, LogLevel, RawMessage, Touchlink,
};

pub(crate) use io::DeviceIo;
pub(crate) use ota::OtaTask;

/// A procedure to start.
#[derive(Debug)]
pub(crate) enum Procedure {
    /// One exchange that nobody waits for.
    Perform {
        ieee: IeeeAddress,
        operation: Operation,
    },
    /// Exchanges that nobody waits for, until one fails.
    Operations {
        ieee: IeeeAddress,
        operations: Vec<Operation>,
    },
    /// The same after a while.
    Later {
        ieee: IeeeAddress,
        after: Duration,
        operation: Operation,
    },
    /// `set` or `get` of a device.
    Values {
        command: CommandId,
        ieee: IeeeAddress,
        definition: Arc<Definition>,
        set: bool,
        request: SetRequest,
    },
    /// `set` or `get` of a group.
    GroupValues {
        command: CommandId,
        group: GroupId,
        set: bool,
        request: SetRequest,
    },
    /// Poll control: use the time that the device is awake.
    CheckIn {
        ieee: IeeeAddress,
        endpoint: EndpointId,
        read_interval: bool,
    },
    /// Ask a device what it is.
    Interview { ieee: IeeeAddress },
    /// Set a device up.
    Configure { ieee: IeeeAddress },
    /// Set up those that need it at the start.
    StartUp { devices: Vec<IeeeAddress> },
    /// After an announce.
    Refresh { ieee: IeeeAddress },
    /// After a power cut.
    Reconcile { ieee: IeeeAddress },
    /// Open or close the network.
    PermitJoin {
        command: CommandId,
        seconds: u8,
        request: adapters::Request,
    },
    /// Take a device out of the network.
    Remove {
        command: CommandId,
        ieee: IeeeAddress,
        force: bool,
        block: bool,
    },
    /// Exchanges that somebody asked for.
    Exchanges {
        command: CommandId,
        ieee: IeeeAddress,
        operations: Vec<Operation>,
    },
    /// Groups and their members.
    Group {
        id: CommandId,
        command: GroupCommand,
    },
    /// Ask a device for what it does not report.
    Poll { ieee: IeeeAddress },
    /// Bindings of a device.
    Bind { id: CommandId, command: BindCommand },
    /// Read what a remote may have changed of a light.
    BoundLight(bound_lights::Question),
    /// Ask the devices that were silent for too long.
    Pings,
    /// Images for a device.
    Ota { ieee: IeeeAddress, task: OtaTask },
    /// A device has new software.
    OtaRenew { ieee: IeeeAddress },
    /// Read the coordinator's network state.
    Backup { command: CommandId },
    /// Ask all routers for their neighbours.
    ScanNetwork { routes: bool },
    /// Admit a device.
    InstallCode {
        command: CommandId,
        device: IeeeAddress,
        code: adapters::Secret<Vec<u8>>,
    },
    /// Send a frame as it is.
    Raw {
        command: CommandId,
        message: RawMessage,
    },
    /// Move the network.
    ChangeChannel { command: CommandId, channel: u8 },
    /// Have those leave that may not be here.
    Expel { devices: Vec<IeeeAddress> },
    /// Devices beside the network.
    Touchlink {
        command: CommandId,
        operation: Touchlink,
    },
}

impl Procedure {
    /// The procedure as a future.
    pub(crate) fn start(self, shared: Shared) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Later {
                ieee,
                after,
                operation,
            } => Box::pin(talk::later(shared, ieee, after, operation)),
            Self::Operations { ieee, operations } => {
                Box::pin(talk::operations(shared, ieee, operations))
            }
            Self::Perform { ieee, operation } => Box::pin(talk::perform(shared, ieee, operation)),
            Self::Values {
                command,
                ieee,
                definition,
                set,
                request,
            } => Box::pin(values(shared, command, ieee, definition, set, request)),
            Self::GroupValues {
                command,
                group,
                set,
                request,
            } => Box::pin(group::values(shared, command, group, set, request)),
            Self::CheckIn {
                ieee,
                endpoint,
                read_interval,
            } => Box::pin(talk::check_in(shared, ieee, endpoint, read_interval)),
            Self::Interview { ieee } => Box::pin(interview::interview(shared, ieee)),
            Self::Configure { ieee } => Box::pin(care::configure(shared, ieee)),
            Self::StartUp { devices } => Box::pin(care::start_up(shared, devices)),
            Self::Refresh { ieee } => Box::pin(care::refresh(shared, ieee)),
            Self::Reconcile { ieee } => Box::pin(care::reconcile(shared, ieee)),
            Self::PermitJoin {
                command,
                seconds,
                request,
            } => Box::pin(care::permit_join(shared, command, seconds, request)),
            Self::Remove {
                command,
                ieee,
                force,
                block,
            } => Box::pin(care::remove(shared, command, ieee, force, block)),
            Self::Exchanges {
                command,
                ieee,
                operations,
            } => Box::pin(talk::exchanges(shared, command, ieee, operations)),
            Self::Group { id, command } => Box::pin(membership::run(shared, id, command)),
            Self::Poll { ieee } => Box::pin(crate::polling::poll(shared, ieee)),
            Self::Ota { ieee, task } => Box::pin(ota::run(shared, ieee, task)),
            Self::OtaRenew { ieee } => Box::pin(ota::renew(shared, ieee)),
            Self::Bind { id, command } => Box::pin(binding::run(shared, id, command)),
            Self::BoundLight(question) => Box::pin(bound_lights::ask(shared, question)),
            Self::Pings => Box::pin(talk::pings(shared)),
            Self::Backup { command } => Box::pin(care::backup(shared, command)),
            Self::ScanNetwork { routes } => Box::pin(topology::scan(shared, routes)),
            Self::InstallCode {
                command,
                device,
                code,
            } => Box::pin(care::install_code(shared, command, device, code)),
            Self::Raw { command, message } => Box::pin(raw::send(shared, command, message)),
            Self::ChangeChannel { command, channel } => {
                Box::pin(care::change_channel(shared, command, channel))
            }
            Self::Expel { devices } => Box::pin(care::expel(shared, devices)),
            Self::Touchlink { command, operation } => {
                Box::pin(touchlink::run(shared, command, operation))
            }
        }
    }
}

/// Carries out a `set` or `get`, publishes what it gave and answers the command.
async fn values(
    shared: Shared,
    command: CommandId,
    ieee: IeeeAddress,
    definition: Arc<Definition>,
    set: bool,
    request: SetRequest,
) {
    let io = DeviceIo::new(shared.clone(), ieee);
    let outcome = if set {
        definition.set(&io, request).await
    } else {
        definition.get(&io, request).await
    };
    shared.with(|core| {
        let SetOutcome { mut state, errors } = outcome;
        if let Some(record) = core.records.get(ieee) {
            if record.options.pessimistic {
                state.clear();
            } else if !record.options.filtered_optimistic.is_empty() {
                state.retain(|key, _| !record.options.filtered_optimistic.matches(key));
            }
        }
        if !state.is_empty() {
            core.publish(ieee, state, crate::publish::Cause::Other);
        }
        for error in errors {
            core.log(LogLevel::Error, Some(Entity::Device(ieee)), error.message);
        }
        core.reply(command, Ok(CommandReply::Done));
    });
}

/// A payload of one key with an empty value: what a `get` asks.
pub(crate) fn question(key: &str) -> Payload {
    Payload::one(key, "".into())
}
