//! The users of a lock and their codes.
//!
//! Codes are secrets: they are published only where the option `expose_pin` asks for it, and appear in
//! no error and no log.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId};

use super::{DOOR_LOCK, Pin, send};
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture};

const SET_PIN_CODE: CommandId = CommandId(0x05);
const GET_PIN_CODE: CommandId = CommandId(0x06);
const CLEAR_PIN_CODE: CommandId = CommandId(0x07);
const SET_USER_STATUS: CommandId = CommandId(0x09);
const GET_USER_STATUS: CommandId = CommandId(0x0a);

/// What a user may do, by its number (ZCL 7.3.2.17.1).
const USER_TYPES: [&str; 5] = [
    "unrestricted",
    "year_day_schedule",
    "week_day_schedule",
    "master",
    "non_access",
];
const STATUSES: [(u8, &str); 3] = [(0, "available"), (1, "enabled"), (3, "disabled")];

const EXPOSE_PIN: &str = "expose_pin";

/// Keys `pin_code` and `user_status`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinCodes {
    /// How many users there are.
    count: u16,
    /// `user_status` can be set and read too.
    #[serde(default)]
    user_status: bool,
}

/// The lock's answer to a question for a code.
struct Answer<'a> {
    user: u16,
    status: u8,
    /// The code; empty where there is none.
    pin: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads the answer to getPinCode: user, status, type, code.
    fn of_pin_code(payload: &'a [u8]) -> Option<Self> {
        let (&[low, high, status, _type, length], rest) = payload.split_first_chunk()?;
        // 0xff: there is no string.
        let length = if length == 0xff {
            0
        } else {
            usize::from(length)
        };
        Some(Self {
            user: u16::from_le_bytes([low, high]),
            status,
            pin: rest.get(..length)?,
        })
    }

    /// Reads the answer to getUserStatus: user, status.
    fn of_user_status(payload: &'a [u8]) -> Option<Self> {
        let (&[low, high, status], _) = payload.split_first_chunk()?;
        Some(Self {
            user: u16::from_le_bytes([low, high]),
            status,
            pin: &[],
        })
    }
}

fn status_name(code: u8) -> String {
    match STATUSES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("not_supported_{code}"),
    }
}

impl PinCodes {
    /// A user that was named.
    fn user(&self, given: Option<&Json>) -> Result<u16, Failure> {
        given
            .and_then(Json::as_u64)
            .and_then(|user| u16::try_from(user).ok())
            .filter(|user| *user < self.count)
            .ok_or_else(|| {
                Failure::Value(format!(
                    "user must be a number between 0 and {}",
                    self.count.saturating_sub(1)
                ))
            })
    }

    async fn set_pin_code(&self, call: &Call<'_>) -> Result<(), Failure> {
        let user = self.user(call.value.get("user"))?;
        let pin = match call.value.get("pin_code") {
            None | Some(Json::Null) => {
                let payload = user.to_le_bytes().to_vec();
                return send(call, CLEAR_PIN_CODE, payload, "clearPinCode").await;
            }
            Some(pin) => Pin::given(pin)?,
        };
        let kind = match call.value.get("user_type") {
            None | Some(Json::Null) => Some(0),
            Some(kind) => USER_TYPES
                .iter()
                .position(|known| kind.as_str() == Some(known))
                .and_then(|index| u8::try_from(index).ok()),
        };
        let kind = kind.ok_or_else(|| {
            Failure::Value(format!(
                "user_type must be one of: {}",
                USER_TYPES.join(", ")
            ))
        })?;
        let status = match call.value.get("user_enabled") {
            None | Some(Json::Null | Json::Bool(true)) => 1,
            Some(Json::Bool(false)) => 3,
            Some(_) => return Err(Failure::value("user_enabled must be true or false")),
        };
        let mut payload = user.to_le_bytes().to_vec();
        payload.extend([status, kind]);
        pin.emit(&mut payload);
        send(call, SET_PIN_CODE, payload, "setPinCode").await
    }

    async fn set_user_status(&self, call: &Call<'_>) -> Result<(), Failure> {
        let user = self.user(call.value.get("user"))?;
        let wanted = call.value.get("status").and_then(Json::as_str);
        let Some((status, _)) = STATUSES.iter().find(|(_, name)| wanted == Some(name)) else {
            return Err(Failure::Value(format!(
                "status must be one of: {}",
                STATUSES.map(|(_, name)| name).join(", ")
            )));
        };
        let mut payload = user.to_le_bytes().to_vec();
        payload.push(*status);
        send(call, SET_USER_STATUS, payload, "setUserStatus").await
    }
}

