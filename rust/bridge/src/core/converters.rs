//! Converters: definitions of the owner and of packages, and the functions in them.

use std::sync::Arc;

use devices::{ConverterSet, OriginKind};
use hub::{Command, Device, LogLevel};
use serde_json::{Map, Value as Json, json};

use super::external::Kind;
use super::{Core, CoreOutput, Worker};

/// The key of `bridge/devices` that Zigbee2MQTT does not have.
const OWN: &str = "ferrobee";

impl Worker {
    /// The programs of a set of converters.
    pub fn of(set: &ConverterSet) -> Vec<Self> {
        let workers = set.converters.iter().filter_map(|converter| {
            Some(Self {
                origin: Arc::clone(&converter.origin),
                command: converter.worker.clone()?,
            })
        });
        workers.collect()
    }
}

impl Core {
    /// Other converters than before, all of them at once ([`super::CoreInput::Converters`]).
    pub(super) fn set_converters(&mut self, text: &str) {
        let set = match ConverterSet::read(text, &self.converters) {
            Ok(set) => set,
            Err(error) => {
                let text = format!("The converters stay as they are: {error}");
                self.log(LogLevel::Error, "z2m", text);
                return;
            }
        };
        let before = std::mem::take(&mut self.converters);
        for (origin, error) in &set.errors {
            if before.errors.contains(&(Arc::clone(origin), error.clone())) {
                continue;
            }
            let stays = match set.of(origin) {
                Some(_) => "; what was there before stays in use",
                None => "",
            };
            let text = format!("Converter {origin} can't be used: {error}{stays}");
            self.log(LogLevel::Error, "z2m", text);
        }
        // Before the first call that they may get.
        self.out.push(CoreOutput::Workers(Worker::of(&set)));
        let catalogue = Arc::new(set.over(self.hub.catalogue()));
        self.dirty.info |= set.files() != before.files();
        let is_shown = set.sources != before.sources;
        self.converters = set;
        if is_shown {
            self.publish_external(Kind::Converter);
        }
        self.command(Command::SetDefinitions(catalogue));
    }

    /// Adds to an entry of `bridge/devices` whose the definition is, where it is not of the catalogue:
    /// the file, what it stands in front of, and how its functions do.
    pub(super) fn tell_origin(&self, device: &Device, entry: &mut Json) {
        let Some(definition) = &device.definition else {
            return;
        };
        let origin = definition.origin();
        if !matches!(origin.kind, OriginKind::User | OriginKind::Package) {
            return;
        }
        let mut told = Map::new();
        told.insert("origin".to_owned(), json!(origin.as_ref()));
        let candidates = self.hub.catalogue().candidates(&device.info).skip(1);
        let shadowed: Vec<Json> = candidates
            .map(|other| {
                let origin = other.origin();
                json!({
                    "kind": origin.kind,
                    "name": origin.name,
                    "model": other.model(),
                    "vendor": other.vendor(),
                })
            })
            .collect();
        told.insert("shadowed".to_owned(), shadowed.into());
        if let Some(counters) = self.hub.functions(device.info.ieee) {
            let converter = json!({
                "file": origin.file,
                "version": origin.version,
                "calls": counters.calls,
                "failures": counters.failures,
                "dropped": counters.dropped,
                "last_error": counters.last_error,
            });
            told.insert("converter".to_owned(), converter);
        }
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(OWN.to_owned(), told.into());
        }
    }
}
