//! Climates (§6.5).

use devices::{Expose, ExposeKind};
use serde_json::{Value as Json, json};

use super::exposes::{Place, plain};
use super::specific::{feature, property, values, whole};
use super::{Draft, on_endpoint, shows};

const SET: u8 = 2;

/// The entities of a climate.
pub(super) fn map(expose: &Expose, place: Place) -> Vec<Draft> {
    let endpoint = expose.endpoint.as_deref();
    let state = place.at.state;
    let heating = feature(expose, "occupied_heating_setpoint")
        .or_else(|| feature(expose, "current_heating_setpoint"));
    let cooling = feature(expose, "occupied_cooling_setpoint");
    let (Some(setpoint), Some(local)) = (heating.or(cooling), feature(expose, "local_temperature"))
    else {
        return Vec::new();
    };
    let mut draft = whole(
        "climate",
        expose,
        json!({
            "temperature_unit": "C",
            "current_temperature_topic": state,
            "current_temperature_template": shows(property(local)),
        }),
    )
    .reads(property(local));
    draft.put_some("temp_step", setpoint.value_step.clone());
    draft.put_some("min_temp", setpoint.value_min.as_ref().map(plain));
    draft.put_some("max_temp", setpoint.value_max.as_ref().map(plain));
    if let Some(mode) = feature(expose, "system_mode") {
        let mut modes = values(mode);
        modes.retain(|mode| mode != "sleep");
        draft.put("modes", modes);
        draft.put("mode_state_topic", state);
        draft.put("mode_state_template", shows(property(mode)));
        draft.put(
            "mode_command_topic",
            place.at.set_property(endpoint, "system_mode"),
        );
        draft.read(property(mode));
    }
    if place.model == OPERATING_MODES {
        operating_modes(&mut draft, place, endpoint);
    }
    if let Some(running) = feature(expose, "running_state") {
        let property = property(running);
        draft.put("action_topic", state);
        draft.put(
            "action_template",
            format!(
                "{{{{ {{'idle': 'idle', 'heat': 'heating', 'cool': 'cooling', 'fan_only': 'fan'}}\
                 .get(value_json[\"{property}\"]) }}}}"
            ),
        );
        draft.read(property);
    }
    let mut temperature = |prefix: &str, setpoint: &Expose| {
        let name = setpoint.name.as_deref().unwrap_or_default();
        let topic = place.at.set_property(endpoint, name);
        draft.put(&format!("{prefix}_command_topic"), topic);
        draft.put(&format!("{prefix}_state_topic"), state);
        draft.put(
            &format!("{prefix}_state_template"),
            shows(property(setpoint)),
        );
        draft.read(property(setpoint));
    };
    match (heating, cooling) {
        (Some(heating), Some(cooling)) => {
            temperature("temperature_low", heating);
            temperature("temperature_high", cooling);
        }
        _ => temperature("temperature", setpoint),
    }
    for (name, key, list) in [
        ("fan_mode", "fan_mode", "fan_modes"),
        ("swing_mode", "swing_mode", "swing_modes"),
        ("preset", "preset_mode", "preset_modes"),
    ] {
        let Some(mode) = feature(expose, name) else {
            continue;
        };
        draft.put(list, values(mode));
        draft.put(
            &format!("{key}_command_topic"),
            place.at.set_property(endpoint, name),
        );
        draft.put(&format!("{key}_state_topic"), state);
        // Home Assistant calls the one template of presets `preset_mode_value_template`.
        let template = if key == "preset_mode" {
            "value"
        } else {
            "state"
        };
        draft.put(&format!("{key}_{template}_template"), shows(property(mode)));
        draft.read(property(mode));
    }
    let humidity = place.all.iter().find(|other| {
        other.kind == ExposeKind::Numeric && other.name.as_deref() == Some("humidity")
    });
    if let Some(humidity) = humidity {
        draft.put("current_humidity_topic", state);
        draft.put("current_humidity_template", shows(property(humidity)));
        draft.read(property(humidity));
    }
    let mut drafts = vec![draft];
    drafts.extend(extras(expose, place));
    drafts
}

/// Bosch's radiator valve always heats as far as `system_mode` knows; what it does is its
/// `operating_mode` (§6.13).
const OPERATING_MODES: &str = "BTH-RA";

/// Modes of a thermostat that has them in a property of the vendor's.
fn operating_modes(draft: &mut Draft, place: Place, endpoint: Option<&str>) {
    draft.put("modes", ["off", "heat", "auto"]);
    draft.put("mode_command_topic", place.at.set(endpoint));
    draft.put(
        "mode_command_template",
        "{\"operating_mode\": \"{{ {'off': 'pause', 'heat': 'manual', 'auto': 'schedule'}\
         .get(value, 'pause') }}\"}",
    );
    draft.put(
        "mode_state_template",
        "{{ {'pause': 'off', 'manual': 'heat', 'schedule': 'auto'}\
         .get(value_json[\"operating_mode\"], 'off') }}",
    );
    draft.read("operating_mode");
}

/// What a climate has beside itself.
fn extras(expose: &Expose, place: Place) -> Vec<Draft> {
    let endpoint = expose.endpoint.as_deref();
    let part = |component: &'static str, feature: &Expose, fields: Json| {
        let name = feature.name.as_deref().unwrap_or_default();
        let label = feature.label.as_deref().unwrap_or(name);
        let label = match endpoint {
            Some(endpoint) => format!("{label} {endpoint}"),
            None => label.to_owned(),
        };
        let property = property(feature);
        let mut draft = Draft::new(component, on_endpoint(name, endpoint), fields).reads(property);
        draft.put("name", label);
        draft.put("state_topic", place.at.state);
        draft.put("value_template", shows(property));
        draft.put_some("unit_of_measurement", feature.unit.clone());
        if component == "number" {
            draft.put("command_topic", place.at.set_property(endpoint, property));
            draft.put_some("min", feature.value_min.clone());
            draft.put_some("max", feature.value_max.clone());
        }
        draft
    };
    let mut drafts = Vec::new();
    if let Some(calibration) = feature(expose, "local_temperature_calibration") {
        let fields = json!({"device_class": "temperature_delta", "entity_category": "config"});
        let mut draft = part("number", calibration, fields);
        draft.put_some("step", calibration.value_step.clone());
        drafts.push(draft);
    }
    if let Some(demand) = feature(expose, "pi_heating_demand") {
        drafts.push(if demand.access.unwrap_or(0) & SET == 0 {
            let fields = json!({"entity_category": "diagnostic", "icon": "mdi:radiator"});
            part("sensor", demand, fields)
        } else {
            part("number", demand, json!({"icon": "mdi:radiator"}))
        });
    }
    if let Some(demand) = feature(expose, "pi_cooling_demand") {
        let fields = json!({"entity_category": "diagnostic", "icon": "mdi:air-conditioner"});
        drafts.push(part("sensor", demand, fields));
    }
    let measured = place.all.iter().any(|other| {
        other.kind == ExposeKind::Numeric
            && matches!(
                other.name.as_deref(),
                Some("temperature" | "local_temperature")
            )
    });
    if let Some(local) = feature(expose, "local_temperature").filter(|_| !measured) {
        let fields = json!({"device_class": "temperature", "state_class": "measurement"});
        drafts.push(part("sensor", local, fields));
    }
    drafts
}
