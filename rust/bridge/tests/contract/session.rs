//! §1: start, reconnect, the radio's absence, the clean stop.

use std::time::Duration;

use adapters::Event;
use bridge::core::{CoreInput, CoreOutput, Save};
use serde_json::json;

use crate::house::{COORDINATOR, House, RELAY, SWITCH, line, network, topic_of};

fn topics(house: &mut House) -> Vec<String> {
    std::mem::take(&mut house.published)
        .iter()
        .map(|publish| {
            let text = line(publish);
            let payload = String::from_utf8_lossy(&publish.payload).into_owned();
            text.strip_suffix(&payload).unwrap().trim_end().to_owned()
        })
        .collect()
}

const GREETING: [&str; 7] = [
    "z/bridge/state retained qos1",
    "z/bridge/converters retained",
    "z/bridge/info retained",
    "z/bridge/devices retained",
    "z/bridge/groups retained",
    "z/bridge/definitions retained",
    "z/bridge/extensions retained",
];

#[test]
fn the_start_has_the_order_of_the_contract() {
    let states = [(SWITCH, json!({"state_left": "ON"}))];
    let mut house = House::with_states(&json!({}), &states);
    house.input(CoreInput::MqttConnected);
    assert!(house.published.is_empty(), "before the radio is up");
    house.radio(Event::Up(network()));
    assert_eq!(house.last("z/bridge/state"), json!({"state": "online"}));
    let mut expected: Vec<_> = GREETING.map(str::to_owned).into();
    expected.push("z/switch".to_owned());
    assert_eq!(topics(&mut house), expected);
    assert_eq!(house.subscribed[0], "z/bridge/request/#");
    for filter in ["z/+/set/#", "z/+/+/get/#", "z/+/+/+/set/#"] {
        assert!(house.subscribed.iter().any(|had| had == filter), "{filter}");
    }
}

#[test]
fn the_order_of_radio_and_broker_does_not_matter() {
    let mut house = House::dark(&json!({"advanced": {"enable_external_js": false}}));
    house.radio(Event::Up(network()));
    assert!(house.published.is_empty());
    house.input(CoreInput::MqttConnected);
    let expected = ["state retained qos1", "info retained", "devices retained"];
    for (topic, expected) in topics(&mut house).iter().zip(expected) {
        assert_eq!(*topic, format!("z/bridge/{expected}"));
    }
}

#[test]
fn a_broker_that_comes_back_is_told_everything_retained_again() {
    let extra = json!({"devices": {(RELAY.to_string()): {"retain": true, "qos": 1}}});
    let mut house = House::with_states(
        &extra,
        &[
            (RELAY, json!({"state_l1": "ON"})),
            (SWITCH, json!({"state_left": "ON"})),
        ],
    );
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.forget();
    house.input(CoreInput::MqttDisconnected);
    house.report(1, true);
    assert!(house.published.is_empty());
    house.input(CoreInput::MqttConnected);
    let mut expected: Vec<_> = GREETING.map(str::to_owned).into();
    expected.push("z/hall/relay retained qos1".to_owned());
    let topics: Vec<_> = topics(&mut house)
        .into_iter()
        .filter(|topic| topic != "z/bridge/logging")
        .collect();
    assert_eq!(topics, expected);
    let log = house.log_lines();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("1 messages were not published"), "{log:?}");
}

#[test]
fn while_the_radio_is_away_the_bridge_says_so_and_still_answers() {
    let mut house = House::new(&json!({}));
    house.radio(Event::Down);
    assert_eq!(house.last("z/bridge/state"), json!({"state": "offline"}));
    assert_eq!(
        house.request("health_check", "{}"),
        r#"{"data":{"healthy":true},"status":"ok"}"#
    );
    house.radio(Event::Up(network()));
    assert_eq!(house.last("z/bridge/state"), json!({"state": "online"}));
}

#[test]
fn a_radio_that_never_came_does_not_keep_the_bridge_silent() {
    let mut house = House::dark(&json!({}));
    house.input(CoreInput::MqttConnected);
    house.input(CoreInput::LinkFailed);
    assert_eq!(house.last("z/bridge/state"), json!({"state": "offline"}));
    assert_eq!(topics(&mut house)[..7], GREETING);
    house.radio(Event::Up(network()));
    assert_eq!(house.last("z/bridge/state"), json!({"state": "online"}));
}

