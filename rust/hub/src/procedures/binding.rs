//! Bindings on request (shared/facts/mqtt-api.md §12.5).

use devices::{Binding, Io, Operation, OperationError};
use zigbee::zdo::{self, BindTarget};
use zigbee::{ClusterId, EndpointId, IeeeAddress, library};

use crate::executor::Shared;
use crate::procedures::{DeviceIo, reporting};
use crate::{BindCommand, CommandError, CommandId, CommandReply, Entity, LogLevel};

/// As a target of bindings that are cleared: any.
const ANY: IeeeAddress = IeeeAddress(u64::MAX);
/// No device has a longer binding table.
const TABLE: usize = 255;

/// Carries out a command and answers it.
pub(crate) async fn run(shared: Shared, id: CommandId, command: BindCommand) {
    let result = match command {
        BindCommand::Bind {
            source,
            target,
            clusters,
        } => {
            let (done, failed) = change(&shared, source, target, clusters, true).await;
            let bindings: Vec<Binding> = done
                .iter()
                .map(|cluster| Binding {
                    cluster: *cluster,
                    target,
                })
                .collect();
            reporting::set_up(&shared, &bindings).await;
            Ok(CommandReply::Bound { done, failed })
        }
        BindCommand::Unbind {
            source,
            target,
            clusters,
            keep_reporting,
        } => {
            let (done, failed) = change(&shared, source, target, clusters, false).await;
            if !done.is_empty() && !keep_reporting {
                let members = shared.with(|core| core.endpoints_of(target));
                reporting::clean_up(&shared, &members).await;
            }
            Ok(CommandReply::Bound { done, failed })
        }
        BindCommand::Clear { device, targets } => clear(&shared, device, &targets).await,
    };
    shared.with(|core| core.reply(id, result));
}

/// Binds or unbinds clusters one after the other; gives which and which not.
async fn change(
    shared: &Shared,
    (ieee, endpoint): (IeeeAddress, EndpointId),
    target: BindTarget,
    clusters: Vec<ClusterId>,
    bind: bool,
) -> (Vec<ClusterId>, Vec<ClusterId>) {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for cluster in clusters {
        let target = Some(target);
        let operation = if bind {
            Operation::Bind {
                endpoint,
                cluster,
                target,
            }
        } else {
            Operation::Unbind {
                endpoint,
                cluster,
                target,
            }
        };
        match io.perform(operation).await {
            Ok(_) => done.push(cluster),
            Err(error) => {
                failed.push(cluster);
                let what = if bind { "bind" } else { "unbind" };
                let cluster = library::cluster_key(cluster);
                shared.with(|core| {
                    core.log(
                        LogLevel::Error,
                        Some(Entity::Device(ieee)),
                        format!(
                            "Failed to {what} cluster '{cluster}' of '{{name}}/{endpoint}' ({error})"
                        ),
                    );
                });
            }
        }
    }
    (done, failed)
}

/// Removes a device's bindings one after the other: `Clear_All_Bindings_req` is known to few devices
/// and to no Z-Stack coordinator. What it has is asked of the device; where it does not tell, its record
/// says.
async fn clear(
    shared: &Shared,
    ieee: IeeeAddress,
    targets: &[IeeeAddress],
) -> Result<CommandReply, CommandError> {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let recorded = shared
        .with(|core| {
            let endpoints = &core.records.get(ieee)?.device.info.endpoints;
            let bindings = endpoints.iter().flat_map(|(id, endpoint)| {
                let bindings = endpoint.bindings.iter();
                bindings.map(|binding| (*id, *binding))
            });
            Some(bindings.collect::<Vec<_>>())
        })
        .ok_or(CommandError::UnknownDevice)?;
    let told = table(&io, ieee).await;
    let mut bindings = match (told, recorded.is_empty()) {
        (Ok(told), _) => told,
        (Err(_), false) => Vec::new(),
        (Err(error), true) => return Err(CommandError::Failed(error.to_string())),
    };
    for binding in recorded {
        if !bindings.contains(&binding) {
            bindings.push(binding);
        }
    }
    let all = targets.is_empty() || targets.contains(&ANY);
    bindings.retain(|(_, binding)| match binding.target {
        BindTarget::Endpoint(target, _) => all || targets.contains(&target),
        BindTarget::Group(_) => all,
    });
    let mut failure = None;
    for (endpoint, binding) in bindings {
        let unbind = Operation::Unbind {
            endpoint,
            cluster: binding.cluster,
            target: Some(binding.target),
        };
        if let Err(error) = io.perform(unbind).await {
            failure.get_or_insert(error);
        }
    }
    match failure {
        Some(error) => Err(CommandError::Failed(error.to_string())),
        None => Ok(CommandReply::Done),
    }
}

/// A device's binding table, as it tells it.
async fn table(
    io: &DeviceIo,
    ieee: IeeeAddress,
) -> Result<Vec<(EndpointId, Binding)>, OperationError> {
    let mut table = Vec::new();
    let mut seen = 0;
    while seen < TABLE {
        let start = u8::try_from(seen).unwrap_or(u8::MAX);
        let answer = io.zdo(zdo::Request::MgmtBind { start }).await?;
        let zdo::Response::MgmtBind {
            total, bindings, ..
        } = answer
        else {
            break;
        };
        seen += bindings.len();
        let last = bindings.is_empty() || seen >= usize::from(total);
        let own = bindings.into_iter().filter(|entry| entry.source == ieee);
        table.extend(own.map(|entry| {
            let binding = Binding {
                cluster: entry.cluster,
                target: entry.target,
            };
            (entry.endpoint, binding)
        }));
        if last {
            break;
        }
    }
    Ok(table)
}
