//! `set` and `get` of a group: groupcasts, through the definitions of its members.

use std::sync::Arc;
use std::time::Duration;

use adapters::{Destination, Request};
use devices::{
    Definition, DeviceInfo, Io, JsonMap, LocalFuture, Member, Operation, OperationError,
    OperationReply, SceneChange, SetRequest,
};
use serde_json::Value as Json;
use zigbee::zdo::BindTarget;
use zigbee::{EndpointId, GroupId};

use crate::core::Purpose;
use crate::exchange::aps;
use crate::executor::{Answer, Shared};
use crate::procedures::DeviceIo;
use crate::procedures::io::{request, set_note, sleep, uptime};
use crate::{CommandId, CommandReply, Entity, LogLevel};

/// Carries out a `set` or `get` of a group.
pub(crate) async fn values(
    shared: Shared,
    command: CommandId,
    id: GroupId,
    set: bool,
    request: SetRequest,
) {
    let io = GroupIo {
        shared: shared.clone(),
        id,
    };
    let definitions: Vec<Arc<Definition>> = shared.with(|core| core.group_definitions(id));
    let members: Vec<&Definition> = definitions.iter().map(Arc::as_ref).collect();
    let mut errors = Vec::new();
    if members.is_empty() {
        for (key, value) in request.payload.iter() {
            errors.push(format!(
                "No converter available for '{key}' on '{{name}}': ({value})"
            ));
        }
    }
    let outcome = if set {
        Definition::set_group(&members, &io, request).await
    } else {
        Definition::get_group(&members, &io, request).await
    };
    let mut state = outcome.state;
    errors.extend(outcome.errors.into_iter().map(|error| error.message));
    shared.with(|core| {
        if let Some(record) = core.records.group(id) {
            if record.options.pessimistic {
                state.clear();
            }
            state.retain(|key, _| !record.options.filtered_optimistic.matches(key));
        }
        if !state.is_empty() {
            core.publish_group_set(id, &state);
        }
        for error in errors {
            core.log(LogLevel::Error, Some(Entity::Group(id)), error);
        }
        core.reply(command, Ok(CommandReply::Done));
    });
}

/// A read at another endpoint.
fn at(operation: Operation, to: EndpointId) -> Operation {
    match operation {
        Operation::Read {
            cluster,
            manufacturer,
            attributes,
            ..
        } => Operation::Read {
            endpoint: to,
            cluster,
            manufacturer,
            attributes,
        },
        other => other,
    }
}

/// Speaks to all members at once; nobody answers.
struct GroupIo {
    shared: Shared,
    id: GroupId,
}

impl GroupIo {
    async fn run(&self, operation: Operation) -> Result<OperationReply, OperationError> {
        if let Operation::Sleep(time) = operation {
            sleep(&self.shared, time).await;
            return Ok(OperationReply::Done);
        }
        let Some((request, _)) = request(&operation) else {
            return Err(OperationError::Undelivered(
                "a group cannot be bound".into(),
            ));
        };
        let answer = self
            .shared
            .wait(|core, slot| {
                core.group_sequence = core.group_sequence.wrapping_add(1);
                let message = aps(Destination::Group(self.id), &request, core.group_sequence);
                core.request(Request::Aps(message), Purpose::Slot(slot));
            })
            .await;
        match answer {
            Answer::Adapter(Ok(_)) if matches!(operation, Operation::Read { .. }) => {
                Ok(OperationReply::Read(Vec::new()))
            }
            Answer::Adapter(Ok(_)) => Ok(OperationReply::Done),
            Answer::Adapter(Err(error)) => Err(OperationError::Undelivered(error.to_string())),
            _ => Err(OperationError::Undelivered(
                "an answer of another kind than the question".into(),
            )),
        }
    }
}

impl Io for GroupIo {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        Box::pin(self.run(operation))
    }

    fn device(&self) -> Option<DeviceInfo> {
        None
    }

    fn state(&self, property: &str) -> Option<Json> {
        self.shared
            .with(|core| core.records.group(self.id)?.state.get(property).cloned())
    }

    fn publish(&self, state: JsonMap) {
        self.shared.with(|core| core.publish_group(self.id, &state));
    }

    fn group(&self) -> Option<GroupId> {
        Some(self.id)
    }

    fn change_scenes(&self, _: EndpointId, group: GroupId, change: SceneChange) -> bool {
        self.shared.with(|core| {
            let members = core.endpoints_of(BindTarget::Group(self.id));
            core.change_scenes(&members, group, &change)
        })
    }

    fn recall_group_scene(&self, scene: u8) {
        self.shared
            .with(|core| core.recall_group_scene(self.id, scene));
    }

    fn noted(&self, key: &str) -> Option<Json> {
        self.shared
            .with(|core| core.records.group(self.id)?.notes.get(key).cloned())
    }

    fn note(&self, key: &str, value: Json) {
        self.shared.with(|core| {
            if let Some(record) = core.records.group_mut(self.id) {
                set_note(&mut record.notes, key, value);
            }
        });
    }

    fn uptime(&self) -> Duration {
        self.shared.with(uptime)
    }

    fn members(&self) -> Vec<Member> {
        self.shared.with(|core| core.group_members(self.id))
    }

    fn ask(&self, operation: Operation) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        Box::pin(async move {
            match self.members().into_iter().next() {
                Some(member) => {
                    let operation = at(operation, member.endpoint);
                    let io = DeviceIo::impatient(self.shared.clone(), member.device.ieee);
                    io.perform(operation).await
                }
                None => self.run(operation).await,
            }
        })
    }

    fn log(&self, text: &str) {
        self.shared
            .with(|core| core.log(LogLevel::Info, Some(Entity::Group(self.id)), text));
    }
}
