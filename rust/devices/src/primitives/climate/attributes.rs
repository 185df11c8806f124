//! The standard attributes of a thermostat (ZCL 6.3.2.2) and what they mean.

use serde_json::{Value as Json, json};
use zigbee::AttributeId;
use zigbee::library::{self, Limits};
use zigbee::zcl::Value;

use crate::definition::TypeName;
use crate::number;

/// An attribute of the cluster hvacThermostat.
#[derive(Debug)]
pub(super) struct Known {
    /// The property.
    pub(super) name: &'static str,
    /// The attribute.
    pub(super) id: AttributeId,
    pub(super) data_type: TypeName,
    pub(super) meaning: Meaning,
    /// What is published after it was set.
    pub(super) set: Set,
}

/// What the attribute's value means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// Hundredths of a degree that are chosen in steps of half a degree.
    Setpoint,
    /// The same, published as `null` when the device has none.
    MaybeSetpoint,
    /// Hundredths of a degree, or of something else that is a difference.
    Hundredths,
    /// A measured temperature in hundredths of a degree; below absolute zero there is no reading.
    Measured,
    /// Tenths of a degree.
    Tenths,
    /// How much is asked for: 0 to 255, or per cent where the device says so.
    Demand,
    /// One of several.
    Choice(&'static [(i64, &'static str)]),
    /// The lowest bit.
    Bit,
    /// One is yes.
    Flag,
    /// A number as it is.
    Plain,
    /// Which values come from elsewhere (ZCL 6.3.2.2.1.16).
    RemoteSensing,
    /// Seconds since 2000.
    Time,
}

/// How an attribute is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// It cannot be.
    No,
    /// The value is published at once.
    Published,
    /// The device tells.
    Reported,
}

/// Modes of a thermostat (ZCL 6.3.2.2.2.10).
const SYSTEM_MODES: &[(i64, &str)] = &[
    (0, "off"),
    (1, "auto"),
    (3, "cool"),
    (4, "heat"),
    (5, "emergency_heating"),
    (6, "precooling"),
    (7, "fan_only"),
    (8, "dry"),
    (9, "sleep"),
];
const RUNNING_MODES: &[(i64, &str)] = &[(0, "off"), (3, "cool"), (4, "heat")];
/// Bits of the relays that are on; only what clients know has a name.
const RUNNING_STATES: &[(i64, &str)] = &[
    (0, "idle"),
    (1, "heat"),
    (2, "cool"),
    (4, "fan_only"),
    (5, "heat"),
    (6, "cool"),
    (8, "heat"),
    (9, "heat"),
    (10, "cool"),
    (12, "cool"),
    (14, "cool"),
    (15, "cool"),
    (22, "cool"),
    (33, "heat"),
    (34, "cool"),
    (65, "heat"),
    (66, "cool"),
    (32_768, "idle"),
    (32_769, "heat"),
];
const SEQUENCES: &[(i64, &str)] = &[
    (0, "cooling_only"),
    (1, "cooling_with_reheat"),
    (2, "heating_only"),
    (3, "heating_with_reheat"),
    (4, "cooling_and_heating_4-pipes"),
    (5, "cooling_and_heating_4-pipes_with_reheat"),
];
const PROGRAMMING_MODES: &[(i64, &str)] = &[
    (0, "setpoint"),
    (1, "schedule"),
    (3, "schedule_with_preheat"),
    (4, "eco"),
];
const CHANGE_SOURCES: &[(i64, &str)] = &[(0, "manual"), (1, "schedule"), (2, "externally")];
const LOUVER_POSITIONS: &[(i64, &str)] = &[
    (1, "fully_closed"),
    (2, "fully_open"),
    (3, "quarter_open"),
    (4, "half_open"),
    (5, "three_quarters_open"),
];

