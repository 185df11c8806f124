//! Covers: blinds, shutters, vents.
//!
//! On MQTT 100 is open; in ZCL 100 is closed. Some products count the other way round (`inverted`), and
//! the owner may turn it round once more (option `invert_cover`).

mod actions;
mod via_level;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::zcl::{Attribute, DataType, Value};
use zigbee::{AttributeId, ClusterId, CommandId};

pub(crate) use actions::CoverActions;
pub(crate) use via_level::CoverViaLevel;

use super::{Primitive, number_setting};
use crate::decode::Incoming;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, number};

const WINDOW_COVERING: ClusterId = ClusterId(0x0102);
const LIFT_PERCENTAGE: AttributeId = AttributeId(0x0008);
const TILT_PERCENTAGE: AttributeId = AttributeId(0x0009);
const MODE: AttributeId = AttributeId(0x0017);
const UP_OPEN: CommandId = CommandId(0x00);
const DOWN_CLOSE: CommandId = CommandId(0x01);
const STOP: CommandId = CommandId(0x02);
const GO_TO_LIFT_PERCENTAGE: CommandId = CommandId(0x05);
const GO_TO_TILT_PERCENTAGE: CommandId = CommandId(0x08);

const INVERT: &str = "invert_cover";
const DISABLE_REPORT: &str = "cover_position_tilt_disable_report";

/// Bits of the attribute windowCoveringMode (ZCL 7.4.2.2.3), by the names of `cover_mode`.
const MODES: [(&str, u64); 4] = [
    ("reversed", 0x01),
    ("calibration", 0x02),
    ("maintenance", 0x04),
    ("led", 0x08),
];

/// A cover that speaks the cluster closuresWindowCovering.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Cover {
    /// Shows `position`.
    #[serde(default = "yes")]
    position: bool,
    /// Shows `tilt`.
    #[serde(default)]
    tilt: bool,
    /// The device's 100 is open.
    #[serde(default)]
    inverted: bool,
    /// Whether it is open follows from the tilt, not from the lift.
    #[serde(default)]
    state_from_tilt: bool,
    /// `cover_mode` can be set and read.
    #[serde(default)]
    mode: bool,
}

fn yes() -> bool {
    true
}

/// A percentage as the cover's feature.
fn percentage(name: &str) -> Expose {
    let mut title = name.to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut expose = Expose::generic(ExposeKind::Numeric, name, STATE | SET | GET)
        .described(format!("{title} of this cover"));
    expose.unit = Some("%".to_owned());
    expose.value_min = Some(Json::from(0));
    expose.value_max = Some(Json::from(100));
    expose
}

/// The cover's expose without its percentages.
fn cover(state_access: u8) -> Expose {
    let mut state = Expose::generic(ExposeKind::Enum, "state", state_access);
    state.values = Some(["OPEN", "CLOSE", "STOP"].map(Json::from).to_vec());
    let mut cover = Expose::specific(ExposeKind::Cover);
    cover.features.push(state);
    cover
}

fn option(name: &str, description: &str) -> Expose {
    let mut option = Expose::generic(ExposeKind::Binary, name, SET).described(description);
    option.value_on = Some(Json::Bool(true));
    option.value_off = Some(Json::Bool(false));
    option
}

fn invert_option() -> Expose {
    option(
        INVERT,
        "Inverts the cover position and state, false: open=100,close=0, true: open=0,close=100 \
         (default false).",
    )
}

fn is_set(options: &JsonMap, name: &str) -> bool {
    options.get(name) == Some(&Json::Bool(true))
}

