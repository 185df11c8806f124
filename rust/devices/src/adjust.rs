//! Calibration and precision of numbers that come from devices (shared/facts/mqtt-api.md §5.6).

use serde_json::Value as Json;

use crate::JsonMap;
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, SET};
use crate::number;

/// How a calibration option changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calibration {
    /// Added.
    Absolute,
    /// Per cent of the value, added.
    Percentual,
}

/// What is done to one property.
#[derive(Debug, Clone)]
pub(crate) struct Adjustment {
    name: String,
    property: String,
    digits: u8,
    calibration: Calibration,
    calibration_option: String,
    precision_option: String,
    offers_precision: bool,
}

/// Decimals and kind of calibration by the name of an expose.
fn rule(name: &str) -> Option<(u8, Calibration)> {
    use Calibration::{Absolute, Percentual};
    Some(match name {
        "temperature" | "humidity" | "soil_moisture" | "ac_frequency" => (2, Absolute),
        "pressure" => (1, Absolute),
        "power" | "power_phase_b" | "power_phase_c" | "current" | "current_phase_b"
        | "current_phase_c" | "current_neutral" | "voltage" | "voltage_phase_b"
        | "voltage_phase_c" | "energy" => (2, Percentual),
        "illuminance" => (0, Percentual),
        "device_temperature" | "co2" | "voc" | "formaldehyd" | "co" | "pm25" => (0, Absolute),
        _ => return None,
    })
}

/// The greatest value of a precision option.
const MAX_DIGITS: u8 = 3;

impl Adjustment {
    /// The adjustments that the exposes of a definition call for. A voltage in millivolts is a
    /// battery's and has none.
    pub(crate) fn of(exposes: &[Expose], data: &Data) -> Vec<Self> {
        let mut adjustments = Vec::new();
        for expose in exposes {
            let (ExposeKind::Numeric, Some(name), Some(property)) =
                (expose.kind, &expose.name, &expose.property)
            else {
                continue;
            };
            let Some((digits, calibration)) = rule(name) else {
                continue;
            };
            if expose.unit.as_deref() == Some("mV") {
                continue;
            }
            let forced = data
                .capabilities
                .iter()
                .any(|capability| capability.get().offers_precision(name));
            adjustments.push(Self {
                name: name.clone(),
                property: property.clone(),
                digits,
                calibration,
                calibration_option: format!("{name}_calibration"),
                precision_option: format!("{name}_precision"),
                offers_precision: digits != 0 || forced,
            });
        }
        adjustments
    }

    /// The options that go with it.
    pub(crate) fn options(&self) -> Vec<Expose> {
        let kind = match self.calibration {
            Calibration::Absolute => "absolute",
            Calibration::Percentual => "percentual",
        };
        let name = &self.name;
        let mut options = vec![
            Expose::generic(ExposeKind::Numeric, &self.calibration_option, SET).described(format!(
                "Calibrates the {name} value ({kind} offset), takes into effect on next report of device."
            )),
        ];
        if let Some(calibration) = options.first_mut() {
            calibration.value_step = Some(Json::from(0.1));
        }
        if self.offers_precision {
            let mut precision = Expose::generic(ExposeKind::Numeric, &self.precision_option, SET)
                .described(format!(
                    "Number of digits after decimal point for {name}, takes into effect on next report \
                     of device. This option can only decrease the precision, not increase it."
                ));
            precision.value_min = Some(Json::from(0));
            precision.value_max = Some(Json::from(MAX_DIGITS));
            options.push(precision);
        }
        options
    }

    /// Applies calibration and precision to the payload of a report.
    pub(crate) fn apply(&self, options: &JsonMap, payload: &mut JsonMap) {
        let Some(slot) = payload.get_mut(&self.property) else {
            return;
        };
        let Some(mut value) = slot.as_f64() else {
            return;
        };
        let mut digits = self.digits;
        if !options.is_empty() {
            if let Some(offset) = options.get(&self.calibration_option).and_then(Json::as_f64) {
                value += match self.calibration {
                    Calibration::Absolute => offset,
                    Calibration::Percentual => value * offset / 100.0,
                };
            }
            if let Some(wanted) = options.get(&self.precision_option).and_then(Json::as_u64) {
                digits = u8::try_from(wanted).map_or(MAX_DIGITS, |wanted| wanted.min(MAX_DIGITS));
            }
        }
        *slot = number::json(number::round_to(value, digits));
    }
}
