//! Brightness reports and `level_config`: how a light changes its level by itself
//! (shared/facts/mqtt-api.md §7.3).

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::AttributeId;
use zigbee::zcl::{Attribute, DataType, Value};

use super::value;
use super::wire::{self, CURRENT_LEVEL, LEVEL, ON_LEVEL};
use crate::decode::Incoming;
use crate::definition::At;
use crate::encode::{Call, Failure};
use crate::message::Decoded;
use crate::{JsonMap, number};

/// The bit of the options that lets a light that is off change its level.
const EXECUTE_IF_OFF: i64 = 1;
/// Level: that from before. Time: that for both directions.
const PREVIOUS: u16 = 255;
const DISABLED: u16 = 0xffff;

/// A field of `level_config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    OnOffTransitionTime,
    OnTransitionTime,
    OffTransitionTime,
    CurrentLevelStartup,
    OnLevel,
    ExecuteIfOff,
}

impl Field {
    /// In the order in which they are set and read.
    const ALL: [Self; 6] = [
        Self::OnOffTransitionTime,
        Self::OnTransitionTime,
        Self::OffTransitionTime,
        Self::CurrentLevelStartup,
        Self::OnLevel,
        Self::ExecuteIfOff,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OnOffTransitionTime => "on_off_transition_time",
            Self::OnTransitionTime => "on_transition_time",
            Self::OffTransitionTime => "off_transition_time",
            Self::CurrentLevelStartup => "current_level_startup",
            Self::OnLevel => "on_level",
            Self::ExecuteIfOff => "execute_if_off",
        }
    }

    fn attribute(self) -> (u16, DataType) {
        match self {
            Self::OnOffTransitionTime => (0x0010, DataType::UINT16),
            Self::OnTransitionTime => (0x0012, DataType::UINT16),
            Self::OffTransitionTime => (0x0013, DataType::UINT16),
            Self::CurrentLevelStartup => (0x4000, DataType::UINT8),
            Self::OnLevel => (ON_LEVEL, DataType::UINT8),
            Self::ExecuteIfOff => (0x000f, DataType::BITMAP8),
        }
    }

    /// What a raw value means.
    fn meaning(self, raw: i64) -> Json {
        #[expect(clippy::cast_precision_loss, reason = "16 bits at most")]
        let seconds = || number::json(raw as f64 / 10.0);
        match self {
            Self::OnTransitionTime | Self::OffTransitionTime if raw == i64::from(DISABLED) => {
                json!("disabled")
            }
            Self::OnOffTransitionTime | Self::OnTransitionTime | Self::OffTransitionTime => {
                seconds()
            }
            Self::CurrentLevelStartup | Self::OnLevel if raw == i64::from(PREVIOUS) => {
                json!("previous")
            }
            Self::CurrentLevelStartup if raw == 0 => json!("minimum"),
            Self::CurrentLevelStartup | Self::OnLevel => json!(raw),
            Self::ExecuteIfOff => json!(raw & EXECUTE_IF_OFF != 0),
        }
    }

    /// The raw value for what was given; numbers beyond the range are the nearest in it.
    fn raw(self, given: &Json) -> Result<u16, Failure> {
        let name = given.as_str().map(str::to_lowercase);
        let bounded = |factor: f64, least: u16, greatest: u16| {
            let number = wire::finite(given)
                .ok_or_else(|| Failure::value(format!("{} cannot be {given}", self.name())))?;
            let scaled = (number * factor).clamp(least.into(), greatest.into());
            Ok(wire::scaled(scaled, f64::from(greatest), greatest))
        };
        match (self, name.as_deref()) {
            (Self::OnTransitionTime | Self::OffTransitionTime, Some("disabled")) => Ok(DISABLED),
            (Self::OnTransitionTime | Self::OffTransitionTime, _) => bounded(10.0, 0, 0xfffe),
            (Self::OnOffTransitionTime, _) => bounded(10.0, 0, 0xffff),
            (Self::CurrentLevelStartup | Self::OnLevel, Some("previous")) => Ok(PREVIOUS),
            (Self::CurrentLevelStartup, Some("minimum")) => Ok(0),
            (Self::CurrentLevelStartup, _) => bounded(1.0, 0, PREVIOUS),
            (Self::OnLevel, _) => bounded(1.0, 1, PREVIOUS),
            (Self::ExecuteIfOff, _) => match given {
                Json::Bool(execute) => Ok(u16::from(*execute)),
                _ => Err(Failure::value(format!(
                    "execute_if_off must be true or false, got {given}"
                ))),
            },
        }
    }
}

/// Takes the brightness and `level_config` from a message.
pub(super) fn decode(incoming: &Incoming<'_>, suffix: &str, out: &mut Decoded) {
    let number = |attribute| value(incoming, LEVEL, attribute).and_then(number::integer);
    if let Some(level) = number(CURRENT_LEVEL) {
        out.put(&format!("brightness{suffix}"), level);
    }
    let config: JsonMap = Field::ALL
        .iter()
        .filter_map(|field| {
            let raw = number(field.attribute().0)?;
            Some((field.name().to_owned(), field.meaning(raw)))
        })
        .collect();
    if !config.is_empty() {
        out.put(&format!("level_config{suffix}"), config);
    }
}

/// Writes the fields that are given, one by one: lights have some of them only.
pub(super) async fn set(call: &Call<'_>) -> Result<JsonMap, Failure> {
    let parsed;
    let given = match call.value {
        Json::String(text) => {
            parsed = serde_json::from_str(text)
                .map_err(|_| Failure::value("Payload is not valid JSON"))?;
            &parsed
        }
        other => other,
    };
    let given = given.as_object().ok_or_else(|| {
        Failure::value(format!("level_config is not an object, got {}", call.value))
    })?;
    let mut state = JsonMap::new();
    for field in Field::ALL {
        let Some(given) = given.get(field.name()).filter(|value| !value.is_null()) else {
            continue;
        };
        let raw = field.raw(given)?;
        let (id, data_type) = field.attribute();
        let id = AttributeId(id);
        let attribute = Attribute {
            id,
            data_type,
            value: Value::Unsigned(raw.into()),
        };
        call.write(At::standard(LEVEL, id), vec![attribute]).await?;
        state.insert(field.name().to_owned(), field.meaning(raw.into()));
    }
    if state.is_empty() {
        return Ok(state);
    }
    Ok(JsonMap::from_iter([(
        "level_config".to_owned(),
        Json::Object(state),
    )]))
}

/// Reads the fields one by one; those that the light does not have are left out.
pub(super) async fn get(call: &Call<'_>) -> Result<(), Failure> {
    for field in Field::ALL {
        wire::optional(call, LEVEL, field.attribute().0).await;
    }
    Ok(())
}
