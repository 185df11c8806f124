//! Thermostats: the cluster hvacThermostat and what vendors add to it.

mod attributes;
mod host_flags;
mod schedule;
mod setpoint;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::library::Limits;
use zigbee::zcl::Attribute;

use attributes::{KNOWN, Known, Meaning, Reading, Set};
pub(crate) use host_flags::HostFlag;
pub(crate) use schedule::WeeklySchedule;
pub(crate) use setpoint::SetpointCommand;

use super::{Primitive, number_setting};
use crate::configure::value as zcl_value;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, number};

const THERMOSTAT: ClusterId = ClusterId(0x0201);
const CALIBRATION_RANGE: (f64, f64) = (-2.5, 2.5);

/// A standard attribute of a thermostat, by the name of its property.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Thermostat {
    #[serde(rename = "name")]
    known: Name,
    /// The least and the greatest value.
    #[serde(default)]
    range: Option<(f64, f64)>,
    #[serde(default)]
    step: Option<f64>,
    /// Values of a choice, as shown.
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// False for keys that work without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    /// Whether the key can be set and read, where the attribute can.
    #[serde(default = "yes")]
    writable: bool,
    #[serde(default = "yes")]
    readable: bool,
    /// Demands come in per cent.
    #[serde(default)]
    percent: bool,
    /// Of `running_state`: attributes that tell it besides its own; the first is read.
    #[serde(default)]
    heat_from: Vec<HeatFrom>,
    /// Of `running_state`: the first of those is read, not the attribute itself.
    #[serde(default)]
    read_heat: bool,
}

/// A number that tells whether the thermostat heats.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeatFrom {
    at: At,
    /// It heats from here on.
    least: i64,
}

/// What the standard attributes say, published without being promised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThermostatState {
    /// Demands come in per cent.
    #[serde(default)]
    percent: bool,
}

/// A name that the table knows.
#[derive(Debug, Clone, Copy)]
struct Name(&'static Known);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        attributes::named(&name).map(Self).ok_or_else(|| {
            de::Error::custom(format_args!("{name:?} is no property of a thermostat"))
        })
    }
}

fn yes() -> bool {
    true
}

/// The description that clients know, of features that thermostats share.
fn description(name: &str) -> Option<&'static str> {
    Some(match name {
        "occupied_heating_setpoint"
        | "unoccupied_heating_setpoint"
        | "occupied_cooling_setpoint"
        | "unoccupied_cooling_setpoint" => "Temperature setpoint",
        "local_temperature" => "Current temperature measured on the device",
        "local_temperature_calibration" => "Offset to add/subtract to the local temperature",
        "system_mode" => "Mode of this device",
        "running_state" => "The current running state",
        "running_mode" => "The current running mode",
        "pi_heating_demand" => {
            "Position of the valve (= demanded heat) where 0% is fully closed and 100% is fully open"
        }
        "pi_cooling_demand" => {
            "Position of the valve (= demanded cooling) where 0% is fully closed and 100% is fully open"
        }
        "control_sequence_of_operation" => "Operating environment of the thermostat",
        "setpoint_change_source" => "Source of the current setpoint change",
        "ac_louver_position" => "AC louver position of this device",
        _ => return None,
    })
}

/// Takes an attribute's value out of a message.
fn decode(
    known: &Known,
    incoming: &Incoming<'_>,
    percent: bool,
    limits: Option<&Limits>,
    out: &mut Decoded,
) {
    let Some(value) = incoming.attribute(THERMOSTAT, known.id) else {
        return;
    };
    match known.read(value, percent, limits) {
        Reading::Value(value) => out.put(known.name, value),
        Reading::None => {}
        Reading::Unknown => out.problem(
            "unexpected_value",
            format!("{value:?} is none of the values of {}", known.name),
        ),
    }
}

impl Thermostat {
    fn settable(&self) -> bool {
        self.writable && self.known.0.set != Set::No
    }

    /// The limits of a calibration that reaches further than the specification says.
    fn limits(&self) -> Option<Limits> {
        if !matches!(self.known.0.meaning, Meaning::Tenths) {
            return None;
        }
        let (least, greatest) = self.range?;
        #[expect(clippy::cast_possible_truncation, reason = "a few degrees in tenths")]
        let tenths = |value: f64| Some(number::round(value * 10.0) as i128);
        Some(Limits {
            minimum: tenths(least),
            maximum: tenths(greatest),
            ..Limits::NONE
        })
    }

    /// The attribute's value for what was given.
    fn raw(&self, call: &Call<'_>) -> Result<f64, Failure> {
        let known = self.known.0;
        Ok(match known.meaning {
            Meaning::Setpoint | Meaning::MaybeSetpoint => {
                setpoint::hundredths(number_setting::given(call)?, call.options)
            }
            Meaning::Tenths => number_setting::given(call)? * 10.0,
            Meaning::Flag => match call.value {
                Json::Bool(value) => f64::from(u8::from(*value)),
                _ => number_setting::given(call)?,
            },
            Meaning::Choice(values) => {
                let wanted = call.value.as_str().unwrap_or_default();
                let found = values
                    .iter()
                    .find(|(_, name)| name.eq_ignore_ascii_case(wanted));
                let Some((raw, _)) = found else {
                    let names: Vec<&str> = if self.values.is_empty() {
                        values.iter().map(|(_, name)| *name).collect()
                    } else {
                        self.values.iter().map(String::as_str).collect()
                    };
                    return Err(Failure::value(format!(
                        "Value {} not allowed for {}, choose between: {}",
                        call.value,
                        known.name,
                        names.join(", ")
                    )));
                };
                #[expect(clippy::cast_precision_loss, reason = "codes are small")]
                let raw = *raw as f64;
                raw
            }
            _ => number_setting::given(call)?,
        })
    }

