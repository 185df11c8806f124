//! What a topic asks for (shared/facts/mqtt-api.md §2.2, §6.1) and what a payload says (§6.2).

use devices::Payload;
use serde_json::Value as Json;

/// Whether values are written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Set,
    Get,
}

/// A topic that concerns the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic<'a> {
    /// `B/<name>/(set|get)[/<attribute>]`.
    Entity {
        name: &'a str,
        verb: Verb,
        attribute: Option<&'a str>,
    },
    /// `B/bridge/request/<path>`.
    Request(&'a str),
}

/// Reads a topic below the base topic; `None` when it is none of the bridge's business.
pub(crate) fn parse<'a>(base: &str, topic: &'a str) -> Option<Topic<'a>> {
    let rest = topic.strip_prefix(base)?.strip_prefix('/')?;
    if let Some(path) = rest.strip_prefix("bridge/request/") {
        return (!path.is_empty()).then_some(Topic::Request(path));
    }
    if rest.starts_with("bridge") {
        return None;
    }
    // The first `/set` or `/get` that is a whole level splits; the name before it is not empty.
    let mut from = 0;
    while let Some(slash) = rest.get(from..)?.find('/') {
        let at = from + slash;
        let tail = rest.get(at + 1..)?;
        let (level, attribute) = match tail.split_once('/') {
            Some((level, attribute)) => (level, Some(attribute)),
            None => (tail, None),
        };
        let verb = match level {
            "set" => Some(Verb::Set),
            "get" => Some(Verb::Get),
            _ => None,
        };
        if let (Some(verb), true) = (verb, at > 0) {
            return Some(Topic::Entity {
                name: rest.get(..at)?,
                verb,
                attribute: attribute.filter(|attribute| !attribute.is_empty()),
            });
        }
        from = at + 1;
    }
    None
}

/// Why a `set` or `get` payload is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPayload {
    /// Text that is neither JSON nor one of the bare words, or nothing.
    Undefined,
    /// JSON `null`.
    Null,
    /// A JSON string, number or list.
    NotAnObject,
    /// More bytes than anybody has to say.
    TooLong(usize),
}

const BARE_WORDS: [&str; 8] = [
    "on", "off", "toggle", "open", "close", "stop", "lock", "unlock",
];

/// A longer payload is not read: no device takes so much, and reading it would hold up the others.
const LONGEST_PAYLOAD: usize = 64 * 1024;

/// Reads the payload of a `set` or `get`.
pub(crate) fn payload(attribute: Option<&str>, payload: &[u8]) -> Result<Payload, BadPayload> {
    if payload.len() > LONGEST_PAYLOAD {
        return Err(BadPayload::TooLong(payload.len()));
    }
    if let Some(attribute) = attribute {
        let value = serde_json::from_slice(payload)
            .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(payload).into_owned()));
        return Ok(Payload::one(attribute, value));
    }
    if let Ok(payload) = serde_json::from_slice::<Payload>(payload) {
        return Ok(payload);
    }
    match serde_json::from_slice::<Json>(payload) {
        Ok(Json::Null) => Err(BadPayload::Null),
        Ok(_) => Err(BadPayload::NotAnObject),
        Err(_) => {
            let text = std::str::from_utf8(payload).map_err(|_| BadPayload::Undefined)?;
            if BARE_WORDS
                .iter()
                .any(|word| word.eq_ignore_ascii_case(text))
            {
                Ok(Payload::one("state", Json::String(text.to_owned())))
            } else {
                Err(BadPayload::Undefined)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entity<'a>(
        name: &'a str,
        verb: Verb,
        attribute: impl Into<Option<&'a str>>,
    ) -> Option<Topic<'a>> {
        let attribute = attribute.into();
        let topic = Topic::Entity {
            name,
            verb,
            attribute,
        };
        Some(topic).filter(|_| !name.is_empty())
    }

    #[test]
    fn the_first_set_or_get_level_splits_the_topic() {
        let cases = [
            ("z/lamp/set", entity("lamp", Verb::Set, None)),
            ("z/lamp/get/state", entity("lamp", Verb::Get, Some("state"))),
            ("z/a/b/l1/set", entity("a/b/l1", Verb::Set, None)),
            ("z/lamp/set/a/b", entity("lamp", Verb::Set, Some("a/b"))),
            ("z/lamp/set/set", entity("lamp", Verb::Set, Some("set"))),
            ("z/settings/set", entity("settings", Verb::Set, None)),
            ("z/lamp/settings", None),
            ("z/lamp", None),
            ("z//set", None),
            ("z/set", None),
            ("z/bridgehead/set", None),
            ("other/lamp/set", None),
            ("zz/lamp/set", None),
            (
                "z/bridge/request/device/rename",
                Some(Topic::Request("device/rename")),
            ),
            ("z/bridge/request/", None),
            ("z/bridge/state", None),
        ];
        for (topic, expected) in cases {
            assert_eq!(parse("z", topic), expected, "{topic}");
        }
        assert_eq!(
            parse("home/z", "home/z/lamp/set"),
            entity("lamp", Verb::Set, None)
        );
    }

    #[test]
    fn payloads_are_read_as_the_table_says() {
        let state = |text: &str| Ok(Payload::one("state", json!(text)));
        assert_eq!(payload(None, b"Toggle"), state("Toggle"));
        assert_eq!(payload(None, b"UNLOCK"), state("UNLOCK"));
        assert_eq!(payload(None, br#"{"state":"ON"}"#), state("ON"));
        assert_eq!(payload(Some("state"), b"ON"), state("ON"));
        assert_eq!(
            payload(Some("brightness"), b"12"),
            Ok(Payload::one("brightness", json!(12)))
        );
        assert_eq!(payload(Some("x"), b""), Ok(Payload::one("x", json!(""))));
        assert_eq!(
            payload(None, &vec![b' '; 10_000_000]),
            Err(BadPayload::TooLong(10_000_000))
        );
        assert_eq!(payload(None, b"maybe"), Err(BadPayload::Undefined));
        assert_eq!(payload(None, b""), Err(BadPayload::Undefined));
        assert_eq!(payload(None, b"\xff\xfe"), Err(BadPayload::Undefined));
        assert_eq!(payload(None, b"null"), Err(BadPayload::Null));
        for other in [&b"12"[..], b"[]", b"\"ON\"", b"true"] {
            assert_eq!(payload(None, other), Err(BadPayload::NotAnObject));
        }
    }
}