/// A whole percentage that was given for a key.
fn percent(call: &Call<'_>) -> Result<u8, Failure> {
    let value = number::round(number_setting::given(call)?);
    if !(0.0..=100.0).contains(&value) {
        return Err(Failure::value(format!(
            "'{}' must be between 0 and 100, got {}",
            call.key, call.value
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within 0 to 100, checked above"
    )]
    Ok(value as u8)
}

impl Cover {
    /// True where the device's 100 is the owner's 100.
    fn inverted(&self, options: &JsonMap) -> bool {
        self.inverted != is_set(options, INVERT)
    }

    async fn set_state(call: &Call<'_>) -> Result<JsonMap, Failure> {
        let wanted = call.value.as_str().map(str::to_lowercase);
        // The commands are named for what they do, so that only the owner's option turns them round.
        let inverted = is_set(call.options, INVERT);
        let open = match wanted.as_deref() {
            Some("open" | "on") => Some(true),
            Some("close" | "off") => Some(false),
            Some("stop") => None,
            _ => {
                return Err(Failure::value(format!(
                    "Value {} not allowed for state, choose between: open, close, stop, on, off",
                    call.value
                )));
            }
        };
        let (command, name) = match open {
            None => (STOP, "stop"),
            Some(open) if open != inverted => (UP_OPEN, "upOpen"),
            Some(_) => (DOWN_CLOSE, "downClose"),
        };
        call.command(WINDOW_COVERING, command, Vec::new(), name)
            .await?;
        // It has only begun to move.
        Ok(JsonMap::new())
    }

    async fn set_percentage(&self, call: &Call<'_>) -> Result<JsonMap, Failure> {
        let value = percent(call)?;
        let raw = if self.inverted(call.options) {
            value
        } else {
            100 - value
        };
        let (command, name) = if call.key == "position" {
            (GO_TO_LIFT_PERCENTAGE, "goToLiftPercentage")
        } else {
            (GO_TO_TILT_PERCENTAGE, "goToTiltPercentage")
        };
        call.command(WINDOW_COVERING, command, vec![raw], name)
            .await?;
        if is_set(call.options, DISABLE_REPORT) {
            return Ok(JsonMap::new());
        }
        Ok(JsonMap::from_iter([(
            call.key.to_owned(),
            call.value.clone(),
        )]))
    }

    async fn set_mode(call: &Call<'_>) -> Result<JsonMap, Failure> {
        let Some(given) = call.value.as_object() else {
            return Err(Failure::value(
                "cover_mode must be an object of reversed, calibration, maintenance, led",
            ));
        };
        let bits = MODES
            .iter()
            .filter(|(name, _)| given.get(*name) == Some(&Json::Bool(true)))
            .fold(0, |bits, (_, bit)| bits | bit);
        let attribute = Attribute {
            id: MODE,
            data_type: DataType::BITMAP8,
            value: Value::Unsigned(bits),
        };
        call.write_attributes(WINDOW_COVERING, None, vec![attribute])
            .await?;
        Ok(JsonMap::from_iter([(
            "cover_mode".to_owned(),
            call.value.clone(),
        )]))
    }
}

/// A percentage of the message; none for the numbers above 100 that say that it is unknown.
fn reported(incoming: &Incoming<'_>, attribute: AttributeId) -> Option<i64> {
    let value = incoming.attribute(WINDOW_COVERING, attribute)?;
    number::integer(value).filter(|value| (0..=100).contains(value))
}

impl Primitive for Cover {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(WINDOW_COVERING);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut cover = cover(STATE | SET);
        if self.position {
            cover.features.push(percentage("position"));
        }
        if self.tilt {
            cover.features.push(percentage("tilt"));
        }
        out.push(cover);
    }

    fn options(&self, out: &mut Vec<Expose>) {
        out.push(invert_option());
        out.push(option(
            DISABLE_REPORT,
            "Do not publish set cover target position as a normal 'position' value (default false).",
        ));
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let inverted = self.inverted(incoming.options);
        // What is reported is between 0 and 100, or nothing.
        let opening = |raw: i64| if inverted { raw } else { 100 - raw };
        if let Some(raw) = reported(incoming, LIFT_PERCENTAGE) {
            let position = opening(raw);
            out.put("position", position);
            if !self.state_from_tilt {
                out.put("state", if position == 0 { "CLOSE" } else { "OPEN" });
            }
        }
        if let Some(raw) = reported(incoming, TILT_PERCENTAGE) {
            let tilt = opening(raw);
            out.put("tilt", tilt);
            if self.state_from_tilt {
                out.put("state", if tilt == 100 { "OPEN" } else { "CLOSE" });
            }
        }
        let mode = incoming.attribute(WINDOW_COVERING, MODE);
        if let Some(Value::Unsigned(bits)) = mode {
            let mode: JsonMap = MODES
                .iter()
                .map(|(name, bit)| ((*name).to_owned(), json!(bits & bit != 0)))
                .collect();
            out.put("cover_mode", mode);
        }
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, "state" | "position" | "tilt") || (self.mode && key == "cover_mode")
    }

    fn part(&self, key: &str) -> usize {
        match key {
            "state" => 0,
            "cover_mode" => 1,
            // Either of them, not both: the motor takes one aim at a time.
            _ => 2,
        }
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(match call.key {
            "state" => Box::pin(Self::set_state(call)),
            "cover_mode" => Box::pin(Self::set_mode(call)),
            _ => Box::pin(self.set_percentage(call)),
        })
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let attribute = match call.key {
            "position" => LIFT_PERCENTAGE,
            "tilt" => TILT_PERCENTAGE,
            "cover_mode" => MODE,
            _ => return None,
        };
        Some(Box::pin(async move {
            call.read_attribute(call.endpoint, WINDOW_COVERING, attribute, None)
                .await?;
            Ok(())
        }))
    }
}
