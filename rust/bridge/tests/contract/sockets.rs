//! Web clients (shared/facts/frontend-ws.md §2).

use adapters::Event;
use bridge::core::{Audience, CoreInput, CoreOutput, SocketId};
use serde_json::{Value as Json, json};

use crate::house::{COORDINATOR, House, SWITCH, network};

/// Frames since the last look, with the client that they are for.
fn frames(house: &mut House) -> Vec<(Option<u64>, String)> {
    let others = std::mem::take(&mut house.others);
    let frame = |output| match output {
        CoreOutput::Frame(Audience::All, frame) => Some((None, frame)),
        CoreOutput::Frame(Audience::One(id), frame) => Some((Some(id.0), frame)),
        _ => None,
    };
    others
        .into_iter()
        .filter_map(frame)
        .map(|(to, frame)| (to, String::from_utf8(frame.to_vec()).unwrap()))
        .collect()
}

fn topics(house: &mut House) -> Vec<String> {
    let topic = |(_, frame): (_, String)| {
        let frame: Json = serde_json::from_str(&frame).unwrap();
        frame["topic"].as_str().unwrap().to_owned()
    };
    frames(house).into_iter().map(topic).collect()
}

fn enabled(extra: &Json) -> Json {
    let mut settings = json!({"frontend": {"enabled": true}});
    for (key, value) in extra.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

fn with_client(extra: &Json) -> House {
    let mut house = House::new(&enabled(extra));
    house.input(CoreInput::SocketOpened(SocketId(1)));
    house.forget();
    house
}

fn say(house: &mut House, topic: &str, payload: &str) {
    house.input(CoreInput::SocketMessage {
        topic: topic.to_owned(),
        payload: payload.as_bytes().to_vec(),
    });
}

#[test]
fn a_client_gets_the_lists_in_their_order_and_then_each_device() {
    let extra = json!({
        "homeassistant": {"enabled": true},
        "devices": {(SWITCH.to_string()): {"friendly_name": "switch", "retain": true}},
    });
    let mut house = House::new(&enabled(&extra));
    house.report(1, true);
    house.mqtt("z/bridge/request/permit_join", "10");
    house.forget();
    house.input(CoreInput::SocketOpened(SocketId(7)));
    let all = frames(&mut house);
    assert!(all.iter().all(|(to, _)| *to == Some(7)));
    assert_eq!(
        all[0].1,
        r#"{"payload":{"state":"online"},"topic":"bridge/state"}"#
    );
    let last: Vec<_> = all.iter().rev().take(2).map(|(_, text)| text).collect();
    assert_eq!(last[0], r#"{"payload":{},"topic":"hall/relay"}"#);
    assert_eq!(
        last[1],
        r#"{"payload":{"linkquality":100,"state_left":"ON"},"topic":"switch"}"#
    );
    house.others = all
        .into_iter()
        .map(|(_, text)| CoreOutput::Frame(Audience::All, text.into()))
        .collect();
    assert_eq!(
        topics(&mut house),
        [
            "bridge/state",
            "bridge/converters",
            "bridge/info",
            "bridge/devices",
            "bridge/groups",
            "bridge/definitions",
            "bridge/extensions",
            "switch",
            "switch",
            "hall/relay",
        ]
    );
}

#[test]
fn a_device_is_told_with_when_and_how_well_it_was_heard() {
    let extra = json!({"advanced": {"last_seen": "ISO_8601", "log_level": "error"}});
    let mut house = House::new(&enabled(&extra));
    house.report(1, true);
    house.forget();
    house.input(CoreInput::SocketOpened(SocketId(1)));
    let last: Vec<_> = frames(&mut house).into_iter().rev().take(2).collect();
    assert_eq!(
        last[1].1,
        r#"{"payload":{"last_seen":"2026-01-05T12:00:00.000Z","linkquality":100,"state_left":"ON"},"topic":"switch"}"#
    );
    assert_eq!(last[0].1, r#"{"payload":{},"topic":"hall/relay"}"#);
}

#[test]
fn state_and_command_are_the_same_on_both_sides() {
    let mut house = with_client(&json!({}));
    let message = r#"{"state_left":"ON"}"#;
    say(&mut house, "switch/set", message);
    let asked = house.frames();
    assert_eq!(asked.len(), 1, "one command on the radio");
    // The device's default response.
    let (sequence, command) = (asked[0].payload[1], asked[0].payload[2]);
    house.frame(0x4141, 1, 6, &[0x18, sequence, 0x0b, command, 0]);
    let state = r#"{"linkquality":100,"state_left":"ON"}"#;
    assert_eq!(house.lines().last().unwrap(), &format!("z/switch {state}"));
    let frame = format!(r#"{{"payload":{state},"topic":"switch"}}"#);
    assert_eq!(frames(&mut house).last().unwrap(), &(None, frame));

    // As a JSON string in quotes, on a topic that names the attribute.
    say(&mut house, "hall/relay/set/state_l2", r#""ON""#);
    let asked = house.frames();
    assert_eq!(
        asked[0].destination,
        adapters::Destination::Device(zigbee::NwkAddress(0x1111), zigbee::EndpointId(2))
    );
}

#[test]
fn a_response_goes_to_the_broker_and_to_all_clients() {
    let mut house = with_client(&json!({}));
    let payload = r#"{"transaction":"abc-1"}"#;
    say(&mut house, "bridge/request/health_check", payload);
    let response = r#"{"data":{"healthy":true},"status":"ok","transaction":"abc-1"}"#;
    assert_eq!(
        house.lines(),
        [format!("z/bridge/response/health_check {response}")]
    );
    let frame = format!(r#"{{"payload":{response},"topic":"bridge/response/health_check"}}"#);
    assert_eq!(frames(&mut house), [(None, frame)]);
}

#[test]
fn states_are_objects_whatever_the_broker_gets() {
    let mut house = with_client(&json!({"advanced": {"output": "attribute"}}));
    house.report(1, true);
    assert!(house.lines().iter().all(|line| !line.contains('{')));
    assert_eq!(
        frames(&mut house),
        [(
            None,
            r#"{"payload":{"linkquality":100,"state_left":"ON"},"topic":"switch"}"#.to_owned()
        )]
    );
    let mut house = with_client(&json!({"advanced": {"output": "attribute_and_json"}}));
    house.report(1, true);
    assert_eq!(topics(&mut house), ["switch"]);
}

#[test]
fn topics_of_others_mean_nothing() {
    let mut house = with_client(&json!({}));
    for topic in [
        "",
        "/",
        "set",
        "bridge/state",
        "bridge/request/",
        "lamp",
        "\0/set/\n",
    ] {
        say(&mut house, topic, "{}");
    }
    assert!(house.frames().is_empty());
    assert!(
        house
            .published
            .iter()
            .all(|publish| publish.topic.ends_with("logging"))
    );
}

#[test]
fn log_lines_and_removals_are_mirrored_and_discovery_is_not() {
    let extra = json!({
        "homeassistant": {"enabled": true},
        "advanced": {"log_level": "info"},
        "availability": {"enabled": true},
    });
    let mut house = with_client(&extra);
    let payload = r#"{"from":"switch","to":"lamp"}"#;
    say(&mut house, "bridge/request/device/rename", payload);
    house.wait(std::time::Duration::from_secs(5));
    assert!(
        house
            .lines()
            .iter()
            .any(|line| line.starts_with("homeassistant/"))
    );
    let all = frames(&mut house);
    assert!(
        all.iter()
            .any(|(_, text)| text.contains(r#""topic":"bridge/logging""#)
                && text
                    .contains("z2m:mqtt: MQTT publish: topic 'z/bridge/response/device/rename'"))
    );
    let removal = r#"{"payload":"","topic":"switch/availability"}"#;
    assert!(all.iter().any(|(_, text)| text == removal), "{all:?}");
    assert!(
        !all.iter()
            .any(|(_, text)| text.contains(r#""topic":"homeassistant"#))
    );
}

#[test]
fn the_web_hears_everything_without_a_broker() {
    let mut house = House::dark(&enabled(&json!({})));
    house.input(CoreInput::SocketOpened(SocketId(1)));
    assert_eq!(topics(&mut house), Vec::<String>::new());
    house.radio(Event::Up(network()));
    let told = topics(&mut house);
    assert_eq!(told[0], "bridge/state");
    assert!(told.contains(&"bridge/definitions".to_owned()));
    assert_eq!(told[told.len() - 2..], ["switch", "hall/relay"]);

    house.report(1, true);
    assert_eq!(topics(&mut house)[0], "switch");
    say(
        &mut house,
        "bridge/request/device/rename",
        r#"{"from":"switch","to":"lamp"}"#,
    );
    let told = topics(&mut house);
    assert!(told.contains(&"bridge/devices".to_owned()));
    assert_eq!(told.last().unwrap(), "bridge/response/device/rename");
    assert!(house.published.is_empty());

    // The broker comes, and hears what it missed.
    house.input(CoreInput::MqttConnected);
    assert!(
        house
            .last("z/bridge/devices")
            .to_string()
            .contains(r#""lamp""#)
    );
    assert!(house.last("z/bridge/info")["coordinator"]["ieee_address"] == COORDINATOR.to_string());
    // It goes again: the web goes on.
    house.input(CoreInput::MqttDisconnected);
    house.forget();
    house.report(2, false);
    assert_eq!(topics(&mut house)[0], "lamp");
}

#[test]
fn the_last_that_clients_hear_is_that_the_bridge_is_gone() {
    for broker in [true, false] {
        let mut house = with_client(&json!({}));
        if !broker {
            house.input(CoreInput::MqttDisconnected);
        }
        house.forget();
        house.input(CoreInput::Stop);
        assert_eq!(
            frames(&mut house).last().unwrap().1,
            r#"{"payload":{"state":"offline"},"topic":"bridge/state"}"#
        );
    }
}

#[test]
fn without_clients_or_a_frontend_there_are_no_frames() {
    let mut house = with_client(&json!({}));
    house.input(CoreInput::SocketClosed(SocketId(1)));
    house.report(1, true);
    assert_eq!(frames(&mut house), []);
    let mut house = House::new(&json!({}));
    house.input(CoreInput::SocketOpened(SocketId(1)));
    house.report(1, true);
    assert_eq!(frames(&mut house), []);
}

#[test]
fn what_a_web_interface_reads_without_looking_is_there() {
    let mut house = with_client(&json!({}));
    house.mqtt("z/bridge/request/permit_join", "10");
    let info = house.last("z/bridge/info");
    for pointer in [
        "/config/frontend",
        "/config/advanced/last_seen",
        "/config/advanced/log_level",
        "/config/availability/enabled",
        "/config/homeassistant/enabled",
        "/config/devices",
        "/config/groups",
        "/config/device_options",
        "/config/map_options/graphviz",
        "/config/ota",
        "/config/health",
        "/config/mqtt",
        "/config/serial",
        "/config_schema/properties/frontend/properties/port/requiresRestart",
        "/coordinator/type",
        "/coordinator/meta",
        "/coordinator/ieee_address",
        "/network",
        "/zigbee_herdsman/version",
        "/zigbee_herdsman_converters/version",
        "/os/version",
        "/os/node_version",
        "/os/cpus",
        "/os/memory_mb",
        "/mqtt/server",
        "/mqtt/version",
        "/version",
        "/commit",
        "/restart_required",
        "/permit_join",
    ] {
        assert!(info.pointer(pointer).is_some(), "bridge/info {pointer}");
    }
    house.input(CoreInput::MqttDisconnected);
    house.input(CoreInput::MqttConnected);
    let devices = house.last("z/bridge/devices");
    for device in devices.as_array().unwrap() {
        for key in [
            "ieee_address",
            "network_address",
            "friendly_name",
            "type",
            "disabled",
            "interview_state",
        ] {
            assert!(device.get(key).is_some(), "bridge/devices {key}");
        }
        if device["type"] == "Coordinator" {
            continue;
        }
        for pointer in [
            "/power_source",
            "/endpoints/1/bindings",
            "/endpoints/1/configured_reportings",
            "/endpoints/1/clusters/input",
            "/endpoints/1/clusters/output",
            "/endpoints/1/scenes",
            "/definition/model",
            "/definition/vendor",
            "/definition/description",
            "/definition/exposes",
            "/definition/options",
            "/definition/supports_ota",
            "/definition/source",
        ] {
            assert!(
                device.pointer(pointer).is_some(),
                "bridge/devices {pointer}"
            );
        }
    }
    let group = house.last("z/bridge/groups")[0].clone();
    assert!(group.pointer("/members/0/ieee_address").is_some());
    assert!(group.pointer("/members/0/endpoint").is_some());
    assert!(group["scenes"].is_array());
    assert!(house.last("z/bridge/definitions")["clusters"].is_object());
}

/// The messages on `bridge/logging`, without what is published, as clients get them.
fn logged(house: &mut House) -> Vec<(String, String)> {
    frames(house)
        .into_iter()
        .filter_map(|(_, frame)| {
            let frame: Json = serde_json::from_str(&frame).unwrap();
            let text = |key: &str| frame["payload"][key].as_str().unwrap().to_owned();
            (frame["topic"] == "bridge/logging").then(|| (text("level"), text("message")))
        })
        .filter(|(_, message)| !message.contains("MQTT publish"))
        .collect()
}

fn console() -> House {
    with_client(&json!({"advanced": {"log_level": "info"}}))
}

/// The developer console of a web interface shows lines that begin like these (§3.4).
#[test]
fn a_console_sees_what_came_of_reading_writing_and_commands() {
    let relay = SWITCH.to_string();
    let ask = |payload: &str, answer: &dyn Fn(u8) -> Vec<u8>| {
        let mut house = console();
        say(&mut house, &format!("{relay}/1/set"), payload);
        let asked = house.frames();
        assert_eq!(asked.len(), 1, "{payload}: {:?}", house.log_lines());
        house.frame(0x4141, 1, 6, &answer(asked[0].payload[1]));
        logged(&mut house)
    };
    let line = |message: &str| vec![("info".to_owned(), message.to_owned())];
    assert_eq!(
        ask(
            r#"{"read":{"cluster":"genOnOff","attributes":["onOff"]}}"#,
            &|sequence| vec![0x18, sequence, 0x01, 0, 0, 0, 0x10, 1]
        ),
        line(r#"zhc:tz: Read result of 'genOnOff': {"onOff":1}"#)
    );
    assert_eq!(
        ask(
            r#"{"write":{"cluster":"genOnOff","payload":{"onTime":5}}}"#,
            &|sequence| vec![0x18, sequence, 0x04, 0]
        ),
        line(r#"zhc:tz: Wrote '{"onTime":5}' to 'genOnOff'"#)
    );
    assert_eq!(
        ask(
            r#"{"command":{"cluster":"genOnOff","command":"toggle","payload":{}}}"#,
            &|sequence| vec![0x18, sequence, 0x0b, 2, 0]
        ),
        line(r"zhc:tz: Invoked 'genOnOff.toggle' with payload '{}'")
    );
}

/// A web interface shows a message of the failed device, and the reason in brackets at the end, of lines
/// with this shape (§3.4): `z2m: Publish 'set|get' KEY to NAME failed ... (REASON)'`.
#[test]
fn a_failure_names_key_device_and_reason() {
    for (topic, payload, verb, key) in [
        ("switch/set", r#"{"state_left":"ON"}"#, "set", "state"),
        ("switch/get", r#"{"state_left":""}"#, "get", "state"),
        (
            "switch/1/set",
            r#"{"read":{"cluster":"genOnOff","attributes":["onOff"]}}"#,
            "set",
            "read",
        ),
        (
            "switch/1/set",
            r#"{"write":{"cluster":"genOnOff","payload":{"onTime":5}}}"#,
            "set",
            "write",
        ),
    ] {
        let mut house = console();
        say(&mut house, topic, payload);
        // No answer.
        house.wait(std::time::Duration::from_secs(60));
        let lines = logged(&mut house);
        let begin = format!("z2m: Publish '{verb}' '{key}' to 'switch' failed: 'Error: ");
        let shaped = |(level, message): &(String, String)| {
            let reason = message.rsplit_once('(').map(|(_, rest)| rest);
            level == "error"
                && message.starts_with(&begin)
                && reason.is_some_and(|reason| reason.len() > 2 && reason.ends_with(")'"))
        };
        assert!(lines.iter().any(shaped), "{payload}: {lines:?}");
    }
}
