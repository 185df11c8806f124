//! Somebody is there: what sensors of motion and presence say, and when it is over.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId, EndpointId};

use super::Primitive;
use crate::decode::{Command, Incoming};
use crate::definition::{At, ClusterNumber, Data, EndpointNumber};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::timer::{self, Expiry};
use crate::{JsonMap, LocalFuture, number};

const ON_OFF: ClusterId = ClusterId(0x0006);
const ON_WITH_TIMED_OFF: CommandId = CommandId(0x42);
/// Bit of `onWithTimedOff`: only what is on already stays on.
const ONLY_WHEN_ON: u8 = 0x01;
const ABOVE: &str = "illuminance_above_threshold";
const CHECK: &str = "illuminance_below_threshold_check";
const SINCE: &str = "no_occupancy_since";

/// Motion or presence.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Motion {
    /// `occupancy` or `presence`, also the property.
    name: String,
    signal: Signal,
    /// Seconds after the last signal until nobody is there, where the option says nothing. None: the
    /// device says so itself.
    #[serde(default)]
    timeout: Option<u32>,
    /// Offers the option `no_occupancy_since`.
    #[serde(default)]
    since: bool,
    /// `get` reads the attribute of the signal.
    #[serde(default)]
    read: Option<Read>,
    /// False where another capability exposes the name.
    #[serde(default = "yes")]
    exposed: bool,
}

fn yes() -> bool {
    true
}

/// What says that somebody is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signal {
    /// Bit 0 of an attribute, as of `msOccupancySensing` (ZCL 4.8.2.2.1). With a time-out only 1 counts.
    Attribute(At),
    /// Any report of a cluster.
    Cluster(ClusterNumber),
    /// A command that the device sends.
    Command {
        cluster: ClusterNumber,
        #[serde(deserialize_with = "number::hexadecimal")]
        id: u8,
    },
    /// The command that switches a light on for a while; its time is the default of the time-out.
    TimedOn,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
}

/// What a message says.
struct Sign {
    there: bool,
    /// The message's own time-out.
    timeout: Option<Duration>,
    /// The light need not be on.
    bright: Option<bool>,
}

impl From<bool> for Sign {
    fn from(there: bool) -> Self {
        Self {
            there,
            timeout: None,
            bright: None,
        }
    }
}

impl Motion {
    fn at(&self) -> Option<At> {
        match self.signal {
            Signal::Attribute(at) => Some(at),
            _ => None,
        }
    }

    /// The name of the option with the time-out, and of its timer.
    fn option(&self) -> String {
        format!("{}_timeout", self.name)
    }

    fn ends_by_itself(&self) -> bool {
        self.timeout.is_some() || matches!(self.signal, Signal::TimedOn)
    }

    fn is_signal(&self, command: Command<'_>) -> bool {
        let (cluster, id) = match self.signal {
            Signal::Command { cluster, id } => (ClusterId::from(cluster), CommandId(id)),
            Signal::TimedOn => (ON_OFF, ON_WITH_TIMED_OFF),
            Signal::Attribute(_) | Signal::Cluster(_) => return false,
        };
        command.direction == Direction::ToServer && command.cluster == cluster && command.id == id
    }

    fn sign(&self, incoming: &Incoming<'_>) -> Option<Sign> {
        match self.signal {
            Signal::Attribute(at) => {
                let value = number::integer(incoming.value(at)?)?;
                if self.ends_by_itself() {
                    (value == 1).then(|| true.into())
                } else {
                    Some((value & 1 != 0).into())
                }
            }
            Signal::Cluster(cluster) => (incoming.message.cluster == cluster.into()
                && incoming.command().is_none())
            .then(|| true.into()),
            Signal::Command { .. } => {
                let command = incoming.command()?;
                self.is_signal(command).then(|| true.into())
            }
            Signal::TimedOn => {
                let command = incoming
                    .command()
                    .filter(|command| self.is_signal(*command))?;
                let (&control, rest) = command.payload.split_first()?;
                let (tenths, _) = rest.split_first_chunk()?;
                Some(Sign {
                    there: true,
                    timeout: Some(Duration::from_millis(
                        u64::from(u16::from_le_bytes(*tenths)) * 100,
                    )),
                    bright: Some(control & ONLY_WHEN_ON != 0),
                })
            }
        }
    }

    /// The time-out as the options have it.
    fn timeout(&self, options: &JsonMap, of_message: Option<Duration>) -> Option<Duration> {
        let own = options
            .get(&self.option())
            .filter(|option| !option.is_null())
            .and_then(timer::seconds);
        let default = || {
            self.timeout
                .map(|seconds| Duration::from_secs(seconds.into()))
        };
        own.or(of_message)
            .or_else(default)
            .filter(|timeout| !timeout.is_zero())
    }
}

