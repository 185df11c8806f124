//! Events of a door lock with fingerprint reader and keypad, coded in numbers and octets.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Value;
use zigbee::{AttributeId, ClusterId};

use super::Primitive;
use super::respond::Octets;
use crate::decode::{Incoming, structure_clusters};
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::number::hexadecimal;

/// Where a lock's events are and what they mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockEvents {
    #[serde(deserialize_with = "hexadecimal")]
    cluster: u16,
    /// A number: what happened, who did it.
    opened: Opened,
    /// A number: how often something was tried, what.
    refused: Refused,
    /// A number in a tag of the structure: what happened, who did it.
    changed: Changed,
    /// Octets: a code for the state of the bolts.
    status: Status,
    /// Octets: the language chosen.
    language: Language,
    /// Values of `action` in the order in which they are exposed.
    exposed: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    #[serde(deserialize_with = "hexadecimal")]
    attribute: u16,
    actions: Vec<(u8, String)>,
    /// Kinds of users by number.
    users: Vec<(u8, String)>,
    /// Any other kind.
    other_users: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    #[serde(deserialize_with = "hexadecimal")]
    attribute: u16,
    actions: Vec<RefusedAction>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusedAction {
    #[serde(deserialize_with = "hexadecimal")]
    code: u8,
    action: String,
    /// The number of tries counts.
    #[serde(default)]
    repeats: bool,
    /// A second property that carried the action in old versions.
    #[serde(default)]
    legacy_property: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    tag: u8,
    actions: Vec<(u8, String)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    #[serde(deserialize_with = "hexadecimal")]
    attribute: u16,
    /// Where the code stands in the octets.
    offset: usize,
    codes: Vec<StatusCode>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusCode {
    codes: Vec<Octets>,
    action: String,
    state: Bolt,
    reverse: Bolt,
}

/// A bolt's state.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Bolt {
    Lock,
    Unlock,
}

impl Bolt {
    fn name(self) -> &'static str {
        match self {
            Self::Lock => "LOCK",
            Self::Unlock => "UNLOCK",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    #[serde(deserialize_with = "hexadecimal")]
    attribute: u16,
    /// Where the language stands in the octets.
    offset: usize,
    action: String,
    /// Suffixes by language, with the option `legacy`.
    suffixes: Vec<(u8, String)>,
}

/// Actions by which a finger or a password opened the lock.
const OPENINGS: [&str; 2] = ["finger_open", "password_open"];

fn named(table: &[(u8, String)], code: u8) -> Option<&str> {
    table
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, name)| name.as_str())
}

/// The low 32 bits of a number; 0 is no event.
fn event(value: &Value) -> Option<u32> {
    let Value::Unsigned(value) = value else {
        return None;
    };
    u32::try_from(*value & 0xffff_ffff)
        .ok()
        .filter(|value| *value != 0)
}

fn octets(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Octets(bytes) | Value::Text(bytes) => Some(bytes),
        _ => None,
    }
}

impl LockEvents {
    fn attribute<'a>(&self, incoming: &'a Incoming<'_>, id: u16) -> Option<&'a Value> {
        incoming.attribute(ClusterId(self.cluster), AttributeId(id))
    }

    fn opened(&self, value: u32, legacy: bool, out: &mut Decoded) {
        let [command, kind, _, user] = value.to_be_bytes();
        let kind = named(&self.opened.users, kind >> 4).unwrap_or(self.opened.other_users.as_str());
        out.put("action_user", user);
        if legacy {
            out.put("user", user);
        }
        let Some(action) = named(&self.opened.actions, command) else {
            out.problem(
                "unexpected_value",
                format!("no action is known for the lock event {value:08x}"),
            );
            return;
        };
        if legacy {
            out.put("action", format!("{action}_{kind}_id{user}"));
        } else {
            out.put("action", action);
            out.put("action_user_type", kind);
        }
        opening(action, out);
    }

