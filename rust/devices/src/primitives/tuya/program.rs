//! A day's program in a datapoint: times with the temperature from then on.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::ClusterId;

use super::datapoint::send;
use super::frame::{Datapoints, Kind};
use super::values::Data as Bytes;
use super::{TUYA, carries_datapoints};
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture, number};

/// Periods in a datapoint, each an hour, a minute and a temperature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    /// The datapoint's number.
    dp: u8,
    /// How the periods are written on MQTT.
    written: Written,
    /// The datapoint counts this many for one degree.
    divide: f64,
    /// Bytes of a temperature: one or two.
    temperature_bytes: usize,
    /// The least and the greatest temperature.
    temperatures: (f64, f64),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    /// One property of text per kind of day, `06:00/21.0°C` for each of its periods.
    Texts(Vec<Day>),
    /// One property with three fields per period.
    Fields(Fields),
}

/// The periods of a kind of day as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    name: String,
    periods: usize,
    #[serde(default)]
    description: Option<String>,
}

/// Periods as fields of one property.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    /// What the fields' names begin with, in the order of the datapoint.
    periods: Vec<String>,
    #[serde(default)]
    description: Option<String>,
}

/// A period.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Period {
    hour: u8,
    minute: u8,
    temperature: f64,
}

impl Program {
    fn periods(&self) -> usize {
        match &self.written {
            Written::Texts(days) => days
                .iter()
                .fold(0, |sum: usize, day| sum.saturating_add(day.periods)),
            Written::Fields(fields) => fields.periods.len(),
        }
    }

    /// The periods in a datapoint's data; `None` when there are too few.
    fn parse(&self, data: &[u8]) -> Option<Vec<Period>> {
        let length = 2 + self.temperature_bytes;
        let periods: Vec<Period> = data
            .chunks_exact(length)
            .take(self.periods())
            .filter_map(|bytes| {
                let (&[hour, minute], temperature) = bytes.split_first_chunk()?;
                let raw = temperature
                    .iter()
                    .fold(0.0, |number, byte| number * 256.0 + f64::from(*byte));
                Some(Period {
                    hour,
                    minute,
                    temperature: raw / self.divide,
                })
            })
            .collect();
        (periods.len() == self.periods()).then_some(periods)
    }

    fn emit(&self, periods: &[Period]) -> Vec<u8> {
        let mut data = Vec::new();
        for period in periods {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "temperatures are within their limits, and those fit"
            )]
            let raw = number::round(period.temperature * self.divide) as u16;
            data.extend([period.hour, period.minute]);
            let bytes = raw.to_be_bytes();
            data.extend(
                bytes
                    .iter()
                    .skip(2usize.saturating_sub(self.temperature_bytes)),
            );
        }
        data
    }

    /// The values that periods have on MQTT.
    fn show(&self, periods: &[Period]) -> JsonMap {
        let mut state = JsonMap::new();
        match &self.written {
            Written::Texts(days) => {
                let mut rest = periods.iter();
                for day in days {
                    let text: Vec<String> = rest.by_ref().take(day.periods).map(text).collect();
                    state.insert(day.name.clone(), Json::from(text.join(" ")));
                }
            }
            Written::Fields(fields) => {
                let mut program = JsonMap::new();
                for (name, period) in fields.periods.iter().zip(periods) {
                    program.insert(format!("{name}_hour"), period.hour.into());
                    program.insert(format!("{name}_minute"), period.minute.into());
                    program.insert(
                        format!("{name}_temperature"),
                        number::json(period.temperature),
                    );
                }
                state.insert(fields.name.clone(), Json::Object(program));
            }
        }
        state
    }

    /// The periods that are wanted: what was set, and for the rest what is cached.
    fn wanted(&self, call: &Call<'_>) -> Result<Vec<Period>, Failure> {
        let periods = match &self.written {
            Written::Texts(days) => {
                let mut periods = Vec::new();
                for day in days {
                    let cached = call.state(&day.name);
                    let given = call.message.get(&day.name).or(cached.as_ref());
                    let text = given.and_then(Json::as_str).ok_or_else(|| {
                        Failure::value(format!("'{}' is not known yet: set it too", day.name))
                    })?;
                    periods.extend(day.parse(text)?);
                }
                periods
            }
            Written::Fields(fields) => {
                let Some(Json::Object(mut program)) = call.state(&fields.name) else {
                    return Err(Failure::value(format!(
                        "'{}' is not known yet: the device has to report it first",
                        fields.name
                    )));
                };
                let given = call.value.as_object().ok_or_else(|| {
                    Failure::value(format!("'{}' must be an object", fields.name))
                })?;
                program.extend(given.clone());
                fields.parse(&program)?
            }
        };
        let (least, greatest) = self.temperatures;
        match periods
            .iter()
            .find(|period| !(least..=greatest).contains(&period.temperature))
        {
            Some(period) => Err(Failure::value(format!(
                "{} °C is not a temperature between {least} and {greatest}",
                period.temperature
            ))),
            None => Ok(periods),
        }
    }
}

