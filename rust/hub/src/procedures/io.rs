//! The engine's way to a device.

use std::time::Duration;

use adapters::Instant;
use devices::{
    DeviceInfo, FunctionCall, FunctionError, FunctionReply, Io, JsonMap, LocalFuture, Memory,
    Operation, OperationError, OperationReply, SceneChange,
};
use serde_json::Value as Json;
use zigbee::library;
use zigbee::zcl::{Direction, Foundation};
use zigbee::zdo::{self, BindTarget};
use zigbee::{ClusterId, CommandId, EndpointId, GroupId, IeeeAddress};

use crate::core::Core;
use crate::exchange::HOME_ENDPOINT;
use crate::executor::{Answer, Shared};
use crate::procedures::Procedure;
use crate::publish::Cause;
use crate::queue::{Body, Replaces, Role, ZclRequest};
use crate::timers::Timer;
use crate::{Entity, LogLevel};

/// Works on one device through its queue.
pub(crate) struct DeviceIo {
    shared: Shared,
    ieee: IeeeAddress,
    patient: bool,
}

impl DeviceIo {
    /// Requests wait for a sleepy device to speak.
    pub(crate) fn new(shared: Shared, ieee: IeeeAddress) -> Self {
        Self {
            shared,
            ieee,
            patient: true,
        }
    }

    /// Requests fail at once when a sleepy device does not listen.
    pub(crate) fn impatient(shared: Shared, ieee: IeeeAddress) -> Self {
        Self {
            shared,
            ieee,
            patient: false,
        }
    }

    /// One ZDO exchange with the device.
    pub(crate) async fn zdo(&self, request: zdo::Request) -> Result<zdo::Response, OperationError> {
        let answer = self
            .shared
            .wait(|core, slot| {
                core.submit(
                    self.ieee,
                    Body::Zdo(request),
                    Replaces::Nothing,
                    self.patient,
                    slot,
                );
            })
            .await;
        match answer {
            Answer::Zdo(result) => result,
            _ => Err(unexpected()),
        }
    }

    async fn zcl(
        &self,
        request: ZclRequest,
        replaces: Replaces,
    ) -> Result<OperationReply, OperationError> {
        let answer = self
            .shared
            .wait(|core, slot| {
                core.submit(self.ieee, Body::Zcl(request), replaces, self.patient, slot);
            })
            .await;
        match answer {
            Answer::Zcl(result) => result,
            _ => Err(unexpected()),
        }
    }

    /// Sleeps.
    pub(crate) async fn sleep(&self, time: std::time::Duration) {
        sleep(&self.shared, time).await;
    }

    async fn run(&self, operation: Operation) -> Result<OperationReply, OperationError> {
        match operation {
            Operation::Sleep(time) => {
                self.sleep(time).await;
                Ok(OperationReply::Done)
            }
            Operation::Bind {
                endpoint,
                cluster,
                target,
            } => {
                let target = self.target(target)?;
                self.zdo(zdo::Request::Bind {
                    source: self.ieee,
                    endpoint,
                    cluster,
                    target,
                })
                .await?;
                self.shared
                    .with(|core| core.bound(self.ieee, endpoint, cluster, target));
                Ok(OperationReply::Done)
            }
            Operation::Unbind {
                endpoint,
                cluster,
                target,
            } => {
                let target = self.target(target)?;
                let answer = self
                    .zdo(zdo::Request::Unbind {
                        source: self.ieee,
                        endpoint,
                        cluster,
                        target,
                    })
                    .await;
                match answer {
                    // What the device does not have is gone.
                    Ok(_) | Err(OperationError::Zdo(zdo::Status::NO_ENTRY)) => {}
                    Err(error) => return Err(error),
                }
                self.shared
                    .with(|core| core.unbound(self.ieee, endpoint, cluster, target));
                Ok(OperationReply::Done)
            }
            Operation::ConfigureReporting {
                endpoint,
                cluster,
                manufacturer,
                ref records,
            } => {
                let (request, replaces) = request(&operation).ok_or_else(unexpected)?;
                let reply = self.zcl(request, replaces).await?;
                self.shared.with(|core| {
                    core.reporting(self.ieee, endpoint, cluster, manufacturer, records);
                });
                Ok(reply)
            }
            Operation::ReadReporting {
                endpoint,
                cluster,
                manufacturer,
                ..
            } => {
                let (request, replaces) = request(&operation).ok_or_else(unexpected)?;
                let reply = self.zcl(request, replaces).await?;
                if let OperationReply::Reporting(records) = &reply {
                    self.shared.with(|core| {
                        core.reporting_read(self.ieee, endpoint, cluster, manufacturer, records);
                    });
                }
                Ok(reply)
            }
            other => {
                let (request, replaces) = request(&other).ok_or_else(unexpected)?;
                self.zcl(request, replaces).await
            }
        }
    }

