//! What a device is and how it speaks: the data of a definition and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::zcl::DataType;
use zigbee::{AttributeId, ClusterId, EndpointId, ManufacturerCode};

use crate::adjust::Adjustment;
use crate::configure::Step;
use crate::error::diagnose;
use crate::expose::{self, Expose, ExposeKind, STATE};
use crate::number::hexadecimal;
use crate::primitives::Capability;
use crate::{DefinitionError, JsonMap, Origin, OriginKind};

/// What a device is and how it speaks.
///
/// Made from data ([`Definition::from_json`]): the built-in catalogue, a converter or the generic
/// fallback. Everything that can be computed once is computed then.
#[derive(Debug)]
pub struct Definition {
    pub(crate) data: Data,
    /// Which capabilities listen to a cluster, in order.
    pub(crate) listeners: BTreeMap<ClusterId, Vec<usize>>,
    /// Numbers that calibration and precision apply to.
    pub(crate) adjustments: Vec<Adjustment>,
    exposes: Vec<Expose>,
    options: Vec<Expose>,
    /// Derived from what the device says of itself.
    pub(crate) generated: bool,
    origin: Arc<Origin>,
    /// A digest of the data.
    digest: u64,
    /// A digest of the steps of the configuration; `None` where nothing can be configured.
    steps: Option<u64>,
    configure_version: Option<String>,
}

/// A definition as it is written down (`catalogue/schema.json`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// Which devices it is for.
    #[serde(rename = "match")]
    pub(crate) matches: Vec<Match>,
    /// The model's name.
    pub(crate) model: String,
    /// The vendor's name.
    pub(crate) vendor: String,
    /// What it is.
    pub(crate) description: String,
    /// Other names under which the model is sold or was known.
    #[serde(default)]
    pub(crate) also: Vec<Alias>,
    /// Grows when devices have to be configured again.
    #[serde(default = "first_version")]
    pub(crate) version: String,
    /// Takes firmware over the air.
    #[serde(default)]
    pub(crate) ota: bool,
    /// Commands ask for no default response: the device does not give one.
    #[serde(default)]
    pub(crate) no_default_response: bool,
    /// Names of endpoints, in order.
    #[serde(default)]
    pub(crate) endpoints: Vec<(String, EndpointNumber)>,
    /// Where structures of tagged values are found.
    #[serde(default)]
    pub(crate) structures: Vec<StructureSource>,
    /// What it can do, in the order of its exposes.
    pub(crate) capabilities: Vec<Capability>,
    /// The place of `action` among the exposes, where it is not the last.
    #[serde(default)]
    pub(crate) action_place: Option<usize>,
    /// What has to be done once; absent where nothing can be configured.
    #[serde(default)]
    pub(crate) configure: Option<Vec<Step>>,
}

fn first_version() -> String {
    "0.0.0".to_owned()
}

/// Devices that a definition is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    /// `genBasic.modelId`.
    pub(crate) model: String,
    /// Any of these as `genBasic.manufacturerName`; empty for any.
    #[serde(default)]
    pub(crate) manufacturers: Vec<String>,
    /// Clusters that some endpoint has to have as a server, where identifiers tell too little.
    #[serde(default)]
    pub(crate) inputs: Vec<ClusterNumber>,
}

/// A cluster in the catalogue.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(crate) struct ClusterNumber(#[serde(deserialize_with = "hexadecimal")] u16);

impl From<ClusterNumber> for ClusterId {
    fn from(number: ClusterNumber) -> Self {
        Self(number.0)
    }
}

/// Another name of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alias {
    /// The vendor's name.
    pub(crate) vendor: String,
    /// What it is.
    pub(crate) description: String,
}

/// An endpoint in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct EndpointNumber(pub(crate) u8);

impl From<EndpointNumber> for EndpointId {
    fn from(number: EndpointNumber) -> Self {
        Self(number.0)
    }
}

