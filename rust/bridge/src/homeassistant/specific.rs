//! Lights, switches, locks, covers and fans (§6.1 to §6.4, §6.6).

use devices::{Expose, ExposeKind};
use serde_json::{Value as Json, json};

use super::exposes::{Place, plain};
use super::{Draft, climate, on_endpoint, shows};

/// The entities of an expose with features.
pub(super) fn map(expose: &Expose, place: Place) -> Vec<Draft> {
    let mut drafts = match expose.kind {
        ExposeKind::Light => vec![light(expose, place)],
        ExposeKind::Switch => switch(expose, place).into_iter().collect(),
        ExposeKind::Lock => lock(expose, place).into_iter().collect(),
        ExposeKind::Cover => vec![cover(expose, place)],
        ExposeKind::Climate => climate::map(expose, place),
        ExposeKind::Fan => fan(expose, place).into_iter().collect(),
        _ => Vec::new(),
    };
    for draft in &mut drafts {
        draft.endpoint.clone_from(&expose.endpoint);
    }
    drafts
}

/// An entity that stands for the device has the device's name, one of several that of its endpoint.
pub(super) fn entity_name(endpoint: Option<&str>) -> Json {
    let Some(endpoint) = endpoint else {
        return Json::Null;
    };
    let mut letters = endpoint.chars();
    match letters.next() {
        Some(first) => Json::String(first.to_uppercase().chain(letters).collect()),
        None => Json::Null,
    }
}

/// A feature by its name.
pub(super) fn feature<'a>(expose: &'a Expose, name: &str) -> Option<&'a Expose> {
    expose
        .features
        .iter()
        .find(|feature| feature.name.as_deref() == Some(name))
}

/// The property of a feature; features of a definition have one.
pub(super) fn property(feature: &Expose) -> &str {
    let name = feature.name.as_deref().unwrap_or_default();
    feature.property.as_deref().unwrap_or(name)
}

/// The values of a feature, as text.
pub(super) fn values(feature: &Expose) -> Vec<String> {
    feature.values.iter().flatten().map(plain).collect()
}

/// The entity of an expose as a whole.
pub(super) fn whole(component: &'static str, expose: &Expose, payload: Json) -> Draft {
    let endpoint = expose.endpoint.as_deref();
    let mut draft = Draft::new(component, on_endpoint(component, endpoint), payload);
    draft.put("name", entity_name(endpoint));
    draft.specific = true;
    draft
}

fn light(expose: &Expose, place: Place) -> Draft {
    let endpoint = expose.endpoint.as_deref();
    let position = |name: &str| {
        let mut features = expose.features.iter();
        features.position(|feature| feature.name.as_deref() == Some(name))
    };
    let (xy, hs) = (position("color_xy"), position("color_hs"));
    let prefers_hs = hs.is_some_and(|hs| xy.is_none_or(|xy| hs < xy));
    let temperature = feature(expose, "color_temp");
    let mut modes = Vec::new();
    if xy.is_some() && !prefers_hs {
        modes.push("xy");
    }
    if prefers_hs {
        modes.push("hs");
    }
    if temperature.is_some() {
        modes.push("color_temp");
    }
    if modes.is_empty() {
        modes.push("brightness");
    }
    let mut draft = whole(
        "light",
        expose,
        json!({
            "schema": "json",
            "brightness": feature(expose, "brightness").is_some(),
            "brightness_scale": 254,
            "supported_color_modes": modes,
            "state_topic": place.at.of(endpoint),
            "command_topic": place.at.set(endpoint),
        }),
    );
    if let Some(temperature) = temperature {
        draft.put_some("min_mireds", temperature.value_min.clone());
        draft.put_some("max_mireds", temperature.value_max.clone());
    }
    let mut effects: Vec<String> = Vec::new();
    let known = place
        .all
        .iter()
        .filter(|other| other.kind == ExposeKind::Enum && other.name.as_deref() == Some("effect"));
    for effect in known.flat_map(values) {
        if !effects.contains(&effect) {
            effects.push(effect);
        }
    }
    if !effects.is_empty() {
        draft.put("effect", true);
        draft.put("effect_list", effects);
    }
    // Home Assistant reads the others only where they are there.
    if let Some(state) = feature(expose, "state") {
        draft.read(property(state));
    }
    draft
}

