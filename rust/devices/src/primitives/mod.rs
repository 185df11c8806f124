//! What a device can do: a closed set of primitives with parameters.
//!
//! Each file holds one primitive whole: its parameters, exposes, decoding, encoding, reading,
//! options. A new primitive is a new file and one line in the list at the end of this one.

mod action;
mod ballast;
mod battery;
mod beep;
mod bit_fields;
mod climate;
mod clock;
mod coded_setting;
mod combined;
mod command_number;
mod commands;
mod cover;
mod cube;
mod electricity;
mod fan;
mod faults;
mod fixed_write;
mod flag;
mod identify;
mod identify_effect;
mod illuminance;
mod keypad;
mod labelled;
mod light;
mod lock;
mod lock_events;
mod lookup;
mod motion;
mod number_setting;
mod numeric;
mod on_off;
mod python;
mod readings;
mod regions;
mod respond;
mod rgb_setting;
mod rotation;
mod setting;
mod simulated_brightness;
mod time_of_day;
mod trigger;
mod tuya;
mod vendor_button;
mod warning;
mod zone_enrolment;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::ReadRecord;

use crate::configure::Step;
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::Expose;
use crate::message::{Decoded, Memory};
use crate::timer::Expiry;
use crate::{Io, JsonMap, LocalFuture};

pub(crate) use electricity::Electricity;
pub(crate) use light::Light;
pub(crate) use python::set_up;
pub(crate) use respond::Octets;
pub(crate) use tuya::{datapoint_echo, datapoint_operation};

/// What a primitive gives. Everything has a default of nothing. `Sync`: it is data.
pub(crate) trait Primitive: Sync {
    /// Clusters whose messages it wants to see.
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        let _ = (data, out);
    }

    /// What it shows on `bridge/devices`.
    fn exposes(&self, data: &Data, out: &mut Vec<Expose>) {
        let _ = (data, out);
    }

    /// Values of `action` that it can give.
    fn actions(&self, out: &mut Vec<String>) {
        let _ = out;
    }

    /// Options of its own for what is set, besides calibration and precision.
    fn options(&self, out: &mut Vec<Expose>) {
        let _ = out;
    }

    /// Options of its own for what is received. They are listed behind those of everything that is set.
    fn listening_options(&self, out: &mut Vec<Expose>) {
        let _ = out;
    }

    /// Options of its own that come before those.
    fn first_options(&self, out: &mut Vec<Expose>) {
        let _ = out;
    }

    /// True when it wants a precision option where the name alone would not have one.
    fn offers_precision(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// True when it deals with a command of one of its clusters.
    fn hears(&self, command: Command<'_>) -> bool {
        let _ = command;
        false
    }

    /// Takes values from a report, the answer to a read or a command of a cluster.
    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let _ = (incoming, memory, out);
    }

    /// A timer ran out that is perhaps its own ([`crate::Effect::Arm`]). What options ask for may have
    /// changed since it was set.
    fn expired(&self, expiry: &Expiry<'_>, memory: &mut Memory, out: &mut Decoded) {
        let _ = (expiry, memory, out);
    }

    /// Takes values from the answer to a read of our own that [`Primitive::decode`] leaves alone.
    fn learn(&self, cluster: ClusterId, records: &[ReadRecord], state: &mut JsonMap) {
        let _ = (cluster, records, state);
    }

    /// True when it deals with a key of `set` and `get`, endpoint suffix removed.
    fn claims(&self, key: &str) -> bool {
        let _ = key;
        false
    }

    /// Which of several independent parts deals with a key: each is used once per message.
    fn part(&self, key: &str) -> usize {
        let _ = key;
        0
    }

    /// Sets; gives the state to publish at once, without endpoint suffix. `None`: cannot be set.
    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        let _ = call;
        None
    }

    /// Reads. `None`: cannot be read.
    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let _ = call;
        None
    }

    /// What has to be done once with the device for it: bindings, reporting, first reads.
    fn configure(&self, data: &Data, out: &mut Vec<Step>) {
        let _ = (data, out);
    }

    /// How often the device is asked for what it does not report. `None`: never.
    fn poll_interval(&self, options: &JsonMap) -> Option<Duration> {
        let _ = options;
        None
    }

    /// Asks the device for what it does not report.
    fn poll<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        options: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        let _ = (data, io, options);
        Box::pin(async {})
    }

    /// True when it keeps settings that the device may forget.
    fn keeps(&self) -> bool {
        false
    }

    /// Brings kept settings back; `desired` holds them by property.
    fn reconcile<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        desired: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        let _ = (data, io, desired);
        Box::pin(async {})
    }
}

