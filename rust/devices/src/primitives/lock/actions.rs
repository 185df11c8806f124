//! What happened at a lock, and who did it (ZCL 7.3.2.17.31, 7.3.2.17.32).

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId};

use super::{DOOR_LOCK, named};
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::Primitive;

const OPERATION_EVENT: CommandId = CommandId(0x20);
const PROGRAMMING_EVENT: CommandId = CommandId(0x21);

/// Actions of operation events, by their codes.
const OPERATIONS: [&str; 16] = [
    "unknown",
    "lock",
    "unlock",
    "lock_failure_invalid_pin_or_id",
    "lock_failure_invalid_schedule",
    "unlock_failure_invalid_pin_or_id",
    "unlock_failure_invalid_schedule",
    "one_touch_lock",
    "key_lock",
    "key_unlock",
    "auto_lock",
    "schedule_lock",
    "schedule_unlock",
    "manual_lock",
    "manual_unlock",
    "non_access_user_operational_event",
];
/// Actions of programming events, by their codes.
const PROGRAMMING: [&str; 7] = [
    "unknown",
    "master_code_changed",
    "pin_code_added",
    "pin_code_deleted",
    "pin_code_changed",
    "rfid_code_added",
    "rfid_code_deleted",
];
/// Where an event comes from, by its code.
const SOURCES: [&str; 5] = ["keypad", "rf", "manual", "rfid", "fingerprint"];
/// Sources as they are shown.
const SHOWN_SOURCES: [&str; 4] = ["keypad", "rfid", "manual", "rf"];

/// `action`, `action_user`, `action_source`, `action_source_name` from a lock's events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockActions {
    /// `action` is shown where the capability stands, not with the device's other actions.
    #[serde(default)]
    in_place: bool,
}

impl Primitive for LockActions {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(DOOR_LOCK);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if self.in_place {
            let mut action = Expose::generic(ExposeKind::Enum, "action", STATE)
                .described("Triggered action on the lock");
            action.values = Some(OPERATIONS.map(Json::from).to_vec());
            out.push(action);
        }
        let mut source = Expose::generic(ExposeKind::Enum, "action_source_name", STATE)
            .described("Source of the triggered action on the lock");
        source.values = Some(SHOWN_SOURCES.map(Json::from).to_vec());
        out.push(source);
        out.push(
            Expose::generic(ExposeKind::Numeric, "action_user", STATE)
                .described("ID of user that triggered the action on the lock"),
        );
    }

    fn actions(&self, out: &mut Vec<String>) {
        if !self.in_place {
            out.extend(OPERATIONS.map(str::to_owned));
        }
    }

    fn hears(&self, command: Command<'_>) -> bool {
        command.cluster == DOOR_LOCK
            && command.direction == Direction::ToClient
            && matches!(command.id, OPERATION_EVENT | PROGRAMMING_EVENT)
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming.command().filter(|command| self.hears(*command)) else {
            return;
        };
        let Some((&[source, code, low, high], _)) = command.payload.split_first_chunk() else {
            out.problem("malformed_event", "an event of the lock is cut off");
            return;
        };
        let actions: &[&str] = match command.id {
            OPERATION_EVENT => &OPERATIONS,
            _ => &PROGRAMMING,
        };
        if let Some(action) = named(actions, i64::from(code)) {
            out.put("action", action);
        }
        out.put("action_user", u16::from_le_bytes([low, high]));
        out.put("action_source", source);
        if let Some(name) = named(&SOURCES, i64::from(source)) {
            out.put("action_source_name", name);
        }
    }
}