const fn known(
    name: &'static str,
    id: u16,
    data_type: TypeName,
    meaning: Meaning,
    set: Set,
) -> Known {
    Known {
        name,
        id: AttributeId(id),
        data_type,
        meaning,
        set,
    }
}

use Meaning::{
    Bit, Choice, Demand, Flag, Hundredths, MaybeSetpoint, Measured, Plain, RemoteSensing, Setpoint,
    Tenths, Time,
};
use Set::{No, Published, Reported};
use TypeName::{Bitmap8, Bitmap16, Enum8, Int8, Int16, Uint8, Uint16, Uint32};

/// The attributes, in the order of their numbers.
#[rustfmt::skip]
pub(super) const KNOWN: &[Known] = &[
    known("local_temperature", 0x0000, Int16, Measured, No),
    known("outdoor_temperature", 0x0001, Int16, Measured, No),
    known("occupancy", 0x0002, Bitmap8, Bit, No),
    known("abs_min_heat_setpoint_limit", 0x0003, Int16, Measured, No),
    known("abs_max_heat_setpoint_limit", 0x0004, Int16, Measured, No),
    known("abs_min_cool_setpoint_limit", 0x0005, Int16, Measured, No),
    known("abs_max_cool_setpoint_limit", 0x0006, Int16, Measured, No),
    known("pi_cooling_demand", 0x0007, Uint8, Demand, No),
    known("pi_heating_demand", 0x0008, Uint8, Demand, No),
    known("local_temperature_calibration", 0x0010, Int8, Tenths, Published),
    known("occupied_cooling_setpoint", 0x0011, Int16, MaybeSetpoint, Published),
    known("occupied_heating_setpoint", 0x0012, Int16, Setpoint, Published),
    known("unoccupied_cooling_setpoint", 0x0013, Int16, MaybeSetpoint, Published),
    known("unoccupied_heating_setpoint", 0x0014, Int16, MaybeSetpoint, Published),
    known("min_heat_setpoint_limit", 0x0015, Int16, Setpoint, Published),
    known("max_heat_setpoint_limit", 0x0016, Int16, Setpoint, Published),
    known("min_cool_setpoint_limit", 0x0017, Int16, Setpoint, Published),
    known("max_cool_setpoint_limit", 0x0018, Int16, Setpoint, Published),
    known("min_setpoint_dead_band", 0x0019, Int8, Hundredths, No),
    known("remote_sensing", 0x001a, Bitmap8, RemoteSensing, Reported),
    known("control_sequence_of_operation", 0x001b, Enum8, Choice(SEQUENCES), Published),
    known("system_mode", 0x001c, Enum8, Choice(SYSTEM_MODES), Published),
    known("running_mode", 0x001e, Enum8, Choice(RUNNING_MODES), No),
    known("temperature_setpoint_hold", 0x0023, Enum8, Flag, Reported),
    known("temperature_setpoint_hold_duration", 0x0024, Uint16, Plain, Reported),
    known("programming_operation_mode", 0x0025, Bitmap8, Choice(PROGRAMMING_MODES), Published),
    known("running_state", 0x0029, Bitmap16, Choice(RUNNING_STATES), No),
    known("setpoint_change_source", 0x0030, Enum8, Choice(CHANGE_SOURCES), No),
    known("setpoint_change_amount", 0x0031, Int16, Hundredths, No),
    known("setpoint_change_source_timestamp", 0x0032, Uint32, Time, No),
    known("ac_louver_position", 0x0045, Enum8, Choice(LOUVER_POSITIONS), Published),
];

/// The attribute of a property.
pub(super) fn named(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// What a value means.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    Value(Json),
    /// The device says that there is none.
    None,
    /// It means nothing that is known.
    Unknown,
}

/// Absolute zero: what is below is no temperature.
const COLDEST: f64 = -273.15;

