//! Requests that concern groups and their members (§12.4).

use std::sync::Arc;

use hub::{Command, Entity, GroupCommand, LogLevel};
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, GroupId, IeeeAddress};

use super::super::Core;
use super::{Answer, INVALID, device, endpoint, flag, id_of};

fn known(core: &Core, id: &str) -> Result<GroupId, String> {
    match core.find(id) {
        Some(Entity::Group(group)) => Ok(group),
        _ => Err(format!("Group '{id}' does not exist")),
    }
}

/// A name, or `{friendly_name, id?}`.
pub(super) fn add(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let name = id_of(message, "friendly_name")?;
    let wanted = match message.get("id") {
        None | Some(Json::Null) => None,
        Some(id) => Some(group_id(id).ok_or(INVALID)?),
    };
    let id = core
        .settings
        .add_group(&name, wanted)
        .map_err(|error| error.to_string())?;
    Ok(Answer::Ask(
        Command::Group(GroupCommand::Create(id)),
        Box::new(move |core, result| {
            result.map_err(|error| error.to_string())?;
            core.settings_changed();
            core.dirty.groups = true;
            let name = core.name(Entity::Group(id));
            Ok(json!({"friendly_name": &*name, "id": id.0}))
        }),
    ))
}

/// 1 to 65527; above are the broadcast addresses.
fn group_id(id: &Json) -> Option<GroupId> {
    let number = match id {
        Json::String(text) => text.trim().parse().ok()?,
        other => other.as_u64()?,
    };
    let number = u16::try_from(number).ok()?;
    (1..=0xfff7).contains(&number).then_some(GroupId(number))
}

/// A name, or `{id, force?}`.
pub(super) fn remove(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let group = known(core, &id_of(message, "id")?)?;
    let entity = Entity::Group(group);
    let name = core.name(entity);
    let topic = core.names.get(entity).map(|named| Arc::clone(&named.topic));
    let force = flag(message, "force");
    let data = json!({"id": message.get("id").unwrap_or(message), "force": force});
    Ok(Answer::Ask(
        Command::Group(GroupCommand::Delete { group, force }),
        Box::new(move |core, result| {
            core.dirty.groups = true;
            if let Err(error) = result {
                return Err(format!(
                    "Failed to remove group '{name}' (force: {force}) ({error})"
                ));
            }
            core.settings.remove(entity);
            if let Some(topic) = topic {
                core.clear(topic);
            }
            core.settings_changed();
            Ok(data)
        }),
    ))
}

/// `{from, to, homeassistant_rename?}`.
pub(super) fn rename(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let to = message["to"].as_str().ok_or(INVALID)?.trim().to_owned();
    let group = known(core, &id_of(message.get("from").ok_or(INVALID)?, "")?)?;
    device::renamed(core, Entity::Group(group), &to, message)
}

/// `{id, options}`; `null` removes an option.
pub(super) fn options(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message.get("id").ok_or(INVALID)?, "")?;
    let options = message["options"].as_object().ok_or(INVALID)?;
    let entity = Entity::Group(known(core, &id)?);
    let change = core
        .settings
        .set_options(entity, options)
        .map_err(|error| error.to_string())?;
    for option in &change.unknown {
        let text = format!("'{}' has no option '{option}'", core.name(entity));
        core.log(LogLevel::Warning, "z2m", text);
    }
    core.restart_required |= change.restart_required;
    core.settings_changed();
    core.dirty.groups = true;
    Ok(Answer::Now(json!({
        "id": message["id"],
        "from": change.from,
        "to": change.to,
        "restart_required": core.restart_required,
    })))
}

/// Whom a request about members means.
struct Member {
    ieee: IeeeAddress,
    endpoint: EndpointId,
    /// The endpoint as the request spells it.
    key: Json,
}

fn member(core: &Core, message: &Json) -> Result<Member, String> {
    let id = id_of(message.get("device").ok_or(INVALID)?, "")?;
    let mut wanted = message.get("endpoint").cloned();
    let ieee = match (device::known(core, &id), id.rsplit_once('/')) {
        // The old web interface names the endpoint after the device (frontend-ws §4).
        (Err(error), Some((name, endpoint))) => {
            let ieee = device::known(core, name).map_err(|_| error)?;
            wanted.get_or_insert(Json::from(endpoint));
            ieee
        }
        (known, _) => known?,
    };
    let chosen = endpoint::choose(core, ieee, wanted.as_ref());
    let Some(endpoint) = chosen.id else {
        let name = core.name(Entity::Device(ieee));
        return Err(format!(
            "Device '{name}' does not have endpoint '{}'",
            chosen.shown()
        ));
    };
    Ok(Member {
        ieee,
        endpoint,
        key: chosen.key,
    })
}

fn group_and_member(core: &Core, message: &Json) -> Result<(GroupId, Member), String> {
    // The group first, as its error is the one that clients expect when both are unknown.
    let group = message.get("group").ok_or(INVALID)?;
    if message.get("device").is_none() {
        return Err(INVALID.to_owned());
    }
    let group = known(core, &id_of(group, "")?)?;
    Ok((group, member(core, message)?))
}

/// Asks the hub; `what` begins the text of its error.
fn ask(command: GroupCommand, data: Json, what: &'static str) -> Answer {
    Answer::Ask(
        Command::Group(command),
        Box::new(move |core, result| {
            core.dirty.groups = true;
            match result {
                Ok(_) => Ok(data),
                Err(error) => Err(format!("{what} ({error})")),
            }
        }),
    )
}

/// `{group, device, endpoint?}`.
pub(super) fn add_member(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let (group, member) = group_and_member(core, message)?;
    let data = json!({
        "device": message["device"],
        "endpoint": member.key,
        "group": message["group"],
    });
    let command = GroupCommand::Add(group, member.ieee, member.endpoint);
    Ok(ask(command, data, "Failed to add to group"))
}

/// `{group, device, endpoint?, skip_disable_reporting?}`.
pub(super) fn remove_member(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let (group, member) = group_and_member(core, message)?;
    let data = json!({
        "device": message["device"],
        "endpoint": member.key,
        "group": message["group"],
    });
    let command = GroupCommand::Remove {
        group,
        member: (member.ieee, member.endpoint),
        keep_reporting: flag(message, "skip_disable_reporting"),
    };
    Ok(ask(command, data, "Failed to remove from group"))
}

/// `{device, endpoint?, skip_disable_reporting?}`: out of all groups.
pub(super) fn remove_from_all(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let member = member(core, message)?;
    let data = json!({"device": message["device"], "endpoint": member.key});
    let command = GroupCommand::RemoveFromAll {
        member: (member.ieee, member.endpoint),
        keep_reporting: flag(message, "skip_disable_reporting"),
    };
    Ok(ask(command, data, "Failed to remove from group"))
}
