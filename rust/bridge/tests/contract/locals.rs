//! Clients in the bridge's own process.

use std::sync::Arc;

use adapters::Event;
use bridge::core::{CoreInput, CoreOutput, LocalId, Publish, Qos};
use serde_json::{Value as Json, json};

use crate::house::{House, SWITCH, network};

/// What clients were told since the last look: who, topic and payload, whether it was stored.
fn told(house: &mut House) -> Vec<(u64, String, bool)> {
    let others = std::mem::take(&mut house.others);
    let told = |output| match output {
        CoreOutput::Tell(id, told) => Some((id.0, told)),
        _ => None,
    };
    others
        .into_iter()
        .filter_map(told)
        .map(|(id, told)| {
            let payload = String::from_utf8(told.payload.to_vec()).unwrap();
            (id, format!("{} {payload}", told.topic), told.stored)
        })
        .collect()
}

fn lines(house: &mut House) -> Vec<String> {
    told(house).into_iter().map(|(_, line, _)| line).collect()
}

fn topics(house: &mut House) -> Vec<String> {
    let topic = |line: String| line.split(' ').next().unwrap().to_owned();
    lines(house).into_iter().map(topic).collect()
}

fn with_client(extra: &Json) -> House {
    let mut house = House::new(extra);
    house.input(CoreInput::LocalOpened(LocalId(1)));
    house.forget();
    house
}

fn say(house: &mut House, topic: &str, payload: &str) {
    publish(house, topic, payload, Qos::AtMostOnce, false);
}

fn publish(house: &mut House, topic: &str, payload: &str, qos: Qos, retain: bool) {
    let message = Publish::new(Arc::from(topic), payload.into(), qos, retain);
    house.input(CoreInput::LocalPublish(message));
}

fn subscribe(house: &mut House, filter: &str) {
    house.input(CoreInput::LocalSubscribe(LocalId(1), filter.to_owned()));
}

