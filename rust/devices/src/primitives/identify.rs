//! Identification: the device shows which one it is.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{ClusterId, CommandId};

use super::Primitive;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::{JsonMap, LocalFuture};

const IDENTIFY: ClusterId = ClusterId(0x0003);
const START: CommandId = CommandId(0x00);
const OPTION: &str = "identify_timeout";
/// Seconds, where the option says nothing.
const DURATION: u16 = 3;
const DURATIONS: std::ops::RangeInclusive<u64> = 1..=30;

/// A way to find the device among others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identify {
    /// The device listens only now and then.
    #[serde(default)]
    sleepy: bool,
    /// The endpoint that it is shown on.
    #[serde(default)]
    endpoint: Option<String>,
}

impl Primitive for Identify {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut description = "Initiate device identification".to_owned();
        if self.sleepy {
            description.push_str(
                ". This device is asleep by default.You may need to wake it up first before sending \
                 the identify command.",
            );
        }
        let mut expose = Expose::generic(ExposeKind::Enum, "identify", SET)
            .described(description)
            .in_category("config");
        expose.values = Some(vec![Json::from("identify")]);
        out.push(match &self.endpoint {
            Some(endpoint) => expose.on_endpoint(endpoint),
            None => expose,
        });
    }

    fn options(&self, out: &mut Vec<Expose>) {
        let mut option = Expose::generic(ExposeKind::Numeric, OPTION, SET).described(
            "Sets the duration of the identification procedure in seconds (i.e., how long the device \
             would flash).The value ranges from 1 to 30 seconds (default: 3).",
        );
        option.value_min = Some(Json::from(*DURATIONS.start()));
        option.value_max = Some(Json::from(*DURATIONS.end()));
        out.push(option);
    }

    fn claims(&self, key: &str) -> bool {
        key == "identify"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let duration = call
                .options
                .get(OPTION)
                .and_then(Json::as_u64)
                .filter(|duration| DURATIONS.contains(duration))
                .and_then(|duration| u16::try_from(duration).ok())
                .unwrap_or(DURATION);
            let payload = duration.to_le_bytes().to_vec();
            call.command(IDENTIFY, START, payload, "identify").await?;
            Ok(JsonMap::new())
        }))
    }
}
