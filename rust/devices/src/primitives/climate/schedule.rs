//! The weekly schedule of a thermostat (ZCL 6.3.2.3.2).

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId};

use super::THERMOSTAT;
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::message::{Decoded, Memory};
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture, Operation, number};

const SET: CommandId = CommandId(0x01);
const GET: CommandId = CommandId(0x02);
const CLEAR: CommandId = CommandId(0x03);
/// From the device: the schedule of some days.
const ANSWER: CommandId = CommandId(0x00);

const SCHEDULE: &str = "weekly_schedule";
const CLEAR_SCHEDULE: &str = "clear_weekly_schedule";

/// Days in the order of their bits.
const DAYS: [&str; 8] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "away_or_vacation",
];
const HEAT: u8 = 0x01;
const COOL: u8 = 0x02;

/// Keys that set, read and clear the schedule; nothing is shown for them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeeklySchedule {
    /// Commands ask for no default response.
    #[serde(default)]
    no_default_response: bool,
}

/// What the device keeps for some days.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Schedule {
    /// A bit for each of [`DAYS`].
    days: u8,
    /// Which setpoints the transitions have: [`HEAT`], [`COOL`].
    mode: u8,
    transitions: Vec<Transition>,
}

/// A change of the setpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Transition {
    /// Minutes after midnight.
    minutes: u16,
    /// Hundredths of a degree.
    heat: Option<i16>,
    /// Hundredths of a degree.
    cool: Option<i16>,
}

impl Schedule {
    /// The payload of the command that sets it, which is that of the device's answer too.
    fn emit(&self) -> Vec<u8> {
        // What is made of JSON has no more transitions than that.
        let count = u8::try_from(self.transitions.len()).unwrap_or(u8::MAX);
        let mut payload = vec![count, self.days, self.mode];
        for transition in self.transitions.iter().take(usize::from(count)) {
            payload.extend(transition.minutes.to_le_bytes());
            for setpoint in [transition.heat, transition.cool].into_iter().flatten() {
                payload.extend(setpoint.to_le_bytes());
            }
        }
        payload
    }

    /// Reads a payload; `None` for one that is cut off.
    fn parse(payload: &[u8]) -> Option<Self> {
        let (&[count, days, mode], mut rest) = payload.split_first_chunk()?;
        let mut transitions = Vec::new();
        for _ in 0..count {
            let mut word = || {
                let (word, after) = rest.split_first_chunk()?;
                rest = after;
                Some(*word)
            };
            let minutes = u16::from_le_bytes(word()?);
            let heat = match mode & HEAT {
                0 => None,
                _ => Some(i16::from_le_bytes(word()?)),
            };
            let cool = match mode & COOL {
                0 => None,
                _ => Some(i16::from_le_bytes(word()?)),
            };
            transitions.push(Transition {
                minutes,
                heat,
                cool,
            });
        }
        Some(Self {
            days,
            mode,
            transitions,
        })
    }

