//! A switch: the cluster genOnOff with its timed commands.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Value;
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId};

use super::Primitive;
use crate::decode::{Incoming, structure_clusters};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, number};

pub(super) const ON_OFF: ClusterId = ClusterId(0x0006);
pub(super) const STATE_ATTRIBUTE: AttributeId = AttributeId(0x0000);
const OFF: CommandId = CommandId(0x00);
const ON: CommandId = CommandId(0x01);
const TOGGLE: CommandId = CommandId(0x02);
const ON_WITH_TIMED_OFF: CommandId = CommandId(0x42);

/// A switch on each of the named endpoints, or one for the whole device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnOff {
    /// The endpoints with a switch; none for a device with a single switch.
    #[serde(default)]
    endpoints: Vec<String>,
    /// Tags of the structure that carry the state too, in the order of the endpoints.
    #[serde(default)]
    tags: Vec<u8>,
    /// False where something else shows and sets the state, and reports of this cluster only tell it.
    #[serde(default = "yes")]
    exposed: bool,
    /// A message of the cluster without the state means off. The state is never an action then.
    #[serde(default)]
    absent_is_off: bool,
    /// The device repeats a message with the same transaction number.
    #[serde(default)]
    repeats: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn state_of(value: &Value) -> Option<&'static str> {
    number::integer(value).map(|value| if value == 1 { "ON" } else { "OFF" })
}

impl OnOff {
    /// The name of an endpoint that has one of several switches.
    fn named(&self, data: &Data, endpoint: EndpointId) -> Option<&str> {
        let name = data.endpoint_name(endpoint)?;
        self.endpoints
            .iter()
            .map(String::as_str)
            .find(|known| *known == name)
    }
}

impl Primitive for OnOff {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        out.push(ON_OFF);
        if !self.tags.is_empty() {
            out.extend(structure_clusters(data));
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let mut state = Expose::generic(ExposeKind::Binary, "state", STATE | SET | GET)
            .described("On/off state of the switch");
        state.value_on = Some(Json::from("ON"));
        state.value_off = Some(Json::from("OFF"));
        state.value_toggle = Some(Json::from("TOGGLE"));
        let mut switch = Expose::specific(ExposeKind::Switch);
        switch.features.push(state);
        if self.endpoints.is_empty() {
            out.push(switch);
        } else {
            out.extend(
                self.endpoints
                    .iter()
                    .map(|endpoint| switch.clone().on_endpoint(endpoint)),
            );
        }
    }

    fn listening_options(&self, out: &mut Vec<Expose>) {
        if !self.absent_is_off {
            out.push(state_action());
        }
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let mut names = self.endpoints.iter();
        for tag in &self.tags {
            let name = names.next();
            if let Some(state) = incoming.tag(*tag).and_then(state_of) {
                match name {
                    Some(name) => out.put(&format!("state_{name}"), state),
                    None => out.put("state", state),
                }
            }
        }
        let Some(value) = incoming.attribute(ON_OFF, STATE_ATTRIBUTE) else {
            if self.absent_is_off && incoming.carries_attributes_of(ON_OFF) {
                out.put("state", "OFF");
            }
            return;
        };
        if self.repeats && incoming.is_repeated(memory) {
            return;
        }
        let Some(state) = state_of(value) else {
            out.problem("not_a_number", "onOff is not a boolean");
            return;
        };
        let action = incoming.options.get("state_action") == Some(&Json::Bool(true));
        if self.endpoints.is_empty() {
            out.put("state", state);
            if action {
                out.put("action", state.to_lowercase());
            }
        } else if let Some(name) = self.named(incoming.data, incoming.endpoint()) {
            out.put(&format!("state_{name}"), state);
            if action {
                out.put("action", format!("{}_{name}", state.to_lowercase()));
            }
        } else {
            out.problem(
                "unnamed_endpoint",
                format!(
                    "onOff comes from endpoint {}, which has no switch",
                    incoming.endpoint()
                ),
            );
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.exposed && matches!(key, "state" | "on_time" | "off_wait_time")
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(switch(
            call,
            call.message.get("state").unwrap_or(&Json::Null),
        )))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read_attribute(call.endpoint, ON_OFF, STATE_ATTRIBUTE, None)
                .await?;
            Ok(())
        }))
    }
}

/// The option that makes actions of states.
pub(super) fn state_action() -> Expose {
    let mut option = Expose::generic(ExposeKind::Binary, "state_action", SET)
        .described("State actions will also be published as 'action' when true (default false).");
    option.value_on = Some(Json::Bool(true));
    option.value_off = Some(Json::Bool(false));
    option
}

/// Switches (mqtt-api.md §7.1), for a time if the message says so; gives the state to publish.
pub(super) async fn switch(call: &Call<'_>, wanted: &Json) -> Result<JsonMap, Failure> {
    let text = match wanted {
        Json::String(text) => text.to_lowercase(),
        other => other.to_string(),
    };
    let command = match text.as_str() {
        "on" => ON,
        "off" => OFF,
        "toggle" => TOGGLE,
        _ => {
            return Err(Failure::value(format!(
                "'{text}' not allowed, choose between: toggle,off,on"
            )));
        }
    };
    let (on_time, off_wait_time) = if command == ON {
        (seconds(call, "on_time")?, seconds(call, "off_wait_time")?)
    } else {
        (None, None)
    };
    if on_time.is_some() || off_wait_time.is_some() {
        let mut payload = vec![0];
        payload.extend(on_time.unwrap_or(0).to_le_bytes());
        payload.extend(off_wait_time.unwrap_or(0).to_le_bytes());
        call.command(ON_OFF, ON_WITH_TIMED_OFF, payload, "onWithTimedOff")
            .await?;
        return Ok(JsonMap::new());
    }
    let mut state = JsonMap::new();
    let published = match command {
        ON => Some("ON"),
        OFF => Some("OFF"),
        _ => match call.state("state").as_ref().and_then(Json::as_str) {
            Some("ON") => Some("OFF"),
            Some("OFF") => Some("ON"),
            _ => None,
        },
    };
    call.command(ON_OFF, command, Vec::new(), &text).await?;
    if let Some(published) = published {
        state.insert("state".to_owned(), Json::from(published));
    }
    Ok(state)
}

/// A time of the message in tenths of a second, as on the wire.
fn seconds(call: &Call<'_>, key: &str) -> Result<Option<u16>, Failure> {
    let Some(value) = call.message.get(key) else {
        return Ok(None);
    };
    let Some(value) = value.as_f64() else {
        return Err(Failure::value(format!("The {key} value must be a number!")));
    };
    let tenths = number::round(value * 10.0);
    if !(0.0..=f64::from(u16::MAX)).contains(&tenths) {
        return Err(Failure::value(format!(
            "The {key} value {value} is out of range, it must be between 0 and 6553.5 seconds"
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within u16, checked above"
    )]
    Ok(Some(tenths as u16))
}
