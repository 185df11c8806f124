//! An alarm's keypad: its panel says what the alarm does (ZCL 8.3, the cluster ssIasAce).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId};

use super::Primitive;
use super::commands::ARM_MODES;
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Effect, Memory, Panel};
use crate::{JsonMap, LocalFuture, Operation, number};

const CLUSTER: ClusterId = ClusterId(0x0501);
const GET_PANEL_STATUS: CommandId = CommandId(0x07);
const ARM_RESPONSE: CommandId = CommandId(0x00);
const PANEL_STATUS_CHANGED: CommandId = CommandId(0x04);
const PANEL_STATUS_RESPONSE: CommandId = CommandId(0x05);
const KEY: &str = "arm_mode";

/// What the answer to an arm command can say, by code.
const NOTIFICATIONS: [(u8, &str); 7] = [
    (0, "disarm"),
    (1, "arm_day_zones"),
    (2, "arm_night_zones"),
    (3, "arm_all_zones"),
    (4, "invalid_code"),
    (5, "not_ready"),
    (6, "already_disarmed"),
];
const EXIT_DELAY: u8 = 4;
const ENTRY_DELAY: u8 = 5;

/// A keypad with a panel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keypad {
    /// What is said of the zone beside its actions.
    zone: String,
    /// Its panel knows only two states: 0 for disarmed and while there is time to leave, this for all
    /// others.
    #[serde(default)]
    armed_status: Option<u8>,
}

fn asks_for_status(command: Command<'_>) -> bool {
    command.cluster == CLUSTER
        && command.direction == Direction::ToServer
        && command.id == GET_PANEL_STATUS
}

fn code(table: &[(u8, &str)], mode: &Json) -> Result<u8, Failure> {
    table
        .iter()
        .find(|(_, name)| mode.as_str() == Some(*name))
        .map(|(code, _)| *code)
        .ok_or_else(|| {
            let names: Vec<&str> = table.iter().map(|(_, name)| *name).collect();
            let mode = match mode {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            Failure::value(format!(
                "Unsupported mode: '{mode}', should be one of: {}",
                names.join(",")
            ))
        })
}

/// A number from 0 to 255 in the message; 0 where there is none.
fn byte(value: &Json, key: &str) -> Result<f64, Failure> {
    match value.get(key) {
        None | Some(Json::Null) => Ok(0.0),
        Some(given) => given
            .as_f64()
            .filter(|given| (0.0..=255.0).contains(given))
            .ok_or_else(|| {
                Failure::value(format!("Invalid {key} value: {given} (expected 0 to 255)"))
            }),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and within u8 by clamp"
)]
fn rounded(value: f64) -> u8 {
    number::round(value).clamp(0.0, 255.0) as u8
}

impl Panel {
    /// Panel status, seconds remaining, audible notification, alarm status.
    fn payload(&self, now: Duration) -> Vec<u8> {
        let left = self
            .until
            .map_or(Duration::ZERO, |until| until.saturating_sub(now));
        vec![self.status, rounded(left.as_secs_f64()), self.sound, 0]
    }
}

impl Keypad {
    fn status(&self, mode: u8) -> u8 {
        match self.armed_status {
            Some(_) if matches!(mode, 0 | EXIT_DELAY) => 0,
            Some(armed) => armed,
            None => mode,
        }
    }
}

impl Primitive for Keypad {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(CLUSTER);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        for (kind, name, description) in [
            (ExposeKind::Numeric, "action_code", "Pin code introduced."),
            (
                ExposeKind::Numeric,
                "action_transaction",
                "Last action transaction number.",
            ),
            (ExposeKind::Text, "action_zone", self.zone.as_str()),
        ] {
            out.push(Expose::generic(kind, name, STATE).described(description));
        }
    }

    fn hears(&self, command: Command<'_>) -> bool {
        asks_for_status(command)
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        if !incoming.command().is_some_and(asks_for_status) {
            return;
        }
        // Until somebody said what the alarm does there is nothing to show.
        if let Some(panel) = &memory.panel {
            out.effects.push(Effect::Perform(Operation::Respond {
                endpoint: incoming.endpoint(),
                cluster: CLUSTER,
                command: PANEL_STATUS_RESPONSE,
                payload: panel.payload(memory.now),
                sequence: Some(incoming.message.header.sequence),
            }));
        }
    }

    fn claims(&self, key: &str) -> bool {
        key == KEY
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if !call.value.is_object() {
                return Err(Failure::value(format!(
                    "'{KEY}' must be an object such as {{\"mode\": \"arm_all_zones\"}}"
                )));
            }
            let mode = call.value.get("mode").unwrap_or(&Json::Null);
            let transaction = call
                .value
                .get("transaction")
                .filter(|transaction| !transaction.is_null());
            let operation = if let Some(transaction) = transaction {
                let sequence = transaction
                    .as_u64()
                    .and_then(|number| u8::try_from(number).ok())
                    .ok_or_else(|| {
                        Failure::value(format!(
                            "Invalid transaction value: {transaction} (expected 0 to 255)"
                        ))
                    })?;
                // The panel shows what follows from it once that is set, such as `exit_delay`.
                Operation::Respond {
                    endpoint: call.endpoint,
                    cluster: CLUSTER,
                    command: ARM_RESPONSE,
                    payload: vec![code(&NOTIFICATIONS, mode)?],
                    sequence: Some(sequence),
                }
            } else {
                let mode = code(&ARM_MODES, mode)?;
                let delay = match mode {
                    EXIT_DELAY | ENTRY_DELAY => byte(call.value, "delay")?,
                    _ => 0.0,
                };
                let sound = rounded(byte(call.value, "audiblenotif")?);
                let mut payload = Vec::new();
                call.io.with_memory(&mut |memory| {
                    let panel = Panel {
                        status: self.status(mode),
                        until: (delay > 0.0)
                            .then(|| memory.now.saturating_add(Duration::from_secs_f64(delay))),
                        sound,
                    };
                    payload = panel.payload(memory.now);
                    memory.panel = Some(panel);
                });
                Operation::Respond {
                    endpoint: call.endpoint,
                    cluster: CLUSTER,
                    command: PANEL_STATUS_CHANGED,
                    payload,
                    sequence: None,
                }
            };
            call.perform(operation, CLUSTER, "armRsp").await?;
            Ok(JsonMap::new())
        }))
    }
}