#[test]
fn a_clean_stop_saves_everything_and_says_goodbye_last() {
    let mut house = House::new(&json!({}));
    house.report(1, true);
    house.forget();
    house.input(CoreInput::Stop);
    let last = house.published.last().unwrap();
    assert_eq!(line(last), r#"z/bridge/state retained {"state":"offline"}"#);
    let kinds: Vec<_> = house.saved.iter().map(|save| format!("{save:?}")).collect();
    assert_eq!(kinds, ["CoordinatorBackup(..)", "Database", "State"]);
    assert!(matches!(house.others.last(), Some(CoreOutput::Stopped)));
}

#[test]
fn a_stop_before_the_first_network_leaves_nothing_that_speaks_of_one() {
    let mut house = House::of(&json!({}), hub::Registry::default());
    house.input(CoreInput::Stop);
    let kinds: Vec<_> = house.saved.iter().map(|save| format!("{save:?}")).collect();
    assert_eq!(kinds, ["State"]);
    assert!(matches!(house.others.last(), Some(CoreOutput::Stopped)));
}

#[test]
fn a_stop_makes_a_backup_however_young_the_last_one_is() {
    let mut house = House::new(&json!({}));
    house.mqtt("z/bridge/request/backup", "");
    house.saved.clear();
    house.input(CoreInput::Stop);
    let kinds: Vec<_> = house.saved.iter().map(|save| format!("{save:?}")).collect();
    assert_eq!(kinds, ["CoordinatorBackup(..)", "Database", "State"]);
    assert!(matches!(house.others.last(), Some(CoreOutput::Stopped)));
}

#[test]
fn a_network_that_was_restored_is_backed_up_at_once() {
    let mut house = House::new(&json!({}));
    house.radio(Event::Up(network()));
    assert_eq!(format!("{:?}", house.saved), "[]", "a day has to pass");
    house.radio(Event::Up(adapters::NetworkInfo {
        formed: true,
        ..network()
    }));
    assert_eq!(format!("{:?}", house.saved), "[CoordinatorBackup(..)]");
}

#[test]
fn a_stop_does_not_wait_long_for_a_coordinator_that_is_silent() {
    let mut house = House::new(&json!({}));
    house.radio_answers = false;
    house.input(CoreInput::Stop);
    assert!(house.others.is_empty());
    house.wait(Duration::from_secs(5));
    assert!(matches!(house.others.last(), Some(CoreOutput::Stopped)));
}

#[test]
fn what_changed_is_saved_after_a_while() {
    let mut house = House::new(&json!({}));
    house.report(1, true);
    house.wait(Duration::from_secs(290));
    assert!(!house.saved.contains(&Save::State));
    house.wait(Duration::from_secs(20));
    assert!(house.saved.contains(&Save::State));
}

#[test]
fn no_retain_at_all_when_the_configuration_forbids_it() {
    let mut house = House::dark(&json!({"mqtt": {"force_disable_retain": true}}));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    for publish in &house.published {
        assert!(!publish.retain, "{}", topic_of(publish));
    }
}

#[test]
fn a_network_on_another_channel_than_the_configuration_says_is_moved() {
    let mut house = House::dark(&json!({"advanced": {"channel": 20, "log_level": "info"}}));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    assert!(house.asked.contains(&adapters::Request::ChangeChannel(20)));
    assert_eq!(house.last("z/bridge/info")["network"]["channel"], 20);
    // The old backup is of the network as it was.
    assert!(house.asked.contains(&adapters::Request::Backup));

    // One that does not move stays up.
    let mut house = House::dark(&json!({"advanced": {"channel": 20}}));
    house.script = Some(Box::new(|request| match request {
        adapters::Request::ChangeChannel(_) => Some(Err(adapters::RequestError::NoAnswer {
            command: "ZDO.mgmtNwkUpdateReq",
            after: std::time::Duration::from_secs(15),
        })),
        _ => None,
    }));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    let log = house.log_lines();
    assert!(
        log.iter()
            .any(|line| line.contains("did not move to channel 20: the coordinator did not answer")),
        "{log:?}"
    );
    assert_eq!(house.last("z/bridge/info")["network"]["channel"], 11);
    assert_eq!(house.last("z/bridge/state")["state"], "online");
}

#[test]
fn who_is_not_on_the_passlist_is_made_to_leave_at_the_start() {
    use zigbee::zdo;

    for (settings, stays) in [
        (json!({"passlist": [SWITCH.to_string()]}), SWITCH),
        (json!({"blocklist": [RELAY.to_string()]}), SWITCH),
        (
            json!({"passlist": [RELAY.to_string()], "blocklist": [RELAY.to_string()]}),
            RELAY,
        ),
    ] {
        let mut house = House::dark(&settings);
        house.script = Some(Box::new(|request| match request {
            adapters::Request::Zdo(_, zdo::Request::MgmtLeave { .. }) => {
                Some(Ok(adapters::Reply::Zdo(zdo::Response::MgmtLeave)))
            }
            _ => None,
        }));
        house.input(CoreInput::MqttConnected);
        house.radio(Event::Up(network()));
        let devices = house.last("z/bridge/devices");
        let left: Vec<_> = devices
            .as_array()
            .unwrap()
            .iter()
            .map(|device| device["ieee_address"].as_str().unwrap())
            .collect();
        assert_eq!(
            left,
            [COORDINATOR.to_string(), stays.to_string()],
            "{settings}"
        );
    }
    // One that does not answer stays, and is told of.
    let mut house = House::dark(&json!({"passlist": [SWITCH.to_string()]}));
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.wait(std::time::Duration::from_secs(120));
    assert_eq!(house.last("z/bridge/devices").as_array().unwrap().len(), 3);
    let log = house.log_lines();
    assert!(
        log.iter()
            .any(|line| line
                .contains("'hall/relay' is not allowed on the network, but did not leave")),
        "{log:?}"
    );
}