    fn refused(&self, value: u32, legacy: bool, out: &mut Decoded) {
        let [count, _, _, code] = value.to_be_bytes();
        let Some(known) = self.refused.actions.iter().find(|known| known.code == code) else {
            out.problem(
                "unexpected_value",
                format!("no action is known for the lock event {value:08x}"),
            );
            return;
        };
        out.put("action", known.action.as_str());
        if let (true, Some(property)) = (legacy, &known.legacy_property) {
            out.put(property, known.action.as_str());
        }
        if known.repeats {
            out.put("action_repeat", count);
            if legacy {
                out.put("repeat", count);
            }
        }
    }

    fn changed(&self, value: u32, legacy: bool, out: &mut Decoded) {
        let [command, _, _, user] = value.to_be_bytes();
        out.put("action_user", user);
        if legacy {
            out.put("user", user);
        }
        match named(&self.changed.actions, command) {
            Some(action) => {
                out.put("action", action);
                opening(action, out);
            }
            None => out.problem(
                "unexpected_value",
                format!("no action is known for the lock event {value:08x}"),
            ),
        }
    }

    fn status(&self, bytes: &[u8], out: &mut Decoded) {
        // Some locks of this family send octets that are encrypted by the vendor's hub: an unknown
        // code is no error.
        let Some(code) = bytes
            .get(self.status.offset..)
            .and_then(|bytes| bytes.first_chunk::<2>())
        else {
            return;
        };
        let known = self
            .status
            .codes
            .iter()
            .find(|known| known.codes.iter().any(|octets| octets.0 == code));
        if let Some(known) = known {
            out.put("action", known.action.as_str());
            out.put("state", known.state.name());
            out.put("reverse", known.reverse.name());
        }
    }

    fn language(&self, bytes: &[u8], legacy: bool, out: &mut Decoded) {
        let Some(code) = bytes.get(self.language.offset) else {
            return;
        };
        let action = &self.language.action;
        match named(&self.language.suffixes, *code) {
            Some(suffix) if legacy => out.put("action", format!("{action}_{suffix}")),
            _ => out.put("action", action.as_str()),
        }
    }
}

/// An opening by finger or password leaves the lock open.
fn opening(action: &str, out: &mut Decoded) {
    if OPENINGS.contains(&action) {
        out.put("state", Bolt::Unlock.name());
    }
}

impl Primitive for LockEvents {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        out.push(ClusterId(self.cluster));
        out.extend(structure_clusters(data));
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        for name in ["state", "reverse"] {
            let mut bolt = Expose::generic(ExposeKind::Binary, name, STATE);
            bolt.value_on = Some(Json::from(Bolt::Unlock.name()));
            bolt.value_off = Some(Json::from(Bolt::Lock.name()));
            out.push(bolt);
        }
    }

    fn actions(&self, out: &mut Vec<String>) {
        out.extend(self.exposed.iter().cloned());
    }

    fn options(&self, out: &mut Vec<Expose>) {
        let mut option = Expose::generic(ExposeKind::Binary, "legacy", SET).described(
            "Set to false to disable the legacy integration (highly recommended), will change \
             structure of the published payload (default true).",
        );
        option.value_on = Some(Json::Bool(true));
        option.value_off = Some(Json::Bool(false));
        out.push(option);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let legacy = incoming.options.get("legacy") != Some(&Json::Bool(false));
        let sources = [
            self.attribute(incoming, self.opened.attribute),
            self.attribute(incoming, self.refused.attribute),
            incoming.tag(self.changed.tag),
        ];
        for (value, decode) in sources.into_iter().zip([
            Self::opened as fn(&Self, u32, bool, &mut Decoded),
            Self::refused,
            Self::changed,
        ]) {
            // Zero is no event, and neither is what locks of this family encrypt for the vendor's hub.
            if let Some(event) = value.and_then(event) {
                if legacy {
                    out.put("data", format!("{event:x}"));
                }
                decode(self, event, legacy, out);
                // Of several events in one message the first counts.
                return;
            }
        }
        if let Some(bytes) = self
            .attribute(incoming, self.status.attribute)
            .and_then(octets)
        {
            self.status(bytes, out);
        } else if let Some(bytes) = self
            .attribute(incoming, self.language.attribute)
            .and_then(octets)
        {
            self.language(bytes, legacy, out);
        }
    }
}
