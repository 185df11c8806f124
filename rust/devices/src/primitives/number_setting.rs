//! A number in an attribute that can be set.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::Attribute;

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, Preset, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, configure, number};

/// A number that is written to and read from an attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct NumberSetting {
    /// Its name, also its property.
    name: String,
    /// Its label where that does not follow from the name.
    #[serde(default)]
    label: Option<String>,
    at: At,
    data_type: TypeName,
    /// The attribute holds the value times this.
    #[serde(default = "one")]
    scale: f64,
    /// Added to that.
    #[serde(default)]
    offset: f64,
    /// Decimals of a value that the device says; all without.
    #[serde(default)]
    decimals: Option<u8>,
    #[serde(default)]
    unit: Option<String>,
    /// The least and the greatest value, as shown.
    #[serde(default)]
    range: Option<(f64, f64)>,
    #[serde(default)]
    step: Option<f64>,
    /// Values with names, as shown: name, value, description.
    #[serde(default)]
    presets: Vec<(String, f64, String)>,
    /// The least and the greatest value that may be set, where it is not the type that limits it.
    #[serde(default)]
    accepts: Option<(f64, f64)>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// False for values that are published without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    #[serde(default = "yes")]
    writable: bool,
    #[serde(default = "yes")]
    readable: bool,
    /// The attribute holds multiples of this.
    #[serde(default)]
    grain: Option<f64>,
    /// Nothing is published after a write until the device reports it.
    #[serde(default)]
    reported: bool,
    /// Reads the attribute after a write.
    #[serde(default)]
    read_back: bool,
    /// What the device says of it is not published.
    #[serde(default)]
    silent: bool,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

/// A number that was given for a key.
pub(super) fn given(call: &Call<'_>) -> Result<f64, Failure> {
    call.value.as_f64().ok_or_else(|| {
        let kind = match call.value {
            Json::String(_) => "string",
            Json::Bool(_) => "boolean",
            _ => "object",
        };
        Failure::value(format!(
            "'{}' is not a number, got {kind} ({})",
            call.key, call.value
        ))
    })
}

/// A number as an attribute of a type; `None` if it does not fit.
pub(super) fn attribute(at: At, data_type: TypeName, raw: f64) -> Option<Attribute> {
    let data_type = data_type.data_type();
    let whole = number::round(raw);
    // 2^48: what attributes of this kind hold at most, and exact as a double.
    if whole.abs() > 281_474_976_710_656.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, bounded above")]
    let whole = whole as i64;
    let signed = matches!(data_type.0, 0x28..=0x2f);
    if whole < 0 && !signed {
        return None;
    }
    let value = configure::value(data_type, whole);
    value.fits(data_type).then(|| Attribute {
        id: at.attribute(),
        data_type,
        value,
    })
}

impl Primitive for NumberSetting {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let access =
            STATE | if self.writable { SET } else { 0 } | if self.readable { GET } else { 0 };
        let mut expose = Expose::generic(ExposeKind::Numeric, &self.name, access);
        if let Some(label) = &self.label {
            expose.label = Some(label.clone());
        }
        expose.unit.clone_from(&self.unit);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        if let Some((least, greatest)) = self.range {
            expose.value_min = Some(number::json(least));
            expose.value_max = Some(number::json(greatest));
        }
        expose.value_step = self.step.map(number::json);
        let presets = self.presets.iter();
        expose.presets = presets
            .map(|(name, value, description)| Preset {
                name: name.clone(),
                value: number::json(*value),
                description: description.clone(),
            })
            .collect();
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(value) = incoming.value(self.at).filter(|_| !self.silent) else {
            return;
        };
        match number::of(value) {
            Some(raw) => {
                let value = (raw - self.offset) / self.scale;
                let value = self
                    .decimals
                    .map_or(value, |decimals| number::round_to(value, decimals));
                out.put(&self.name, number::json(value));
            }
            None => out.problem("not_a_number", format!("{} is not a number", self.name)),
        }
    }

    fn claims(&self, key: &str) -> bool {
        (self.writable || self.readable) && self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        if !self.writable {
            return None;
        }
        Some(Box::pin(async move {
            let value = given(call)?;
            if let Some((least, greatest)) = self.accepts
                && !(least..=greatest).contains(&value)
            {
                return Err(Failure::value(format!(
                    "{} must be between {least} and {greatest}, got {value}",
                    self.name
                )));
            }
            let raw = value * self.scale + self.offset;
            let raw = self
                .grain
                .map_or(raw, |grain| number::round(raw / grain) * grain);
            let attribute = attribute(self.at, self.data_type, raw).ok_or_else(|| {
                Failure::value(format!("{} cannot be {value}: out of range", self.name))
            })?;
            call.write(self.at, vec![attribute]).await?;
            if self.read_back {
                call.read(call.endpoint, self.at).await?;
            }
            if self.reported || self.read_back {
                return Ok(JsonMap::new());
            }
            Ok(JsonMap::from_iter([(
                self.name.clone(),
                call.value.clone(),
            )]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        if !self.readable {
            return None;
        }
        Some(Box::pin(async move {
            call.read(call.endpoint, self.at).await?;
            Ok(())
        }))
    }
}
