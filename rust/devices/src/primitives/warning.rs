//! Sirens: the cluster ssIasWd (ZCL 8.4).

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{ClusterId, CommandId};

use super::Primitive;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::{JsonMap, LocalFuture, Operation, number};

const WARNING_DEVICE: ClusterId = ClusterId(0x0502);
const START_WARNING: CommandId = CommandId(0x00);
const SQUAWK: CommandId = CommandId(0x01);

const MODES: [&str; 7] = [
    "stop",
    "burglar",
    "fire",
    "emergency",
    "police_panic",
    "fire_panic",
    "emergency_panic",
];
const LEVELS: [&str; 4] = ["low", "medium", "high", "very_high"];
const SQUAWKS: [&str; 2] = ["system_is_armed", "system_is_disarmed"];

/// Seconds of a warning where the message says nothing.
const DURATION: u16 = 10;
/// Seconds of an alarm.
const ALARM_DURATION: u16 = 300;

/// A warning with sound and light.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Warning {
    /// What can be chosen, in the order shown; empty: nothing is shown, but the key works.
    features: Vec<Feature>,
    /// Modes that the siren has; none named: all.
    #[serde(default)]
    modes: Vec<String>,
    /// The bits of the information are those of the specification; most sirens have them the other
    /// way round.
    #[serde(default)]
    low_bits_first: bool,
    /// Stops only when level and strobe are zero too.
    #[serde(default)]
    stop_clears: bool,
    /// Commands ask for no default response.
    #[serde(default)]
    no_default_response: bool,
}

/// What can be chosen of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Feature {
    Mode,
    Level,
    StrobeLevel,
    Strobe,
    StrobeDutyCycle,
    Duration,
}

/// A short sound, as of a system that is armed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Squawk {}

/// A button that starts and stops the siren.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alarm {
    /// The information that starts it.
    #[serde(deserialize_with = "number::hexadecimal")]
    start: u8,
    /// The information that stops it.
    #[serde(deserialize_with = "number::hexadecimal")]
    stop: u8,
    #[serde(default)]
    description: Option<String>,
}

fn choice(name: &str, values: impl IntoIterator<Item = impl Into<Json>>, text: &str) -> Expose {
    let mut expose = Expose::generic(ExposeKind::Enum, name, SET).described(text);
    expose.values = Some(values.into_iter().map(Into::into).collect());
    expose
}

fn switch(name: &str, text: &str) -> Expose {
    let mut expose = Expose::generic(ExposeKind::Binary, name, SET).described(text);
    expose.value_on = Some(Json::Bool(true));
    expose.value_off = Some(Json::Bool(false));
    expose
}

/// The number of a value among several, with one for none.
fn chosen(value: &Json, key: &str, values: &[&str], otherwise: Option<u8>) -> Result<u8, Failure> {
    let given = value.get(key).filter(|given| !given.is_null());
    match (given, otherwise) {
        (None, Some(otherwise)) => Ok(otherwise),
        (given, _) => values
            .iter()
            .position(|known| given.and_then(Json::as_str) == Some(known))
            .and_then(|index| u8::try_from(index).ok())
            .ok_or_else(|| {
                Failure::value(format!(
                    "{key} {} is not known, choose between: {}",
                    given.unwrap_or(&Json::Null),
                    values.join(", ")
                ))
            }),
    }
}

/// Yes or no, with what it is when nothing is said.
fn flag(value: &Json, key: &str, otherwise: bool) -> Result<bool, Failure> {
    match value.get(key) {
        None | Some(Json::Null) => Ok(otherwise),
        Some(Json::Bool(flag)) => Ok(*flag),
        Some(other) => Err(Failure::value(format!(
            "{key} {other} is neither true nor false"
        ))),
    }
}

/// A whole number, with what it is when nothing is said.
fn count(value: &Json, key: &str, greatest: u16, otherwise: u16) -> Result<u16, Failure> {
    let given = match value.get(key) {
        None | Some(Json::Null) => return Ok(otherwise),
        Some(given) => given,
    };
    given
        .as_f64()
        .map(number::round)
        .filter(|number| (0.0..=f64::from(greatest)).contains(number))
        .map(|number| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole and within u16, checked above"
            )]
            let number = number as u16;
            number
        })
        .ok_or_else(|| Failure::value(format!("{key} {given} is not between 0 and {greatest}")))
}

fn object<'a>(call: &'a Call<'_>) -> Result<&'a Json, Failure> {
    if call.value.is_object() {
        return Ok(call.value);
    }
    Err(Failure::value(format!(
        "'{}' must be an object, got {}",
        call.key, call.value
    )))
}

/// The payload of startWarning.
fn start(info: u8, duration: u16, duty_cycle: u8, strobe_level: u8) -> Vec<u8> {
    let mut payload = vec![info];
    payload.extend(duration.to_le_bytes());
    payload.extend([duty_cycle, strobe_level]);
    payload
}

