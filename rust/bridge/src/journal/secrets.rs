//! What must not be kept: found by the names of keys, replaced within the text.
//!
//! Three forms of the same walk. [`mask`] makes two texts equal that differ in secrets only: hashes are
//! taken over that. [`Pseudonyms`] puts something of the same kind in the place of a secret, the same
//! for the same secret within one run, so that a replay takes the same ways; nothing leads back from it.
//! [`conceal`] is for what people read.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use ring::hmac;
use serde::de::IgnoredAny;

use super::suspicion::is_suspicious;

/// Names of keys whose values are secret, in small letters without anything between.
const NAMES: [&str; 12] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "networkkey",
    "installcode",
    "pincode",
    "linkkey",
    "securitykey",
    "apikey",
    "credential",
    "privatekey",
];
/// Those that are so only as a whole: the archive of the data directory, a code, a key of TLS. `user` is
/// one below `mqtt`.
const WHOLE_NAMES: [&str; 3] = ["zip", "pin", "psk"];

/// Letters are those of ASCII.
const PATTERN: &str = "(?i-u:password|passphrase|secret|token|network[_ -]?key|install[_ -]?code\
    |pin[_ -]?code|link[_ -]?key|security[_ -]?key|api[_ -]?key|credential|private[_ -]?key)";

/// Texts that none of this matches have no secret. What is added here needs a sign in `suspicion`.
static CANDIDATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"{PATTERN}|"(?:zip|pin|psk|user)\\?"|\\u00|://[^/ "@]*@"#
    ))
    .ok()
});
/// In a text that is no JSON: what follows is secret.
static ANNOUNCED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"install_code/add|{PATTERN}[0-9A-Za-z_]*\\*["']?[ \t]*[:=]|"(?:zip|pin|psk)\\*"[ \t]*:"#
    ))
    .ok()
});
static USER_INFO: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"://[^/ "@]*@"#).ok());

/// What a key is called, for what is done with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A code of digits.
    Pin,
    /// Anything else.
    Other,
}

/// The value in the place of a secret.
pub(crate) trait Replace {
    /// `text` is JSON: a string with its quotes, or a number.
    fn scalar(&self, kind: Kind, text: &str) -> String;
    /// Puts an end to a text that tells a secret from `end` on.
    fn cut(&self, text: &str, end: usize) -> String {
        text.get(..end).unwrap_or_default().to_owned() + "..."
    }
}

struct Mask;

impl Replace for Mask {
    fn scalar(&self, _: Kind, _: &str) -> String {
        "0".to_owned()
    }
}

struct Conceal;

impl Replace for Conceal {
    fn scalar(&self, _: Kind, _: &str) -> String {
        "\"***\"".to_owned()
    }
}

/// Two texts with the same masked form differ at most in secrets.
pub(crate) fn mask(text: &str) -> Cow<'_, str> {
    replace(text, &Mask)
}

/// A text for people: secrets are `***`.
pub fn conceal(text: &str) -> Cow<'_, str> {
    replace(text, &Conceal)
}

/// What stands in the place of secrets during one run.
pub(crate) struct Pseudonyms {
    key: hmac::Key,
}

impl Pseudonyms {
    /// `salt` has to be random and must not be kept.
    pub(crate) fn new(salt: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, salt),
        }
    }

    /// The text with other values in the place of secrets.
    pub(crate) fn replace<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replace(text, self)
    }

    /// A code of as many digits, the first not 0.
    pub(crate) fn digits(&self, code: &str) -> String {
        let tag = hmac::sign(&self.key, code.as_bytes());
        let digits = tag.as_ref().iter().cycle();
        digits
            .zip(0..code.len())
            .map(|(byte, place)| match place {
                0 => char::from(b'1' + byte % 9),
                _ => char::from(b'0' + byte % 10),
            })
            .collect()
    }

    /// Sixteen bytes in the place of others.
    pub(crate) fn bytes(&self, secret: &[u8]) -> [u8; 16] {
        let tag = hmac::sign(&self.key, secret);
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        bytes
    }

    /// Eight letters or digits.
    pub(crate) fn word(&self, secret: &str) -> String {
        use std::fmt::Write as _;
        self.bytes(secret.as_bytes())
            .iter()
            .take(4)
            .fold(String::new(), |mut word, byte| {
                // Writing to a string does not fail.
                let _ = write!(word, "{byte:02x}");
                word
            })
    }
}

impl Replace for Pseudonyms {
    fn scalar(&self, kind: Kind, text: &str) -> String {
        let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        match inner {
            // Nothing, and the wish for a random value, tell nothing.
            Some("" | "GENERATE") => text.to_owned(),
            Some(inner) if kind == Kind::Pin && is_code(inner) => {
                format!("\"{}\"", self.digits(inner))
            }
            Some(inner) => format!("\"{}\"", self.word(inner)),
            None if kind == Kind::Pin && is_code(text) => self.digits(text),
            // A byte of a key: all have three digits, so that not even their length is told.
            None => format!("{}", 100 + u16::from(self.bytes(text.as_bytes())[0]) % 100),
        }
    }
}

