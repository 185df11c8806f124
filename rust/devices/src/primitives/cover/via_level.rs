//! Covers that are moved as lights are dimmed: vents, the cluster genLevelCtrl.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{AttributeId, ClusterId, CommandId};

use super::{INVERT, cover, invert_option, is_set, percent, percentage};
use crate::decode::Incoming;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture, number};

const LEVEL_CONTROL: ClusterId = ClusterId(0x0008);
const CURRENT_LEVEL: AttributeId = AttributeId(0x0000);
const STOP: CommandId = CommandId(0x03);
const MOVE_TO_LEVEL_WITH_ON_OFF: CommandId = CommandId(0x04);
/// The level of an open cover.
const OPEN: f64 = 255.0;

/// A cover whose position is its level.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoverViaLevel {}

impl Primitive for CoverViaLevel {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(LEVEL_CONTROL);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut cover = cover(STATE | SET | GET);
        cover.features.push(percentage("position"));
        out.push(cover);
    }

    fn options(&self, out: &mut Vec<Expose>) {
        out.push(invert_option());
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if incoming.message.cluster != LEVEL_CONTROL || incoming.command().is_some() {
            return;
        }
        // Other attributes of the cluster alone mean that there is no position (vector Keen_Home_SV01-08).
        let level = incoming
            .attribute(LEVEL_CONTROL, CURRENT_LEVEL)
            .and_then(number::of)
            .unwrap_or(f64::NAN);
        let mut position = number::round(level / OPEN * 100.0);
        let inverted = is_set(incoming.options, INVERT);
        if inverted {
            position = 100.0 - position;
        }
        let open = (position > 0.0) != inverted;
        out.put("position", number::json(position));
        out.put("state", if open { "OPEN" } else { "CLOSE" });
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, "state" | "position")
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let word = call.value.as_str().map(str::to_lowercase);
            let value = match word.as_deref() {
                Some("stop") => {
                    // No options of the cluster are overridden.
                    call.command(LEVEL_CONTROL, STOP, vec![0, 0], "stop")
                        .await?;
                    return Ok(JsonMap::new());
                }
                Some("open") => 100,
                Some("close") => 0,
                Some(_) => {
                    return Err(Failure::value(format!(
                        "Value {} not allowed for {}, choose between: open, close, stop",
                        call.value, call.key
                    )));
                }
                None => percent(call)?,
            };
            let aim = if is_set(call.options, INVERT) {
                100 - value
            } else {
                value
            };
            let level = number::round(f64::from(aim) * OPEN / 100.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole part of 255"
            )]
            let level = level as u8;
            // At once; no options of the cluster are overridden.
            let payload = vec![level, 0, 0, 0, 0];
            call.command(
                LEVEL_CONTROL,
                MOVE_TO_LEVEL_WITH_ON_OFF,
                payload,
                "moveToLevelWithOnOff",
            )
            .await?;
            Ok(JsonMap::from_iter([(
                "position".to_owned(),
                Json::from(value),
            )]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read_attribute(call.endpoint, LEVEL_CONTROL, CURRENT_LEVEL, None)
                .await?;
            Ok(())
        }))
    }
}
