//! Commands and attributes of lights on the wire.

use std::time::Duration;

use serde_json::Value as Json;
use zigbee::zcl::ReadRecord;
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId, ManufacturerCode};

use super::Traits;
use crate::color;
use crate::encode::{self, Call, Failure};
use crate::{Operation, OperationReply, number};

pub(super) const LEVEL: ClusterId = ClusterId(0x0008);
pub(super) const COLOR: ClusterId = ClusterId(0x0300);

pub(super) const CURRENT_LEVEL: u16 = 0x0000;
pub(super) const ON_LEVEL: u16 = 0x0011;

pub(super) const CURRENT_HUE: u16 = 0x0000;
pub(super) const CURRENT_SATURATION: u16 = 0x0001;
pub(super) const CURRENT_X: u16 = 0x0003;
pub(super) const CURRENT_Y: u16 = 0x0004;
pub(super) const TEMPERATURE: u16 = 0x0007;
pub(super) const COLOR_MODE: u16 = 0x0008;
pub(super) const COLOR_OPTIONS: u16 = 0x000f;
pub(super) const ENHANCED_HUE: u16 = 0x4000;
pub(super) const CAPABILITIES: u16 = 0x400a;
pub(super) const LEAST_TEMPERATURE: u16 = 0x400b;
pub(super) const GREATEST_TEMPERATURE: u16 = 0x400c;
pub(super) const STARTUP: u16 = 0x4010;

/// The node descriptor's code of IKEA.
const IKEA: ManufacturerCode = ManufacturerCode(0x117c);

/// A command with its name, for messages about failures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    cluster: ClusterId,
    id: u8,
    name: &'static str,
}

const fn level(id: u8, name: &'static str) -> Named {
    Named {
        cluster: LEVEL,
        id,
        name,
    }
}

const fn colour(id: u8, name: &'static str) -> Named {
    Named {
        cluster: COLOR,
        id,
        name,
    }
}

pub(super) const MOVE_TO_LEVEL: Named = level(0x00, "moveToLevel");
pub(super) const MOVE: Named = level(0x01, "move");
pub(super) const STEP: Named = level(0x02, "step");
pub(super) const STOP: Named = level(0x03, "stop");
pub(super) const MOVE_TO_LEVEL_WITH_ON_OFF: Named = level(0x04, "moveToLevelWithOnOff");
pub(super) const MOVE_WITH_ON_OFF: Named = level(0x05, "moveWithOnOff");
pub(super) const STEP_WITH_ON_OFF: Named = level(0x06, "stepWithOnOff");
pub(super) const MOVE_TO_HUE: Named = colour(0x00, "moveToHue");
pub(super) const MOVE_HUE: Named = colour(0x01, "moveHue");
pub(super) const STEP_HUE: Named = colour(0x02, "stepHue");
pub(super) const MOVE_TO_SATURATION: Named = colour(0x03, "moveToSaturation");
pub(super) const MOVE_SATURATION: Named = colour(0x04, "moveSaturation");
pub(super) const STEP_SATURATION: Named = colour(0x05, "stepSaturation");
pub(super) const MOVE_TO_HUE_AND_SATURATION: Named = colour(0x06, "moveToHueAndSaturation");
pub(super) const MOVE_TO_COLOR: Named = colour(0x07, "moveToColor");
pub(super) const MOVE_TO_TEMPERATURE: Named = colour(0x0a, "moveToColorTemp");
pub(super) const ENHANCED_MOVE_TO_HUE: Named = colour(0x40, "enhancedMoveToHue");
pub(super) const ENHANCED_MOVE_TO_HUE_AND_SATURATION: Named =
    colour(0x43, "enhancedMoveToHueAndSaturation");
pub(super) const MOVE_TEMPERATURE: Named = colour(0x4b, "moveColorTemp");
pub(super) const STEP_TEMPERATURE: Named = colour(0x4c, "stepColorTemp");

/// The payload of a command, little endian.
#[derive(Debug, Default)]
pub(super) struct Payload(Vec<u8>);

impl Payload {
    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn word(mut self, word: u16) -> Self {
        self.0.extend(word.to_le_bytes());
        self
    }

    /// Sends it to the addressed light, with no bits of options and none overridden.
    pub(super) async fn send(
        mut self,
        call: &Call<'_>,
        command: Named,
        traits: Traits,
    ) -> Result<(), Failure> {
        if !traits.short_commands {
            self.0.extend([0, 0]);
        }
        call.command(command.cluster, CommandId(command.id), self.0, command.name)
            .await
    }
}

/// How long a change takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transition {
    /// Tenths of a second.
    pub(super) tenths: u16,
    /// The message or an option says so.
    pub(super) specified: bool,
}

impl Transition {
    pub(super) const NONE: Self = Self {
        tenths: 0,
        specified: false,
    };