fn switch(expose: &Expose, place: Place) -> Option<Draft> {
    let state = feature(expose, "state").or(expose.features.first())?;
    let endpoint = expose.endpoint.as_deref();
    let property = property(state);
    let on = state
        .value_on
        .as_ref()
        .map_or_else(|| "ON".to_owned(), plain);
    let off = state
        .value_off
        .as_ref()
        .map_or_else(|| "OFF".to_owned(), plain);
    let mut draft = whole(
        "switch",
        expose,
        json!({
            "payload_on": on,
            "payload_off": off,
            "state_topic": place.at.state,
            "value_template": shows(property),
            "command_topic": place.at.set(endpoint),
        }),
    )
    .reads(property);
    if let Some(fields) = place.lookup.fields("switch", property) {
        property.clone_into(&mut draft.object_id);
        draft.put("name", state.label.clone());
        draft.put("command_topic", place.at.set_property(endpoint, property));
        draft.put("state_on", on);
        draft.put("state_off", off);
        draft.payload.extend(fields.clone());
    }
    Some(draft)
}

fn lock(expose: &Expose, place: Place) -> Option<Draft> {
    let state = feature(expose, "state").or(expose.features.first())?;
    let property = property(state);
    let endpoint = expose.endpoint.as_deref();
    let command_topic = match endpoint {
        Some(_) => place.at.set_property(endpoint, property),
        None => place.at.set(None),
    };
    let draft = whole(
        "lock",
        expose,
        json!({
            "state_locked": state.value_on,
            "state_unlocked": state.value_off,
            "state_topic": place.at.state,
            "value_template": shows(property),
            "command_topic": command_topic,
        }),
    );
    Some(draft.reads(property))
}

const OPENING: [&str; 5] = ["opening", "open", "forward", "up", "rising"];
const CLOSING: [&str; 7] = [
    "closing",
    "close",
    "backward",
    "back",
    "reverse",
    "down",
    "declining",
];
const STOPPED: [&str; 4] = ["stopped", "stop", "pause", "paused"];

fn cover(expose: &Expose, place: Place) -> Draft {
    let endpoint = expose.endpoint.as_deref();
    let position = feature(expose, "position");
    let tilt = feature(expose, "tilt");
    let topic = place.at.of(endpoint);
    let mut draft = whole(
        "cover",
        expose,
        json!({"state_topic": topic, "command_topic": place.at.set(endpoint)}),
    );
    if let Some(state) = feature(expose, "state") {
        draft.read(property(state));
    }
    // The topic of the endpoint has the names without it; what else moves belongs to the whole device.
    let other = |names: &[&str], kind: ExposeKind| {
        let mut all = expose.features.iter().chain(place.all);
        all.find(|other| {
            other.kind == kind
                && other
                    .name
                    .as_deref()
                    .is_some_and(|name| names.contains(&name))
        })
    };
    let running = other(&["running"], ExposeKind::Binary).filter(|_| position.is_some());
    let motor = other(&["motor_state", "moving"], ExposeKind::Enum).and_then(|motor| {
        let all = values(motor);
        let of = |words: &[&str]| {
            let mut all = all.iter();
            let found = all.find(|value| words.contains(&value.to_lowercase().as_str()));
            found.cloned()
        };
        Some((motor, of(&OPENING)?, of(&CLOSING)?, of(&STOPPED)?))
    });
    if let Some((motor, opening, closing, stopped)) = motor {
        let name = motor.name.as_deref().unwrap_or_default();
        let ends = if position.is_some() {
            "{% if value_json.position == 0 and value_json.state == 'CLOSE' %}CLOSE\
             {% elif value_json.position == 100 and value_json.state == 'OPEN' %}OPEN{% elif "
        } else {
            "{% if "
        };
        let at_rest = if position.is_some() {
            "{% if value_json.position == 0 %}CLOSE{% else %}OPEN{% endif %}"
        } else {
            "{% if value_json.state in ['OPEN', 'CLOSE'] %}{{ value_json.state }}{% else %}OPEN{% endif %}"
        };
        draft.put(
            "value_template",
            format!(
                "{ends}value_json.{name} == '{opening}' %}}{opening}\
                 {{% elif value_json.{name} == '{closing}' %}}{closing}\
                 {{% elif value_json.{name} == '{stopped}' %}}{at_rest}\
                 {{% elif value_json.state in ['OPEN', 'CLOSE'] %}}{{{{ value_json.state }}}}\
                 {{% else %}}{stopped}{{% endif %}}"
            ),
        );
        draft.put("state_opening", opening);
        draft.put("state_closing", closing);
        draft.put("state_stopped", stopped);
        draft.put("state_open", "OPEN");
        draft.put("state_closed", "CLOSE");
        draft.read(property(motor));
    } else if let Some(running) = running {
        draft.put(
            "value_template",
            "{% if not value_json.running %}stopped\
             {% elif value_json.position is number and value_json.position > 0 %}closing\
             {% else %}opening{% endif %}",
        );
        draft.read(property(running));
    } else {
        draft.put("value_template", shows("state"));
        draft.put("state_open", "OPEN");
        draft.put("state_closed", "CLOSE");
        draft.put("state_stopped", "STOP");
    }
    if position.is_none() && tilt.is_none() {
        draft.put("optimistic", true);
    }
    if let Some(position) = position {
        let property = property(position);
        draft.put("position_template", shows("position"));
        draft.put("position_topic", topic.as_str());
        draft.put("set_position_topic", place.at.set(endpoint));
        draft.put(
            "set_position_template",
            format!("{{ \"{property}\": {{{{ position }}}} }}"),
        );
        draft.read(property);
    }
    if let Some(tilt) = tilt {
        draft.put(
            "tilt_command_topic",
            place.at.set_property(endpoint, "tilt"),
        );
        draft.put("tilt_status_topic", topic.as_str());
        draft.put("tilt_status_template", shows("tilt"));
        draft.read(property(tilt));
    }
    draft
}

