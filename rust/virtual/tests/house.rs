//! A whole house in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

use hub::{DurableChange, DurableRows, DurableTimer, MissedPolicy};
use serde_json::{Value as Json, json};
use virtual_house::{House, HouseConfig, HouseError, Message, NewDevice};

const SECOND: u64 = 1_000_000;

fn house(devices: &[(&str, &str)]) -> House {
    let mut house = House::new(HouseConfig::default()).unwrap();
    let devices: Vec<NewDevice> = devices
        .iter()
        .map(|(name, model)| NewDevice::built_in(*name, model).unwrap())
        .collect();
    house.add(&devices).unwrap();
    house.begin().unwrap();
    house.listen();
    house.take();
    house
}

/// Lets time pass and gives every message with the time when it came.
fn advance(house: &mut House, until: u64) -> Vec<(u64, Message)> {
    let mut messages = Vec::new();
    loop {
        let now = house.advance(until);
        let new = house.take();
        if new.is_empty() && now >= until {
            return messages;
        }
        messages.extend(new.into_iter().map(|message| (now, message)));
    }
}

fn last(messages: &[(u64, Message)], topic: &str) -> Json {
    let (_, message) = messages
        .iter()
        .rev()
        .find(|(_, message)| &*message.topic == topic)
        .unwrap_or_else(|| panic!("nothing on {topic}"));
    serde_json::from_slice(&message.payload).unwrap()
}

#[test]
fn a_house_begins_quiet_and_configured_at_time_0() {
    let mut house = house(&[
        ("relay", "LLKZMK11LM"),
        ("knob", "ZNXNKG02LM"),
        ("bulb", "BULB"),
    ]);
    assert!(house.is_up());
    assert_eq!(house.now(), 0);
    assert_eq!(house.unix_ms(), HouseConfig::default().unix_ms);
    assert_eq!(house.stick().sent().count(), 0);
}

#[test]
fn a_listener_is_told_what_is() {
    let mut house = House::new(HouseConfig::default()).unwrap();
    house
        .add(&[NewDevice::built_in("relay", "LLKZMK11LM").unwrap()])
        .unwrap();
    house.begin().unwrap();
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l1": "ON"}"#, false);
    house.advance(SECOND);
    house.listen();
    let told = house.take();
    assert!(told.iter().all(|message| message.stored), "{told:?}");
    for topic in ["bridge/state", "bridge/info", "bridge/devices", "relay"] {
        let topic = format!("zigbee2mqtt/{topic}");
        assert!(
            told.iter().any(|message| *message.topic == *topic),
            "{topic}"
        );
    }
}

#[test]
fn a_command_reaches_the_device_and_its_state_comes_back() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l1": "ON"}"#, false);
    let messages = advance(&mut house, 2 * SECOND);
    assert_eq!(
        last(&messages, "zigbee2mqtt/relay")["state_l1"],
        json!("ON")
    );
    let on: Vec<_> = house
        .stick()
        .sent()
        .filter(|sent| sent.cluster == 6 && sent.payload.first() == Some(&0x01))
        .map(|sent| sent.payload.last().copied())
        .collect();
    assert_eq!(on, [Some(0x01)], "genOnOff.on, once");
}

#[test]
fn what_a_person_does_arrives_at_its_time() {
    let mut house = house(&[("knob", "ZNXNKG02LM")]);
    house.advance(60 * SECOND);
    house.act("knob", "press", &json!({"count": 1})).unwrap();
    let messages = advance(&mut house, 61 * SECOND);
    let (at, _) = messages
        .iter()
        .find(|(_, message)| String::from_utf8_lossy(&message.payload).contains("single"))
        .unwrap();
    assert!((60 * SECOND..60 * SECOND + 50_000).contains(at), "{at}");
}

#[test]
fn a_device_can_join_later() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house
        .add(&[NewDevice::built_in("lamp", "BULB").unwrap()])
        .unwrap();
    let now = house.now();
    house.publish("zigbee2mqtt/lamp/set", br#"{"state": "ON"}"#, false);
    let messages = advance(&mut house, now + 2 * SECOND);
    assert_eq!(last(&messages, "zigbee2mqtt/lamp")["state"], json!("ON"));
}