/// Where an attribute is.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct At {
    #[serde(deserialize_with = "hexadecimal")]
    cluster: u16,
    #[serde(deserialize_with = "hexadecimal")]
    attribute: u16,
    #[serde(default)]
    manufacturer: Option<Manufacturer>,
    /// Only in messages with the manufacturer's code: without it the number means something else.
    #[serde(default)]
    exact: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Manufacturer(#[serde(deserialize_with = "hexadecimal")] u16);

impl At {
    /// An attribute of the standard.
    pub(crate) fn standard(cluster: ClusterId, attribute: AttributeId) -> Self {
        Self {
            cluster: cluster.0,
            attribute: attribute.0,
            manufacturer: None,
            exact: false,
        }
    }

    pub(crate) fn cluster(self) -> ClusterId {
        ClusterId(self.cluster)
    }

    pub(crate) fn attribute(self) -> AttributeId {
        AttributeId(self.attribute)
    }

    pub(crate) fn manufacturer(self) -> Option<ManufacturerCode> {
        self.manufacturer.map(|code| ManufacturerCode(code.0))
    }

    /// True for an attribute that a message with this code may carry.
    pub(crate) fn admits(self, manufacturer: Option<ManufacturerCode>) -> bool {
        !self.exact || manufacturer == self.manufacturer()
    }
}

/// A data type by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TypeName {
    Bool,
    Bitmap8,
    Bitmap16,
    Bitmap32,
    Uint8,
    Uint16,
    Uint24,
    Uint32,
    Uint48,
    Int8,
    Int16,
    Int24,
    Int32,
    Enum8,
    Enum16,
    Single,
    Octets,
    Text,
}

impl TypeName {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::BOOL,
            Self::Bitmap8 => DataType::BITMAP8,
            Self::Bitmap16 => DataType::BITMAP16,
            Self::Bitmap32 => DataType::BITMAP32,
            Self::Uint8 => DataType::UINT8,
            Self::Uint16 => DataType::UINT16,
            Self::Uint24 => DataType::UINT24,
            Self::Uint32 => DataType::UINT32,
            Self::Uint48 => DataType::UINT48,
            Self::Int8 => DataType::INT8,
            Self::Int16 => DataType::INT16,
            Self::Int24 => DataType::INT24,
            Self::Int32 => DataType::INT32,
            Self::Enum8 => DataType::ENUM8,
            Self::Enum16 => DataType::ENUM16,
            Self::Single => DataType::SINGLE,
            Self::Octets => DataType::OCTET_STRING,
            Self::Text => DataType::CHAR_STRING,
        }
    }
}

/// An attribute that holds a structure of tagged values.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StructureSource {
    /// Where it is.
    #[serde(flatten)]
    pub(crate) at: At,
    /// How it is written.
    pub(crate) form: StructureForm,
}

/// How a structure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StructureForm {
    /// Octets. One that is cut off is not believed at all.
    Octets,
    /// A string whose length is often wrong: every whole entry counts, wherever the frame ends.
    LooseString,
    /// A ZCL structure; its members are tags.
    Members,
}

impl Definition {
    /// Makes a definition from its data, as if it were built in.
    pub fn from_json(text: &str) -> Result<Self, DefinitionError> {
        Self::from_origin(text, Arc::new(Origin::builtin("")))
    }

    /// Makes a definition from its data and says whose it is.
    pub fn from_origin(text: &str, origin: Arc<Origin>) -> Result<Self, DefinitionError> {
        match serde_json::from_str(text) {
            Ok(data) => Ok(Self::new(data, origin, digest(text.as_bytes()))),
            Err(error) => Err(diagnose(text, &error)),
        }
    }

