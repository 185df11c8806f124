//! Home Assistant's discovery (shared/facts/homeassistant.md) on the core.

use std::time::Duration;

use adapters::Event;
use bridge::core::{CoreInput, CoreOutput, Qos};
use serde_json::{Value as Json, json};

use crate::house::{House, RELAY, SWITCH, network};

fn enabled() -> Json {
    json!({"homeassistant": {"enabled": true}})
}

fn node(house_ieee: zigbee::IeeeAddress) -> String {
    house_ieee.to_string()
}

/// Radio and broker are there; what the broker had is not yet learnt.
fn started(extra: &Json) -> House {
    let mut house = House::dark(extra);
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house
}

/// Everything is discovered, and forgotten by the test.
fn discovered(extra: &Json) -> House {
    let mut house = started(extra);
    house.wait(Duration::from_secs(6));
    house.forget();
    house
}

/// Topics below `homeassistant/` that were published, cleared ones with a `-` before them.
fn topics(house: &mut House) -> Vec<String> {
    let mut topics = Vec::new();
    for publish in std::mem::take(&mut house.published) {
        if let Some(topic) = publish.topic.strip_prefix("homeassistant/") {
            assert!(publish.retain && publish.qos == Qos::AtLeastOnce, "{topic}");
            let sign = if publish.payload.is_empty() { "-" } else { "" };
            topics.push(format!("{sign}{topic}"));
        }
    }
    topics
}

/// What the broker holds: what a run with the same settings published.
fn retained(extra: &Json) -> Vec<(String, Vec<u8>)> {
    let mut house = started(extra);
    house.wait(Duration::from_secs(6));
    house
        .published
        .iter()
        .filter(|publish| publish.topic.starts_with("homeassistant/"))
        .map(|publish| (publish.topic.to_string(), publish.payload.clone()))
        .collect()
}

#[test]
fn nothing_is_said_where_it_is_off() {
    let mut house = started(&json!({}));
    house.wait(Duration::from_secs(60));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    assert!(
        !house
            .subscribed
            .iter()
            .any(|filter| filter.contains("homeassistant"))
    );
    house.report(1, true);
    assert_eq!(house.last("z/switch").get("update"), None);
}

#[test]
fn what_the_broker_lacks_is_discovered_at_once_the_bridge_first() {
    let mut house = started(&enabled());
    assert!(
        house
            .subscribed
            .contains(&"homeassistant/status".to_owned())
    );
    assert!(
        house
            .subscribed
            .contains(&"homeassistant/+/+/+/config".to_owned())
    );
    house.wait(Duration::from_millis(350));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    house.wait(Duration::from_millis(100));
    let topics = topics(&mut house);
    let unsubscribed = |house: &House| {
        house.others.iter().any(|output| {
            matches!(output, CoreOutput::Unsubscribe(filters) if filters == &["homeassistant/+/+/+/config"])
        })
    };
    assert!(!unsubscribed(&house));
    house.wait(Duration::from_secs(5));
    assert!(unsubscribed(&house));
    assert_eq!(
        topics[0],
        "binary_sensor/122_0x00124b0000000001/connection_state/config"
    );
    for topic in [
        format!("switch/{}/switch_left/config", node(SWITCH)),
        format!("switch/{}/switch_l1/config", node(RELAY)),
        format!("update/{}/update/config", node(RELAY)),
    ] {
        assert_eq!(
            topics.iter().filter(|had| **had == topic).count(),
            1,
            "{topic}"
        );
    }
    assert_eq!(topics.last().unwrap(), "switch/122_5/switch/config");
    assert!(
        !topics
            .iter()
            .any(|topic| topic.contains("/action/") || topic.contains("last_seen"))
    );
}

#[test]
fn a_group_lists_the_entity_of_its_member() {
    let mut house = started(&enabled());
    house.wait(Duration::from_secs(6));
    let group = house.last("homeassistant/switch/122_5/switch/config");
    assert_eq!(group["group"], json!([format!("{RELAY}_switch_l1_z")]));
    assert_eq!(group["unique_id"], "5_switch_z");
    assert_eq!(group["command_topic"], "z/lights/set");
    assert_eq!(group["value_template"], "{{ value_json[\"state\"] }}");
}