#[test]
fn a_killed_bridge_comes_back_with_its_devices() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.kill();
    let messages = advance(&mut house, SECOND);
    assert_eq!(
        last(&messages, "zigbee2mqtt/bridge/state"),
        json!({"state": "offline"})
    );
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l1": "ON"}"#, false);
    advance(&mut house, 2 * SECOND);
    house.start();
    advance(&mut house, 5 * SECOND);
    assert!(house.is_up());
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l2": "ON"}"#, false);
    let messages = advance(&mut house, 7 * SECOND);
    let state = last(&messages, "zigbee2mqtt/relay");
    assert_eq!(state["state_l2"], json!("ON"));
    assert_ne!(state["state_l1"], json!("ON"), "nobody heard this command");
}

#[test]
fn a_stopped_bridge_says_goodbye_and_keeps_its_states() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l1": "ON"}"#, false);
    advance(&mut house, 2 * SECOND);
    house.stop();
    let messages = advance(&mut house, 20 * SECOND);
    assert_eq!(
        last(&messages, "zigbee2mqtt/bridge/state"),
        json!({"state": "offline"})
    );
    house.start();
    let messages = advance(&mut house, 25 * SECOND);
    assert_eq!(
        last(&messages, "zigbee2mqtt/relay")["state_l1"],
        json!("ON")
    );
}

#[test]
fn an_unplugged_stick_is_a_state_and_passes() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.control(&json!({"cmd": "unplug"})).unwrap();
    advance(&mut house, 10 * SECOND);
    assert!(!house.is_up());
    house.control(&json!({"cmd": "plug"})).unwrap();
    advance(&mut house, 60 * SECOND);
    assert!(house.is_up());
}

