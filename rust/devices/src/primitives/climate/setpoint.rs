//! Temperatures that are chosen, in the steps in which thermostats take them.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{AttributeId, ClusterId, CommandId, ManufacturerCode};

use super::THERMOSTAT;
use crate::decode::Incoming;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::{Primitive, number_setting};
use crate::{JsonMap, LocalFuture, Operation, number};

/// The option that names the unit in which the owner thinks.
pub(super) const UNIT: &str = "thermostat_unit";

/// The option's expose.
pub(super) fn unit_option() -> Expose {
    let mut option = Expose::generic(ExposeKind::Enum, UNIT, SET)
        .described("Controls the temperature unit of the thermostat (default celsius).");
    option.values = Some(vec![Json::from("celsius"), Json::from("fahrenheit")]);
    option
}

/// Halves of a whole, ties up.
fn halves(value: f64) -> f64 {
    number::round(number::round_to(value * 2.0, 1)) / 2.0
}

/// A temperature in °C as hundredths of a degree: rounded to half a degree, of the Fahrenheit scale
/// where that is the owner's.
pub(super) fn hundredths(celsius: f64, options: &JsonMap) -> f64 {
    if options.get(UNIT).and_then(Json::as_str) == Some("fahrenheit") {
        let fahrenheit = halves(celsius * 1.8 + 32.0);
        number::round(number::round_to((fahrenheit - 32.0) / 1.8, 2) * 100.0)
    } else {
        number::round(halves(celsius) * 100.0)
    }
}

/// A setpoint that a command of the vendor's sets, not a write.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetpointCommand {
    /// The property.
    name: String,
    #[serde(deserialize_with = "number::hexadecimal")]
    command: u8,
    #[serde(deserialize_with = "number::hexadecimal")]
    manufacturer: u16,
    /// The command's first byte: what kind of change it is.
    kind: u8,
    /// How often it is sent.
    #[serde(default = "once")]
    times: u8,
    range: (f64, f64),
    step: f64,
    #[serde(default)]
    description: Option<String>,
}

fn once() -> u8 {
    1
}

const OCCUPIED_HEATING_SETPOINT: AttributeId = AttributeId(0x0012);

impl Primitive for SetpointCommand {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(THERMOSTAT);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Numeric, &self.name, STATE | SET | GET)
            .described(
                self.description
                    .as_deref()
                    .unwrap_or("Temperature setpoint"),
            );
        expose.unit = Some("°C".to_owned());
        expose.value_min = Some(number::json(self.range.0));
        expose.value_max = Some(number::json(self.range.1));
        expose.value_step = Some(number::json(self.step));
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let value = incoming.attribute(THERMOSTAT, OCCUPIED_HEATING_SETPOINT);
        if let Some(value) = value.and_then(number::of) {
            out.put(&self.name, number::json(value / 100.0));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let value = number_setting::given(call)?;
            let raw = number::round(value * 2.0) * 50.0;
            if !(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&raw) {
                return Err(Failure::value(format!(
                    "{} cannot be {value}: out of range",
                    self.name
                )));
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and within i16, checked above"
            )]
            let raw = raw as i16;
            let mut payload = vec![self.kind];
            payload.extend(raw.to_le_bytes());
            for _ in 0..self.times {
                let operation = Operation::Command {
                    endpoint: call.endpoint,
                    cluster: THERMOSTAT,
                    manufacturer: Some(ManufacturerCode(self.manufacturer)),
                    command: CommandId(self.command),
                    payload: payload.clone(),
                    disable_default_response: false,
                };
                call.perform(operation, THERMOSTAT, "setpoint").await?;
            }
            // The device reports it.
            Ok(JsonMap::new())
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read_attribute(call.endpoint, THERMOSTAT, OCCUPIED_HEATING_SETPOINT, None)
                .await?;
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers")]
    fn setpoints_are_rounded_in_the_owners_unit() {
        let celsius = JsonMap::new();
        let fahrenheit = JsonMap::from_iter([(UNIT.to_owned(), json!("fahrenheit"))]);
        for (given, in_celsius, in_fahrenheit) in [
            (21.0, 2100.0, 2111.0),
            (20.3, 2050.0, 2028.0),
            (20.24, 2050.0, 2028.0),
            (-5.2, -500.0, -528.0),
        ] {
            assert_eq!(hundredths(given, &celsius), in_celsius, "{given}");
            assert_eq!(hundredths(given, &fahrenheit), in_fahrenheit, "{given}");
        }
    }
}