    fn new(data: Data, origin: Arc<Origin>, digest: u64) -> Self {
        let mut listeners: BTreeMap<ClusterId, Vec<usize>> = BTreeMap::new();
        for (index, capability) in data.capabilities.iter().enumerate() {
            let mut clusters = Vec::new();
            capability.get().clusters(&data, &mut clusters);
            clusters.sort_unstable();
            clusters.dedup();
            for cluster in clusters {
                listeners.entry(cluster).or_default().push(index);
            }
        }
        let mut exposes = Vec::new();
        let mut actions = Vec::new();
        let mut first = Vec::new();
        let mut more = Vec::new();
        for capability in &data.capabilities {
            let capability = capability.get();
            capability.exposes(&data, &mut exposes);
            capability.actions(&mut actions);
            capability.first_options(&mut first);
            capability.options(&mut more);
        }
        for capability in &data.capabilities {
            capability.get().listening_options(&mut more);
        }
        let adjustments = Adjustment::of(&exposes, &data);
        let mut options: Vec<Expose> = Vec::new();
        let offered = adjustments.iter().flat_map(Adjustment::options).chain(more);
        for option in first.into_iter().chain(offered) {
            if !options.iter().any(|known| known.name == option.name) {
                options.push(option);
            }
        }
        if !actions.is_empty() {
            let mut unique: Vec<Json> = Vec::new();
            for action in actions {
                let action = Json::from(action);
                if !unique.contains(&action) {
                    unique.push(action);
                }
            }
            let mut expose = Expose::generic(ExposeKind::Enum, "action", STATE)
                .described("Triggered action (e.g. a button click)")
                .in_category("diagnostic");
            expose.values = Some(unique);
            let last = exposes.len();
            let place = data.action_place.unwrap_or(last).min(last);
            exposes.insert(place, expose);
        }
        exposes.push(expose::link_quality());
        let steps = data.steps_digest();
        let configure_version = steps.map(|steps| data.configure_version(&origin, steps));
        Self {
            origin,
            digest,
            steps,
            configure_version,
            data,
            listeners,
            adjustments,
            exposes,
            options,
            generated: false,
        }
    }

    /// Model identifiers of the devices that it is for.
    pub fn model_ids(&self) -> impl Iterator<Item = &str> {
        self.data
            .matches
            .iter()
            .map(|matched| matched.model.as_str())
    }

    /// What a device says of itself that this definition is for: its model identifier, its
    /// manufacturer's name where that matters, and clusters that it has as a server.
    pub fn identity(&self) -> Option<(&str, Option<&str>, Vec<ClusterId>)> {
        let matched = self.data.matches.first()?;
        let manufacturer = matched.manufacturers.first().map(String::as_str);
        let inputs = matched.inputs.iter().map(|number| (*number).into());
        Some((&matched.model, manufacturer, inputs.collect()))
    }

    /// The clusters whose messages it understands.
    pub fn clusters(&self) -> impl Iterator<Item = ClusterId> {
        self.listeners.keys().copied()
    }

    /// The model's name, as on `bridge/devices`.
    pub fn model(&self) -> &str {
        &self.data.model
    }

    /// The vendor's name.
    pub fn vendor(&self) -> &str {
        &self.data.vendor
    }

    /// What the device is.
    pub fn description(&self) -> &str {
        &self.data.description
    }

