//! Door locks: the cluster closuresDoorLock (ZCL 7.3).

mod actions;
mod pin;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{AttributeId, ClusterId, CommandId};

pub(crate) use actions::LockActions;
pub(crate) use pin::PinCodes;

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, Operation, number};

const DOOR_LOCK: ClusterId = ClusterId(0x0101);
const LOCK_STATE: AttributeId = AttributeId(0x0000);
const DOOR_STATE: AttributeId = AttributeId(0x0003);
const AUTO_RELOCK_TIME: AttributeId = AttributeId(0x0023);
const SOUND_VOLUME: AttributeId = AttributeId(0x0024);
const LOCK_DOOR: CommandId = CommandId(0x00);
const UNLOCK_DOOR: CommandId = CommandId(0x01);
const TOGGLE: CommandId = CommandId(0x02);

const LOCK_STATES: [&str; 3] = ["not_fully_locked", "locked", "unlocked"];
const SOUND_VOLUMES: [&str; 3] = ["silent_mode", "low_volume", "high_volume"];
const DOOR_STATES: [(i64, &str); 6] = [
    (0, "open"),
    (1, "closed"),
    (2, "error_jammed"),
    (3, "error_forced_open"),
    (4, "error_unspecified"),
    (255, "undefined"),
];

/// A lock that can be locked and unlocked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {}

/// Digits that open a door, as a string of the cluster. They have no `Debug`: what is secret is not
/// written down by accident.
struct Pin(Vec<u8>);

impl Pin {
    /// Nothing: the lock asks for no code.
    fn none() -> Self {
        Self(Vec::new())
    }

    /// A code that was given as a number or as text. The error does not repeat it.
    fn given(value: &Json) -> Result<Self, Failure> {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => String::new(),
        };
        // A string of the cluster has one byte for its length, of which 0xff means none.
        let whole = (1..=254).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if whole {
            Ok(Self(text.into_bytes()))
        } else {
            Err(Failure::value(
                "the pin code must be given as digits, in quotes where it begins with 0",
            ))
        }
    }

    /// Appends it to a command.
    fn emit(&self, payload: &mut Vec<u8>) {
        payload.push(u8::try_from(self.0.len()).unwrap_or_default());
        payload.extend(&self.0);
    }
}

/// Sends a command that the lock answers.
async fn send(
    call: &Call<'_>,
    command: CommandId,
    payload: Vec<u8>,
    name: &str,
) -> Result<(), Failure> {
    let operation = Operation::Command {
        endpoint: call.endpoint,
        cluster: DOOR_LOCK,
        manufacturer: None,
        command,
        payload,
        disable_default_response: true,
    };
    call.perform(operation, DOOR_LOCK, name).await
}

fn named<'a>(names: &[&'a str], code: i64) -> Option<&'a str> {
    names.get(usize::try_from(code).ok()?).copied()
}

impl Primitive for Lock {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(DOOR_LOCK);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut state = Expose::generic(ExposeKind::Binary, "state", STATE | SET | GET)
            .described("State of the lock");
        state.value_on = Some(Json::from("LOCK"));
        state.value_off = Some(Json::from("UNLOCK"));
        let mut lock_state = Expose::generic(ExposeKind::Enum, "lock_state", STATE)
            .described("Actual state of the lock");
        lock_state.values = Some(LOCK_STATES.map(Json::from).to_vec());
        let mut lock = Expose::specific(ExposeKind::Lock);
        lock.features = vec![state, lock_state];
        out.push(lock);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let code = |attribute| {
            incoming
                .attribute(DOOR_LOCK, attribute)
                .and_then(number::integer)
        };
        if let Some(state) = code(LOCK_STATE) {
            out.put("state", if state == 1 { "LOCK" } else { "UNLOCK" });
            if let Some(name) = named(&LOCK_STATES, state) {
                out.put("lock_state", name);
            }
        }
        if let Some(seconds) = code(AUTO_RELOCK_TIME) {
            out.put("auto_relock_time", seconds);
        }
        if let Some(volume) = code(SOUND_VOLUME).and_then(|code| named(&SOUND_VOLUMES, code)) {
            out.put("sound_volume", volume);
        }
        let door = code(DOOR_STATE)
            .and_then(|state| DOOR_STATES.iter().find(|(known, _)| *known == state));
        if let Some((_, name)) = door {
            out.put("door_state", *name);
        }
    }

    fn claims(&self, key: &str) -> bool {
        key == "state"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            // Text, or an object of the state and the code that it takes.
            let state = call.value.get("state").unwrap_or(call.value);
            let state = state.as_str().map(str::to_uppercase).unwrap_or_default();
            let (command, name) = match state.as_str() {
                "LOCK" => (LOCK_DOOR, "lockDoor"),
                "UNLOCK" => (UNLOCK_DOOR, "unlockDoor"),
                "TOGGLE" => (TOGGLE, "toggleDoor"),
                _ => {
                    return Err(Failure::value(
                        "the state of a lock must be one of: LOCK, UNLOCK, TOGGLE",
                    ));
                }
            };
            let code = call.value.get("code").filter(|code| match code {
                Json::String(text) => !text.is_empty(),
                Json::Null => false,
                _ => true,
            });
            let pin = code.map_or_else(|| Ok(Pin::none()), Pin::given)?;
            let mut payload = Vec::new();
            pin.emit(&mut payload);
            send(call, command, payload, name).await?;
            // The lock reports when it is done.
            Ok(JsonMap::new())
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read_attribute(call.endpoint, DOOR_LOCK, LOCK_STATE, None)
                .await?;
            Ok(())
        }))
    }
}
