//! Generic exposes: binary, numeric, enum, text, composite, list (§6.7 to §6.10).

use devices::{Expose, ExposeKind, JsonMap};
use serde_json::{Value as Json, json};

use super::lookup::{KEEP_NAME, Lookup};
use super::{At, Context, Draft, actions, on_endpoint, shows, specific};

const STATE: u8 = 1;
const SET: u8 = 2;

/// Where exposes are mapped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) at: At<'a>,
    pub(super) context: &'a Context,
    pub(super) lookup: &'a Lookup,
    /// The definition's model; one fan has a mapping of its own.
    pub(super) model: &'a str,
    /// All exposes of the device.
    pub(super) all: &'a [Expose],
}

/// The entities of one expose.
pub(super) fn map(expose: &Expose, place: Place) -> Vec<Draft> {
    match expose.kind {
        ExposeKind::Light
        | ExposeKind::Switch
        | ExposeKind::Lock
        | ExposeKind::Cover
        | ExposeKind::Climate
        | ExposeKind::Fan => {
            let mut drafts = specific::map(expose, place);
            for draft in &mut drafts {
                correct(draft, expose);
            }
            drafts
        }
        _ => generic(expose, place),
    }
}

/// What the generic mappings have in common.
struct Generic<'a> {
    expose: &'a Expose,
    place: Place<'a>,
    /// The name without endpoint.
    name: &'a str,
    property: &'a str,
    endpoint: Option<&'a str>,
    label: String,
}

impl Generic<'_> {
    fn may(&self, access: u8) -> bool {
        self.expose.access.unwrap_or(0) & access != 0
    }

    /// An entity that shows the property.
    fn state(&self, component: &'static str, object_id: String) -> Draft {
        Draft::new(
            component,
            object_id,
            json!({
                "name": self.label,
                "state_topic": self.place.at.state,
                "value_template": shows(self.property),
            }),
        )
        .reads(self.property)
    }

    fn command_topic(&self) -> String {
        self.place.at.set_property(self.endpoint, self.property)
    }

    fn fields(&self, kind: &str) -> JsonMap {
        let fields = self.place.lookup.fields(kind, self.name);
        fields.cloned().unwrap_or_default()
    }
}

fn generic(expose: &Expose, place: Place) -> Vec<Draft> {
    let (Some(name), Some(property)) = (expose.name.as_deref(), expose.property.as_deref()) else {
        return Vec::new();
    };
    let endpoint = expose.endpoint.as_deref();
    let label = expose.label.as_deref().unwrap_or(name);
    let generic = Generic {
        expose,
        place,
        name,
        property,
        endpoint,
        label: match endpoint {
            Some(endpoint) => format!("{label} {endpoint}"),
            None => label.to_owned(),
        },
    };
    let mut drafts = match expose.kind {
        ExposeKind::Binary => vec![binary(&generic)],
        ExposeKind::Numeric => vec![numeric(&generic)],
        ExposeKind::Enum => enumeration(&generic),
        _ => text(&generic).into_iter().collect(),
    };
    for draft in &mut drafts {
        correct(draft, expose);
    }
    drafts
}

fn binary(generic: &Generic) -> Draft {
    let expose = generic.expose;
    let on = expose.value_on.clone().unwrap_or(Json::Bool(true));
    let off = expose.value_off.clone().unwrap_or(Json::Bool(false));
    let object_id = on_endpoint(generic.name, generic.endpoint);
    let mut draft = if generic.may(SET) {
        let mut draft = generic.state("switch", format!("switch_{object_id}"));
        if on.is_boolean() {
            let property = generic.property;
            draft.put(
                "value_template",
                format!("{{% if value_json[\"{property}\"] %}}true{{% else %}}false{{% endif %}}"),
            );
        }
        draft.put("payload_on", plain(&on));
        draft.put("payload_off", plain(&off));
        draft.put("command_topic", generic.command_topic());
        draft
    } else {
        let mut draft = generic.state("binary_sensor", object_id);
        draft.put("payload_on", on);
        draft.put("payload_off", off);
        draft
    };
    draft.payload.extend(generic.fields("binary"));
    draft
}

fn numeric(generic: &Generic) -> Draft {
    let expose = generic.expose;
    let object_id = on_endpoint(generic.name, generic.endpoint);
    if generic.may(SET) {
        let mut draft = generic.state("number", object_id);
        draft.put("command_topic", generic.command_topic());
        draft.put_some("unit_of_measurement", expose.unit.clone());
        draft.put_some("step", expose.value_step.clone());
        draft.put_some("min", expose.value_min.clone());
        draft.put_some("max", expose.value_max.clone());
        draft.payload.extend(generic.fields("numeric"));
        if draft.payload.get("device_class") != Some(&json!("temperature")) {
            draft.payload.remove("device_class");
        }
        return draft;
    }
    let mut draft = generic.state("sensor", object_id);
    draft.put("enabled_by_default", true);
    draft.put_some("unit_of_measurement", expose.unit.clone());
    let unit = expose.unit.as_deref();
    draft.payload.extend(match (generic.name, unit) {
        ("voc", Some("ppb" | "ppm")) => {
            let parts = generic.place.lookup.fields("numeric", "voc_parts");
            parts.cloned().unwrap_or_default()
        }
        _ => generic.fields("numeric"),
    });
    let by_unit = match unit {
        Some("Wh" | "kWh") => Some(("energy", "total_increasing")),
        Some("A" | "mA") => Some(("current", "measurement")),
        Some("mW" | "W" | "kW") => Some(("power", "measurement")),
        _ => None,
    };
    if let Some((device_class, state_class)) = by_unit {
        draft.put("device_class", device_class);
        draft.put("state_class", state_class);
    }
    if unit.is_none() {
        draft.payload.remove("device_class");
    }
    draft
}