/// The interval that an option gives in seconds; `None` for one that turns polling off.
fn interval(options: &JsonMap, option: &str, default: f64) -> Option<Duration> {
    let seconds = options
        .get(option)
        .and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()))
        .unwrap_or(default);
    // Longer than a year is as good as never.
    (seconds > 0.0 && seconds < 31_536_000.0).then(|| Duration::from_secs_f64(seconds))
}

macro_rules! primitives {
    ($($name:ident($type:ty)),* $(,)?) => {
        /// Something that a device can do.
        #[derive(Debug, Clone, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub(crate) enum Capability {
            $($name($type),)*
        }

        /// The names of the primitives.
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Kind {
            $($name,)*
        }

        impl Capability {
            /// What it does.
            pub(crate) fn get(&self) -> &dyn Primitive {
                match self {
                    $(Self::$name(primitive) => primitive,)*
                }
            }

            /// True for functions that run elsewhere.
            pub(crate) fn calls_functions(&self) -> bool {
                matches!(self, Self::Python(_))
            }

            /// What is wrong with the parameters of a primitive: the place in them, or with `Err` its
            /// name; `None` when nothing is.
            pub(crate) fn parse_as(
                kind: &Json,
                parameters: &Json,
            ) -> Option<Result<serde_path_to_error::Error<serde_json::Error>, serde_json::Error>> {
                match Kind::deserialize(kind) {
                    $(Ok(Kind::$name) => {
                        serde_path_to_error::deserialize::<_, $type>(parameters).err().map(Ok)
                    })*
                    Err(error) => Some(Err(error)),
                }
            }
        }
    };
}

primitives! {
    Action(action::Action),
    Alarm(warning::Alarm),
    Ballast(ballast::Ballast),
    Battery(battery::Battery),
    Beep(beep::Beep),
    BitFields(bit_fields::BitFields),
    Clock(clock::Clock),
    CodedSetting(coded_setting::CodedSetting),
    Combined(combined::Combined),
    CommandNumber(command_number::CommandNumber),
    Commands(commands::Commands),
    Cover(cover::Cover),
    CoverActions(cover::CoverActions),
    CoverViaLevel(cover::CoverViaLevel),
    Cube(cube::Cube),
    Datapoint(tuya::Datapoint),
    DatapointProgram(tuya::Program),
    Electricity(electricity::Electricity),
    Faults(faults::Faults),
    FixedWrite(fixed_write::FixedWrite),
    Flag(flag::Flag),
    HostFlag(climate::HostFlag),
    Identify(identify::Identify),
    IdentifyEffect(identify_effect::IdentifyEffect),
    Illuminance(illuminance::Illuminance),
    Keypad(keypad::Keypad),
    Labelled(labelled::Labelled),
    Lock(lock::Lock),
    LockActions(lock::LockActions),
    ColorOptions(light::ColorOptions),
    Effect(light::Effect),
    Fan(fan::Fan),
    HueEffects(light::HueEffects),
    LevelConfig(light::LevelConfig),
    Light(light::Light),
    LockEvents(lock_events::LockEvents),
    Lookup(lookup::Lookup),
    Motion(motion::Motion),
    NumberSetting(number_setting::NumberSetting),
    Numeric(numeric::Numeric),
    OnOff(on_off::OnOff),
    PinCodes(lock::PinCodes),
    Python(python::Python),
    Readings(readings::Readings),
    Regions(regions::Regions),
    Respond(respond::Respond),
    RgbSetting(rgb_setting::RgbSetting),
    Rotation(rotation::Rotation),
    SetpointCommand(climate::SetpointCommand),
    Setting(setting::Setting),
    Squawk(warning::Squawk),
    Thermostat(climate::Thermostat),
    ThermostatState(climate::ThermostatState),
    TimeOfDay(time_of_day::TimeOfDay),
    Trigger(trigger::Trigger),
    Tuya(tuya::Tuya),
    VendorButton(vendor_button::VendorButton),
    Warning(warning::Warning),
    WeeklySchedule(climate::WeeklySchedule),
    ZoneEnrolment(zone_enrolment::ZoneEnrolment),
}