#[test]
fn what_the_broker_has_is_not_said_again_and_what_is_stale_goes() {
    let stale = |topic: &str, name: &str| {
        let availability = json!({"availability": [{"topic": topic}], "name": name});
        availability.to_string().into_bytes()
    };
    let mut house = started(&enabled());
    for (topic, payload) in retained(&enabled()) {
        if !topic.contains("switch_l2") {
            house.mqtt(&topic, payload);
        }
    }
    let relay = node(RELAY);
    for (topic, payload) in [
        // Of a device that is gone, and one that is no longer produced.
        (
            "sensor/0x00158d0000009999/power/config".to_owned(),
            stale("z/bridge/state", ""),
        ),
        (
            format!("sensor/{relay}/click/config"),
            stale("z/bridge/state", ""),
        ),
        (
            "light/122_9/light/config".to_owned(),
            stale("z/bridge/state", ""),
        ),
        // Of somebody else.
        (
            "sensor/0x00158d0000009998/power/config".to_owned(),
            stale("zz/bridge/state", ""),
        ),
        ("sensor/tasmota/power/config".to_owned(), b"{}".to_vec()),
        ("sensor/tasmota/odd/config".to_owned(), b"\xff".to_vec()),
    ] {
        house.mqtt(&format!("homeassistant/{topic}"), payload);
    }
    house.forget();
    house.wait(Duration::from_secs(6));
    let mut found = topics(&mut house);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "-light/122_9/light/config".to_owned(),
            format!("-sensor/{relay}/click/config"),
            "-sensor/0x00158d0000009999/power/config".to_owned(),
            format!("switch/{relay}/switch_l2/config"),
        ]
    );
}

#[test]
fn triggers_are_told_before_the_first_press() {
    let mut house = started(&enabled());
    house.wait(Duration::from_secs(6));
    let trigger = format!("homeassistant/device_automation/{SWITCH}/action_single_left/config");
    let config = house.last(&trigger);
    assert_eq!(config["topic"], "z/switch/action");
    assert_eq!(config["payload"], "single_left");
    assert_eq!(config["type"], "action");
    assert_eq!(config.get("unique_id"), None);
    assert_eq!(config.get("availability"), None);
    house.forget();
    // multistate value 1 on endpoint 41: single_left.
    house.frame(0x4141, 41, 0x12, &[0x18, 1, 0x0a, 0x55, 0, 0x21, 1, 0]);
    let order: Vec<_> = house
        .published
        .iter()
        .map(|publish| &*publish.topic)
        .collect();
    assert_eq!(order, ["z/switch", "z/switch/action"]);
    assert_eq!(house.published[1].payload, b"single_left");
    assert!(!house.published[1].retain);
    // A trigger that an earlier run left is not told again.
    let kept = retained(&enabled());
    let (_, payload) = kept.iter().find(|(topic, _)| *topic == trigger).unwrap();
    let mut later = started(&enabled());
    later.mqtt(&trigger, payload.clone());
    later.wait(Duration::from_secs(6));
    let told = topics(&mut later);
    let double = format!("device_automation/{SWITCH}/action_double_left/config");
    assert!(told.contains(&double), "{told:?}");
    assert!(
        told.iter()
            .all(|topic| !topic.ends_with("action_single_left/config"))
    );
}

#[test]
fn an_action_that_nobody_promised_has_its_trigger_told_before_itself() {
    let extra = json!({
        "homeassistant": {"enabled": true},
        "devices": {(SWITCH.to_string()): {"state_action": true}},
    });
    let mut house = discovered(&extra);
    house.report(1, true);
    let order: Vec<_> = house
        .published
        .iter()
        .map(|publish| &*publish.topic)
        .collect();
    let trigger = format!("homeassistant/device_automation/{SWITCH}/action_on_left/config");
    assert_eq!(order, ["z/switch", &*trigger, "z/switch/action"]);
    house.forget();
    house.report(1, false);
    house.report(1, true);
    assert_eq!(topics(&mut house).len(), 1, "only the one of off is new");
}

