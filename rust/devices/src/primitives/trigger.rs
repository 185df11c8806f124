//! Something that a device does when it is told: a command of a cluster.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{ClusterId, CommandId, ManufacturerCode};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, ClusterNumber, Data, EndpointNumber};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET, STATE};
use crate::message::{Decoded, Effect, Memory};
use crate::{JsonMap, LocalFuture, Operation, number};

/// A key that sends a command.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trigger {
    /// Its name, also its property.
    name: String,
    cluster: ClusterNumber,
    #[serde(deserialize_with = "number::hexadecimal")]
    command: u8,
    #[serde(default)]
    manufacturer: Option<Code>,
    /// The first value sends the command; the others only say that it is over.
    values: Vec<String>,
    /// The values are on and off, and published.
    #[serde(default)]
    binary: bool,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// The coordinator's endpoint that the device listens to.
    #[serde(default)]
    source: Option<EndpointNumber>,
    /// The command asks for no default response.
    #[serde(default)]
    no_default_response: bool,
    /// When it is possible.
    #[serde(default)]
    only_when: Option<OnlyWhen>,
    /// When it is sent without being asked for.
    #[serde(default)]
    automatic: Option<Automatic>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Code(#[serde(deserialize_with = "number::hexadecimal")] u16);

/// A property that has one of several values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyWhen {
    property: String,
    values: Vec<Json>,
    /// What is said when it has not.
    otherwise: String,
}

/// The device reports an attribute while a property is true.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Automatic {
    at: At,
    property: String,
    endpoint: EndpointNumber,
}

impl OnlyWhen {
    fn holds(&self, value: Option<&Json>) -> bool {
        value.is_some_and(|value| self.values.contains(value))
    }
}

impl Trigger {
    fn operation(&self, endpoint: zigbee::EndpointId) -> Operation {
        let command = Operation::Command {
            endpoint,
            cluster: self.cluster.into(),
            manufacturer: self.manufacturer.map(|code| ManufacturerCode(code.0)),
            command: CommandId(self.command),
            payload: Vec::new(),
            disable_default_response: self.no_default_response,
        };
        match self.source {
            Some(source) => Operation::From(source.into(), Box::new(command)),
            None => command,
        }
    }
}

impl Primitive for Trigger {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.extend(
            self.automatic
                .iter()
                .map(|automatic| automatic.at.cluster()),
        );
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let values = || self.values.iter().map(|value| Json::from(value.as_str()));
        let mut expose = if self.binary {
            let mut expose = Expose::generic(ExposeKind::Binary, &self.name, STATE | SET);
            expose.value_on = values().next();
            expose.value_off = values().nth(1);
            expose
        } else {
            let mut expose = Expose::generic(ExposeKind::Enum, &self.name, SET);
            expose.values = Some(values().collect());
            expose
        };
        if let Some(label) = &self.label {
            expose.label = Some(label.clone());
        }
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(automatic) = &self.automatic else {
            return;
        };
        let wanted = incoming.state.get(&automatic.property) == Some(&Json::Bool(true));
        let possible = self
            .only_when
            .as_ref()
            .is_none_or(|when| when.holds(incoming.state.get(&when.property)));
        if incoming.value(automatic.at).is_some() && wanted && possible {
            let operation = self.operation(automatic.endpoint.into());
            out.effects.push(Effect::Perform(operation));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if let Some(when) = &self.only_when
                && !when.holds(call.state(&when.property).as_ref())
            {
                return Err(Failure::value(when.otherwise.as_str()));
            }
            let given = call.value.as_str().unwrap_or_default();
            let index = self
                .values
                .iter()
                .position(|value| value.eq_ignore_ascii_case(given));
            let Some(index) = index else {
                return Err(Failure::value(format!(
                    "Value {} not allowed for {}, choose between: {}",
                    call.value,
                    self.name,
                    self.values.join(", ")
                )));
            };
            if index == 0 {
                let operation = self.operation(call.endpoint);
                call.perform(operation, self.cluster.into(), &self.name)
                    .await?;
            }
            Ok(if self.binary {
                JsonMap::from_iter([(self.name.clone(), call.value.clone())])
            } else {
                JsonMap::new()
            })
        }))
    }
}