    /// As it is published.
    fn json(&self) -> Json {
        let days: Vec<&str> = DAYS
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.days & (1 << bit) != 0)
            .map(|(_, day)| *day)
            .collect();
        let transitions: Vec<Json> = self
            .transitions
            .iter()
            .map(|transition| {
                let mut entry =
                    JsonMap::from_iter([("time".to_owned(), transition.minutes.into())]);
                let setpoints = [
                    ("heating_setpoint", transition.heat),
                    ("cooling_setpoint", transition.cool),
                ];
                for (name, setpoint) in setpoints {
                    if let Some(setpoint) = setpoint {
                        entry.insert(name.to_owned(), number::json(f64::from(setpoint) / 100.0));
                    }
                }
                Json::Object(entry)
            })
            .collect();
        json!({ "days": days, "transitions": transitions })
    }

    /// What is given to be set (mqtt-api.md §7.8).
    fn given(value: &Json) -> Result<Self, Failure> {
        let wrong = |text: String| Failure::Value(format!("weekly_schedule: {text}"));
        let transitions = value
            .get("transitions")
            .and_then(Json::as_array)
            .ok_or_else(|| wrong("transitions is not an array".to_owned()))?;
        let transitions = transitions
            .iter()
            .map(Transition::given)
            .collect::<Result<Vec<_>, _>>()
            .map_err(wrong)?;
        if transitions.len() > usize::from(u8::MAX) {
            return Err(wrong(format!(
                "{} transitions are too many",
                transitions.len()
            )));
        }
        let mut mode = 0;
        for transition in &transitions {
            mode |= if transition.heat.is_some() { HEAT } else { 0 };
            mode |= if transition.cool.is_some() { COOL } else { 0 };
        }
        let complete = |transition: &Transition| {
            (mode & HEAT == 0 || transition.heat.is_some())
                && (mode & COOL == 0 || transition.cool.is_some())
        };
        if mode == 0 || !transitions.iter().all(complete) {
            return Err(wrong(
                "every transition needs the same setpoints (heat_setpoint, cool_setpoint)"
                    .to_owned(),
            ));
        }
        let mut days = 0;
        let given = match value.get("dayofweek") {
            Some(Json::Array(list)) => list.iter().collect(),
            Some(day @ Json::String(_)) => vec![day],
            _ => Vec::new(),
        };
        for day in given {
            let name = day.get("day").unwrap_or(day).as_str().unwrap_or_default();
            let bit = DAYS
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
                .ok_or_else(|| {
                    wrong(format!("{day} is no day, the days are {}", DAYS.join(", ")))
                })?;
            days |= 1 << bit;
        }
        if days == 0 {
            return Err(wrong("dayofweek names no day".to_owned()));
        }
        Ok(Self {
            days,
            mode,
            transitions,
        })
    }
}

impl Transition {
    fn given(value: &Json) -> Result<Self, String> {
        let of = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| value.get(*name))
                .filter(|value| !value.is_null())
        };
        let time = of(&["transitionTime", "transition_time", "time"]);
        let minutes = time.and_then(minutes).ok_or_else(|| {
            format!(
                "expected a time such as \"19:30\" or {{\"hour\": 19, \"minute\": 30}}, got {}",
                time.unwrap_or(&Json::Null)
            )
        })?;
        let setpoint = |names: &[&str]| {
            of(names)
                .map(|given| hundredths(given).ok_or_else(|| format!("{given} is no temperature")))
                .transpose()
        };
        Ok(Self {
            minutes,
            heat: setpoint(&["heatSetpoint", "heat_setpoint"])?,
            cool: setpoint(&["coolSetpoint", "cool_setpoint"])?,
        })
    }
}

/// Minutes after midnight: text, an object, or the number itself.
fn minutes(time: &Json) -> Option<u16> {
    let part = |value: &Json| match value {
        Json::String(text) => text.parse::<u64>().ok(),
        other => other.as_u64(),
    };
    let (hour, minute) = match time {
        Json::String(text) => {
            let (hour, minute) = text.split_once(':')?;
            (hour.parse().ok()?, minute.parse().ok()?)
        }
        Json::Object(object) => (part(object.get("hour")?)?, part(object.get("minute")?)?),
        other => {
            let minutes = other.as_u64()?;
            (minutes / 60, minutes % 60)
        }
    };
    if hour > 23 || minute > 59 {
        return None;
    }
    u16::try_from(hour * 60 + minute).ok()
}

/// A temperature as hundredths of a degree.
fn hundredths(celsius: &Json) -> Option<i16> {
    let value = number::round(celsius.as_f64()? * 100.0);
    if !(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within i16, checked above"
    )]
    Some(value as i16)
}

impl WeeklySchedule {
    async fn send(
        &self,
        call: &Call<'_>,
        command: CommandId,
        payload: Vec<u8>,
        name: &str,
    ) -> Result<(), Failure> {
        let operation = Operation::Command {
            endpoint: call.endpoint,
            cluster: THERMOSTAT,
            manufacturer: None,
            command,
            payload,
            // Its answer comes as a command of its own.
            disable_default_response: self.no_default_response || command == GET,
        };
        call.perform(operation, THERMOSTAT, name).await
    }
}