impl Warning {
    fn modes(&self) -> Vec<&str> {
        if self.modes.is_empty() {
            MODES.to_vec()
        } else {
            self.modes.iter().map(String::as_str).collect()
        }
    }

    fn feature(&self, feature: Feature) -> Expose {
        match feature {
            Feature::Mode => choice("mode", self.modes(), "Mode of the warning (sound effect)"),
            Feature::Level => choice("level", LEVELS, "Sound level"),
            Feature::StrobeLevel => choice("strobe_level", LEVELS, "Intensity of the strobe"),
            Feature::Strobe => switch("strobe", "Turn on/off the strobe (light) during warning"),
            Feature::StrobeDutyCycle => {
                let mut expose = Expose::generic(ExposeKind::Numeric, "strobe_duty_cycle", SET)
                    .described("Length of the flash cycle");
                expose.value_min = Some(Json::from(0));
                expose.value_max = Some(Json::from(10));
                expose
            }
            Feature::Duration => {
                let mut expose = Expose::generic(ExposeKind::Numeric, "duration", SET)
                    .described("Duration in seconds of the alarm");
                expose.unit = Some("s".to_owned());
                expose
            }
        }
    }

    /// The payload of startWarning for what was given.
    fn payload(&self, value: &Json) -> Result<Vec<u8>, Failure> {
        // Emergency, with medium sound and light.
        let mode = chosen(value, "mode", &MODES, Some(3))?;
        let clear = self.stop_clears && mode == 0;
        let level = chosen(value, "level", &LEVELS, Some(u8::from(!clear)))?;
        let strobe = u8::from(flag(value, "strobe", !clear)?);
        let strobe_level = chosen(value, "strobe_level", &LEVELS, Some(1))?;
        let duration = count(value, "duration", u16::MAX, DURATION)?;
        // The owner counts in tenths.
        let duty_cycle =
            u8::try_from(count(value, "strobe_duty_cycle", 10, 0)? * 10).unwrap_or(100);
        let info = if self.low_bits_first {
            mode | strobe << 4 | level << 6
        } else {
            mode << 4 | strobe << 2 | level
        };
        Ok(start(info, duration, duty_cycle, strobe_level))
    }
}

impl Primitive for Warning {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if self.features.is_empty() {
            return;
        }
        let mut expose = Expose::generic(ExposeKind::Composite, "warning", SET);
        expose.features = self
            .features
            .iter()
            .map(|feature| self.feature(*feature))
            .collect();
        out.push(expose);
    }

    fn claims(&self, key: &str) -> bool {
        key == "warning"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let operation = Operation::Command {
                endpoint: call.endpoint,
                cluster: WARNING_DEVICE,
                manufacturer: None,
                command: START_WARNING,
                payload: self.payload(object(call)?)?,
                disable_default_response: self.no_default_response,
            };
            call.perform(operation, WARNING_DEVICE, "startWarning")
                .await?;
            Ok(JsonMap::new())
        }))
    }
}

impl Primitive for Squawk {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Composite, "squawk", SET);
        expose.features = vec![
            choice("state", SQUAWKS, "Set Squawk state"),
            choice("level", LEVELS, "Sound level"),
            switch("strobe", "Turn on/off the strobe (light) for Squawk"),
        ];
        out.push(expose);
    }

    fn claims(&self, key: &str) -> bool {
        key == "squawk"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let value = object(call)?;
            let state = chosen(value, "state", &SQUAWKS, None)?;
            let level = chosen(value, "level", &LEVELS, Some(3))?;
            let strobe = u8::from(flag(value, "strobe", false)?);
            let payload = vec![state | strobe << 4 | level << 6];
            call.command(WARNING_DEVICE, SQUAWK, payload, "squawk")
                .await?;
            Ok(JsonMap::new())
        }))
    }
}

impl Primitive for Alarm {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Binary, "alarm", SET);
        expose.description.clone_from(&self.description);
        expose.value_on = Some(Json::from("START"));
        expose.value_off = Some(Json::from("OFF"));
        out.push(expose);
    }

    fn claims(&self, key: &str) -> bool {
        key == "alarm"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let info = match call.value.as_str() {
                Some(text) if text.eq_ignore_ascii_case("start") => self.start,
                Some(text) if text.eq_ignore_ascii_case("off") => self.stop,
                _ => {
                    return Err(Failure::value(format!(
                        "Value {} not allowed for alarm, choose between: START, OFF",
                        call.value
                    )));
                }
            };
            let payload = start(info, ALARM_DURATION, 0, 0);
            call.command(WARNING_DEVICE, START_WARNING, payload, "startWarning")
                .await?;
            Ok(JsonMap::new())
        }))
    }
}
