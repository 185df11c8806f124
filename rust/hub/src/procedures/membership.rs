//! Groups are made and unmade, and endpoints become members: `genGroups` (ZCL 3.6).

use devices::{Io, JsonMap, Operation, OperationError, OperationReply};
use zigbee::zcl::Status;
use zigbee::zdo::BindTarget;
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress};

use crate::executor::Shared;
use crate::options::Options;
use crate::procedures::{DeviceIo, reporting};
use crate::registry::GroupRecord;
use crate::{CommandError, CommandId, CommandReply, Entity, Group, GroupCommand};

/// `genGroups`.
const GROUPS: ClusterId = ClusterId(0x0004);
/// Its commands.
const ADD: u8 = 0x00;
const REMOVE: u8 = 0x03;
const REMOVE_ALL: u8 = 0x04;

/// `genScenes`.
const SCENES: ClusterId = ClusterId(0x0005);

/// What a command that answers a command says of it. Only answers of `genGroups` and `genScenes` are
/// judged: one whose table of groups is full is no member. To be one already, or not to be one, is what
/// was wanted.
pub(crate) fn outcome(
    cluster: ClusterId,
    command: zigbee::CommandId,
    payload: &[u8],
) -> Result<OperationReply, OperationError> {
    /// `DUPLICATE_EXISTS`.
    const MEMBER_ALREADY: u8 = 0x8a;
    /// `NOT_FOUND`.
    const NO_MEMBER: u8 = 0x8b;

    match (cluster, command.0, payload.first()) {
        (GROUPS, ADD, Some(&status)) if status != 0 && status != MEMBER_ALREADY => {
            Err(refused(status))
        }
        (GROUPS, REMOVE, Some(&status)) if status != 0 && status != NO_MEMBER => {
            Err(refused(status))
        }
        // Add, remove, remove all, store, enhanced add.
        (SCENES, 0x00 | 0x02..=0x04 | 0x40, Some(&status)) if status != 0 => Err(refused(status)),
        _ => Ok(OperationReply::Done),
    }
}

fn refused(status: u8) -> OperationError {
    OperationError::Status {
        status: Status(status),
        attribute: None,
    }
}

/// Carries out a command, answers it, and sees to the reporting of members.
pub(crate) async fn run(shared: Shared, id: CommandId, command: GroupCommand) {
    let before = match command {
        GroupCommand::Delete { group, .. } => {
            shared.with(|core| core.endpoints_of(BindTarget::Group(group)))
        }
        _ => Vec::new(),
    };
    let result = match command {
        GroupCommand::Create(group) => {
            shared.with(|core| core.create_group(group));
            Ok(())
        }
        GroupCommand::Delete { group, force } => delete(&shared, group, force).await,
        GroupCommand::Add(group, ieee, endpoint) => add(&shared, group, ieee, endpoint).await,
        GroupCommand::Remove { group, member, .. } => remove(&shared, group, member).await,
        GroupCommand::RemoveFromAll { member, .. } => {
            let result = tell(&shared, member.0, member.1, REMOVE_ALL, Vec::new()).await;
            if result.is_ok() {
                shared.with(|core| core.forget_memberships(None, member));
            }
            result
        }
    };
    let done = result.is_ok();
    shared.with(|core| core.reply(id, result.map(|()| CommandReply::Done)));
    if !done {
        return;
    }
    match command {
        GroupCommand::Add(group, ..) => {
            let bindings = shared.with(|core| core.bindings_to(BindTarget::Group(group)));
            reporting::set_up(&shared, &bindings).await;
        }
        GroupCommand::Remove {
            member,
            keep_reporting: false,
            ..
        }
        | GroupCommand::RemoveFromAll {
            member,
            keep_reporting: false,
        } => reporting::clean_up(&shared, &[member]).await,
        GroupCommand::Delete { force: false, .. } => {
            reporting::clean_up(&shared, &before).await;
        }
        _ => {}
    }
}

async fn add(
    shared: &Shared,
    group: GroupId,
    ieee: IeeeAddress,
    endpoint: EndpointId,
) -> Result<(), CommandError> {
    if shared.with(|core| core.records.group(group).is_none()) {
        return Err(CommandError::UnknownGroup);
    }
    let mut payload = group.0.to_le_bytes().to_vec();
    // No name: few devices support them.
    payload.push(0);
    tell(shared, ieee, endpoint, ADD, payload).await?;
    shared.with(|core| {
        if let Some(record) = core.records.group_mut(group)
            && !record.group.members.contains(&(ieee, endpoint))
        {
            record.group.members.push((ieee, endpoint));
            core.registry_changed = true;
        }
    });
    Ok(())
}

async fn remove(
    shared: &Shared,
    group: GroupId,
    member: (IeeeAddress, EndpointId),
) -> Result<(), CommandError> {
    let payload = group.0.to_le_bytes().to_vec();
    tell(shared, member.0, member.1, REMOVE, payload).await?;
    shared.with(|core| core.forget_memberships(Some(group), member));
    Ok(())
}

/// A member that fails does not keep the others from being told; the group then stays with it alone.
async fn delete(shared: &Shared, group: GroupId, force: bool) -> Result<(), CommandError> {
    let members = shared
        .with(|core| {
            let record = core.records.group(group)?;
            Some(record.group.members.clone())
        })
        .ok_or(CommandError::UnknownGroup)?;
    let mut failure = None;
    if !force {
        for member in members {
            // Who is not in the network any more has nothing to be told.
            if shared.with(|core| core.records.get(member.0).is_some())
                && let Err(error) = remove(shared, group, member).await
            {
                failure.get_or_insert(error);
            }
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    shared.with(|core| {
        core.records.remove_group(group);
        core.options.remove(&Entity::Group(group));
        core.registry_changed = true;
        core.state_changed = true;
    });
    Ok(())
}

/// Sends an endpoint a command of `genGroups`.
async fn tell(
    shared: &Shared,
    ieee: IeeeAddress,
    endpoint: EndpointId,
    command: u8,
    payload: Vec<u8>,
) -> Result<(), CommandError> {
    if shared.with(|core| core.records.get(ieee).is_none()) {
        return Err(CommandError::UnknownDevice);
    }
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let operation = Operation::Command {
        endpoint,
        cluster: GROUPS,
        manufacturer: None,
        command: zigbee::CommandId(command),
        payload,
        disable_default_response: true,
    };
    io.perform(operation)
        .await
        .map(|_| ())
        .map_err(|error: OperationError| CommandError::Failed(error.to_string()))
}

impl crate::core::Core {
    fn create_group(&mut self, id: GroupId) {
        if self.records.group(id).is_some() {
            return;
        }
        let group = Group {
            id,
            members: Vec::new(),
            meta: JsonMap::new(),
            extra: JsonMap::new(),
            database_id: self.records.next_id(),
        };
        self.records.insert_group(GroupRecord {
            group,
            state: JsonMap::new(),
            options: Options::default(),
            mirrored: JsonMap::new(),
            notes: JsonMap::new(),
            available: None,
        });
        self.registry_changed = true;
    }

    /// Takes a member out of one group or all.
    fn forget_memberships(&mut self, group: Option<GroupId>, member: (IeeeAddress, EndpointId)) {
        let groups: Vec<GroupId> = match group {
            Some(group) => vec![group],
            None => self
                .records
                .groups()
                .iter()
                .map(|record| record.group.id)
                .collect(),
        };
        for id in groups {
            if let Some(record) = self.records.group_mut(id) {
                let before = record.group.members.len();
                record.group.members.retain(|known| *known != member);
                self.registry_changed |= record.group.members.len() != before;
            }
        }
    }
}