    /// What the message says, else what the option says (mqtt-api.md §7).
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let given = call.message.get("transition");
        let option = || call.options.get("transition");
        let there = |value: &&Json| !value.is_null();
        let Some(seconds) = given.filter(there).or_else(|| {
            let filled = |value: &&Json| value.as_str() != Some("");
            option().filter(there).filter(filled)
        }) else {
            return Ok(Self::NONE);
        };
        let tenths = finite(seconds)
            .map(|seconds| (seconds * 10.0).trunc())
            .filter(|tenths| (0.0..=f64::from(u16::MAX)).contains(tenths))
            .ok_or_else(|| {
                Failure::value(format!(
                    "transition must be a number of seconds between 0 and 6553.5, got {seconds}"
                ))
            })?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within u16, checked above"
        )]
        let tenths = tenths as u16;
        Ok(Self {
            tenths,
            specified: true,
        })
    }

    /// The same for a brightness: IKEA's lights forget it when a colour follows while it still changes, so
    /// that it comes at once.
    pub(super) fn of_brightness(call: &Call<'_>) -> Result<Self, Failure> {
        let there = |key: &str| call.message.get(key).is_some_and(|value| !value.is_null());
        if (there("color") || there("color_temp")) && is_ikea(call) {
            return Ok(Self::NONE);
        }
        Self::of(call)
    }

    pub(super) fn duration(self) -> Duration {
        Duration::from_millis(u64::from(self.tenths) * 100)
    }
}

/// True for IKEA's devices and for groups with one.
fn is_ikea(call: &Call<'_>) -> bool {
    let members = call.io.members();
    let mut devices = members.iter().map(|member| &member.device);
    devices.any(|device| device.manufacturer_code == Some(IKEA))
        || (members.is_empty()
            && call
                .io
                .device()
                .is_some_and(|device| device.manufacturer_code == Some(IKEA)))
}

/// A finite number, also as text.
pub(super) fn finite(json: &Json) -> Option<f64> {
    color::finite(json)
}

/// The number of the key's value.
pub(super) fn given(call: &Call<'_>) -> Result<f64, Failure> {
    finite(call.value)
        .ok_or_else(|| Failure::value(format!("{} is not a number, got {}", call.key, call.value)))
}

/// A number without its sign and fraction as a field of a command.
pub(super) fn magnitude<T: TryFrom<u32>>(call: &Call<'_>, value: f64) -> Result<T, Failure> {
    let whole = value.abs().trunc();
    let refused = || Failure::value(format!("{} cannot be {value}: out of range", call.key));
    if whole > f64::from(u16::MAX) {
        return Err(refused());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within u16, checked above"
    )]
    T::try_from(whole as u32).map_err(|_| refused())
}

/// A part of a range (0 to `from`) as a part of another (0 to `to`), rounded.
pub(super) fn scaled(value: f64, from: f64, to: u16) -> u16 {
    let to = f64::from(to);
    let mapped = number::round(value / from * to).clamp(0.0, to);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within u16: clamped"
    )]
    {
        mapped as u16
    }
}

/// The same as a byte: 0 to 254.
pub(super) fn scaled_byte(value: f64, from: f64) -> u8 {
    u8::try_from(scaled(value, from, 254)).unwrap_or(254)
}

/// Reads attributes of the addressed light; the answers are published.
pub(super) async fn read(
    call: &Call<'_>,
    cluster: ClusterId,
    attributes: &[u16],
) -> Result<(), Failure> {
    encode::read(
        call.data,
        call.io,
        call.endpoint,
        cluster,
        None,
        attributes.iter().copied().map(AttributeId).collect(),
    )
    .await
    .map(drop)
    .map_err(|why| call.failed(call.endpoint, cluster, "read", why))
}

/// Reads an attribute that the light may not have.
pub(super) async fn optional(call: &Call<'_>, cluster: ClusterId, attribute: u16) -> Option<i64> {
    let attributes = vec![AttributeId(attribute)];
    let read = encode::read(call.data, call.io, call.endpoint, cluster, None, attributes);
    found(&read.await.ok()?, attribute)
}

/// Reads attributes of the light, or of one member of the group, whose answer stands for all.
pub(super) async fn ask(
    call: &Call<'_>,
    cluster: ClusterId,
    attributes: &[u16],
) -> Result<Vec<ReadRecord>, Failure> {
    let operation = Operation::Read {
        endpoint: call.endpoint,
        cluster,
        manufacturer: None,
        attributes: attributes.iter().copied().map(AttributeId).collect(),
    };
    match call.io.ask(operation).await {
        Ok(OperationReply::Read(records)) => Ok(records),
        Ok(_) => Ok(Vec::new()),
        Err(why) => Err(call.failed(call.endpoint, cluster, "read", why)),
    }
}

/// The number of an attribute among records.
pub(super) fn found(records: &[ReadRecord], attribute: u16) -> Option<i64> {
    let mut records = records.iter();
    records.find_map(|record| match &record.result {
        Ok((_, value)) if record.id == AttributeId(attribute) => number::integer(value),
        _ => None,
    })
}

/// Waits.
pub(super) async fn sleep(call: &Call<'_>, time: Duration) {
    // A wait that is cut short does no harm.
    let _ = call.io.perform(Operation::Sleep(time)).await;
}

/// The key of what is noted about a light.
pub(super) fn note_key(name: &str, endpoint: EndpointId) -> String {
    format!("light_{name}_{endpoint}")
}
