//! Tuya's own cluster: datapoints, and what devices ask their gateway.

mod datapoint;
mod frame;
mod program;
mod values;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId, EndpointId};

pub(super) use datapoint::Datapoint;
pub(super) use program::Program;

use self::frame::{Datapoints, Kind};
use super::Primitive;
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, SET};
use crate::function::typed_data;
use crate::message::{Decoded, Effect, Memory, TellTime};
use crate::{JsonMap, Operation};

/// The cluster.
pub(super) const CLUSTER: ClusterId = TUYA;
const TUYA: ClusterId = ClusterId(0xef00);
const DATA_REQUEST: CommandId = CommandId(0x00);
const DATA_RESPONSE: CommandId = CommandId(0x01);
const DATA_REPORT: CommandId = CommandId(0x02);
const STATUS_REPORT: CommandId = CommandId(0x05);
const STATUS_REPORT_ALT: CommandId = CommandId(0x06);
const VERSION_RESPONSE: CommandId = CommandId(0x11);
const SYNC_TIME: CommandId = CommandId(0x24);
const CONNECTION_STATUS: CommandId = CommandId(0x25);
const TIME_OPTION: &str = "time_start";
/// Devices with a bad clock are told the time again when they speak after this long.
const TELL_AGAIN_MS: u64 = 3_600_000;

/// True for the commands of a device that carry datapoints.
pub(super) fn carries_datapoints(command: Command<'_>) -> bool {
    command.cluster == TUYA
        && command.direction == Direction::ToClient
        && matches!(
            command.id,
            DATA_RESPONSE | DATA_REPORT | STATUS_REPORT | STATUS_REPORT_ALT
        )
}

/// The datapoints of a command with their values: numbers, yes and no, text or bytes. Of one that comes
/// twice the last counts.
pub(super) fn datapoint_values(command: Command<'_>) -> Vec<(u8, Json)> {
    if !carries_datapoints(command) {
        return Vec::new();
    }
    let value = |sent: &frame::Datapoint<'_>| match sent.kind {
        Kind::Bool => Json::from(sent.number() == Some(1)),
        Kind::Text => String::from_utf8_lossy(sent.data).into_owned().into(),
        _ => sent
            .number()
            .map_or_else(|| typed_data(sent.data), Json::from),
    };
    Datapoints::of(command.payload)
        .map(|sent| (sent.id, value(&sent)))
        .collect()
}

/// A command that sets a datapoint. `bytes` is the value where it can be read as bytes.
pub(crate) fn datapoint_operation(
    endpoint: EndpointId,
    dp: u8,
    kind: &str,
    value: &Json,
    bytes: Option<Vec<u8>>,
) -> Result<Operation, String> {
    let unfit = || format!("a datapoint of type '{kind}' can't be {value}");
    let whole = value.as_i64();
    let (kind, data) = match kind {
        "bool" => {
            let yes = value.as_bool().or_else(|| Some(whole? != 0));
            (Kind::Bool, yes.map(|yes| vec![u8::from(yes)]))
        }
        "enum" => {
            let byte = whole.and_then(|number| u8::try_from(number).ok());
            (Kind::Enum, byte.map(|byte| vec![byte]))
        }
        "value" => {
            let number = whole.and_then(|number| i32::try_from(number).ok());
            (
                Kind::Value,
                number.map(|number| number.to_be_bytes().to_vec()),
            )
        }
        "bitmap" => {
            let bits = whole.and_then(|number| u32::try_from(number).ok());
            let bytes = bits.map(|bits| match (u8::try_from(bits), u16::try_from(bits)) {
                (Ok(bits), _) => vec![bits],
                (_, Ok(bits)) => bits.to_be_bytes().to_vec(),
                _ => bits.to_be_bytes().to_vec(),
            });
            (Kind::Bitmap, bytes)
        }
        "string" => (
            Kind::Text,
            value.as_str().map(|text| text.as_bytes().to_vec()),
        ),
        "raw" => (Kind::Raw, bytes),
        other => {
            return Err(format!(
                "'{other}' is no type of a datapoint: bool, value, enum, string, raw or bitmap"
            ));
        }
    };
    let data = data
        .filter(|data| data.len() <= frame::LONGEST)
        .ok_or_else(unfit)?;
    let sent = frame::Datapoint {
        id: dp,
        kind,
        data: &data,
    };
    Ok(Operation::Command {
        endpoint,
        cluster: TUYA,
        manufacturer: None,
        command: DATA_REQUEST,
        payload: frame::emit(datapoint::SEQUENCE, &sent),
        disable_default_response: true,
    })
}