fn enumeration(generic: &Generic) -> Vec<Draft> {
    let values: Vec<String> = generic.expose.values.iter().flatten().map(plain).collect();
    let fields = generic.fields("enum");
    if generic.property == "action" && !generic.may(SET) {
        return action(generic, &values, fields);
    }
    let object_id = generic.property.to_owned();
    let mut draft = if generic.may(SET) {
        let button = values.len() == 1;
        let mut draft = if generic.may(STATE) && !button {
            generic.state("select", object_id)
        } else {
            let component = if button { "button" } else { "select" };
            Draft::new(component, object_id, json!({"name": generic.label}))
        };
        match (button, values.first()) {
            (true, Some(only)) => draft.put("payload_press", only.as_str()),
            _ => draft.put("options", values),
        }
        draft.put("command_topic", generic.command_topic());
        draft
    } else if generic.may(STATE) {
        generic.state("sensor", object_id)
    } else {
        return Vec::new();
    };
    draft.payload.extend(fields);
    vec![draft]
}

fn action(generic: &Generic, values: &[String], fields: JsonMap) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if generic.place.context.event_entities {
        let mut draft = generic.state("event", "action".to_owned());
        draft.put("event_types", actions::event_types(values));
        draft.put("value_template", actions::EVENT_TEMPLATE);
        draft.payload.extend(fields.clone());
        drafts.push(draft);
    }
    if generic.place.context.legacy_action_sensor {
        let mut draft = generic.state("sensor", "action".to_owned());
        draft.payload.extend(fields);
        draft.put("entity_category", "diagnostic");
        drafts.push(draft);
    }
    drafts
}

/// Text, composite and list.
fn text(generic: &Generic) -> Option<Draft> {
    let expose = generic.expose;
    if expose.kind == ExposeKind::Composite && generic.name == "warning" && generic.may(SET) {
        return Some(siren(generic));
    }
    let object_id = generic.property.to_owned();
    let mut draft = if expose.kind == ExposeKind::Text && generic.may(SET) {
        let mut draft = if generic.may(STATE) {
            generic.state("text", object_id)
        } else {
            Draft::new("text", object_id, json!({"name": generic.label}))
        };
        draft.put("command_topic", generic.command_topic());
        draft
    } else if generic.may(STATE) {
        let mut draft = generic.state("sensor", object_id);
        // Home Assistant takes no longer states.
        draft.put(
            "value_template",
            format!(
                "{{% set v = value_json[\"{}\"] %}}\
                 {{{{ '' if v is none else (v | string)[:254] }}}}",
                generic.property
            ),
        );
        draft
    } else {
        return None;
    };
    draft.payload.extend(generic.fields("text"));
    Some(draft)
}

fn siren(generic: &Generic) -> Draft {
    let features = &generic.expose.features;
    let feature = |name: &str| {
        features
            .iter()
            .find(|feature| feature.name.as_deref() == Some(name))
    };
    let tones: Vec<String> = feature("mode")
        .and_then(|mode| mode.values.as_ref())
        .into_iter()
        .flatten()
        .map(plain)
        .filter(|tone| tone != "stop")
        .collect();
    let mut draft = Draft::new(
        "siren",
        on_endpoint("siren", generic.endpoint),
        json!({
            "name": specific::entity_name(generic.endpoint),
            "optimistic": true,
            "available_tones": tones,
            "command_topic": generic.place.at.set(generic.endpoint),
            "command_template": "{\"warning\": {\"mode\": \"{{ tone | default('emergency', true) }}\", \
                \"level\": \"{% if volume_level is not defined or volume_level is none %}medium\
                {% elif volume_level | float <= 0.25 %}low{% elif volume_level | float <= 0.5 %}medium\
                {% elif volume_level | float <= 0.75 %}high{% else %}very_high{% endif %}\", \
                \"duration\": {{ duration | default(10, true) }}}}",
            "command_off_template": "{\"warning\": {\"mode\": \"stop\"}}",
        }),
    );
    if feature("level").is_some() {
        draft.put("support_volume_set", true);
    }
    if feature("duration").is_some() {
        draft.put("support_duration", true);
    }
    draft
}

/// What holds for every entity of an expose, in this order (§6).
fn correct(draft: &mut Draft, expose: &Expose) {
    if let Some(category @ ("config" | "diagnostic")) = expose.category.as_deref() {
        draft.put("entity_category", category);
    }
    let category = draft.payload.get("entity_category").and_then(Json::as_str);
    if category == Some("config") && matches!(draft.component, "sensor" | "binary_sensor") {
        draft.put("entity_category", "diagnostic");
    }
    if draft.component == "event" {
        draft.payload.remove("entity_category");
    }
    let keep = draft.payload.remove(KEEP_NAME).is_some();
    let named = draft
        .payload
        .get("name")
        .is_some_and(|name| !name.is_null());
    if named && !keep && draft.payload.contains_key("device_class") {
        draft.payload.remove("name");
    }
}

/// A value as it is written in a command.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => crate::json::render_text(other),
    }
}