fn is_code(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the value of a key is secret.
pub(crate) fn is_secret(key: &str) -> bool {
    kind(key).is_some()
}

fn kind(key: &str) -> Option<Kind> {
    let mut plain = String::with_capacity(key.len());
    plain.extend(
        key.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase()),
    );
    if plain == "pin" || plain.contains("pincode") {
        Some(Kind::Pin)
    } else {
        let is_secret =
            WHOLE_NAMES.contains(&plain.as_str()) || NAMES.iter().any(|name| plain.contains(name));
        is_secret.then_some(Kind::Other)
    }
}

fn replace<'a>(text: &'a str, by: &dyn Replace) -> Cow<'a, str> {
    if !is_suspicious(text) || CANDIDATE.as_ref().is_some_and(|p| !p.is_match(text)) {
        return Cow::Borrowed(text);
    }
    // Only what serde_json takes is walked through: its nesting is limited.
    let begins = text.trim_start().starts_with(['{', '[', '"']);
    if begins && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        Walk::new(text, by)
            .run()
            .map_or_else(|| plain(text, by), Cow::Owned)
    } else {
        plain(text, by)
    }
}

/// A text that is no JSON.
fn plain<'a>(text: &'a str, by: &dyn Replace) -> Cow<'a, str> {
    let text = match USER_INFO.as_ref() {
        Some(pattern) => pattern.replace_all(text, "://***@"),
        None => Cow::Borrowed(text),
    };
    let announced = ANNOUNCED.as_ref().and_then(|p| p.find(&text));
    // The log tells how long a payload is that it doesn't show.
    let length = text
        .find(" bytes that holds secrets")
        .and_then(|at| text.get(..at)?.rfind(' '));
    match announced
        .map(|found| found.end())
        .into_iter()
        .chain(length)
        .min()
    {
        Some(end) => Cow::Owned(by.cut(&text, end)),
        None => text,
    }
}

/// Where the walk is.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else of the place"
)]
struct Level {
    is_object: bool,
    /// The next string is a key.
    at_key: bool,
    /// Everything below is secret.
    inherited: Option<Kind>,
    /// The value of the last key is.
    own: Option<Kind>,
    /// The last key is `mqtt`.
    at_mqtt: bool,
    /// This is the value of such a key.
    in_mqtt: bool,
}

/// Walks through JSON that is known to be right.
struct Walk<'a> {
    text: &'a str,
    by: &'a dyn Replace,
    out: String,
    levels: Vec<Level>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, by: &'a dyn Replace) -> Self {
        Self {
            text,
            by,
            out: String::with_capacity(text.len()),
            levels: Vec::new(),
        }
    }

    fn secret(&self) -> Option<Kind> {
        let level = self.levels.last()?;
        level.own.or(level.inherited)
    }

    fn push(&mut self, is_object: bool) {
        // What belongs to a code (whose it is, since when) is none.
        let inherited = self
            .secret()
            .filter(|kind| !(is_object && *kind == Kind::Pin));
        self.levels.push(Level {
            is_object,
            at_key: is_object,
            inherited,
            own: None,
            at_mqtt: false,
            in_mqtt: self.levels.last().is_some_and(|level| level.at_mqtt),
        });
    }

    fn run(mut self) -> Option<String> {
        let mut rest = self.text;
        while let Some(first) = rest.chars().next() {
            let mut length = first.len_utf8();
            match first {
                '{' | '[' => self.push(first == '{'),
                '}' | ']' => {
                    self.levels.pop();
                }
                ',' => {
                    if let Some(level) = self.levels.last_mut() {
                        level.at_key = level.is_object;
                        level.own = None;
                        level.at_mqtt = false;
                    }
                }
                '"' => {
                    length = string_length(rest)?;
                    let string = rest.get(..length)?;
                    self.string(string)?;
                    rest = rest.get(length..)?;
                    continue;
                }
                '-' | '0'..='9' => {
                    length = rest
                        .find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
                        .unwrap_or(rest.len());
                    if let Some(kind) = self.secret() {
                        let value = self.by.scalar(kind, rest.get(..length)?);
                        self.out.push_str(&value);
                        rest = rest.get(length..)?;
                        continue;
                    }
                }
                _ => {}
            }
            self.out.push_str(rest.get(..length)?);
            rest = rest.get(length..)?;
        }
        Some(self.out)
    }

    /// A string with its quotes.
    fn string(&mut self, string: &str) -> Option<()> {
        let at_key = self.levels.last().is_some_and(|level| level.at_key);
        let secret = self.secret();
        if at_key {
            let key: Cow<'_, str> = if string.contains('\\') {
                Cow::Owned(serde_json::from_str(string).ok()?)
            } else {
                Cow::Borrowed(string.get(1..string.len() - 1)?)
            };
            let level = self.levels.last_mut()?;
            level.at_key = false;
            level.at_mqtt = key == "mqtt";
            level.own = match &*key {
                "user" if level.in_mqtt => Some(Kind::Other),
                _ => kind(&key),
            };
            self.out.push_str(string);
        } else if let Some(kind) = secret {
            let value = self.by.scalar(kind, string);
            self.out.push_str(&value);
        } else {
            // A text in a text, such as a line of the log.
            let inner: String = serde_json::from_str(string).ok()?;
            match replace(&inner, self.by) {
                Cow::Owned(inner) => self.out.push_str(&serde_json::to_string(&inner).ok()?),
                Cow::Borrowed(_) => self.out.push_str(string),
            }
        }
        Some(())
    }
}