impl Primitive for PinCodes {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(DOOR_LOCK);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let user = Expose::generic(ExposeKind::Numeric, "user", SET)
            .described("User ID to set or clear the pincode for");
        let mut kind = Expose::generic(ExposeKind::Enum, "user_type", SET).described(
            "Type of user, unrestricted: owner (default), (year|week)_day_schedule: user has ability to \
             open lock based on specific time period, master: user has ability to both program and \
             operate the door lock, non_access: user is recognized by the lock but does not have the \
             ability to open the lock",
        );
        kind.values = Some(USER_TYPES.map(Json::from).to_vec());
        let mut enabled = Expose::generic(ExposeKind::Binary, "user_enabled", SET)
            .described("Whether the user is enabled/disabled");
        enabled.value_on = Some(Json::Bool(true));
        enabled.value_off = Some(Json::Bool(false));
        let mut pin = Expose::generic(ExposeKind::Numeric, "pin_code", SET)
            .described("Pincode to set, set pincode to null to clear");
        pin.label = Some("PIN code".to_owned());
        let mut expose = Expose::generic(ExposeKind::Composite, "pin_code", STATE | SET | GET);
        expose.features = vec![user, kind, enabled, pin];
        out.push(expose);
    }

    fn options(&self, out: &mut Vec<Expose>) {
        let mut option = Expose::generic(ExposeKind::Binary, EXPOSE_PIN, SET)
            .described("Expose pin of this lock in the published payload (default false).");
        option.label = Some("Expose PIN".to_owned());
        option.value_on = Some(Json::Bool(true));
        option.value_off = Some(Json::Bool(false));
        out.push(option);
    }

    fn hears(&self, command: Command<'_>) -> bool {
        command.cluster == DOOR_LOCK
            && command.direction == Direction::ToClient
            && (command.id == GET_PIN_CODE || (self.user_status && command.id == GET_USER_STATUS))
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming.command().filter(|command| self.hears(*command)) else {
            return;
        };
        let answer = match command.id {
            GET_PIN_CODE => Answer::of_pin_code(command.payload),
            _ => Answer::of_user_status(command.payload),
        };
        let Some(answer) = answer else {
            out.problem("malformed_answer", "the lock's answer is cut off");
            return;
        };
        let mut user = JsonMap::new();
        user.insert("status".to_owned(), status_name(answer.status).into());
        if incoming.options.get(EXPOSE_PIN) == Some(&Json::Bool(true)) && !answer.pin.is_empty() {
            let pin = String::from_utf8_lossy(answer.pin);
            user.insert("pin_code".to_owned(), Json::from(pin));
        }
        let mut users = JsonMap::new();
        users.insert(answer.user.to_string(), Json::Object(user));
        out.put("users", users);
    }

    fn claims(&self, key: &str) -> bool {
        key == "pin_code" || (self.user_status && key == "user_status")
    }

    fn part(&self, key: &str) -> usize {
        usize::from(key == "user_status")
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if call.key == "pin_code" {
                self.set_pin_code(call).await?;
            } else {
                self.set_user_status(call).await?;
            }
            Ok(JsonMap::new())
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let (command, name) = match call.key {
            "pin_code" => (GET_PIN_CODE, "getPinCode"),
            _ => (GET_USER_STATUS, "getUserStatus"),
        };
        Some(Box::pin(async move {
            // One user, or one after the other.
            let users = match call.value.get("user") {
                None => 0..self.count,
                given => {
                    let user = self.user(given)?;
                    user..user + 1
                }
            };
            for user in users {
                send(call, command, user.to_le_bytes().to_vec(), name).await?;
            }
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_none(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(answer) = Answer::of_pin_code(&payload) {
                prop_assert!(answer.pin.len() + 5 <= payload.len());
            }
            let _ = Answer::of_user_status(&payload);
        }

        #[test]
        fn a_code_survives_the_wire(digits in "[0-9]{1,254}", user: u16, status: u8) {
            let mut payload = user.to_le_bytes().to_vec();
            payload.extend([status, 0]);
            Pin::given(&Json::from(digits.as_str())).unwrap().emit(&mut payload);
            let answer = Answer::of_pin_code(&payload).unwrap();
            prop_assert_eq!(answer.pin, digits.as_bytes());
            prop_assert_eq!(answer.user, user);
            prop_assert_eq!(answer.status, status);
        }

        #[test]
        fn what_is_no_code_is_refused_without_repeating_it(text in "[a-z]{4,12}") {
            let Err(why) = Pin::given(&Json::from(text.as_str())) else {
                panic!("letters are no code");
            };
            // Words of the error's own are no proof.
            prop_assume!(!"the pin code must be given as digits in quotes where it begins with".contains(&text));
            prop_assert!(!why.to_string().contains(&text));
        }
    }

    #[test]
    fn a_number_is_a_code() {
        let mut payload = Vec::new();
        Pin::given(&json!(1234)).ok().unwrap().emit(&mut payload);
        assert_eq!(payload, b"\x041234");
        for wrong in [json!(-1), json!(1.5), json!(true), json!(""), json!({})] {
            assert!(Pin::given(&wrong).is_err(), "{wrong}");
        }
    }
}