/// The report of a device that took a command with datapoints: command and payload.
pub(crate) fn datapoint_echo(
    cluster: ClusterId,
    command: CommandId,
    payload: &[u8],
) -> Option<(CommandId, Vec<u8>)> {
    (cluster == TUYA && command == DATA_REQUEST).then(|| (DATA_REPORT, payload.to_vec()))
}

/// What Tuya's devices ask their gateway: the time, whether there is a cloud.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tuya {
    /// Where the time that it is told counts from, unless the option says otherwise.
    #[serde(default)]
    time: Time,
    /// Its clock is bad: the time is told now and then without being asked for.
    #[serde(default)]
    bad_clock: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Time {
    #[serde(rename = "1970")]
    Unix,
    #[serde(rename = "2000")]
    Zigbee,
    #[default]
    #[serde(rename = "off")]
    Off,
}

impl Time {
    fn name(self) -> &'static str {
        match self {
            Self::Unix => "1970",
            Self::Zigbee => "2000",
            Self::Off => "off",
        }
    }
}

impl Tuya {
    fn time(&self, options: &JsonMap) -> Time {
        let chosen = match options.get(TIME_OPTION) {
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => return self.time,
        };
        match chosen.as_str() {
            "1970" => Time::Unix,
            "2000" => Time::Zigbee,
            _ => Time::Off,
        }
    }
}

impl Primitive for Tuya {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(TUYA);
    }

    fn first_options(&self, out: &mut Vec<Expose>) {
        let mut option = Expose::generic(ExposeKind::Enum, TIME_OPTION, SET).described(format!(
            "Reply to Tuya-specific time synchronization requests: \"1970\" - Reply with seconds since \
             1970/01/01 (recommended, should stop the device from asking), \"2000\" - Reply with seconds \
             since 2000/01/01 (use if the weekday is wrong with 1970), \"off\" - Don't reply (use if \
             replying causes too much traffic). Default for this device: \"{}\"",
            self.time.name()
        ));
        option.values = Some(
            ["1970", "2000", "off"]
                .into_iter()
                .map(Json::from)
                .collect(),
        );
        out.push(option);
    }

    fn hears(&self, command: Command<'_>) -> bool {
        command.cluster == TUYA
            && command.direction == Direction::ToClient
            && (matches!(command.id, VERSION_RESPONSE | SYNC_TIME | CONNECTION_STATUS)
                || carries_datapoints(command))
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(command) = incoming.command().filter(|command| self.hears(*command)) else {
            return;
        };
        let endpoint = incoming.endpoint();
        if carries_datapoints(command) {
            let mut datapoints = Datapoints::of(command.payload);
            for _ in datapoints.by_ref() {}
            if datapoints.cut_off() {
                out.problem("malformed_datapoint", "a datapoint is cut off");
            }
        }
        let time = self.time(incoming.options);
        let asked = command.id == SYNC_TIME;
        if time != Time::Off && (asked || self.bad_clock) {
            out.effects.push(Effect::TellTime(TellTime {
                endpoint,
                since_2000: time == Time::Zigbee,
                unless_within_ms: if asked { 0 } else { TELL_AGAIN_MS },
            }));
        } else if command.id == CONNECTION_STATUS {
            // One byte: there is a connection.
            out.effects.push(Effect::Perform(Operation::Command {
                endpoint,
                cluster: TUYA,
                manufacturer: None,
                command: CONNECTION_STATUS,
                payload: vec![1, 0, 1],
                disable_default_response: false,
            }));
        }
    }
}

impl TellTime {
    /// The message that tells the time, in milliseconds since 1970. The local time in it is UTC's: there
    /// is no time zone in here.
    pub fn operation(&self, unix_ms: i64) -> Operation {
        /// 2000-01-01T00:00:00Z.
        const YEAR_2000: i64 = 946_684_800;
        let epoch = if self.since_2000 { YEAR_2000 } else { 0 };
        let seconds = unix_ms.saturating_add(500).div_euclid(1000) - epoch;
        let seconds = u32::try_from(seconds).unwrap_or_default().to_be_bytes();
        let mut payload = vec![8, 0];
        payload.extend(seconds);
        payload.extend(seconds);
        Operation::Command {
            endpoint: self.endpoint,
            cluster: TUYA,
            manufacturer: None,
            command: SYNC_TIME,
            payload,
            disable_default_response: false,
        }
    }
}
