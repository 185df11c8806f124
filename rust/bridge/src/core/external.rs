//! Files with code: those that Zigbee2MQTT runs, and converters in Python. They are shown on
//! `bridge/converters` and `bridge/extensions` (§2.1).

use serde_json::json;

use super::Core;
use crate::json;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A definition of devices.
    Converter,
    /// An extension of the bridge.
    Extension,
}

impl Kind {
    /// The folder in the data directory (shared/facts/config.md §1).
    pub fn folder(self) -> &'static str {
        match self {
            Self::Converter => "external_converters",
            Self::Extension => "external_extensions",
        }
    }

    fn topic(self) -> &'static str {
        match self {
            Self::Converter => "converters",
            Self::Extension => "extensions",
        }
    }
}

/// The files that are there: name and code, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    /// In `external_converters`.
    pub converters: Vec<(String, String)>,
    /// In `external_extensions`.
    pub extensions: Vec<(String, String)>,
}

impl External {
    fn of(&self, kind: Kind) -> &[(String, String)] {
        match kind {
            Kind::Converter => &self.converters,
            Kind::Extension => &self.extensions,
        }
    }

    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        self.of(kind).iter().any(|(known, _)| known == name)
    }

    pub(super) fn remove(&mut self, kind: Kind, name: &str) {
        match kind {
            Kind::Converter => self.converters.retain(|(known, _)| known != name),
            Kind::Extension => self.extensions.retain(|(known, _)| known != name),
        }
    }
}

impl Core {
    /// Tells which files there are; only where code from outside is on.
    pub(super) fn publish_external(&mut self, kind: Kind) {
        if self.view.external_code {
            let files = self.external.of(kind).iter();
            let files = files.map(|(name, code)| (name.as_str(), code.as_str()));
            let own = self.converters.sources.iter();
            let own = own.map(|(origin, code)| (origin.name.as_str(), code.as_str()));
            let own = own.filter(|_| kind == Kind::Converter);
            let list = files
                .chain(own)
                .map(|(name, code)| json!({"name": name, "code": code}));
            let payload = json::render_list(list);
            self.publish_bridge(kind.topic(), payload);
        }
    }

    /// The files that were found at the start.
    pub(super) fn external_found(&mut self, external: External) {
        self.external = external;
        for kind in [Kind::Converter, Kind::Extension] {
            let names: Vec<_> = self
                .external
                .of(kind)
                .iter()
                .map(|(name, _)| format!("{}/{name}", kind.folder()))
                .collect();
            for name in names {
                let instead = match kind {
                    Kind::Converter => {
                        "a converter in Python takes its place: `ferrobee converter draft NAME` begins \
                         one for the device NAME"
                    }
                    Kind::Extension => "an automation in Python may take its place",
                };
                let text =
                    format!("{name} is not used: ferrobee does not run JavaScript; {instead}");
                self.log(hub::LogLevel::Warning, "z2m", text);
            }
        }
    }
}