    /// What is written for what was given, if the attribute takes it.
    fn attribute(&self, call: &Call<'_>) -> Result<Attribute, Failure> {
        let known = self.known.0;
        let raw = number::round(self.raw(call)?);
        let refuse = || {
            Failure::value(format!(
                "{} cannot be {}: out of range",
                known.name, call.value
            ))
        };
        // Every attribute of the table has 32 bits at most.
        if raw.abs() > f64::from(u32::MAX) {
            return Err(refuse());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within 32 bits, checked above"
        )]
        let whole = raw as i64;
        let data_type = known.data_type.data_type();
        let signed = matches!(data_type.0, 0x28..=0x2f);
        let value = zcl_value(data_type, whole);
        let accepts = match self.limits() {
            Some(limits) => limits.accepts(&value),
            None => known.accepts(&value),
        };
        if (whole < 0 && !signed) || !value.fits(data_type) || !accepts {
            return Err(refuse());
        }
        Ok(Attribute {
            id: known.id,
            data_type,
            value,
        })
    }
}

impl Primitive for Thermostat {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(THERMOSTAT);
        out.extend(self.heat_from.iter().map(|from| from.at.cluster()));
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let known = self.known.0;
        let access =
            STATE | if self.settable() { SET } else { 0 } | if self.readable { GET } else { 0 };
        let kind = match known.meaning {
            Meaning::Choice(_) => ExposeKind::Enum,
            Meaning::Bit | Meaning::Flag => ExposeKind::Binary,
            _ => ExposeKind::Numeric,
        };
        let mut expose = Expose::generic(kind, known.name, access);
        expose.description = self
            .description
            .clone()
            .or_else(|| description(known.name).map(str::to_owned));
        expose.category.clone_from(&self.category);
        let label = match known.meaning {
            Meaning::Demand => Some(known.name.replacen("pi_", "PI ", 1).replace('_', " ")),
            _ if known.name == "ac_louver_position" => Some("AC louver position".to_owned()),
            _ => None,
        };
        if let Some(label) = self.label.clone().or(label) {
            expose.label = Some(label);
        }
        let mut range = self.range;
        match known.meaning {
            Meaning::Choice(values) => {
                expose.values = Some(if self.values.is_empty() {
                    values.iter().map(|(_, name)| Json::from(*name)).collect()
                } else {
                    self.values
                        .iter()
                        .map(|name| Json::from(name.as_str()))
                        .collect()
                });
            }
            Meaning::Bit | Meaning::Flag => {
                expose.value_on = Some(Json::Bool(true));
                expose.value_off = Some(Json::Bool(false));
            }
            Meaning::Demand => {
                expose.unit = Some("%".to_owned());
                range = range.or(Some((0.0, 100.0)));
            }
            Meaning::Setpoint | Meaning::MaybeSetpoint | Meaning::Measured => {
                expose.unit = Some("°C".to_owned());
            }
            Meaning::Tenths => {
                expose.unit = Some("°C".to_owned());
                range = range.or(Some(CALIBRATION_RANGE));
                expose.value_step = Some(Json::from(0.1));
            }
            _ => {}
        }
        if let Some((least, greatest)) = range {
            expose.value_min = Some(number::json(least));
            expose.value_max = Some(number::json(greatest));
        }
        if let Some(step) = self.step {
            expose.value_step = Some(number::json(step));
        }
        out.push(expose);
    }

    fn options(&self, out: &mut Vec<Expose>) {
        let setpoint = matches!(
            self.known.0.meaning,
            Meaning::Setpoint | Meaning::MaybeSetpoint
        );
        if setpoint && self.settable() {
            out.push(setpoint::unit_option());
        }
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let known = self.known.0;
        decode(known, incoming, self.percent, self.limits().as_ref(), out);
        for from in &self.heat_from {
            if let Some(raw) = incoming.value(from.at).and_then(number::integer) {
                out.put(known.name, if raw >= from.least { "heat" } else { "idle" });
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        // What is not promised to be readable can be read all the same.
        self.known.0.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        if !self.settable() {
            return None;
        }
        Some(Box::pin(async move {
            let known = self.known.0;
            let attribute = self.attribute(call)?;
            call.write_attributes(THERMOSTAT, None, vec![attribute])
                .await?;
            Ok(match known.set {
                Set::Published => JsonMap::from_iter([(known.name.to_owned(), call.value.clone())]),
                Set::Reported | Set::No => JsonMap::new(),
            })
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            match self.heat_from.first() {
                Some(from) if self.read_heat => call.read(call.endpoint, from.at).await?,
                _ => {
                    call.read_attribute(call.endpoint, THERMOSTAT, self.known.0.id, None)
                        .await?
                }
            };
            Ok(())
        }))
    }
}

impl Primitive for ThermostatState {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(THERMOSTAT);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        for known in KNOWN {
            decode(known, incoming, self.percent, None, out);
        }
    }
}