    fn target(&self, target: Option<BindTarget>) -> Result<BindTarget, OperationError> {
        match target {
            Some(target) => Ok(target),
            None => self
                .shared
                .with(|core| core.coordinator())
                .map(|ieee| BindTarget::Endpoint(ieee, HOME_ENDPOINT))
                .ok_or_else(|| {
                    OperationError::Undelivered("the coordinator is not connected".into())
                }),
        }
    }
}

/// Keeps a note of the engine, or drops it: `null`.
pub(crate) fn set_note(notes: &mut JsonMap, key: &str, value: Json) {
    if value.is_null() {
        notes.remove(key);
    } else {
        notes.insert(key.to_owned(), value);
    }
}

/// Time since an arbitrary instant.
pub(crate) fn uptime(core: &mut Core) -> Duration {
    core.now.instant.since(Instant(0))
}

/// Sleeps.
pub(crate) async fn sleep(shared: &Shared, time: std::time::Duration) {
    shared
        .wait(|core: &mut Core, slot| {
            let at = core.after(time);
            core.timers.set(at, Timer::Slot(slot));
        })
        .await;
}

/// An answer of another kind than the question: cannot be, and is an error if it is.
fn unexpected() -> OperationError {
    OperationError::Undelivered("an answer of another kind than the question".into())
}

impl Io for DeviceIo {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        Box::pin(self.run(operation))
    }

    fn device(&self) -> Option<DeviceInfo> {
        self.shared.with(|core| {
            core.records
                .get(self.ieee)
                .map(|record| record.device.info.clone())
        })
    }

    fn state(&self, property: &str) -> Option<Json> {
        self.shared
            .with(|core| core.records.get(self.ieee)?.state.get(property).cloned())
    }

    fn publish(&self, state: JsonMap) {
        self.shared
            .with(|core| core.publish(self.ieee, state, Cause::Other));
    }

    fn remembered(&self, key: &str) -> Option<Json> {
        self.shared
            .with(|core| core.records.get(self.ieee)?.device.meta.get(key).cloned())
    }

    fn remember(&self, key: &str, value: Json) {
        self.shared
            .with(|core| core.remember(self.ieee, key.to_owned(), value));
    }

    fn time(&self) -> Option<i64> {
        Some(self.shared.with(|core| core.now.unix_ms.div_euclid(1000)))
    }

    fn change_scenes(&self, endpoint: EndpointId, group: GroupId, change: SceneChange) -> bool {
        let member = (self.ieee, endpoint);
        self.shared
            .with(|core| core.change_scenes(&[member], group, &change))
    }

    fn scene(&self, endpoint: EndpointId, scene: u8) -> Option<JsonMap> {
        let member = (self.ieee, endpoint);
        self.shared
            .with(|core| core.scene(member, GroupId(0), scene))
    }

    fn warn(&self, text: &str) {
        self.shared
            .with(|core| core.log(LogLevel::Warning, Some(Entity::Device(self.ieee)), text));
    }

    fn with_memory(&self, borrow: &mut dyn FnMut(&mut Memory)) {
        self.shared.with(|core| {
            let now = Duration::from_micros(core.now.instant.0);
            if let Some(record) = core.records.get_mut(self.ieee) {
                record.memory.set_time(now);
                borrow(&mut record.memory);
            }
        });
    }

    fn noted(&self, key: &str) -> Option<Json> {
        self.shared
            .with(|core| core.records.get(self.ieee)?.notes.get(key).cloned())
    }

    fn note(&self, key: &str, value: Json) {
        self.shared.with(|core| {
            if let Some(record) = core.records.get_mut(self.ieee) {
                set_note(&mut record.notes, key, value);
            }
        });
    }

    fn uptime(&self) -> Duration {
        self.shared.with(uptime)
    }

    fn call(&self, call: FunctionCall) -> LocalFuture<'_, Result<FunctionReply, FunctionError>> {
        Box::pin(async move {
            let answer = self
                .shared
                .wait(|core, slot| core.call_function(self.ieee, call, Some(slot), false))
                .await;
            match answer {
                Answer::Function(reply) => reply,
                _ => Err(FunctionError::new("unavailable", "another answer came")),
            }
        })
    }

    fn later(&self, after: Duration, operation: Operation) {
        self.shared.with(|core| {
            core.procedures.push_back(Procedure::Later {
                ieee: self.ieee,
                after,
                operation,
            });
        });
    }

    fn log(&self, text: &str) {
        self.shared
            .with(|core| core.log(LogLevel::Info, Some(Entity::Device(self.ieee)), text));
    }
}