impl Primitive for WeeklySchedule {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(THERMOSTAT);
    }

    fn hears(&self, command: Command<'_>) -> bool {
        command.cluster == THERMOSTAT
            && command.direction == Direction::ToClient
            && command.id == ANSWER
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming.command().filter(|command| self.hears(*command)) else {
            return;
        };
        match Schedule::parse(command.payload) {
            Some(schedule) => out.put(SCHEDULE, schedule.json()),
            None => out.problem("malformed_schedule", "a weekly schedule is cut off"),
        }
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, SCHEDULE | CLEAR_SCHEDULE)
    }

    fn part(&self, key: &str) -> usize {
        usize::from(key == CLEAR_SCHEDULE)
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if call.key == CLEAR_SCHEDULE {
                self.send(call, CLEAR, Vec::new(), "clearWeeklySchedule")
                    .await?;
            } else {
                let schedule = Schedule::given(call.value)?;
                self.send(call, SET, schedule.emit(), "setWeeklySchedule")
                    .await?;
            }
            Ok(JsonMap::new())
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        if call.key != SCHEDULE {
            return None;
        }
        // Every day and the vacation; heating and cooling.
        Some(Box::pin(self.send(
            call,
            GET,
            vec![0xff, HEAT | COOL],
            "getWeeklySchedule",
        )))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedules() -> impl Strategy<Value = Schedule> {
        let transition = |mode: u8| {
            (0u16..1440, any::<i16>(), any::<i16>()).prop_map(move |(minutes, heat, cool)| {
                Transition {
                    minutes,
                    heat: (mode & HEAT != 0).then_some(heat),
                    cool: (mode & COOL != 0).then_some(cool),
                }
            })
        };
        (any::<u8>(), 1u8..=3).prop_flat_map(move |(days, mode)| {
            prop::collection::vec(transition(mode), 0..=255).prop_map(move |transitions| Schedule {
                days,
                mode,
                transitions,
            })
        })
    }

    proptest! {
        #[test]
        fn a_schedule_survives_the_wire(schedule in schedules()) {
            prop_assert_eq!(Schedule::parse(&schedule.emit()), Some(schedule));
        }

        #[test]
        fn any_bytes_are_a_schedule_or_none(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(schedule) = Schedule::parse(&payload) {
                prop_assert!(payload.starts_with(&schedule.emit()));
                let _ = schedule.json();
            }
        }
    }

    #[test]
    fn times_and_days_are_taken_in_every_known_form() {
        let same = [
            json!({"dayofweek": ["monday", "Tuesday"], "transitions": [
                {"heatSetpoint": 16, "transitionTime": "0:00"},
                {"heatSetpoint": 20.5, "transitionTime": "18:05"}]}),
            json!({"dayofweek": [{"day": "monday"}, {"day": "tuesday"}], "transitions": [
                {"heat_setpoint": 16, "time": {"hour": 0, "minute": 0}},
                {"heat_setpoint": 20.5, "time": {"hour": "18", "minute": "5"}}]}),
            json!({"dayofweek": ["tuesday", "monday"], "numoftrans": 9, "mode": 9, "transitions": [
                {"heat_setpoint": 16, "transition_time": 0},
                {"heat_setpoint": 20.5, "transition_time": 1085}]}),
        ];
        for value in same {
            let bytes = Schedule::given(&value).unwrap().emit();
            assert_eq!(
                bytes,
                [
                    2, 0x06, 0x01, 0x00, 0x00, 0x40, 0x06, 0x3d, 0x04, 0x02, 0x08
                ]
            );
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_its_reason() {
        for (value, reason) in [
            (json!({"dayofweek": "monday"}), "not an array"),
            (
                json!({"dayofweek": "someday", "transitions": [{"time": "1:00", "heat_setpoint": 1}]}),
                "is no day",
            ),
            (
                json!({"dayofweek": [], "transitions": [{"time": "1:00", "heat_setpoint": 1}]}),
                "names no day",
            ),
            (
                json!({"dayofweek": "monday", "transitions": [{"time": "24:00", "heat_setpoint": 1}]}),
                "24:00",
            ),
            (
                json!({"dayofweek": "monday", "transitions": [{"time": "1:00", "heat_setpoint": 1},
                    {"time": "2:00", "cool_setpoint": 1}]}),
                "same setpoints",
            ),
            (
                json!({"dayofweek": "monday", "transitions": [{"time": "1:00", "heat_setpoint": 400}]}),
                "400 is no temperature",
            ),
        ] {
            let why = Schedule::given(&value).unwrap_err().to_string();
            assert!(why.contains(reason), "{value}: {why}");
        }
    }
}
