//! A value in a datapoint.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;

use super::frame::{self, Datapoint as Sent, Datapoints};
use super::values::{self, Form};
use super::{DATA_REQUEST, TUYA, carries_datapoints};
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, Preset, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture, Operation, number};

/// The sequence number of what is sent: devices do not look at it (all vectors of today's converters
/// have this one).
pub(super) const SEQUENCE: u16 = 1;

/// A value in a datapoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Datapoint {
    /// Its name, also its property.
    name: String,
    /// Its number.
    dp: u8,
    /// What the data means.
    #[serde(rename = "as")]
    form: Form,
    /// Its label where that does not follow from the name.
    #[serde(default)]
    label: Option<String>,
    /// Binary rather than a choice: the first of the values is on, the second off.
    #[serde(default)]
    binary: bool,
    /// Takes TOGGLE, and shows that.
    #[serde(default)]
    toggle: bool,
    /// The choices that are shown, where they are not those that are understood.
    #[serde(default)]
    shown: Option<Vec<Json>>,
    #[serde(default)]
    unit: Option<String>,
    /// The least and the greatest value, as shown.
    #[serde(default)]
    range: Option<(f64, f64)>,
    #[serde(default)]
    step: Option<f64>,
    #[serde(default)]
    presets: Vec<Preset>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// False for values that are published without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    #[serde(default = "yes")]
    writable: bool,
    /// Nothing is published after a set until the device reports it.
    #[serde(default)]
    reported: bool,
    /// Other properties that get a value with it.
    #[serde(default)]
    also: Vec<Also>,
    /// Not sent when this key is set too and the value is the cached one: devices would jump.
    #[serde(default)]
    spared_by: Option<String>,
    /// Other datapoints that are set first, with the same value.
    #[serde(default)]
    first: Vec<Part>,
}

/// Another property of the same datapoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Also {
    name: String,
    #[serde(rename = "as")]
    form: Form,
}

/// A datapoint that is set with another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    dp: u8,
    #[serde(rename = "as")]
    form: Form,
}

/// Sends a datapoint.
pub(super) async fn send(call: &Call<'_>, dp: u8, data: &values::Data) -> Result<(), Failure> {
    let datapoint = Sent {
        id: dp,
        kind: data.kind,
        data: &data.bytes,
    };
    let operation = Operation::Command {
        endpoint: call.endpoint,
        cluster: TUYA,
        manufacturer: None,
        command: DATA_REQUEST,
        payload: frame::emit(SEQUENCE, &datapoint),
        disable_default_response: true,
    };
    call.perform(operation, TUYA, "dataRequest").await
}

fn yes() -> bool {
    true
}

impl Datapoint {
    /// The value that TOGGLE stands for, or the value itself.
    fn wanted(&self, call: &Call<'_>) -> Json {
        let toggle = call
            .value
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case("toggle"));
        let Form::Lookup(lookup) = &self.form else {
            return call.value.clone();
        };
        if !(self.toggle && toggle) {
            return call.value.clone();
        }
        let now = call.state(&self.name);
        lookup
            .values
            .iter()
            .map(|(value, _)| value)
            .find(|value| Some(*value) != now.as_ref())
            .unwrap_or(call.value)
            .clone()
    }

    async fn send(call: &Call<'_>, dp: u8, form: &Form, value: &Json) -> Result<(), Failure> {
        send(call, dp, &form.write(call.key, value)?).await
    }

    fn take(name: &str, form: &Form, sent: &Sent<'_>, out: &mut Decoded) {
        match form.read(sent) {
            Ok(Some(value)) => out.put(name, value),
            Ok(None) => {}
            Err(()) => out.problem(
                "unexpected_datapoint",
                format!(
                    "datapoint {} of {name} has {:?} {:02x?}",
                    sent.id, sent.kind, sent.data
                ),
            ),
        }
    }
}

impl Primitive for Datapoint {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(TUYA);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let access = STATE | if self.writable { SET } else { 0 };
        let kind = match &self.form {
            Form::Number(_) => ExposeKind::Numeric,
            Form::Lookup(_) if self.binary => ExposeKind::Binary,
            Form::Lookup(_) => ExposeKind::Enum,
            Form::Text | Form::Raw => ExposeKind::Text,
        };
        let mut expose = Expose::generic(kind, &self.name, access);
        if let Some(label) = &self.label {
            expose.label = Some(label.clone());
        }
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        expose.unit.clone_from(&self.unit);
        if let Some((least, greatest)) = self.range {
            expose.value_min = Some(number::json(least));
            expose.value_max = Some(number::json(greatest));
        }
        expose.value_step = self.step.map(number::json);
        expose.presets.clone_from(&self.presets);
        if let Form::Lookup(lookup) = &self.form {
            let mut values = lookup.values.iter().map(|(value, _)| value.clone());
            if self.binary {
                expose.value_on = values.next();
                expose.value_off = values.next();
                expose.value_toggle = self.toggle.then(|| Json::from("TOGGLE"));
            } else {
                expose.values = Some(self.shown.clone().unwrap_or_else(|| values.collect()));
            }
        }
        out.push(expose);
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
            if sent.id != self.dp {
                continue;
            }
            if incoming.is_repeated(memory) {
                return;
            }
            Self::take(&self.name, &self.form, &sent, out);
            for also in &self.also {
                Self::take(&also.name, &also.form, &sent, out);
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.writable && self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        if !self.writable {
            return None;
        }
        Some(Box::pin(async move {
            if let Some(key) = &self.spared_by
                && call.message.get(key).is_some()
                && call.state(&self.name).as_ref() == Some(call.value)
            {
                return Ok(JsonMap::new());
            }
            let wanted = self.wanted(call);
            for part in &self.first {
                Self::send(call, part.dp, &part.form, &wanted).await?;
            }
            Self::send(call, self.dp, &self.form, &wanted).await?;
            if self.reported {
                return Ok(JsonMap::new());
            }
            Ok(JsonMap::from_iter([(self.name.clone(), wanted)]))
        }))
    }
}