#[test]
fn no_triggers_where_the_owner_wants_none() {
    let extra = json!({
        "homeassistant": {"enabled": true},
        "devices": {(SWITCH.to_string()): {"homeassistant": {"device_automation": null}}},
    });
    let mut house = discovered(&extra);
    house.frame(0x4141, 41, 0x12, &[0x18, 1, 0x0a, 0x55, 0, 0x21, 1, 0]);
    let order: Vec<_> = house
        .published
        .iter()
        .map(|publish| &*publish.topic)
        .collect();
    assert_eq!(order, ["z/switch", "z/switch/action"]);
}

#[test]
fn every_property_is_in_every_state_but_not_in_the_cache() {
    let mut house = discovered(&enabled());
    house.report(1, true);
    let state = house.last("z/switch");
    assert_eq!(state["state_left"], "ON");
    assert_eq!(state["state_right"], Json::Null);
    assert!(
        state
            .as_object()
            .unwrap()
            .contains_key("power_outage_memory")
    );
    assert_eq!(
        state["update"],
        json!({"state": null, "installed_version": -1, "latest_version": -1})
    );
    let cached = house.core.hub().state(hub::Entity::Device(SWITCH)).unwrap();
    assert!(!cached.contains_key("state_right") && !cached.contains_key("update"));
    // What the owner filters stays out.
    let extra = json!({
        "homeassistant": {"enabled": true},
        "devices": {(SWITCH.to_string()): {"filtered_attributes": ["state_r.*"]}},
    });
    let mut house = discovered(&extra);
    house.report(1, true);
    assert_eq!(house.last("z/switch").get("state_right"), None);
}

#[test]
fn the_legacy_sensor_is_emptied_after_each_action() {
    let extra = json!({"homeassistant": {"enabled": true, "legacy_action_sensor": true}});
    let mut house = started(&extra);
    house.wait(Duration::from_secs(6));
    let sensor = house.last(&format!("homeassistant/sensor/{SWITCH}/action/config"));
    assert_eq!(sensor["entity_category"], "diagnostic");
    house.report(1, true);
    house.forget();
    house.frame(0x4141, 41, 0x12, &[0x18, 1, 0x0a, 0x55, 0, 0x21, 1, 0]);
    let states: Vec<Json> = house
        .published
        .iter()
        .filter(|publish| &*publish.topic == "z/switch")
        .map(|publish| serde_json::from_slice(&publish.payload).unwrap())
        .collect();
    assert_eq!(states.len(), 2);
    assert_eq!(states[0]["action"], "single_left");
    assert_eq!(states[1]["action"], "");
    assert_eq!(states[1]["state_left"], "ON");
    assert_eq!(
        topics(&mut house),
        Vec::<String>::new(),
        "an empty action triggers nothing"
    );
}

#[test]
fn half_a_minute_after_its_birth_home_assistant_is_told_everything() {
    let mut house = discovered(&enabled());
    house.report(1, true);
    house.forget();
    house.mqtt("homeassistant/status", "offline");
    house.wait(Duration::from_secs(40));
    assert!(house.published.is_empty());
    house.mqtt("homeassistant/status", "Online");
    house.wait(Duration::from_secs(29));
    assert!(house.published.is_empty());
    house.wait(Duration::from_secs(2));
    assert_eq!(house.last("z/bridge/state"), json!({"state": "online"}));
    assert_eq!(house.last("z/switch")["state_left"], "ON");
}

