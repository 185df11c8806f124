//! Actions: device triggers and event entities (§8).

use serde_json::{Value as Json, json};

use super::{Config, Context};
use crate::json;

/// Splits an action into its kind of event and the rest. The state's `action` is missing, null or
/// empty in ordinary messages; these must not be events.
///
/// The forms are those of [`event_type`]; Home Assistant's templates know regular expressions.
pub(super) const EVENT_TEMPLATE: &str = concat!(
    "{% set a = value_json.action | default('', true) | string %}",
    "{% set press = a | regex_findall('^((?:button_)?[a-z0-9]+)_((?:press|hold)(?:_release)?)$') %}",
    "{% set scene = a | regex_findall('^(recall|scene)_([0-2][0-9]{0,2})$') %}",
    "{% set region = a | regex_findall('^region_([1-9]|10)_(enter|leave|occupied|unoccupied)$') %}",
    "{% set dial = a | regex_findall('^dial_rotate_(left|right)_(step|slow|fast)$') %}",
    "{% if a == '' %}{}",
    "{% elif press %}{{ {'event_type': press[0][1], 'button': press[0][0]} | to_json }}",
    "{% elif scene %}{{ {'event_type': scene[0][0], 'scene': scene[0][1]} | to_json }}",
    "{% elif region %}{{ {'event_type': 'region_' ~ region[0][1], 'region': region[0][0]} | to_json }}",
    "{% elif dial %}{{ {'event_type': 'dial_rotate', 'direction': dial[0][0], 'speed': dial[0][1]} | to_json }}",
    "{% elif a in ['brightness_step_up', 'brightness_step_down'] %}",
    "{{ {'event_type': 'brightness_step', 'direction': a[16:]} | to_json }}",
    "{% else %}{{ {'event_type': a} | to_json }}{% endif %}",
);

/// The kinds of event of an expose's actions, each once.
pub(super) fn event_types(actions: &[String]) -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    for action in actions {
        let kind = event_type(action);
        if !kind.contains('*') && !types.contains(&kind) {
            types.push(kind);
        }
    }
    types
}

/// The kind of event of an action.
fn event_type(action: &str) -> String {
    if let Some(kind) = press(action).or_else(|| scene(action)) {
        return kind.to_owned();
    }
    if let Some(kind) = region(action) {
        return format!("region_{kind}");
    }
    match action {
        "dial_rotate_left_step"
        | "dial_rotate_left_slow"
        | "dial_rotate_left_fast"
        | "dial_rotate_right_step"
        | "dial_rotate_right_slow"
        | "dial_rotate_right_fast" => "dial_rotate".to_owned(),
        "brightness_step_up" | "brightness_step_down" => "brightness_step".to_owned(),
        other => other.to_owned(),
    }
}

/// `<button>_press` and its like; a button is letters and digits, `button_` before them or not.
fn press(action: &str) -> Option<&'static str> {
    let kind = ["press_release", "hold_release", "press", "hold"]
        .into_iter()
        .find(|kind| action.ends_with(&format!("_{kind}")))?;
    let button = action.strip_suffix(kind)?.strip_suffix('_')?;
    let button = button.strip_prefix("button_").unwrap_or(button);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (!button.is_empty() && button.bytes().all(plain)).then_some(kind)
}

/// `recall_<n>` and `scene_<n>`; `*` for any.
fn scene(action: &str) -> Option<&'static str> {
    let (kind, id) = match action.split_once('_')? {
        ("recall", id) => ("recall", id),
        ("scene", id) => ("scene", id),
        _ => return None,
    };
    let any = matches!(id, "*" | "*_e1" | "*_e2" | "*_s1" | "*_s2");
    let number = matches!(id.as_bytes(), [b'0'..=b'2', rest @ ..]
        if rest.len() <= 2 && rest.iter().all(u8::is_ascii_digit));
    (any || number).then_some(kind)
}

/// `region_<1 to 10>_<what>`; `*` for any.
fn region(action: &str) -> Option<&str> {
    let (number, kind) = action.strip_prefix("region_")?.split_once('_')?;
    let numbered = number == "*" || number.parse().is_ok_and(|n: u8| (1..=10).contains(&n));
    let known = matches!(kind, "enter" | "leave" | "occupied" | "unoccupied");
    (numbered && known).then_some(kind)
}

/// The discovery message of a device trigger (§8.1).
pub(crate) fn trigger(
    context: &Context,
    ieee: &str,
    topic: &str,
    device: &Json,
    action: &str,
) -> Config {
    let payload = json!({
        "automation_type": "trigger",
        "type": "action",
        "subtype": action,
        "payload": action,
        "topic": format!("{topic}/action"),
        "device": device,
        "origin": super::finish::origin(),
    });
    Config {
        topic: format!(
            "{}/device_automation/{ieee}/action_{action}/config",
            context.discovery
        )
        .into(),
        payload: json::render(&payload),
        component: "device_automation".to_owned(),
        unique_id: String::new(),
        endpoint: None,
        specific: false,
        reads: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_reduced_to_their_kind_of_event() {
        for (action, kind) in [
            ("on_press", "press"),
            ("button_1_hold_release", "hold_release"),
            ("up_press_release", "press_release"),
            ("press", "press"),
            ("dots_1_initial_press", "dots_1_initial_press"),
            ("recall_12", "recall"),
            ("recall_*", "recall"),
            ("scene_*_e1", "scene"),
            ("scene_9", "scene_9"),
            ("region_10_occupied", "region_occupied"),
            ("region_*_enter", "region_enter"),
            ("region_11_enter", "region_11_enter"),
            ("dial_rotate_left_slow", "dial_rotate"),
            ("brightness_step_up", "brightness_step"),
            ("brightness_step", "brightness_step"),
            ("single_left", "single_left"),
        ] {
            assert_eq!(event_type(action), kind, "{action}");
        }
        let all = ["single_*", "scene_1", "scene_2", "double"].map(str::to_owned);
        assert_eq!(event_types(&all), ["scene", "double"]);
    }
}