#[test]
fn a_client_hears_the_lists_and_then_each_state_all_stored() {
    let mut house = House::new(&json!({"availability": {"enabled": true}}));
    house.report(1, true);
    house.forget();
    house.input(CoreInput::LocalOpened(LocalId(7)));
    let all = told(&mut house);
    assert!(all.iter().all(|(to, _, stored)| *to == 7 && *stored));
    let topics: Vec<_> = all
        .iter()
        .map(|(_, line, _)| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        topics,
        [
            "z/bridge/state",
            "z/bridge/converters",
            "z/bridge/info",
            "z/bridge/devices",
            "z/bridge/groups",
            "z/bridge/definitions",
            "z/switch/availability",
            "z/hall/relay/availability",
            "z/lights/availability",
            "z/bridge/extensions",
            "z/switch",
        ]
    );
    assert_eq!(all[0].1, r#"z/bridge/state {"state":"online"}"#);
    let state = r#"z/switch {"linkquality":100,"state_left":"ON"}"#;
    assert_eq!(all.last().unwrap().1, state);
    assert!(house.published.is_empty(), "the broker knows all that");
}

#[test]
fn only_those_who_came_are_told_of_what_is() {
    let mut house = with_client(&json!({}));
    house.input(CoreInput::LocalOpened(LocalId(2)));
    assert!(told(&mut house).iter().all(|(to, _, _)| *to == 2));
    house.report(1, true);
    let state = r#"z/switch {"linkquality":100,"state_left":"ON"}"#.to_owned();
    assert_eq!(
        told(&mut house),
        [(1, state.clone(), false), (2, state, false)]
    );
}

#[test]
fn states_are_objects_whatever_the_broker_gets() {
    let mut house = with_client(&json!({"advanced": {"output": "attribute"}}));
    house.report(1, true);
    assert!(house.lines().iter().all(|line| !line.contains('{')));
    let state = r#"z/switch {"linkquality":100,"state_left":"ON"}"#;
    assert_eq!(lines(&mut house), [state]);
}

#[test]
fn a_command_is_heard_carried_out_and_not_said_at_the_broker() {
    let mut house = with_client(&json!({}));
    say(&mut house, "z/switch/set", r#"{"state_left":"ON"}"#);
    let asked = house.frames();
    assert_eq!(asked.len(), 1, "one command on the radio");
    let (sequence, command) = (asked[0].payload[1], asked[0].payload[2]);
    house.frame(0x4141, 1, 6, &[0x18, sequence, 0x0b, command, 0]);
    let state = r#"{"linkquality":100,"state_left":"ON"}"#;
    assert_eq!(house.lines(), [format!("z/switch {state}")]);
    assert_eq!(
        told(&mut house),
        [
            (1, r#"z/switch/set {"state_left":"ON"}"#.to_owned(), false),
            (1, format!("z/switch {state}"), false),
        ]
    );
    say(&mut house, "z/bridge/request/health_check", "");
    let topics = topics(&mut house);
    assert_eq!(topics[1], "z/bridge/response/health_check");
}

#[test]
fn commands_at_the_broker_are_heard() {
    let mut house = with_client(&json!({}));
    house.mqtt("z/switch/set", r#"{"state_left":"ON"}"#);
    assert_eq!(
        lines(&mut house),
        [r#"z/switch/set {"state_left":"ON"}"#.to_owned()]
    );
}

#[test]
fn each_error_is_told_also_the_same_again() {
    let mut house = with_client(&json!({"advanced": {"log_level": "error"}}));
    for _ in 0..2 {
        say(&mut house, "z/nobody/set", r#"{"state":"ON"}"#);
        let all = lines(&mut house);
        assert!(
            all[1].starts_with(r#"z/bridge/logging {"level":"error""#) && all[1].contains("nobody"),
            "{all:?}"
        );
    }
    // The broker hears it once, as ever.
    assert_eq!(house.lines().len(), 1);
}

#[test]
fn publications_are_not_told_of_in_the_log_as_well() {
    let mut house = with_client(&json!({"advanced": {"log_level": "info"}}));
    house.report(1, true);
    assert_eq!(topics(&mut house), ["z/switch"]);
    assert!(
        house
            .lines()
            .iter()
            .any(|line| line.contains("MQTT publish"))
    );
}

#[test]
fn other_topics_go_to_the_broker_and_wait_for_it() {
    let mut house = with_client(&json!({}));
    publish(&mut house, "notify/me", "hello", Qos::AtLeastOnce, true);
    let sent = house.published.pop().unwrap();
    assert_eq!((&*sent.topic, &*sent.payload), ("notify/me", &b"hello"[..]));
    assert!(sent.retain && sent.qos == Qos::AtLeastOnce);
    // Below the base topic, but no command.
    say(&mut house, "z/mode", "night");
    assert_eq!(house.lines(), ["z/mode night"]);
    assert_eq!(lines(&mut house), ["z/mode night"]);

    house.input(CoreInput::MqttDisconnected);
    house.forget();
    say(&mut house, "notify/me", "1");
    say(&mut house, "notify/me", "2");
    house.report(1, true);
    assert_eq!(topics(&mut house)[0], "z/switch", "it still hears");
    assert!(house.published.is_empty());
    house.input(CoreInput::MqttConnected);
    let lines = house.lines();
    let waited: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("notify"))
        .collect();
    assert_eq!(waited, ["notify/me 1", "notify/me 2"]);
}

#[test]
fn what_waits_for_the_broker_outlives_who_said_it() {
    let mut house = with_client(&json!({}));
    house.input(CoreInput::MqttDisconnected);
    say(&mut house, "notify/me", "1");
    house.input(CoreInput::LocalClosed(LocalId(1)));
    house.forget();
    house.input(CoreInput::MqttConnected);
    assert!(house.lines().contains(&"notify/me 1".to_owned()));
}

#[test]
fn more_is_subscribed_to_at_the_broker_and_again_when_it_is_back() {
    let mut house = with_client(&json!({}));
    subscribe(&mut house, "weather/+");
    subscribe(&mut house, "weather/+");
    assert_eq!(house.subscribed.last().unwrap(), "weather/+");
    house.input(CoreInput::LocalOpened(LocalId(2)));
    house.forget();
    house.input(CoreInput::Mqtt {
        topic: "weather/rain".to_owned(),
        payload: b"7".to_vec(),
        retain: true,
    });
    house.mqtt("other/thing", "x");
    assert_eq!(told(&mut house), [(1, "weather/rain 7".to_owned(), true)]);

    house.subscribed.clear();
    house.input(CoreInput::MqttDisconnected);
    subscribe(&mut house, "later/#");
    assert!(house.subscribed.is_empty());
    house.input(CoreInput::MqttConnected);
    assert!(house.subscribed.contains(&"weather/+".to_owned()));
    assert!(house.subscribed.contains(&"later/#".to_owned()));
}

#[test]
fn nothing_is_heard_twice_when_a_subscription_brings_back_what_we_said() {
    let mut house = with_client(&json!({}));
    subscribe(&mut house, "#");
    house.report(1, true);
    let state = r#"{"linkquality":100,"state_left":"ON"}"#;
    house.mqtt("z/switch", state);
    assert_eq!(lines(&mut house), [format!("z/switch {state}")]);
    say(&mut house, "z/mode", "night");
    house.mqtt("z/mode", "night");
    // And somebody else on the same topic.
    house.mqtt("z/mode", "day");
    assert_eq!(lines(&mut house), ["z/mode night", "z/mode day"]);
}

#[test]
fn a_client_hears_everything_without_a_broker() {
    let mut house = House::dark(&json!({}));
    house.input(CoreInput::LocalOpened(LocalId(1)));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    house.radio(Event::Up(network()));
    let all = told(&mut house);
    let lists = all
        .iter()
        .find(|(_, line, _)| line.starts_with("z/bridge/devices"));
    assert!(lists.unwrap().2);
    house.report(1, true);
    assert_eq!(topics(&mut house)[0], "z/switch");
    assert!(house.published.is_empty());
}

#[test]
fn cached_states_of_a_start_are_stored() {
    let states = [(SWITCH, json!({"state_left": "ON"}))];
    let mut house = House::with_states(&json!({}), &states);
    house.input(CoreInput::LocalOpened(LocalId(1)));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    let all = told(&mut house);
    let states: Vec<_> = all
        .iter()
        .filter(|(_, line, _)| line.starts_with("z/switch {"))
        .collect();
    assert!(!states.is_empty() && states.iter().all(|(_, _, stored)| *stored));
}

#[test]
fn states_cost_nothing_once_nobody_is_there() {
    let mut house = with_client(&json!({}));
    house.input(CoreInput::LocalClosed(LocalId(1)));
    house.report(1, true);
    assert_eq!(told(&mut house), []);
    // Without a broker nobody at all hears them, and nothing is published.
    let mut house = House::dark(&json!({}));
    house.input(CoreInput::LocalOpened(LocalId(1)));
    house.input(CoreInput::LocalClosed(LocalId(1)));
    house.radio(Event::Up(network()));
    house.report(1, true);
    assert!(told(&mut house).is_empty() && house.published.is_empty());
}

#[test]
fn the_last_that_clients_hear_is_that_the_bridge_is_gone() {
    let mut house = with_client(&json!({}));
    house.input(CoreInput::Stop);
    assert_eq!(
        lines(&mut house).last().unwrap(),
        r#"z/bridge/state {"state":"offline"}"#
    );
}

#[test]
fn web_clients_and_the_broker_hear_the_same_beside_clients_here() {
    let mut house = with_client(&json!({"frontend": {"enabled": true}}));
    house.input(CoreInput::SocketOpened(bridge::core::SocketId(1)));
    house.forget();
    house.report(1, true);
    let frames = house
        .others
        .iter()
        .filter(|output| matches!(output, CoreOutput::Frame(..)));
    assert_eq!(frames.count(), 1);
    assert_eq!(lines(&mut house).len(), 1);
    assert_eq!(house.lines().len(), 1);
    // A greeting here is none there.
    house.forget();
    house.input(CoreInput::LocalOpened(LocalId(1)));
    let frames = house.others.iter();
    assert_eq!(
        frames
            .filter(|output| matches!(output, CoreOutput::Frame(..)))
            .count(),
        0
    );
}

#[test]
fn what_others_say_on_a_free_topic_below_the_base_is_heard_once() {
    let mut house = with_client(&json!({}));
    house.subscribed.clear();
    subscribe(&mut house, "z/ask");
    subscribe(&mut house, "z/hall/asked");
    // Commands would be delivered twice; what the bridge says is heard without the broker.
    for ours in [
        "z/#",
        "z/+/asked",
        "z/switch/set",
        "z/a/b/get/c",
        "z/bridge/#",
    ] {
        subscribe(&mut house, ours);
    }
    assert_eq!(house.subscribed, ["z/ask", "z/hall/asked"]);
    house.mqtt("z/ask", "1");
    assert_eq!(lines(&mut house), ["z/ask 1"]);
    // What it says itself is told when it comes back.
    say(&mut house, "z/ask", "2");
    assert!(lines(&mut house).is_empty());
    house.mqtt("z/ask", "2");
    assert_eq!(lines(&mut house), ["z/ask 2"]);
}