#[test]
fn a_new_name_keeps_the_topics_or_begins_anew() {
    let mut house = discovered(&enabled());
    house.frame(0x4141, 41, 0x12, &[0x18, 1, 0x0a, 0x55, 0, 0x21, 1, 0]);
    house.forget();
    house.request("device/rename", r#"{"from": "switch", "to": "wall"}"#);
    let left = house.last(&format!("homeassistant/switch/{SWITCH}/switch_left/config"));
    assert_eq!(left["state_topic"], "z/wall");
    assert_eq!(left["object_id"], "wall_left");
    assert_eq!(left["unique_id"], format!("{SWITCH}_switch_left_z"));
    let said = topics(&mut house);
    assert!(said.iter().all(|topic| !topic.starts_with('-')), "{said:?}");
    assert!(said.contains(&format!(
        "device_automation/{SWITCH}/action_single_left/config"
    )));
    house.wait(Duration::from_secs(5));
    assert_eq!(topics(&mut house), Vec::<String>::new());

    house.request(
        "device/rename",
        r#"{"from": "wall", "to": "lamp", "homeassistant_rename": true}"#,
    );
    let cleared = topics(&mut house);
    assert_eq!(cleared.len(), said.len());
    assert!(
        cleared.iter().all(|topic| topic.starts_with('-')),
        "{cleared:?}"
    );
    house.wait(Duration::from_millis(1900));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    house.wait(Duration::from_millis(200));
    let trigger = house.last(&format!(
        "homeassistant/device_automation/{SWITCH}/action_single_left/config"
    ));
    assert_eq!(trigger["topic"], "z/lamp/action");
    let mut again = topics(&mut house);
    let mut before = said.clone();
    again.sort_unstable();
    before.sort_unstable();
    assert_eq!(again, before);
}

#[test]
fn a_removed_device_leaves_nothing_behind() {
    let mut house = discovered(&enabled());
    house.frame(0x4141, 41, 0x12, &[0x18, 1, 0x0a, 0x55, 0, 0x21, 1, 0]);
    house.forget();
    house.request("device/remove", r#"{"id": "switch", "force": true}"#);
    house.wait(Duration::from_secs(30));
    let cleared: Vec<_> = topics(&mut house);
    assert!(
        cleared.contains(&format!("-switch/{SWITCH}/switch_left/config")),
        "{cleared:?}"
    );
    assert!(cleared.contains(&format!(
        "-device_automation/{SWITCH}/action_single_left/config"
    )));
    assert!(cleared.iter().all(|topic| topic.starts_with('-')));
}

#[test]
fn options_change_discovery_at_once() {
    let mut house = discovered(&enabled());
    house.request(
        "device/options",
        r#"{"id": "switch", "options": {"homeassistant": {"switch_left": {"icon": "mdi:lamp"}, "switch_right": null}}}"#,
    );
    let left = house.last(&format!("homeassistant/switch/{SWITCH}/switch_left/config"));
    assert_eq!(left["icon"], "mdi:lamp");
    let mut said = topics(&mut house);
    said.sort_unstable();
    assert_eq!(
        said,
        [
            format!("-switch/{SWITCH}/switch_right/config"),
            format!("switch/{SWITCH}/switch_left/config"),
        ]
    );
    // Off: nothing is cleared until the next start.
    house.request(
        "device/options",
        r#"{"id": "switch", "options": {"homeassistant": null}}"#,
    );
    assert_eq!(topics(&mut house), Vec::<String>::new());
    let off = json!({
        "homeassistant": {"enabled": true},
        "devices": {(SWITCH.to_string()): {"homeassistant": null}},
    });
    let mut later = started(&off);
    for (topic, payload) in retained(&enabled()) {
        later.mqtt(&topic, payload);
    }
    later.wait(Duration::from_secs(6));
    let cleared = topics(&mut later);
    assert!(!cleared.is_empty());
    for topic in cleared {
        assert!(
            topic.starts_with('-') && topic.contains(&node(SWITCH)),
            "{topic}"
        );
    }
}

#[test]
fn it_is_turned_on_and_off_at_run_time() {
    let mut house = House::new(&json!({}));
    house.request(
        "options",
        r#"{"options": {"homeassistant": {"enabled": true}}}"#,
    );
    house.wait(Duration::from_secs(6));
    assert!(!topics(&mut house).is_empty());
    house.request(
        "options",
        r#"{"options": {"homeassistant": {"enabled": false}}}"#,
    );
    house.wait(Duration::from_secs(6));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    house.report(1, true);
    assert_eq!(house.last("z/switch").get("state_right"), None);
}

#[test]
fn a_broker_that_lost_everything_is_given_it_again() {
    let mut house = discovered(&enabled());
    house.input(CoreInput::MqttDisconnected);
    house.wait(Duration::from_secs(10));
    house.input(CoreInput::MqttConnected);
    house.wait(Duration::from_secs(6));
    assert_eq!(topics(&mut house).len(), retained(&enabled()).len());
    // And one that lost nothing is not.
    house.input(CoreInput::MqttDisconnected);
    house.input(CoreInput::MqttConnected);
    for (topic, payload) in retained(&enabled()) {
        house.mqtt(&topic, payload);
    }
    house.forget();
    house.wait(Duration::from_secs(6));
    assert_eq!(topics(&mut house), Vec::<String>::new());
}

#[test]
fn after_a_loss_come_discovery_availability_and_state_in_this_order() {
    let mut extra = enabled();
    extra["availability"] = json!({"enabled": true});
    let mut house = discovered(&extra);
    house.report(1, true);
    house.input(CoreInput::MqttDisconnected);
    house.input(CoreInput::MqttConnected);
    house.forget();
    house.wait(Duration::from_secs(1));
    let topics: Vec<_> = house
        .lines()
        .iter()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .filter(|topic| topic.contains(&node(SWITCH)) || topic.starts_with("z/switch"))
        .collect();
    let place = |wanted: &dyn Fn(&str) -> bool| topics.iter().position(|topic| wanted(topic));
    let last_config = topics.iter().rposition(|topic| topic.ends_with("/config"));
    let availability = place(&|topic| topic == "z/switch/availability");
    let state = place(&|topic| topic == "z/switch");
    assert!(last_config.is_some(), "{topics:?}");
    assert!(
        last_config < availability && availability < state,
        "{topics:?}"
    );
}

#[test]
fn what_is_not_understood_yet_is_left_alone() {
    let extra = enabled();
    let mut house = House::dark(&extra);
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    // A device joins during the five seconds and is not interviewed yet.
    house.radio_answers = false;
    house.radio(Event::Joined {
        ieee: zigbee::IeeeAddress(0x77),
        nwk: zigbee::NwkAddress(0x7777),
        parent: zigbee::NwkAddress::COORDINATOR,
    });
    let payload = json!({"availability": [{"topic": "z/bridge/state"}]}).to_string();
    house.mqtt(
        "homeassistant/sensor/0x0000000000000077/power/config",
        payload,
    );
    house.wait(Duration::from_secs(6));
    assert!(
        !topics(&mut house)
            .iter()
            .any(|topic| topic.starts_with('-'))
    );
}

#[test]
fn states_without_json_are_refused() {
    let extra = json!({"homeassistant": {"enabled": true}, "advanced": {"output": "attribute"}});
    let mut house = started(&extra);
    house.wait(Duration::from_secs(6));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    let log = house.log_lines();
    assert!(
        log.iter().any(|line| line.contains("advanced.output")),
        "{log:?}"
    );
}

#[test]
fn the_commands_of_home_assistant_are_understood() {
    let mut house = discovered(&enabled());
    house.mqtt("z/switch/left/set/operation_mode_left", "decoupled");
    house.mqtt("z/hall/relay/l1/set", "ON");
    house.wait(Duration::from_millis(100));
    let frames = house.frames();
    assert!(frames.iter().any(|frame| frame.cluster.0 == 6));
    assert!(frames.iter().any(|frame| frame.cluster.0 == 0xfcc0));
    assert_eq!(frames.len(), 2, "{frames:?}");
}
