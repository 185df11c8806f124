//! What goes into a report of an error: texts without anything secret that this data directory knows.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::Regex;
use serde_json::Value as Json;

use super::hex;
use super::replay::JournalError;
use super::secrets::{self, conceal};
use super::segment::{Reader, Writer};
use crate::data::{Loaded, Settings};

/// Texts that are shorter are found by the names of their keys only: replaced everywhere they would make
/// a riddle of what is left.
const SHORTEST: usize = 4;
/// Lines that are written as one chunk, bytes.
const BATCH: usize = 1 << 20;

/// Knows the secrets of a data directory and takes them out of texts.
pub struct Redactor {
    settings: String,
    patterns: Vec<Regex>,
}

impl Redactor {
    /// Learns the secrets of a data directory: of its settings, the coordinator's backup and the
    /// database.
    pub fn new(loaded: &Loaded) -> Self {
        let mut found = Found::default();
        found.settings(&loaded.settings);
        if let Some(backup) = &loaded.backup {
            found.below(backup, None);
        }
        for device in &loaded.registry.devices {
            found.below(&Json::Object(device.extra.clone()), None);
            found.below(&Json::Object(device.meta.clone()), None);
        }
        let mut redactor = Self {
            settings: String::new(),
            patterns: found.patterns(),
        };
        let settings = Json::Object(loaded.settings.effective());
        redactor.settings = redactor.text(&settings.to_string());
        redactor
    }

    /// All settings, without secrets, as JSON.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// A text without secrets: `***` in their place.
    pub fn text(&self, text: &str) -> String {
        let mut text = conceal(text).into_owned();
        for pattern in &self.patterns {
            if pattern.is_match(&text) {
                text = pattern.replace_all(&text, "***").into_owned();
            }
        }
        text
    }

    /// A file of a journal without secrets that stand where nobody expects one.
    pub fn journal(&self, path: &Path) -> Result<Vec<u8>, JournalError> {
        let failed = |error: &dyn std::fmt::Display| JournalError::new(path, error);
        let mut reader = Reader::open(path).map_err(|error| failed(&error))?;
        let mut writer = Writer::new(Vec::new()).map_err(|error| failed(&error))?;
        let mut lines = Vec::new();
        while let Some(line) = reader.line().map_err(|error| failed(&error))? {
            let line = String::from_utf8_lossy(line);
            let is_known = self.patterns.iter().any(|pattern| pattern.is_match(&line));
            if is_known {
                lines.extend(self.text(&line).into_bytes());
            } else {
                lines.extend(line.as_bytes());
            }
            lines.push(b'\n');
            if lines.len() > BATCH {
                writer.write(&lines).map_err(|error| failed(&error))?;
                lines.clear();
            }
        }
        if !lines.is_empty() {
            writer.write(&lines).map_err(|error| failed(&error))?;
        }
        Ok(writer.into_inner())
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The patterns are the secrets.
        f.debug_struct("Redactor")
            .field("patterns", &self.patterns.len())
            .finish_non_exhaustive()
    }
}

/// Secrets.
#[derive(Default)]
struct Found {
    texts: Vec<String>,
    keys: Vec<Vec<u8>>,
}

impl Found {
    fn settings(&mut self, settings: &Settings) {
        self.keys.push(settings.network().network_key.to_vec());
        let document = Json::Object(settings.document().clone());
        self.below(&document, None);
        let mqtt = document.get("mqtt");
        let mqtt = |key: &str| mqtt.and_then(|mqtt| mqtt.get(key)).and_then(Json::as_str);
        self.texts.extend(mqtt("user").map(str::to_owned));
        // The user and the password of the address.
        let given = mqtt("server").and_then(|url| url.split_once("://")?.1.rsplit_once('@'));
        if let Some((user, _)) = given {
            self.texts.extend(user.split(':').map(str::to_owned));
        }
    }

    /// Values of secret keys.
    fn below(&mut self, value: &Json, secret: Option<()>) {
        match value {
            Json::Object(map) => {
                for (key, value) in map {
                    let own = secrets::is_secret(key).then_some(());
                    self.below(value, own.or(secret));
                }
            }
            Json::Array(list) => {
                let bytes: Option<Vec<u8>> = list
                    .iter()
                    .map(|byte| u8::try_from(byte.as_u64()?).ok())
                    .collect();
                match bytes.filter(|bytes| secret.is_some() && bytes.len() >= 8) {
                    Some(bytes) => self.keys.push(bytes),
                    None => list.iter().for_each(|value| self.below(value, secret)),
                }
            }
            Json::String(text) if secret.is_some() => {
                match hex::bytes(text).filter(|bytes| bytes.len() >= 8) {
                    Some(bytes) => self.keys.push(bytes),
                    None => self.texts.push(text.clone()),
                }
            }
            _ => {}
        }
    }

    fn patterns(self) -> Vec<Regex> {
        let mut sources = Vec::new();
        for key in &self.keys {
            if key.iter().all(|byte| *byte == 0) {
                continue;
            }
            let reversed: Vec<u8> = key.iter().rev().copied().collect();
            for bytes in [key, &reversed] {
                let list = |form: &dyn Fn(&u8) -> String, between: &str| {
                    bytes.iter().map(form).collect::<Vec<_>>().join(between)
                };
                let digits = |byte: &u8| format!("(?:0x)?{}", either_case(&[*byte]));
                sources.push(list(&digits, "[^0-9a-zA-Z]{0,4}"));
                let number = |byte: &u8| byte.to_string();
                sources.push(list(&number, "[^0-9a-zA-Z]{1,4}"));
                sources.extend(encoded(bytes).map(|text| regex::escape(&text)));
            }
        }
        for text in self.texts.iter().filter(|text| text.len() >= SHORTEST) {
            let quoted = Json::from(text.as_str()).to_string();
            sources.push(regex::escape(quoted.trim_matches('"')));
            sources.push(regex::escape(text));
            sources.extend(encoded(text.as_bytes()).map(|text| regex::escape(&text)));
            sources.push(either_case(text.as_bytes()));
        }
        sources.sort();
        sources.dedup();
        // Long ones first: one may be in another.
        sources.sort_by_key(|source| std::cmp::Reverse(source.len()));
        sources
            .iter()
            .filter_map(|source| Regex::new(source).ok())
            .collect()
    }
}

/// A pattern for bytes in base 16.
fn either_case(bytes: &[u8]) -> String {
    format!("(?i-u:{})", hex::text(bytes))
}

/// Base 64 in the usual forms.
fn encoded(bytes: &[u8]) -> impl Iterator<Item = String> {
    [
        STANDARD.encode(bytes),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
    ]
    .into_iter()
}