fn since_timer(time: &Json) -> String {
    format!("{SINCE}/{time}")
}

/// Times after which it is told how long nobody has been there, in the option's own spelling.
fn since(options: &JsonMap) -> impl Iterator<Item = (&Json, Duration)> {
    options
        .get(SINCE)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|time| Some((time, timer::seconds(time)?)))
}

impl Primitive for Motion {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(match self.signal {
            Signal::Attribute(at) => at.cluster(),
            Signal::Cluster(cluster) | Signal::Command { cluster, .. } => cluster.into(),
            Signal::TimedOn => ON_OFF,
        });
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let access = if self.read.is_some() {
            STATE | GET
        } else {
            STATE
        };
        let mut expose = Expose::generic(ExposeKind::Binary, &self.name, access).described(
            format!("Indicates whether the device detected {}", self.name),
        );
        expose.value_on = Some(Json::Bool(true));
        expose.value_off = Some(Json::Bool(false));
        out.push(expose);
        if matches!(self.signal, Signal::TimedOn) {
            let mut expose = Expose::generic(ExposeKind::Binary, ABOVE, STATE)
                .described(
                    "Indicates whether the device detected bright light (works only in night mode)",
                )
                .in_category("diagnostic");
            expose.value_on = Some(Json::Bool(true));
            expose.value_off = Some(Json::Bool(false));
            out.push(expose);
        }
    }

    fn listening_options(&self, out: &mut Vec<Expose>) {
        let name = &self.name;
        if self.ends_by_itself() {
            let default = self.timeout.unwrap_or(90);
            let mut option =
                Expose::generic(ExposeKind::Numeric, &self.option(), SET).described(format!(
                    "Time in seconds after which {name} is cleared after detecting it (default \
                     {default} seconds)."
                ));
            option.value_min = Some(Json::from(0));
            out.push(option);
        }
        if self.since {
            let when = if self.ends_by_itself() {
                "the last time occupancy (occupancy: true)"
            } else {
                "after the last time no occupancy (occupancy: false)"
            };
            let mut option = Expose::generic(ExposeKind::List, SINCE, SET).described(format!(
                "Sends a message {when} was detected. When setting this for example to [10, 60] a \
                 `{{\"no_occupancy_since\": 10}}` will be sent after 10 seconds and a \
                 `{{\"no_occupancy_since\": 60}}` after 60 seconds."
            ));
            let mut item = Expose::generic(ExposeKind::Numeric, "time", STATE | SET);
            item.property = None;
            option.item_type = Some(Box::new(item));
            out.push(option);
        }
        if matches!(self.signal, Signal::TimedOn) {
            let mut option = Expose::generic(ExposeKind::Binary, CHECK, SET).described(
                "Set to false to also send messages when illuminance is above threshold in night \
                 mode (default true).",
            );
            option.value_on = Some(Json::Bool(true));
            option.value_off = Some(Json::Bool(false));
            out.push(option);
        }
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.is_signal(command)
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let Some(sign) = self.sign(incoming) else {
            return;
        };
        let options = incoming.options;
        let timer = self.option();
        // By day the sensor repeats itself for a light that is on; that is no motion that starts.
        let checked = options
            .get(CHECK)
            .is_none_or(|check| *check != Json::Bool(false));
        if sign.bright == Some(true) && checked && !memory.timers.contains(&timer) {
            return;
        }
        out.put(&self.name, sign.there);
        if let Some(bright) = sign.bright {
            out.put(ABOVE, bright);
        }
        if self.ends_by_itself() {
            match self.timeout(options, sign.timeout) {
                Some(timeout) => out.arm(memory, timer, timeout),
                None => out.disarm(memory, &timer),
            }
        }
        // Nobody has been there since the last signal, or since the device said so.
        let counts = sign.there == self.ends_by_itself();
        for (time, after) in since(options) {
            let timer = since_timer(time);
            if counts {
                out.arm(memory, timer, after);
            } else {
                out.disarm(memory, &timer);
            }
        }
    }

    fn expired(&self, expiry: &Expiry<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if expiry.timer == self.option() {
            // The option may say by now that it never ends.
            let never = expiry
                .options
                .get(&self.option())
                .and_then(timer::seconds)
                .is_some_and(|timeout| timeout.is_zero());
            if !never {
                out.put(&self.name, false);
            }
        } else {
            let time = since(expiry.options).find(|(time, _)| since_timer(time) == expiry.timer);
            if let Some((time, _)) = time {
                out.put(SINCE, time.clone());
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.read.is_some() && self.name == key
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let (at, read) = (self.at()?, self.read?);
        let endpoint = read.endpoint.map_or(call.endpoint, EndpointId::from);
        Some(Box::pin(async move {
            call.read(endpoint, at).await?;
            Ok(())
        }))
    }
}
