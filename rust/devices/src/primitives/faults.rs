//! Faults of a device: bits of an attribute, as one line of text.

use serde::Deserialize;
use zigbee::ClusterId;

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, STATE};
use crate::message::{Decoded, Memory};
use crate::{LocalFuture, number};

/// What is published when there is none.
const NONE: &str = "ok";

/// The names of the bits that are set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Faults {
    /// Its name, also its property.
    name: String,
    at: At,
    /// Bits, counted from the lowest, and their names.
    bits: Vec<(u8, String)>,
    /// What stands between two names.
    separator: String,
    #[serde(default)]
    description: Option<String>,
}

impl Primitive for Faults {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose =
            Expose::generic(ExposeKind::Text, &self.name, STATE | GET).in_category("diagnostic");
        expose.description.clone_from(&self.description);
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(word) = incoming.value(self.at).and_then(number::integer) else {
            return;
        };
        let names: Vec<&str> = self
            .bits
            .iter()
            .filter(|(bit, _)| word >> (*bit).min(63) & 1 != 0)
            .map(|(_, name)| name.as_str())
            .collect();
        if names.is_empty() {
            out.put(&self.name, NONE);
        } else {
            out.put(&self.name, names.join(&self.separator));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read(call.endpoint, self.at).await?;
            Ok(())
        }))
    }
}
