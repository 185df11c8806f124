//! The built-in definitions.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::value::RawValue;
use zigbee::ClusterId;

use crate::definition::Match;
use crate::{Definition, DeviceInfo};

/// The catalogue's files, one per vendor. They hold text that tests have parsed and checked against
/// `catalogue/schema.json`.
const FILES: &[&str] = &[
    include_str!("../catalogue/aqara.json"),
    include_str!("../catalogue/bosch.json"),
    include_str!("../catalogue/candeo.json"),
    include_str!("../catalogue/centralite.json"),
    include_str!("../catalogue/danfoss.json"),
    include_str!("../catalogue/develco.json"),
    include_str!("../catalogue/diy.json"),
    include_str!("../catalogue/eurotronic.json"),
    include_str!("../catalogue/ewelink.json"),
    include_str!("../catalogue/frient.json"),
    include_str!("../catalogue/hampton_bay.json"),
    include_str!("../catalogue/heiman.json"),
    include_str!("../catalogue/hive.json"),
    include_str!("../catalogue/hue.json"),
    include_str!("../catalogue/ikea.json"),
    include_str!("../catalogue/innr.json"),
    include_str!("../catalogue/iris.json"),
    include_str!("../catalogue/keen_home.json"),
    include_str!("../catalogue/kwikset.json"),
    include_str!("../catalogue/ledvance.json"),
    include_str!("../catalogue/legrand.json"),
    include_str!("../catalogue/lidl.json"),
    include_str!("../catalogue/lixee.json"),
    include_str!("../catalogue/moes.json"),
    include_str!("../catalogue/muller_licht.json"),
    include_str!("../catalogue/namron.json"),
    include_str!("../catalogue/neo.json"),
    include_str!("../catalogue/nodon.json"),
    include_str!("../catalogue/nous.json"),
    include_str!("../catalogue/paulmann.json"),
    include_str!("../catalogue/philips.json"),
    include_str!("../catalogue/plugwise.json"),
    include_str!("../catalogue/schneider_electric.json"),
    include_str!("../catalogue/sengled.json"),
    include_str!("../catalogue/sinope.json"),
    include_str!("../catalogue/smartthings.json"),
    include_str!("../catalogue/sonoff.json"),
    include_str!("../catalogue/sunricher.json"),
    include_str!("../catalogue/third_reality.json"),
    include_str!("../catalogue/trust.json"),
    include_str!("../catalogue/tuya.json"),
    include_str!("../catalogue/ubisys.json"),
    include_str!("../catalogue/xiaomi.json"),
    include_str!("../catalogue/yale.json"),
];

/// The built-in definitions, indexed by model identifier.
///
/// Making it reads only which models there are; a definition is parsed when the first device of its
/// model is looked up.
#[derive(Debug)]
pub struct Catalogue {
    entries: Vec<Entry>,
    index: BTreeMap<String, Vec<Candidate>>,
}

#[derive(Debug)]
struct Candidate {
    entry: usize,
    manufacturers: Vec<String>,
    inputs: Vec<ClusterId>,
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

#[derive(Debug)]
struct Entry {
    text: &'static str,
    parsed: OnceLock<Option<Arc<Definition>>>,
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

impl Catalogue {
    /// The catalogue that is built in.
    pub fn builtin() -> Arc<Self> {
        let mut catalogue = Self {
            entries: Vec::new(),
            index: BTreeMap::new(),
        };
        for text in FILES {
            // A file that could not be read would fail the tests of this crate; here it has no models.
            let Ok(file) = serde_json::from_str::<File<'static>>(text) else {
                continue;
            };
            for definition in file.definitions {
                catalogue.add(definition.get());
            }
        }
        Arc::new(catalogue)
    }

    fn add(&mut self, text: &'static str) {
        let Ok(head) = serde_json::from_str::<Head>(text) else {
            return;
        };
        let entry = self.entries.len();
        self.entries.push(Entry {
            text,
            parsed: OnceLock::new(),
        });
        for matched in head.matches {
            self.index
                .entry(matched.model)
                .or_default()
                .push(Candidate {
                    entry,
                    manufacturers: matched.manufacturers,
                    inputs: matched.inputs.into_iter().map(ClusterId::from).collect(),
                });
        }
    }

    /// The definition for a device that was interviewed: the catalogue's, else one that is generated
    /// from the interview.
    pub fn define(&self, device: &DeviceInfo) -> Option<Arc<Definition>> {
        self.find(device)
            .or_else(|| Definition::generated(device).map(Arc::new))
    }

    /// The definition for a device. `None` for a device that the catalogue does not know.
    pub fn find(&self, device: &DeviceInfo) -> Option<Arc<Definition>> {
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

    /// Every definition, in the order of the files. Parses them all: for listings, not for running.
    pub fn all(&self) -> impl Iterator<Item = Arc<Definition>> {
        self.entries.iter().filter_map(Entry::get)
    }
}

impl Entry {
    fn get(&self) -> Option<Arc<Definition>> {
        self.parsed
            .get_or_init(|| Definition::from_json(self.text).ok().map(Arc::new))
            .clone()
    }
}
