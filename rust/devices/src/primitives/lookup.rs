//! A value that the device only tells, in words of its own choice.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::Value;

use super::Primitive;
use crate::decode::{Incoming, structure_clusters};
use crate::definition::{At, Data};
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;

/// Numbers and what they mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lookup {
    /// Its name, also its property.
    name: String,
    sources: Vec<Source>,
    /// Meanings and their numbers, in the order of the expose.
    values: Vec<(Json, i64)>,
    /// What every other number means.
    #[serde(default)]
    otherwise: Option<Json>,
    /// False for values that are published without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(default)]
    at: Option<At>,
    #[serde(default)]
    tag: Option<u8>,
    /// Only of devices whose application version is lower.
    #[serde(default)]
    before_version: Option<u8>,
    /// Only of devices whose application version is this or higher.
    #[serde(default)]
    since_version: Option<u8>,
}

impl Source {
    fn value<'a>(&self, incoming: &'a Incoming<'_>) -> Option<&'a Value> {
        let version = incoming.device.application_version.unwrap_or_default();
        if self.before_version.is_some_and(|before| version >= before)
            || self.since_version.is_some_and(|since| version < since)
        {
            return None;
        }
        match (self.at, self.tag) {
            (Some(at), _) => incoming.value(at),
            (None, Some(tag)) => incoming.tag(tag),
            (None, None) => None,
        }
    }
}

impl Primitive for Lookup {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        for source in &self.sources {
            out.extend(source.at.map(At::cluster));
            if source.tag.is_some() {
                out.extend(structure_clusters(data));
            }
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let mut expose = Expose::generic(ExposeKind::Enum, &self.name, STATE);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        expose.values = Some(self.values.iter().map(|(value, _)| value.clone()).collect());
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        for source in &self.sources {
            let Some(value) = source.value(incoming) else {
                continue;
            };
            let meaning = number::integer(value)
                .and_then(|raw| self.values.iter().find(|(_, known)| *known == raw));
            match meaning
                .map(|(meaning, _)| meaning)
                .or(self.otherwise.as_ref())
            {
                Some(meaning) => out.put(&self.name, meaning.clone()),
                None => out.problem(
                    "unexpected_value",
                    format!("{value:?} is none of the values of {}", self.name),
                ),
            }
        }
    }
}
