//! Known models: built in, of packages and of the owner.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::value::RawValue;
use zigbee::ClusterId;

use crate::definition::Match;
use crate::{Definition, DeviceInfo, Origin, OriginKind};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../catalogue/", $name)))),*]
    };
}

/// The catalogue's files, one per vendor. They hold text that tests have parsed and checked against
/// `catalogue/schema.json`.
const FILES: &[(&str, &str)] = files![
    "aqara.json",
    "bosch.json",
    "candeo.json",
    "centralite.json",
    "danfoss.json",
    "develco.json",
    "diy.json",
    "eurotronic.json",
    "ewelink.json",
    "frient.json",
    "hampton_bay.json",
    "heiman.json",
    "hive.json",
    "hue.json",
    "ikea.json",
    "innr.json",
    "iris.json",
    "keen_home.json",
    "kwikset.json",
    "ledvance.json",
    "legrand.json",
    "lidl.json",
    "lixee.json",
    "moes.json",
    "muller_licht.json",
    "namron.json",
    "neo.json",
    "nodon.json",
    "nous.json",
    "paulmann.json",
    "philips.json",
    "plugwise.json",
    "schneider_electric.json",
    "sengled.json",
    "sinope.json",
    "smartthings.json",
    "sonoff.json",
    "sunricher.json",
    "third_reality.json",
    "trust.json",
    "tuya.json",
    "ubisys.json",
    "xiaomi.json",
    "yale.json",
];

/// Definitions that can be looked up: the owner's before those of packages before those that are built
/// in. For a device that none of them fits one is generated ([`Catalogue::define`]).
#[derive(Debug)]
pub struct Catalogue {
    user: Shelf,
    packages: Shelf,
    builtin: Arc<Shelf>,
}

/// Definitions of one rank, indexed by model identifier.
#[derive(Debug, Default)]
struct Shelf {
    entries: Vec<Entry>,
    index: BTreeMap<String, Vec<Candidate>>,
}

#[derive(Debug)]
struct Candidate {
    entry: usize,
    manufacturers: Vec<String>,
    inputs: Vec<ClusterId>,
}

#[derive(Debug)]
enum Entry {
    /// Parsed when the first device of its model is looked up.
    Text {
        text: &'static str,
        origin: Arc<Origin>,
        parsed: OnceLock<Option<Arc<Definition>>>,
    },
    Ready(Arc<Definition>),
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    definitions: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "match")]
    matches: Vec<Match>,
}

impl Candidate {
    /// True when the device has the clusters that tell the model from others.
    fn fits(&self, device: &DeviceInfo) -> bool {
        self.inputs.iter().all(|cluster| {
            device
                .endpoints
                .values()
                .any(|endpoint| endpoint.inputs.contains(cluster))
        })
    }
}

impl Catalogue {
    /// What is built in, and nothing else. Making it reads only which models there are.
    pub fn builtin() -> Arc<Self> {
        let mut builtin = Shelf::default();
        for (name, text) in FILES {
            // A file that could not be read would fail the tests of this crate; here it has no models.
            let Ok(file) = serde_json::from_str::<File<'static>>(text) else {
                continue;
            };
            let origin = Arc::new(Origin::builtin(name));
            for definition in file.definitions {
                builtin.add_text(definition.get(), &origin);
            }
        }
        Arc::new(Self {
            user: Shelf::default(),
            packages: Shelf::default(),
            builtin: Arc::new(builtin),
        })
    }

    /// The same with other definitions above those that are built in. Of two of the same rank that fit a
    /// device alike the first wins.
    #[must_use]
    pub fn with(&self, definitions: impl IntoIterator<Item = Arc<Definition>>) -> Self {
        let mut user = Shelf::default();
        let mut packages = Shelf::default();
        for definition in definitions {
            match definition.origin().kind {
                OriginKind::User => user.add(definition),
                _ => packages.add(definition),
            }
        }
        Self {
            user,
            packages,
            builtin: Arc::clone(&self.builtin),
        }
    }

    /// The definition for a device that was interviewed: one of the catalogue, else one that is
    /// generated from the interview.
    pub fn define(&self, device: &DeviceInfo) -> Option<Arc<Definition>> {
        self.find(device)
            .or_else(|| Definition::generated(device).map(Arc::new))
    }

    /// The definition for a device. `None` for a device that the catalogue does not know.
    pub fn find(&self, device: &DeviceInfo) -> Option<Arc<Definition>> {
        self.candidates(device).next()
    }

    /// All definitions that fit a device, one of each rank: the first is used, the others are shadowed.
    pub fn candidates(&self, device: &DeviceInfo) -> impl Iterator<Item = Arc<Definition>> {
        let shelves = [&self.user, &self.packages, self.builtin.as_ref()];
        shelves.into_iter().filter_map(|shelf| shelf.find(device))
    }

    /// Every definition in the order of precedence, those that are built in by file. Parses them all:
    /// for listings, not for running.
    pub fn all(&self) -> impl Iterator<Item = Arc<Definition>> {
        let shelves = [&self.user, &self.packages, self.builtin.as_ref()];
        let entries = shelves.into_iter().flat_map(|shelf| &shelf.entries);
        entries.filter_map(Entry::get)
    }
}

impl Shelf {
    fn add_text(&mut self, text: &'static str, origin: &Arc<Origin>) {
        if let Ok(head) = serde_json::from_str::<Head>(text) {
            let entry = Entry::Text {
                text,
                origin: Arc::clone(origin),
                parsed: OnceLock::new(),
            };
            self.insert(entry, &head.matches);
        }
    }

    fn add(&mut self, definition: Arc<Definition>) {
        let matches = definition.data.matches.clone();
        self.insert(Entry::Ready(definition), &matches);
    }

    fn insert(&mut self, entry: Entry, matches: &[Match]) {
        let place = self.entries.len();
        self.entries.push(entry);
        for matched in matches {
            let candidates = self.index.entry(matched.model.clone()).or_default();
            candidates.push(Candidate {
                entry: place,
                manufacturers: matched.manufacturers.clone(),
                inputs: matched.inputs.iter().map(|id| (*id).into()).collect(),
            });
        }
    }

    fn find(&self, device: &DeviceInfo) -> Option<Arc<Definition>> {
        let model = device.model_id.as_deref()?;
        let candidates = self.index.get(model).or_else(|| {
            // Some firmware pads its identifier with blanks or ends it with NUL bytes.
            let model = model.split('\0').next().unwrap_or_default().trim_end();
            self.index.get(model)
        })?;
        let manufacturer = device.manufacturer_name.as_deref().unwrap_or_default();
        let candidates = || candidates.iter().filter(|candidate| candidate.fits(device));
        candidates()
            .find(|candidate| {
                candidate
                    .manufacturers
                    .iter()
                    .any(|name| name == manufacturer)
            })
            .or_else(|| candidates().find(|candidate| candidate.manufacturers.is_empty()))
            .and_then(|candidate| self.entries.get(candidate.entry))
            .and_then(Entry::get)
    }
}

impl Entry {
    fn get(&self) -> Option<Arc<Definition>> {
        match self {
            Self::Text {
                text,
                origin,
                parsed,
            } => parsed
                .get_or_init(|| {
                    let definition = Definition::from_origin(text, Arc::clone(origin));
                    definition.ok().map(Arc::new)
                })
                .clone(),
            Self::Ready(definition) => Some(Arc::clone(definition)),
        }
    }
}
