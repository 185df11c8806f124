//! `set` and `get` of a group: groupcasts, through the definitions of its members.

use std::sync::Arc;

use adapters::{Destination, Request};
use devices::{
    Definition, DeviceInfo, Io, JsonMap, LocalFuture, Operation, OperationError, OperationReply,
    SceneChange, SetRequest,
};
use serde_json::Value as Json;
use zigbee::zdo::BindTarget;
use zigbee::{EndpointId, GroupId};

use crate::core::Purpose;
use crate::exchange::aps;
use crate::executor::{Answer, Shared};
use crate::procedures::io::{request, sleep};
use crate::{CommandId, CommandReply, Entity, LogLevel};

/// Carries out a `set` or `get` of a group.
pub(crate) async fn values(
    shared: Shared,
    command: CommandId,
    id: GroupId,
    set: bool,
    mut request: SetRequest,
) {
    let io = GroupIo {
        shared: shared.clone(),
        id,
    };
    let definitions: Vec<Arc<Definition>> = shared.with(|core| core.group_definitions(id));
    let mut state = JsonMap::new();
    let mut errors = Vec::new();
    let keys: Vec<String> = request
        .payload
        .iter()
        .map(|(key, _)| key.to_owned())
        .collect();
    if definitions.is_empty() {
        for (key, value) in request.payload.iter() {
            errors.push(format!(
                "No converter available for '{key}' on '{{name}}': ({value})"
            ));
        }
    }
    // What the first member's definition cannot do, the next may.
    for definition in definitions {
        let outcome = if set {
            definition.set(&io, request.clone()).await
        } else {
            definition.get(&io, request.clone()).await
        };
        state.extend(outcome.state);
        errors = outcome
            .errors
            .iter()
            .map(|error| error.message.clone())
            .collect();
        for key in &keys {
            if !outcome.errors.iter().any(|error| error.key == *key) {
                request.payload.remove(key);
            }
        }
        if request.payload.is_empty() {
            break;
        }
    }
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

    fn log(&self, text: &str) {
        self.shared
            .with(|core| core.log(LogLevel::Info, Some(Entity::Group(self.id)), text));
    }
}