/// The length of the string that a text begins with, its quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(&[7; 32])
    }

    #[test]
    fn values_of_secret_keys_are_replaced_and_nothing_else() {
        let text = r#"{ "state":"ON", "pin_code" : {"user":1,"pin_code":"4711"},
            "mqtt":{"password":"p\"x","server":"mqtt://me:it@h:1","user":"me"},"network_key":[1,200,33],
            "authToken":"abc","list":[{"linkKey":{"key":"00ff"},"user":1}],"n":1e3}"#;
        assert_eq!(
            conceal(text),
            r#"{ "state":"ON", "pin_code" : {"user":1,"pin_code":"***"},
            "mqtt":{"password":"***","server":"mqtt://***@h:1","user":"***"},"network_key":["***","***","***"],
            "authToken":"***","list":[{"linkKey":{"key":"***"},"user":1}],"n":1e3}"#
        );
    }

    #[test]
    fn a_pseudonym_is_of_the_same_kind_and_the_same_for_the_same_secret() {
        let of = |text: &str| pseudonyms().replace(text).into_owned();
        let text = of(r#"{"pin_code":"4711","a":{"pin_code":4711},"password":"4711"}"#);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let code = value["pin_code"].as_str().unwrap();
        assert_eq!(code.len(), 4);
        assert_eq!(value["a"]["pin_code"].to_string(), code);
        assert_eq!(value["password"].as_str().unwrap().len(), 8);
        assert!(!text.contains("4711"));
        let other = Pseudonyms::new(&[8; 32]);
        assert_ne!(other.digits("4711"), pseudonyms().digits("4711"));
        assert_eq!(
            of(r#"{"network_key":"GENERATE"}"#),
            r#"{"network_key":"GENERATE"}"#
        );
    }

    #[test]
    fn texts_that_are_no_json_end_where_they_tell_a_secret() {
        assert_eq!(conceal("mqtt.password: hush"), "mqtt.password:...");
        assert_eq!(
            conceal("to mqtt://me:hush@host failed"),
            "to mqtt://***@host failed"
        );
        assert_eq!(
            conceal("the password is not set"),
            "the password is not set"
        );
        assert_eq!(
            conceal(r#"{"message":"topic 'z/lock', payload '{\"pin_code\":1234}'"}"#),
            r#"{"message":"topic 'z/lock', payload '{\"pin_code\":..."}"#
        );
        let escaped = "{\"pin\\u005fcode\":1234}";
        assert_eq!(conceal(escaped), "{\"pin\\u005fcode\":\"***\"}");
    }

    proptest! {
        #[test]
        fn the_walk_keeps_json_right_and_masks_what_pseudonyms_hide(
            value in json(), salt in any::<[u8; 32]>()
        ) {
            let text = value.to_string();
            let hidden = Pseudonyms::new(&salt).replace(&text).into_owned();
            serde_json::from_str::<IgnoredAny>(&hidden).unwrap();
            prop_assert_eq!(mask(&hidden), mask(&text));
            prop_assert!(!conceal(&text).contains("hunter2"));
        }

        #[test]
        fn nothing_that_could_be_a_secret_is_beyond_suspicion(
            parts in proptest::collection::vec(prop_oneof![
                "(?i)(password|passphrase|secret|token|network[_ -]?key|install[_ -]?code)",
                "(?i)(pin[_ -]?code|link[_ -]?key|security[_ -]?key|api[_ -]?key|credential)",
                "(?i)private[_ -]?key",
                "\"(zip|pin|psk|user)\\\\?\"|\\\\u00|://[a-z]*@",
                "[ -~]{0,5}",
            ], 0..4)
        ) {
            let text = parts.concat();
            let is_candidate = CANDIDATE.as_ref().is_none_or(|p| p.is_match(&text));
            prop_assert!(!is_candidate || is_suspicious(&text), "{}", text);
        }

        #[test]
        fn any_text_is_survived(text in ".*") {
            mask(&text);
            pseudonyms().replace(&text);
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::{Value, json};
        let key = prop_oneof![
            Just("password"),
            Just("pin_code"),
            Just("state"),
            Just("network_key"),
            Just("a\"b")
        ];
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::Null),
            Just(json!("plain \u{e9}\n")),
            Just(json!("mqtt://u:hunter2@h")),
            Just(json!("password=hunter2")),
            Just(json!(r#"{"auth_token":"hunter2"}"#)),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::vec((key.clone(), inner), 0..4).prop_map(|pairs| {
                    Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
                }),
            ]
        })
    }
}