#[test]
fn the_same_seed_gives_the_same_messages() {
    let run = || {
        let mut house = house(&[
            ("relay", "LLKZMK11LM"),
            ("bulb", "BULB"),
            ("sensor", "THERMOMETER"),
        ]);
        house
            .control(&json!({"cmd": "fault", "lose": 100, "duplicate": 100}))
            .unwrap();
        let mut messages = Vec::new();
        for minute in 1..60 {
            house.publish("zigbee2mqtt/bulb/set", br#"{"state": "TOGGLE"}"#, false);
            house
                .act("relay", "press", &json!({"endpoint": 1}))
                .unwrap();
            messages.extend(advance(&mut house, minute * 60 * SECOND));
        }
        messages
    };
    let first = run();
    assert!(first.len() > 100, "{}", first.len());
    assert!(first == run());
}

/// What a model of the catalogue publishes when it notices something.
#[track_caller]
fn says(model: &str, key: &str, value: &Json) {
    let mut house = House::new(HouseConfig::default()).unwrap();
    let device = NewDevice {
        name: "it".to_owned(),
        model: house.model(model).unwrap(),
        ieee: None,
        options: devices::JsonMap::new(),
    };
    house.add(&[device]).unwrap();
    house.begin().unwrap();
    house.listen();
    house.take();
    house.report("it", key, value).unwrap();
    let published: Vec<Json> = advance(&mut house, SECOND)
        .iter()
        .filter(|(_, message)| &*message.topic == "zigbee2mqtt/it")
        .filter_map(|(_, message)| serde_json::from_slice(&message.payload).ok())
        .collect();
    let found = published.iter().find(|message| message[key] == *value);
    assert!(
        found.is_some(),
        "{model}: {key} is not {value} in {published:?}"
    );
}

#[test]
fn devices_of_the_catalogue_say_what_they_notice() {
    for (model, key, value) in [
        ("LLKZMK11LM", "power", json!(2500)),
        ("ZNXNKG02LM", "action", json!("double")),
        ("QBKG41LM", "action", json!("single_left")),
        ("RTCZCGQ11LM", "presence", json!(true)),
        ("ZPIR-8000", "occupancy", json!(true)),
        ("MCCGQ11LM", "contact", json!(false)),
        ("SP 240", "power", json!(120)),
        ("SNZB-02D", "temperature", json!(21.5)),
        ("SNZB-02D", "humidity", json!(48)),
        ("E1743", "action", json!("on")),
        ("BTH-RA", "local_temperature", json!(19.5)),
        ("WISZB-131", "temperature", json!(-4)),
        ("SNZB-04", "contact", json!(true)),
        ("3RSS009Z", "state", json!("ON")),
    ] {
        says(model, key, &value);
    }
}

#[test]
fn a_bulb_of_the_catalogue_does_what_it_is_told() {
    let mut house = House::new(HouseConfig::default()).unwrap();
    let device = NewDevice {
        name: "lamp".to_owned(),
        model: house.model("RB 285 C").unwrap(),
        ieee: None,
        options: devices::JsonMap::new(),
    };
    house.add(&[device]).unwrap();
    house.begin().unwrap();
    house.listen();
    house.take();
    let command = br#"{"state": "ON", "brightness": 100, "color_temp": 300}"#;
    house.publish("zigbee2mqtt/lamp/set", command, false);
    let messages = advance(&mut house, 2 * SECOND);
    let state = last(&messages, "zigbee2mqtt/lamp");
    assert_eq!(state["state"], json!("ON"));
    assert_eq!(state["brightness"], json!(100));
    assert_eq!(state["color_temp"], json!(300));
    let errors: Vec<_> = house
        .take_log()
        .into_iter()
        .filter(|entry| entry.level == hub::LogLevel::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn what_a_model_never_says_is_refused() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    let error = house.report("relay", "humidity", &json!(40)).unwrap_err();
    assert!(error.to_string().contains("humidity"), "{error}");
}

#[test]
fn groups_and_options_are_there_from_the_beginning() {
    let mut house = House::new(HouseConfig::default()).unwrap();
    let mut relay = NewDevice::built_in("relay", "LLKZMK11LM").unwrap();
    relay.options.insert("retain".to_owned(), json!(true));
    let bulb = NewDevice::built_in("bulb", "BULB").unwrap();
    house.add(&[relay, bulb]).unwrap();
    house.add_group("all", &["bulb"]).unwrap();
    house.begin().unwrap();
    house.publish("zigbee2mqtt/all/set", br#"{"state": "ON"}"#, false);
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l1": "ON"}"#, false);
    house.listen();
    house.take();
    let messages = advance(&mut house, 2 * SECOND);
    assert_eq!(last(&messages, "zigbee2mqtt/bulb")["state"], json!("ON"));
    house.unlisten();
    house.subscribe("zigbee2mqtt/relay");
    assert_eq!(house.take().len(), 1, "its state is retained");
}

#[test]
fn the_network_is_restored_onto_an_empty_stick() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.publish("zigbee2mqtt/relay/set", br#"{"state_l1": "ON"}"#, false);
    advance(&mut house, 60 * SECOND);
    for minute in 2..4 {
        house.control(&json!({"cmd": "forget"})).unwrap();
        assert!(house.stick().network().is_none(), "it is empty");
        advance(&mut house, minute * 60 * SECOND);
        assert!(house.is_up(), "{:?}", house.take_log());
        let toggle = br#"{"state_l1": "TOGGLE"}"#;
        house.publish("zigbee2mqtt/relay/set", toggle, false);
        let messages = advance(&mut house, (minute * 60 + 2) * SECOND);
        let state = if minute == 2 { "OFF" } else { "ON" };
        assert_eq!(last(&messages, "zigbee2mqtt/relay")["state_l1"], state);
        house
            .act("relay", "press", &json!({"endpoint": 1}))
            .unwrap();
        advance(&mut house, (minute * 60 + 3) * SECOND);
        house.publish("zigbee2mqtt/relay/set", toggle, false);
        advance(&mut house, (minute * 60 + 4) * SECOND);
    }
    assert_eq!(house.take_failures(), Vec::<String>::new());
}

#[test]
fn a_link_that_fails_for_good_says_why_and_ends_the_bridge() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    let other = json!({"cmd": "replace", "device": "0x00124b00ffff0001"});
    house.control(&json!({"cmd": "unplug"})).unwrap();
    house.control(&other).unwrap();
    let network = simulator::Network {
        pan_id: 0x1234,
        ..simulator::Network::default()
    };
    house.stick().preform(&network);
    house.control(&json!({"cmd": "plug"})).unwrap();
    advance(&mut house, 60 * SECOND);
    assert!(!house.is_running());
    let failures = house.take_failures();
    assert!(
        matches!(&*failures, [one] if one.contains("another network")),
        "{failures:?}"
    );
}

fn timer(id: &str, due_ms: i64, span_ms: Option<u64>) -> DurableChange {
    DurableChange::PutTimer(DurableTimer {
        owner: "hall".to_owned(),
        id: id.to_owned(),
        due_ms,
        span_ms,
        missed: MissedPolicy::RunLate,
        data: "null".to_owned(),
    })
}

/// Lets time pass and gives the ids of the timers that came due, with the time and their lateness.
fn due(house: &mut House, until: u64) -> Vec<(u64, String, u64)> {
    let mut told = Vec::new();
    loop {
        let now = house.advance(until);
        let rung = house.has_rung();
        let due = house.take_due().into_iter();
        told.extend(due.map(|due| (now, due.timer.id, due.late_ms)));
        if !rung && house.take().is_empty() && now >= until {
            return told;
        }
    }
}

#[test]
fn the_hub_tells_timers_at_their_moment() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    assert_eq!(house.load_timers().unwrap(), DurableRows::default());
    // In the middle of a millisecond.
    due(&mut house, 1_234_567);
    let wall = house.unix_ms();
    let noon = HouseConfig::default().unix_ms;
    let minutes = |minutes: i64| noon + minutes * 60_000;
    house
        .commit(vec![
            timer("moment", minutes(10), None),
            timer("span", wall + 60_001, Some(60_000)),
            timer("gone", minutes(5), None),
        ])
        .unwrap();
    let gone = DurableChange::RemoveTimer {
        owner: "hall".to_owned(),
        id: "gone".to_owned(),
    };
    house.commit(vec![gone]).unwrap();
    assert_eq!(
        due(&mut house, 3600 * SECOND),
        [
            (61_234_567, "span".to_owned(), 0),
            (600 * SECOND, "moment".to_owned(), 0)
        ]
    );
}

#[test]
fn timers_and_values_outlive_the_bridge_and_what_is_due_is_told_again() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.load_timers().unwrap();
    let noon = HouseConfig::default().unix_ms;
    let put = DurableChange::PutValue {
        owner: "hall".to_owned(),
        key: "k".to_owned(),
        value: "1".to_owned(),
    };
    let soon = timer("soon", noon + 30_000, None);
    let later = timer("later", noon + 600_000, Some(600_000));
    house.commit(vec![put.clone(), soon, later]).unwrap();
    assert_eq!(due(&mut house, 60 * SECOND).len(), 1);
    house.kill();
    assert!(matches!(
        house.commit(vec![put.clone()]),
        Err(HouseError::Dead)
    ));
    due(&mut house, 120 * SECOND);
    house.start();
    assert!(
        matches!(house.commit(vec![put]), Err(HouseError::Dead)),
        "nobody has loaded"
    );
    let rows = house.load_timers().unwrap();
    assert_eq!(rows.values["hall"]["k"], "1");
    assert_eq!(
        due(&mut house, 3600 * SECOND),
        [
            (120 * SECOND, "soon".to_owned(), 90_000),
            (600 * SECOND, "later".to_owned(), 0)
        ]
    );
    house.stop();
    house.start();
    assert_eq!(house.load_timers().unwrap(), rows);
}

#[test]
fn a_commit_that_would_keep_too_much_is_refused() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.load_timers().unwrap();
    let put = DurableChange::PutValue {
        owner: "hall".to_owned(),
        key: "k".to_owned(),
        value: "x".repeat(hub::durable::MAX_BYTES),
    };
    assert!(matches!(
        house.commit(vec![timer("t", 0, None), put]),
        Err(HouseError::Refused(_))
    ));
    assert_eq!(house.load_timers().unwrap(), DurableRows::default());
}

#[test]
fn a_bridge_that_is_started_anew_by_request_goes_on_telling_timers() {
    let mut house = house(&[("relay", "LLKZMK11LM")]);
    house.load_timers().unwrap();
    let noon = HouseConfig::default().unix_ms;
    house.commit(vec![timer("t", noon + 60_000, None)]).unwrap();
    house.publish("zigbee2mqtt/bridge/request/restart", b"", false);
    advance(&mut house, 10 * SECOND);
    assert!(house.is_up());
    let told = due(&mut house, 3600 * SECOND);
    assert_eq!(told, [(60 * SECOND, "t".to_owned(), 0)]);
}
