//! Switches that a radiator valve keeps together in one word (Eurotronic).

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;

use crate::decode::Incoming;
use crate::definition::{At, Data, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::primitives::{Primitive, number_setting};
use crate::{JsonMap, LocalFuture, number};

/// One of the switches. Writing one writes them all: the others are read first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostFlag {
    at: At,
    flag: Flag,
    #[serde(default)]
    description: Option<String>,
    #[serde(default = "yes")]
    readable: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Flag {
    ChildLock,
    MirrorDisplay,
    SystemMode,
}

/// Set in every word that is written.
const ALWAYS: i64 = 0x01;
const MIRROR_DISPLAY: i64 = 0x02;
/// The valve is open.
const BOOST: i64 = 0x04;
/// Written: the valve follows its setpoint. Reported: it is off.
const AUTO: i64 = 0x10;
/// The valve is closed.
const OFF: i64 = 0x20;
const CHILD_LOCK: i64 = 0x80;

impl Flag {
    fn name(self) -> &'static str {
        match self {
            Self::ChildLock => "child_lock",
            Self::MirrorDisplay => "mirror_display",
            Self::SystemMode => "system_mode",
        }
    }

    fn values(self) -> &'static [&'static str] {
        match self {
            Self::ChildLock => &["LOCK", "UNLOCK"],
            Self::MirrorDisplay => &["ON", "OFF"],
            Self::SystemMode => &["off", "auto", "heat"],
        }
    }

    /// What a reported word says.
    fn read(self, word: i64) -> &'static str {
        match self {
            Self::ChildLock if word & CHILD_LOCK != 0 => "LOCK",
            Self::ChildLock => "UNLOCK",
            Self::MirrorDisplay if word & MIRROR_DISPLAY != 0 => "ON",
            Self::MirrorDisplay => "OFF",
            Self::SystemMode if word & (AUTO | OFF) != 0 => "off",
            Self::SystemMode if word & BOOST != 0 => "heat",
            Self::SystemMode => "auto",
        }
    }

    /// Its bits in a word that is written.
    fn bits(self, value: &str) -> i64 {
        match (self, value) {
            (Self::ChildLock, "LOCK") => CHILD_LOCK,
            (Self::MirrorDisplay, "ON") => MIRROR_DISPLAY,
            (Self::ChildLock | Self::MirrorDisplay, _) => 0,
            (Self::SystemMode, "off") => OFF,
            (Self::SystemMode, "heat") => BOOST,
            (Self::SystemMode, _) => AUTO,
        }
    }
}

impl Primitive for HostFlag {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let access = STATE | SET | if self.readable { GET } else { 0 };
        let kind = match self.flag {
            Flag::SystemMode => ExposeKind::Enum,
            _ => ExposeKind::Binary,
        };
        let mut expose = Expose::generic(kind, self.flag.name(), access);
        expose.description.clone_from(&self.description);
        let mut values = self.flag.values().iter().map(|value| Json::from(*value));
        if kind == ExposeKind::Enum {
            expose.values = Some(values.collect());
        } else {
            expose.value_on = values.next();
            expose.value_off = values.next();
        }
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if let Some(word) = incoming.value(self.at).and_then(number::integer) {
            out.put(self.flag.name(), self.flag.read(word));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.flag.name() == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let wanted = call.value.as_str().unwrap_or_default();
            let values = self.flag.values();
            let Some(value) = values
                .iter()
                .find(|value| value.eq_ignore_ascii_case(wanted))
            else {
                return Err(Failure::value(format!(
                    "Value {} not allowed for {}, choose between: {}",
                    call.value,
                    self.flag.name(),
                    values.join(", ")
                )));
            };
            // The answer is published, and with it what the other switches are.
            call.read(call.endpoint, self.at).await?;
            let mut word = ALWAYS;
            for flag in [Flag::ChildLock, Flag::MirrorDisplay, Flag::SystemMode] {
                let cached = call.state(flag.name());
                word |= flag.bits(match &cached {
                    _ if flag == self.flag => value,
                    Some(Json::String(cached)) => cached,
                    _ => "",
                });
            }
            #[expect(clippy::cast_precision_loss, reason = "eight bits")]
            let attribute = number_setting::attribute(self.at, TypeName::Uint24, word as f64);
            call.write(self.at, attribute.into_iter().collect()).await?;
            Ok(JsonMap::from_iter([(
                self.flag.name().to_owned(),
                Json::from(*value),
            )]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read(call.endpoint, self.at).await?;
            Ok(())
        }))
    }
}