    /// Other vendors' names and descriptions of the same model.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.data
            .also
            .iter()
            .map(|alias| (alias.vendor.as_str(), alias.description.as_str()))
    }

    /// True for a definition of the catalogue or a converter, false for a generated one
    /// (`supported` on `bridge/devices`).
    pub fn supported(&self) -> bool {
        !self.generated
    }

    /// True when the device takes firmware over the air.
    pub fn supports_ota(&self) -> bool {
        self.data.ota
    }

    /// What `meta.configured` in `database.db` says once [`Definition::configure`] has run; `None` when
    /// there is nothing to configure. The hub configures a device again when its record says something
    /// else. For the catalogue's definitions it is their `version` (`0.0.x`); for a converter's, whose
    /// author edits it without thinking of devices, a digest of the steps follows. What a function does
    /// is not in it: an author who changes that changes the version.
    pub fn configure_version(&self) -> Option<&str> {
        self.configure_version.as_deref()
    }

    /// True when a device that was configured by the other definition needs no configuration by this one:
    /// both take the same steps, in the same version.
    pub fn is_configured_like(&self, other: &Self) -> bool {
        self.steps == other.steps && self.data.version == other.data.version
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// True for a definition with the same data from the same place. Functions may do something else if
    /// the version of the origin is another one.
    pub fn has_data_of(&self, other: &Self) -> bool {
        self.digest == other.digest && self.origin.same_place(&other.origin)
    }

    /// What a function gave, with calibration and precision; values that the definition does not show are
    /// left out, and one of their names is told.
    pub fn accept(&self, options: &JsonMap, values: JsonMap) -> (JsonMap, Option<String>) {
        let known = self.properties();
        let (mut taken, mut refused) = (JsonMap::new(), None);
        for (key, value) in values {
            // The bridge's own.
            if known.contains(key.as_str()) && key != "linkquality" {
                taken.insert(key, value);
            } else if key.starts_with("action_") && known.contains("action") {
                // What belongs to an action, such as its angle, is not shown by any definition.
                taken.insert(key, value);
            } else {
                refused = Some(key);
            }
        }
        let mut out = crate::Decoded {
            payload: taken,
            ..crate::Decoded::default()
        };
        self.adjust(options, &mut out);
        (out.payload, refused)
    }

    /// True when it has functions that run elsewhere.
    pub fn calls_functions(&self) -> bool {
        self.data
            .capabilities
            .iter()
            .any(Capability::calls_functions)
    }

    /// Names of the properties that it shows, those in groups among them.
    pub fn properties(&self) -> BTreeSet<&str> {
        fn gather<'a>(exposes: &'a [Expose], out: &mut BTreeSet<&'a str>) {
            for expose in exposes {
                match &expose.property {
                    Some(property) => {
                        out.insert(property);
                    }
                    None => gather(&expose.features, out),
                }
            }
        }
        let mut properties = BTreeSet::new();
        gather(&self.exposes, &mut properties);
        properties
    }

    /// True when some setting of this model is kept for [`Definition::reconcile`].
    pub fn reconciles(&self) -> bool {
        self.data
            .capabilities
            .iter()
            .any(|capability| capability.get().keeps())
    }

    /// Names of endpoints, in the order of the definition.
    pub fn endpoint_names(&self) -> impl Iterator<Item = (&str, EndpointId)> {
        self.data
            .endpoints
            .iter()
            .map(|(name, endpoint)| (name.as_str(), (*endpoint).into()))
    }

    /// The name of an endpoint.
    pub fn endpoint_name(&self, endpoint: EndpointId) -> Option<&str> {
        self.data.endpoint_name(endpoint)
    }

    /// `exposes` of the `definition` object (mqtt-api.md §11.4), `linkquality` last.
    pub fn exposes(&self) -> &[Expose] {
        &self.exposes
    }

    /// `options` of the `definition` object.
    pub fn options(&self) -> &[Expose] {
        &self.options
    }

    /// The `definition` object of `bridge/devices` (mqtt-api.md §11.4), without `icon`.
    pub fn describe(&self) -> Json {
        json!({
            "source": self.origin.source(),
            "model": self.data.model,
            "vendor": self.data.vendor,
            "description": self.data.description,
            "exposes": self.exposes,
            "options": self.options,
            "supports_ota": self.data.ota,
            "version": self.data.version,
        })
    }
}

/// A digest of bytes (FNV-1a): tells what changed from what did not, and is the same everywhere.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Data {
    /// A digest of what has to be done once; `None` for nothing.
    fn steps_digest(&self) -> Option<u64> {
        let mut steps = Vec::new();
        for capability in &self.capabilities {
            capability.get().configure(self, &mut steps);
        }
        if self.configure.is_none() && steps.is_empty() {
            return None;
        }
        let all: Vec<&Step> = self.configure.iter().flatten().chain(&steps).collect();
        Some(digest(format!("{all:?}").as_bytes()))
    }

    fn configure_version(&self, origin: &Origin, steps: u64) -> String {
        match origin.kind {
            OriginKind::Builtin | OriginKind::Generic => self.version.clone(),
            OriginKind::User | OriginKind::Package => format!("{}+{steps:016x}", self.version),
        }
    }

    pub(crate) fn endpoint_name(&self, endpoint: EndpointId) -> Option<&str> {
        self.endpoints
            .iter()
            .find(|(_, number)| EndpointId::from(*number) == endpoint)
            .map(|(name, _)| name.as_str())
    }

    pub(crate) fn endpoint_named(&self, name: &str) -> Option<EndpointId> {
        self.endpoints
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, number)| (*number).into())
    }
}
