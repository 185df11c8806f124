//! §8 and §14: what groups and their members publish, and what one member does not do to the others.

use std::time::Duration;

use adapters::Destination;
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, GroupId, NwkAddress};

use crate::house::{House, SWITCH};

/// The relay's first endpoint and the switch's left button are in `lights`.
fn house(extra: &Json) -> House {
    let mut house = House::new(extra);
    house.zcl = Some(|cluster, sent| (cluster.0 == 4).then(|| vec![sent[2], 0, sent[3], sent[4]]));
    house.request(
        "group/members/add",
        r#"{"group":"lights","device":"switch","endpoint":"left"}"#,
    );
    house.forget();
    house
}

/// Topics of states and what they say of `state`, in order.
fn states(house: &mut House) -> Vec<(String, Json)> {
    let published = std::mem::take(&mut house.published).into_iter();
    published
        .filter(|publish| !publish.topic.starts_with("z/bridge/"))
        .map(|publish| {
            let payload: Json = serde_json::from_slice(&publish.payload).unwrap();
            let keys = ["state", "state_l1", "state_left"];
            let state = keys.iter().find_map(|key| payload.get(*key)).cloned();
            (publish.topic.to_string(), state.unwrap_or_default())
        })
        .collect()
}

fn said(pairs: &[(&str, &str)]) -> Vec<(String, Json)> {
    let pairs = pairs.iter();
    pairs
        .map(|(topic, state)| ((*topic).to_owned(), json!(state)))
        .collect()
}

#[test]
fn a_group_is_set_by_one_message_and_its_members_follow() {
    let mut house = house(&json!({"advanced": {"last_seen": "ISO_8601"}}));
    house.report(1, false);
    house.forget();
    house.mqtt("z/lights/set", "ON");
    let frames = house.frames();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].destination, Destination::Group(GroupId(5)));
    // A group has no radio: nothing of when or how well it was heard.
    assert_eq!(house.last("z/lights"), json!({"state": "ON"}));
    assert_eq!(
        states(&mut house),
        said(&[
            ("z/lights", "ON"),
            ("z/hall/relay", "ON"),
            ("z/switch", "ON")
        ])
    );
    // A number behind the name of a group means the group.
    house.mqtt("z/lights/1/set", "OFF");
    assert_eq!(house.last("z/lights"), json!({"state": "OFF"}));
}

#[test]
fn a_group_without_members_says_so() {
    let mut house = house(&json!({}));
    house.request("group/add", "empty");
    house.forget();
    house.mqtt("z/empty/set", "ON");
    assert!(house.frames().is_empty());
    let log = house.log_lines().join("\n");
    assert!(
        log.contains("No converter available for 'state' on 'empty': (\"ON\")"),
        "{log}"
    );
    // And is not said to be away while nobody watches.
    house.wait(Duration::from_secs(3600));
    assert!(
        house
            .published
            .iter()
            .all(|publish| !publish.topic.ends_with("/availability"))
    );
}

#[test]
fn a_disabled_member_is_left_out() {
    let mut house = house(&json!({}));
    house.request(
        "device/options",
        r#"{"id":"hall/relay","options":{"disabled":true}}"#,
    );
    house.forget();
    house.mqtt("z/lights/set", "ON");
    assert_eq!(
        states(&mut house),
        said(&[("z/lights", "ON"), ("z/switch", "ON")])
    );
}

#[test]
fn a_group_that_is_not_optimistic_mirrors_neither_way() {
    let mut house = house(&json!({}));
    house.request(
        "group/options",
        r#"{"id":"lights","options":{"optimistic":false}}"#,
    );
    house.forget();
    house.mqtt("z/lights/set", "ON");
    assert_eq!(states(&mut house), []);
    house.report(1, true);
    assert_eq!(states(&mut house), said(&[("z/switch", "ON")]));
}

#[test]
fn the_last_member_or_all_of_them_switch_the_group_off() {
    for (option, expected) in [
        (json!(null), said(&[("z/switch", "OFF")])),
        (json!("all_members_off"), said(&[("z/switch", "OFF")])),
        (
            json!("last_member_state"),
            said(&[("z/lights", "OFF"), ("z/switch", "OFF")]),
        ),
    ] {
        let mut house = house(&json!({}));
        let request = json!({"id": "lights", "options": {"off_state": option}});
        house.request("group/options", request.to_string());
        house.mqtt("z/lights/set", "ON");
        house.forget();
        // The relay is still on.
        house.report(1, false);
        assert_eq!(states(&mut house), expected, "{option}");
    }
}

#[test]
fn a_silent_member_does_not_keep_the_others_from_leaving_a_group_that_goes() {
    let mut house = house(&json!({}));
    // The relay, which is the first, does not answer.
    house.zcl = None;
    house.request("group/remove", "lights");
    house.wait(Duration::from_secs(60));
    let asked: Vec<_> = house
        .frames()
        .into_iter()
        .map(|frame| frame.destination)
        .collect();
    let endpoint = |nwk, endpoint| Destination::Device(NwkAddress(nwk), EndpointId(endpoint));
    assert_eq!(asked, [endpoint(0x1111, 1), endpoint(0x4141, 1)]);
    let response = house.last("z/bridge/response/group/remove");
    assert_eq!(response["status"], "error");

    // Now the switch answers: it is out, the group stays with the relay.
    house.forget();
    house.request("group/remove", "lights");
    house.wait(Duration::from_secs(15));
    let frame = house.frames().pop().unwrap();
    assert_eq!(frame.destination, endpoint(0x4141, 1));
    house.frame(0x4141, 1, 4, &[0x19, frame.payload[1], 3, 0, 5, 0]);
    let members = house.last("z/bridge/groups")[0]["members"].clone();
    assert!(
        members
            .as_array()
            .unwrap()
            .iter()
            .all(|member| member["ieee_address"] != SWITCH.to_string()),
        "{members}"
    );
    let response = house.last("z/bridge/response/group/remove");
    let error = response["error"].as_str().unwrap();
    assert!(
        error.starts_with("Failed to remove group 'lights' (force: false) ("),
        "{error}"
    );
}