fn text(period: &Period) -> String {
    format!(
        "{:02}:{:02}/{:.1}°C",
        period.hour, period.minute, period.temperature
    )
}

impl Day {
    fn parse(&self, text: &str) -> Result<Vec<Period>, Failure> {
        let periods: Option<Vec<Period>> = text.split_whitespace().map(period).collect();
        periods
            .filter(|periods| periods.len() == self.periods)
            .ok_or_else(|| {
                Failure::value(format!(
                    "'{}' takes {} times `hh:mm/cc.c°C`, got '{text}'",
                    self.name, self.periods
                ))
            })
    }
}

fn period(text: &str) -> Option<Period> {
    let (time, temperature) = text.split_once('/')?;
    let (hour, minute) = time.split_once(':')?;
    let temperature = temperature.trim_end_matches('C').trim_end_matches('°');
    Some(Period {
        hour: hour.parse().ok().filter(|hour| *hour < 24)?,
        minute: minute.parse().ok().filter(|minute| *minute < 60)?,
        temperature: temperature.parse().ok()?,
    })
}

impl Fields {
    fn parse(&self, program: &JsonMap) -> Result<Vec<Period>, Failure> {
        let number = |name: String, below: f64| {
            program
                .get(&name)
                .and_then(Json::as_f64)
                .filter(|number| (0.0..below).contains(number))
                .ok_or_else(|| Failure::value(format!("'{name}' is missing or out of range")))
        };
        self.periods
            .iter()
            .map(|name| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below 60, checked beside it"
                )]
                let whole = |field: &str, below| {
                    number(format!("{name}_{field}"), below).map(|number| number as u8)
                };
                Ok(Period {
                    hour: whole("hour", 24.0)?,
                    minute: whole("minute", 60.0)?,
                    temperature: number(format!("{name}_temperature"), 1000.0)?,
                })
            })
            .collect()
    }
}

impl Primitive for Program {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(TUYA);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        match &self.written {
            Written::Texts(days) => out.extend(days.iter().map(|day| {
                let mut expose = Expose::generic(ExposeKind::Text, &day.name, STATE | SET);
                expose.description.clone_from(&day.description);
                expose
            })),
            Written::Fields(fields) => {
                let mut expose = Expose::generic(ExposeKind::Composite, &fields.name, STATE | SET);
                expose.description.clone_from(&fields.description);
                let (least, greatest) = self.temperatures;
                for name in &fields.periods {
                    let mut feature = |field: &str, unit: &str, range: (f64, f64)| {
                        let name = format!("{name}_{field}");
                        let mut feature = Expose::generic(ExposeKind::Numeric, &name, STATE | SET);
                        feature.unit = Some(unit.to_owned());
                        feature.value_min = Some(number::json(range.0));
                        feature.value_max = Some(number::json(range.1));
                        if field == "temperature" {
                            feature.value_step = Some(json!(1.0 / self.divide));
                        }
                        expose.features.push(feature);
                    };
                    feature("hour", "h", (0.0, 23.0));
                    feature("minute", "m", (0.0, 59.0));
                    feature("temperature", "°C", (least, greatest));
                }
                out.push(expose);
            }
        }
    }

    fn hears(&self, command: Command<'_>) -> bool {
        carries_datapoints(command)
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming
            .command()
            .filter(|command| carries_datapoints(*command))
        else {
            return;
        };
        for sent in Datapoints::of(command.payload) {
            if sent.id != self.dp || sent.kind != Kind::Raw {
                continue;
            }
            if incoming.is_repeated(memory) {
                return;
            }
            match self.parse(sent.data) {
                Some(periods) => out.payload.extend(self.show(&periods)),
                None => out.problem("unexpected_datapoint", "a program is cut off"),
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        match &self.written {
            Written::Texts(days) => days.iter().any(|day| day.name == key),
            Written::Fields(fields) => fields.name == key,
        }
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let periods = self.wanted(call)?;
            let data = Bytes {
                kind: Kind::Raw,
                bytes: self.emit(&periods),
            };
            send(call, self.dp, &data).await?;
            Ok(self.show(&periods))
        }))
    }
}