impl Known {
    /// What the specification says of its values.
    fn limits(&self) -> Option<&'static Limits> {
        let cluster = library::cluster(super::THERMOSTAT)?;
        Some(&cluster.attribute(self.id, None)?.limits)
    }

    /// True when the specification lets a value be written.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        self.limits().is_none_or(|limits| limits.accepts(value))
    }

    /// What the attribute's value means; `percent` is for demands, `limits` replace those of the
    /// specification.
    pub(super) fn read(&self, value: &Value, percent: bool, limits: Option<&Limits>) -> Reading {
        let Some(raw) = number::of(value) else {
            return Reading::Unknown;
        };
        let whole = number::integer(value).unwrap_or_default();
        match limits
            .or_else(|| self.limits())
            .map(|limits| limits.judge(self.data_type.data_type(), value))
        {
            Some(library::Reading::OutOfRange) => return Reading::None,
            Some(library::Reading::Nothing) => {
                return match self.meaning {
                    Meaning::MaybeSetpoint
                    | Meaning::Tenths
                    | Meaning::Hundredths
                    | Meaning::Demand
                    | Meaning::Plain => Reading::Value(Json::Null),
                    _ => Reading::None,
                };
            }
            _ => {}
        }
        Reading::Value(match self.meaning {
            Meaning::Hundredths | Meaning::MaybeSetpoint => number::json(raw / 100.0),
            Meaning::Measured | Meaning::Setpoint => {
                let value = raw / 100.0;
                if value < COLDEST {
                    return Reading::None;
                }
                number::json(value)
            }
            Meaning::Tenths => number::json(raw / 10.0),
            Meaning::Demand if percent => number::json(raw),
            Meaning::Demand => number::json(number::round(raw * 100.0 / 255.0)),
            Meaning::Choice(values) => match values.iter().find(|(known, _)| *known == whole) {
                Some((_, name)) => Json::from(*name),
                None => return Reading::Unknown,
            },
            Meaning::Bit => Json::Bool(whole & 1 != 0),
            Meaning::Flag => Json::Bool(whole == 1),
            Meaning::Plain => number::json(raw),
            Meaning::RemoteSensing => {
                let where_from = |bit: i64| match whole & bit {
                    0 => "internally",
                    _ => "remotely",
                };
                json!({
                    "local_temperature": where_from(1),
                    "outdoor_temperature": where_from(2),
                    "occupancy": where_from(4),
                })
            }
            Meaning::Time => Json::from(time(whole)),
        })
    }
}

/// A time in seconds since 2000-01-01 as text; UTC, the time zone that the device is told.
fn time(seconds: i64) -> String {
    const DAY: i64 = 86_400;
    let (mut days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let mut year = 2000;
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        // A time has 32 bits: 136 years at most.
        if days < length || year >= 2200 {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!(
        "{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}+00:00",
        days + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_the_year_2000() {
        assert_eq!(time(0), "2000-01-01T00:00:00+00:00");
        assert_eq!(time(68_169_599), "2002-02-27T23:59:59+00:00");
        assert_eq!(time(820_929_600), "2026-01-05T12:00:00+00:00");
        assert_eq!(time(i64::from(u32::MAX)), "2136-02-07T06:28:15+00:00");
    }

    #[test]
    fn a_temperature_below_absolute_zero_is_no_reading() {
        let known = named("local_temperature").unwrap();
        assert_eq!(
            known.read(&Value::Signed(-32_768), false, None),
            Reading::None
        );
        assert_eq!(
            known.read(&Value::Signed(-520), false, None),
            Reading::Value(json!(-5.2))
        );
    }

    #[test]
    fn a_demand_is_of_255_or_per_cent() {
        let known = named("pi_heating_demand").unwrap();
        assert_eq!(
            known.read(&Value::Unsigned(45), false, None),
            Reading::Value(json!(18))
        );
        assert_eq!(
            known.read(&Value::Unsigned(128), false, None),
            Reading::None
        );
        assert_eq!(
            known.read(&Value::Unsigned(45), true, None),
            Reading::Value(json!(45))
        );
    }
}
