//! §10: `B/<name>/availability`.

use std::time::Duration;

use adapters::Event;
use bridge::core::{CoreInput, Qos};
use serde_json::{Value as Json, json};
use zigbee::NwkAddress;

use crate::house::{House, RELAY, SWITCH, line, network};

const MINUTE: Duration = Duration::from_secs(60);

fn on() -> Json {
    json!({"availability": {"enabled": true}})
}

/// What was published on availability topics; all of it is retained and of quality 1, but for what
/// clears.
fn told(house: &mut House) -> Vec<String> {
    let published = std::mem::take(&mut house.published);
    published
        .iter()
        .filter(|publish| publish.topic.ends_with("/availability"))
        .map(|publish| {
            assert!(publish.retain, "{}", line(publish));
            if publish.payload.is_empty() {
                format!("{} cleared", publish.topic)
            } else {
                assert_eq!(publish.qos, Qos::AtLeastOnce);
                let state: Json = serde_json::from_slice(&publish.payload).unwrap();
                let state = state["state"].as_str().unwrap().to_owned();
                assert_eq!(
                    String::from_utf8_lossy(&publish.payload),
                    format!(r#"{{"state":"{state}"}}"#)
                );
                format!("{} {state}", publish.topic)
            }
        })
        .collect()
}

/// A report of the relay.
fn hear_relay(house: &mut House) {
    house.frame(0x1111, 1, 6, &[0x18, 1, 0x0a, 0, 0, 0x10, 1]);
}

/// Both devices are online.
fn heard(extra: &Json) -> House {
    let mut house = House::new(extra);
    house.report(1, true);
    hear_relay(&mut house);
    house.wait(Duration::from_secs(30));
    house.forget();
    house
}

#[test]
fn at_the_start_it_is_told_after_the_definitions_and_before_the_extensions() {
    let mut house = House::dark(&on());
    house.radio_answers = false;
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    let topics: Vec<_> = house
        .published
        .iter()
        .map(|publish| publish.topic.to_string())
        .collect();
    let at = topics
        .iter()
        .position(|topic| topic == "z/bridge/definitions")
        .unwrap();
    assert_eq!(
        topics[at + 1..],
        [
            "z/switch/availability",
            "z/hall/relay/availability",
            "z/lights/availability",
            "z/bridge/extensions",
        ]
    );
    assert_eq!(
        told(&mut house),
        [
            "z/switch/availability offline",
            "z/hall/relay/availability offline",
            "z/lights/availability offline",
        ]
    );
}

#[test]
fn without_the_feature_there_is_no_such_topic() {
    let mut house = House::dark(&json!({}));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.report(1, true);
    house.wait(3000 * MINUTE);
    house.request("device/rename", r#"{"from":"switch","to":"other"}"#);
    assert_eq!(told(&mut house), [] as [String; 0]);
}

#[test]
fn one_device_alone_can_have_it() {
    let mut house =
        House::dark(&json!({"devices": {(SWITCH.to_string()): {"availability": {"timeout": 2}}}}));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.report(1, true);
    assert_eq!(
        told(&mut house),
        [
            "z/switch/availability offline",
            "z/switch/availability online"
        ]
    );
    house.wait(2 * MINUTE + Duration::from_secs(90));
    assert_eq!(told(&mut house), ["z/switch/availability offline"]);
}

#[test]
fn changes_are_told_once_and_the_group_follows_its_member() {
    let mut house = House::new(&on());
    house.forget();
    hear_relay(&mut house);
    hear_relay(&mut house);
    assert_eq!(
        told(&mut house),
        [
            "z/hall/relay/availability online",
            "z/lights/availability online"
        ]
    );
    house.wait(12 * MINUTE);
    assert_eq!(
        told(&mut house),
        [
            "z/hall/relay/availability offline",
            "z/lights/availability offline"
        ]
    );
}

#[test]
fn a_new_name_has_a_new_topic_and_the_old_one_is_cleared() {
    let mut house = heard(&on());
    house.request("device/rename", r#"{"from":"switch","to":"hall/switch"}"#);
    let topics: Vec<_> = house
        .published
        .iter()
        .map(|publish| publish.topic.to_string())
        .collect();
    let expected = [
        "z/switch",
        "z/switch/availability",
        "z/bridge/devices",
        "z/bridge/info",
        "z/hall/switch",
        "z/bridge/response/device/rename",
        "z/hall/switch/availability",
    ];
    assert_eq!(topics, expected, "the order of §12.6");
    assert_eq!(
        told(&mut house),
        [
            "z/switch/availability cleared",
            "z/hall/switch/availability online"
        ]
    );
}

#[test]
fn a_device_that_is_removed_or_leaves_leaves_nothing_behind() {
    let mut house = heard(&on());
    house.request("device/remove", r#"{"id":"switch","force":true}"#);
    assert_eq!(told(&mut house), ["z/switch/availability cleared"]);
    house.radio(Event::Left {
        ieee: RELAY,
        nwk: NwkAddress(0x1111),
    });
    let told = told(&mut house);
    assert!(
        told.contains(&"z/hall/relay/availability cleared".to_owned()),
        "{told:?}"
    );
    house.input(CoreInput::MqttDisconnected);
    house.input(CoreInput::MqttConnected);
    let after = self::told(&mut house);
    assert_eq!(after, ["z/lights/availability offline"]);
}

#[test]
fn a_broker_that_comes_back_is_told_all_and_what_changed_meanwhile_is_cleared() {
    let mut house = heard(&on());
    house.input(CoreInput::MqttDisconnected);
    house.wait(12 * MINUTE);
    house.radio(Event::Left {
        ieee: SWITCH,
        nwk: NwkAddress(0x4141),
    });
    house.input(CoreInput::MqttConnected);
    assert_eq!(
        told(&mut house),
        [
            "z/switch/availability cleared",
            "z/hall/relay/availability offline",
            "z/lights/availability offline"
        ]
    );
}

#[test]
fn while_the_radio_is_away_from_the_start_nobody_is_called_absent() {
    let mut house = House::dark(&on());
    house.input(CoreInput::MqttConnected);
    house.input(CoreInput::LinkFailed);
    house.wait(30 * MINUTE);
    assert_eq!(told(&mut house), [] as [String; 0]);
    house.radio(Event::Up(network()));
    assert_eq!(told(&mut house).len(), 3);
}

#[test]
fn home_assistant_is_told_of_the_topics_that_there_are() {
    let extra = json!({
        "homeassistant": {"enabled": true},
        "devices": {(SWITCH.to_string()): {"availability": true}},
    });
    let mut house = House::new(&extra);
    house.wait(Duration::from_secs(10));
    let of = |ieee: String| {
        let prefix = format!("homeassistant/switch/{ieee}/");
        let found = house
            .published
            .iter()
            .find(|publish| publish.topic.starts_with(&prefix) && !publish.payload.is_empty())
            .unwrap();
        let config: Json = serde_json::from_slice(&found.payload).unwrap();
        let topics: Vec<_> = config["availability"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["topic"].as_str().unwrap().to_owned())
            .collect();
        (topics, config.get("availability_mode").cloned())
    };
    let (topics, mode) = of(SWITCH.to_string());
    assert_eq!(topics, ["z/bridge/state", "z/switch/availability"]);
    assert_eq!(mode, Some(json!("all")));
    let (topics, mode) = of(RELAY.to_string());
    assert_eq!(topics, ["z/bridge/state"]);
    assert_eq!(mode, None);
}