/// True when a command of the cluster answers the command.
fn has_answer(cluster: ClusterId, command: CommandId) -> bool {
    library::cluster(cluster)
        .and_then(|cluster| cluster.command(Direction::ToServer, command))
        .is_some_and(|command| command.response.is_some())
}

/// A command of the cluster after which nothing is waited for.
fn of_cluster(
    endpoint: EndpointId,
    cluster: ClusterId,
    command: CommandId,
    payload: &[u8],
) -> ZclRequest {
    ZclRequest {
        source: HOME_ENDPOINT,
        endpoint,
        cluster,
        of_cluster: true,
        role: Role::Client,
        manufacturer: None,
        command,
        payload: payload.to_vec(),
        disable_default_response: true,
        wait: false,
    }
}

/// The ZCL request of an operation, and what it may replace in the queue. `None` for operations that
/// are not ZCL.
pub(crate) fn request(operation: &Operation) -> Option<(ZclRequest, Replaces)> {
    let foundation = |endpoint, cluster, manufacturer, command: &Foundation, wait| ZclRequest {
        source: HOME_ENDPOINT,
        endpoint,
        cluster,
        of_cluster: false,
        role: Role::Client,
        manufacturer,
        command: command.id(),
        payload: command.emit(),
        disable_default_response: true,
        wait,
    };
    Some(match operation {
        Operation::Read {
            endpoint,
            cluster,
            manufacturer,
            attributes,
        } => {
            let command = Foundation::Read(attributes.clone());
            (
                foundation(*endpoint, *cluster, *manufacturer, &command, true),
                Replaces::Equal,
            )
        }
        Operation::Write {
            endpoint,
            cluster,
            manufacturer,
            attributes,
            wait,
        } => {
            let ids = attributes.iter().map(|attribute| attribute.id).collect();
            let command = Foundation::Write(attributes.clone());
            (
                foundation(*endpoint, *cluster, *manufacturer, &command, *wait),
                Replaces::Write(ids),
            )
        }
        Operation::ConfigureReporting {
            endpoint,
            cluster,
            manufacturer,
            records,
        } => {
            let command = Foundation::ConfigureReporting(records.clone());
            (
                foundation(*endpoint, *cluster, *manufacturer, &command, true),
                Replaces::Nothing,
            )
        }
        Operation::ReadReporting {
            endpoint,
            cluster,
            manufacturer,
            records,
        } => {
            let command = Foundation::ReadReporting(records.clone());
            (
                foundation(*endpoint, *cluster, *manufacturer, &command, true),
                Replaces::Nothing,
            )
        }
        Operation::Command {
            endpoint,
            cluster,
            manufacturer,
            command,
            payload,
            disable_default_response,
        } => (
            ZclRequest {
                manufacturer: *manufacturer,
                disable_default_response: *disable_default_response,
                wait: !*disable_default_response || has_answer(*cluster, *command),
                ..of_cluster(*endpoint, *cluster, *command, payload)
            },
            Replaces::Nothing,
        ),
        Operation::Respond {
            endpoint,
            cluster,
            command,
            payload,
            sequence,
        } => (
            ZclRequest {
                role: Role::Server(*sequence),
                ..of_cluster(*endpoint, *cluster, *command, payload)
            },
            Replaces::Nothing,
        ),
        Operation::From(source, operation) => {
            let (mut request, replaces) = request(operation)?;
            request.source = *source;
            (request, replaces)
        }
        Operation::Bind { .. } | Operation::Unbind { .. } | Operation::Sleep(_) => return None,
    })
}
