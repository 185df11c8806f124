//! A fan with modes: the cluster hvacFanCtrl (shared/facts/mqtt-api.md §7.8).

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::zcl::{Attribute, DataType, Value};
use zigbee::{AttributeId, ClusterId};

use super::Primitive;
use crate::configure::{ReportStep, Reporting, Step};
use crate::decode::Incoming;
use crate::definition::{At, Data, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, number};

const FAN: ClusterId = ClusterId(0x0202);
const MODE: AttributeId = AttributeId(0x0000);
/// The names of the modes, by number.
const MODES: [&str; 7] = ["off", "low", "medium", "high", "on", "auto", "smart"];
const ALL: u8 = STATE | SET | GET;

/// A fan with some of the modes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fan {
    /// The modes, in the order of the expose.
    modes: Vec<String>,
    /// Bind and report the mode: least and greatest time between reports, seconds.
    #[serde(default)]
    report: Option<(u16, u16)>,
}

/// What is published of a mode.
fn state(mode: &str) -> [(&'static str, Json); 2] {
    let state = if mode == "off" { "OFF" } else { "ON" };
    [("fan_mode", json!(mode)), ("fan_state", json!(state))]
}

impl Primitive for Fan {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(FAN);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut state =
            Expose::generic(ExposeKind::Binary, "state", ALL).described("On/off state of this fan");
        state.property = Some("fan_state".to_owned());
        state.value_on = Some(json!("ON"));
        state.value_off = Some(json!("OFF"));
        let mut mode = Expose::generic(ExposeKind::Enum, "mode", ALL).described("Mode of this fan");
        mode.property = Some("fan_mode".to_owned());
        mode.values = Some(self.modes.iter().cloned().map(Json::from).collect());
        let mut fan = Expose::specific(ExposeKind::Fan);
        fan.features = vec![state, mode];
        out.push(fan);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(value) = incoming.attribute(FAN, MODE) else {
            return;
        };
        let mode = number::integer(value).and_then(|mode| usize::try_from(mode).ok());
        match mode.and_then(|mode| MODES.get(mode)) {
            Some(mode) => {
                for (property, value) in state(mode) {
                    out.put(property, value);
                }
            }
            None => out.problem("unexpected_value", format!("{value:?} is no mode of a fan")),
        }
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, "fan_mode" | "fan_state")
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let name = call.value.as_str().map(str::to_lowercase);
            let mut modes = (0_u8..).zip(MODES);
            let found = modes.find(|(_, mode)| Some(*mode) == name.as_deref());
            let Some((raw, mode)) = found else {
                return Err(Failure::value(format!(
                    "Value {} not found in: [{}]",
                    call.value,
                    MODES.join(", ")
                )));
            };
            let attribute = Attribute {
                id: MODE,
                data_type: DataType::ENUM8,
                value: Value::Unsigned(raw.into()),
            };
            call.write(At::standard(FAN, MODE), vec![attribute]).await?;
            let state = state(mode).map(|(property, value)| (property.to_owned(), value));
            Ok(JsonMap::from_iter(state))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read_attribute(call.endpoint, FAN, MODE, None).await?;
            Ok(())
        }))
    }

    fn configure(&self, _data: &Data, out: &mut Vec<Step>) {
        let Some((minimum, maximum)) = self.report else {
            return;
        };
        out.push(Step::bind(None, FAN));
        out.push(Step::Report(ReportStep {
            endpoint: None,
            at: At::standard(FAN, MODE),
            data_type: TypeName::Enum8,
            when: Reporting {
                minimum,
                maximum,
                change: 0,
            },
        }));
    }
}