/// What a fan's `mode` counts as a speed, slowest first.
const SPEEDS: [&str; 12] = [
    "low", "medium", "high", "1", "2", "3", "4", "5", "6", "7", "8", "9",
];

fn fan(expose: &Expose, place: Place) -> Option<Draft> {
    let state = place.at.state;
    let mut draft = whole("fan", expose, json!({"state_topic": state}));
    "fan".clone_into(&mut draft.object_id);
    let power = feature(expose, "state");
    let Some(mode) = feature(expose, "mode") else {
        let speed = feature(expose, "speed")?;
        draft.put("state_value_template", shows("state"));
        draft.put("command_topic", place.at.set_property(None, "state"));
        draft.put("percentage_state_topic", state);
        draft.put("percentage_value_template", shows(property(speed)));
        draft.put(
            "percentage_command_topic",
            place.at.set_property(None, "speed"),
        );
        draft.put_some("speed_range_min", speed.value_min.clone());
        draft.put_some("speed_range_max", speed.value_max.clone());
        draft.read(power.map_or("state", property));
        draft.read(property(speed));
        return Some(draft);
    };
    draft.put("state_value_template", shows("fan_state"));
    draft.put("command_topic", place.at.set_property(None, "fan_state"));
    draft.read("fan_state");
    let modes = values(mode);
    // One model's `on` is its highest speed.
    let speed_on = place.model == "99432";
    let mut speeds = vec!["off"];
    speeds.extend(
        SPEEDS
            .into_iter()
            .filter(|speed| modes.iter().any(|mode| mode == speed)),
    );
    let mut presets: Vec<&str> = ["on", "auto", "smart"]
        .into_iter()
        .filter(|preset| modes.iter().any(|mode| mode == preset))
        .collect();
    if speed_on {
        speeds = vec!["off", "low", "medium", "high", "on"];
        presets = vec!["smart"];
    }
    let property = property(mode);
    let command_topic = place.at.set_property(None, "fan_mode");
    if speeds.len() > 1 {
        let pairs = |swap: bool| {
            let pairs = speeds.iter().enumerate().map(|(index, speed)| {
                if swap {
                    format!("{index}: '{speed}'")
                } else {
                    format!("'{speed}': {index}")
                }
            });
            pairs.collect::<Vec<_>>().join(", ")
        };
        draft.put("percentage_state_topic", state);
        draft.put("percentage_command_topic", command_topic.as_str());
        draft.put(
            "percentage_value_template",
            format!(
                "{{{{ {{{}}}.get(value_json[\"{property}\"]) }}}}",
                pairs(false)
            ),
        );
        draft.put(
            "percentage_command_template",
            format!("{{{{ {{{}}}.get(value | int, '') }}}}", pairs(true)),
        );
        draft.put("speed_range_min", 1);
        draft.put("speed_range_max", speeds.len() - 1);
    }
    if !presets.is_empty() {
        let list: Vec<_> = presets.iter().map(|preset| format!("'{preset}'")).collect();
        draft.put("preset_mode_state_topic", state);
        draft.put("preset_mode_command_topic", command_topic);
        draft.put(
            "preset_mode_value_template",
            format!(
                "{{{{ value_json[\"{property}\"] if value_json[\"{property}\"] in [{}] else 'None' }}}}",
                list.join(", ")
            ),
        );
        draft.put("preset_modes", presets);
    }
    draft.read(property);
    Some(draft)
}
