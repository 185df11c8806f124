//! Exposes: what a device shows of itself on `bridge/devices` (shared/facts/mqtt-api.md §11.4).

use serde::Serialize;
use serde_json::Value as Json;

/// The value is part of the published state.
pub const STATE: u8 = 1;
/// The value can be set.
pub const SET: u8 = 2;
/// The value can be read from the device.
pub const GET: u8 = 4;

/// What kind of thing is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the contract's own")]
pub enum ExposeKind {
    Binary,
    Numeric,
    Enum,
    Text,
    List,
    Composite,
    Light,
    Switch,
    Fan,
    Cover,
    Lock,
    Climate,
}

/// A preset of a numeric expose.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the fields are the contract's own")]
pub struct Preset {
    pub name: String,
    pub value: Json,
    pub description: String,
}

/// An expose. The fields are those of the contract; absent ones are left out.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields are the contract's own")]
pub struct Expose {
    #[serde(rename = "type")]
    pub kind: ExposeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// [`STATE`], [`SET`] and [`GET`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What Home Assistant is told beyond what follows from the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homeassistant: Option<Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Expose>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_on: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_off: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_toggle: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Json>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_min: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_max: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_step: Option<Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presets: Vec<Preset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_type: Option<Box<Expose>>,
}

impl Expose {
    /// An expose of a specific kind (switch, light, ...), which has features and nothing else.
    pub fn specific(kind: ExposeKind) -> Self {
        Self {
            kind,
            name: None,
            label: None,
            property: None,
            access: None,
            description: None,
            endpoint: None,
            category: None,
            homeassistant: None,
            features: Vec::new(),
            value_on: None,
            value_off: None,
            value_toggle: None,
            values: None,
            unit: None,
            value_min: None,
            value_max: None,
            value_step: None,
            presets: Vec::new(),
            item_type: None,
        }
    }

    /// An expose with a name of its own; property and label follow from the name.
    pub fn generic(kind: ExposeKind, name: &str, access: u8) -> Self {
        Self {
            name: Some(name.to_owned()),
            label: Some(label(name)),
            property: Some(name.to_owned()),
            access: Some(access),
            ..Self::specific(kind)
        }
    }

    /// Adds what follows from the name where it is left out: label and property.
    pub(crate) fn completed(mut self) -> Self {
        if let Some(name) = &self.name {
            let fresh = Self::generic(self.kind, name, STATE);
            self.label = self.label.or(fresh.label);
            self.property = self.property.or(fresh.property);
            self.access = self.access.or(fresh.access);
        }
        self.features = self.features.into_iter().map(Self::completed).collect();
        self
    }

    /// Puts the expose on a named endpoint: its property gets the name as suffix. The keys inside of a
    /// composite stay what they are.
    #[must_use]
    pub fn on_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        if let Some(property) = &self.property {
            self.property = Some(format!("{property}_{endpoint}"));
        }
        if self.kind != ExposeKind::Composite {
            self.features = self
                .features
                .into_iter()
                .map(|feature| feature.on_endpoint(endpoint))
                .collect();
        }
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the category (`config` or `diagnostic`).
    #[must_use]
    pub fn in_category(mut self, category: &str) -> Self {
        self.category = Some(category.to_owned());
        self
    }
}

/// The label of a name: spaces for underscores, the first letter in upper case.
fn label(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => spaced,
    }
}

/// What every device exposes last.
pub(crate) fn link_quality() -> Expose {
    let mut expose = Expose::generic(ExposeKind::Numeric, "linkquality", STATE)
        .described("Link quality (signal strength)")
        .in_category("diagnostic");
    expose.unit = Some("lqi".to_owned());
    expose.value_min = Some(Json::from(0));
    expose.value_max = Some(Json::from(255));
    expose
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_from_names() {
        assert_eq!(label("power_outage_memory"), "Power outage memory");
        assert_eq!(label(""), "");
    }

    #[test]
    fn endpoint_becomes_a_suffix_of_the_property() {
        let mut switch = Expose::specific(ExposeKind::Switch);
        switch
            .features
            .push(Expose::generic(ExposeKind::Binary, "state", 7));
        let switch = switch.on_endpoint("l1");
        assert_eq!(switch.property, None);
        assert_eq!(switch.features[0].property.as_deref(), Some("state_l1"));
        assert_eq!(switch.features[0].endpoint.as_deref(), Some("l1"));
    }
}
