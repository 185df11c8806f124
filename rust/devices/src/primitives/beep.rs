//! A beep, by way of identification.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{ClusterId, CommandId};

use super::Primitive;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::{JsonMap, LocalFuture, number};

const IDENTIFY: ClusterId = ClusterId(0x0003);
const START: CommandId = CommandId(0x00);

/// A device that beeps while it identifies itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beep {
    /// Seconds, as shown.
    seconds: Vec<u16>,
}

/// Seconds of a number or of one written as text. What is neither stops the beeping: so it has always
/// been.
fn duration(value: &Json) -> u16 {
    let seconds = match value {
        Json::String(text) => text.trim().parse().unwrap_or_default(),
        other => other.as_f64().unwrap_or_default(),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within u16 by clamp"
    )]
    let whole = number::round(seconds).clamp(0.0, f64::from(u16::MAX)) as u16;
    whole
}

impl Primitive for Beep {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose =
            Expose::generic(ExposeKind::Enum, "beep", SET).described("Trigger beep for x seconds");
        expose.values = Some(
            self.seconds
                .iter()
                .map(|seconds| Json::from(seconds.to_string()))
                .collect(),
        );
        out.push(expose);
    }

    fn claims(&self, key: &str) -> bool {
        key == "beep"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let payload = duration(call.value).to_le_bytes().to_vec();
            call.command(IDENTIFY, START, payload, "identify").await?;
            Ok(JsonMap::new())
        }))
    }
}
