//! §12.4: groups and their members.

use std::time::Duration;

use bridge::core::Save;
use hub::Entity;
use serde_json::{Value as Json, json};
use zigbee::GroupId;

use crate::house::{House, RELAY, SWITCH, line};

/// The last response on a path, if there is one.
fn response(house: &House, path: &str) -> Option<String> {
    let topic = format!("z/bridge/response/{path}");
    let mut all = house.published.iter().rev();
    let found = all.find(|publish| *publish.topic == *topic)?;
    Some(String::from_utf8(found.payload.clone()).unwrap())
}

/// The groups as the hub has them: id and members.
fn groups(house: &House) -> Vec<(u16, Vec<(zigbee::IeeeAddress, u8)>)> {
    let members = |group: &hub::Group| {
        let members = group.members.iter();
        members
            .map(|(ieee, endpoint)| (*ieee, endpoint.0))
            .collect()
    };
    let groups = house.core.hub().groups();
    groups.map(|group| (group.id.0, members(group))).collect()
}

/// Asks, checks the one `genGroups` frame that the radio gets, and has the device answer with `status`.
fn talk(
    house: &mut House,
    (path, payload): (&str, &str),
    nwk: u16,
    sent: (u8, &[u8]),
    status: u8,
) -> String {
    house.forget();
    assert_eq!(house.request(path, payload), "no response");
    let frames = house.frames();
    assert_eq!(frames.len(), 1, "{frames:?}");
    let frame = &frames[0];
    assert_eq!(frame.cluster, zigbee::ClusterId(4));
    assert_eq!(frame.payload[0], 0x11);
    assert_eq!((frame.payload[2], &frame.payload[3..]), sent);
    let endpoint = frame.destination_endpoint();
    let mut answer = vec![0x19, frame.payload[1], frame.payload[2], status];
    answer.extend(&frame.payload[3..5]);
    house.frame(nwk, endpoint, 4, &answer);
    response(house, path).unwrap()
}

trait To {
    fn destination_endpoint(&self) -> u8;
}

impl To for adapters::ApsRequest {
    fn destination_endpoint(&self) -> u8 {
        match self.destination {
            adapters::Destination::Device(_, endpoint) => endpoint.0,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_group_is_added_under_the_lowest_free_id_or_its_own() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request("group/add", "kitchen"),
        r#"{"data":{"friendly_name":"kitchen","id":1},"status":"ok"}"#
    );
    let listed = house.last("z/bridge/groups");
    assert_eq!(
        listed[1],
        json!({"id": 1, "friendly_name": "kitchen", "members": [], "scenes": []})
    );
    assert_eq!(
        house.last("z/bridge/info")["config"]["groups"]["1"]["friendly_name"],
        "kitchen"
    );
    assert!(house.saved.contains(&Save::Settings), "{:?}", house.saved);
    assert_eq!(
        house.request(
            "group/add",
            r#"{"friendly_name":"hall","id":77,"transaction":3}"#
        ),
        r#"{"data":{"friendly_name":"hall","id":77},"status":"ok","transaction":3}"#
    );
    assert_eq!(
        groups(&house),
        [(5, vec![(RELAY, 1)]), (1, vec![]), (77, vec![])]
    );
    house.wait(Duration::from_secs(60));
    assert!(house.saved.contains(&Save::Database), "{:?}", house.saved);
}

#[test]
fn bad_requests_about_groups_say_why() {
    let cases = [
        ("group/add", r#"{"name":"x"}"#, "Invalid payload"),
        ("group/add", "", "Invalid payload"),
        (
            "group/add",
            r#"{"friendly_name":"x","id":0}"#,
            "Invalid payload",
        ),
        (
            "group/add",
            r#"{"friendly_name":"x","id":70000}"#,
            "Invalid payload",
        ),
        (
            "group/add",
            r#"{"friendly_name":"x","id":5}"#,
            "Group ID '5' is already in use",
        ),
        (
            "group/add",
            "switch",
            "friendly_name 'switch' is already in use",
        ),
        (
            "group/add",
            "a/+",
            "MQTT wildcard (+ and #) not allowed in friendly_name ('a/+')",
        ),
        ("group/remove", "nope", "Group 'nope' does not exist"),
        ("group/remove", "switch", "Group 'switch' does not exist"),
        ("group/remove", "{}", "Invalid payload"),
        (
            "group/rename",
            r#"{"from":"nope","to":"x"}"#,
            "Group 'nope' does not exist",
        ),
        ("group/rename", r#"{"from":"lights"}"#, "Invalid payload"),
        (
            "group/rename",
            r#"{"from":"lights","to":"switch"}"#,
            "friendly_name 'switch' is already in use",
        ),
        ("group/options", r#"{"id":"lights"}"#, "Invalid payload"),
        (
            "group/options",
            r#"{"id":"nope","options":{}}"#,
            "Group 'nope' does not exist",
        ),
        (
            "group/members/add",
            r#"{"group":"lights"}"#,
            "Invalid payload",
        ),
        (
            "group/members/add",
            r#"{"device":"switch"}"#,
            "Invalid payload",
        ),
        (
            "group/members/add",
            r#"{"group":"nope","device":"switch"}"#,
            "Group 'nope' does not exist",
        ),
        (
            "group/members/add",
            r#"{"group":"lights","device":"nope"}"#,
            "Device 'nope' does not exist",
        ),
        (
            "group/members/add",
            r#"{"group":"lights","device":"0x00158d0000000041","endpoint":"top"}"#,
            "Device 'switch' does not have endpoint 'top'",
        ),
        (
            "group/members/remove",
            r#"{"group":"lights","device":"switch","endpoint":99}"#,
            "Device 'switch' does not have endpoint '99'",
        ),
        ("group/members/remove", "lights", "Invalid payload"),
        ("group/members/remove_all", "[]", "Invalid payload"),
        (
            "group/members/remove_all",
            r#"{"device":7}"#,
            "Device '7' does not exist",
        ),
    ];
    for (path, payload, error) in cases {
        let mut house = House::new(&json!({}));
        assert_eq!(
            house.request(path, payload),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#),
            "{path} {payload}"
        );
        assert_eq!(groups(&house), [(5, vec![(RELAY, 1)])]);
        assert!(house.frames().is_empty());
    }
}

#[test]
fn a_member_may_be_named_with_its_endpoint() {
    let mut house = House::new(&json!({}));
    let request = r#"{"group":"lights","device":"switch/right"}"#;
    let response = talk(
        &mut house,
        ("group/members/add", request),
        0x4141,
        (0, &[5, 0, 0]),
        0,
    );
    assert!(response.contains(r#""status":"ok""#), "{response}");
    assert_eq!(groups(&house), [(5, vec![(RELAY, 1), (SWITCH, 2)])]);
}

#[test]
fn a_member_is_one_when_the_device_says_so() {
    let mut house = House::new(&json!({}));
    let request = r#"{"group":"lights","device":"switch","endpoint":"right","transaction":"t"}"#;
    assert_eq!(
        talk(
            &mut house,
            ("group/members/add", request),
            0x4141,
            (0, &[5, 0, 0]),
            0
        ),
        r#"{"data":{"device":"switch","endpoint":"right","group":"lights"},"status":"ok","transaction":"t"}"#
    );
    assert_eq!(groups(&house), [(5, vec![(RELAY, 1), (SWITCH, 2)])]);
    let members = house.last("z/bridge/groups")[0]["members"].clone();
    assert_eq!(
        members[1],
        json!({"ieee_address": SWITCH.to_string(), "endpoint": 2})
    );
    // Once more: a member already (DUPLICATE_EXISTS) is a member.
    let again = talk(
        &mut house,
        ("group/members/add", request),
        0x4141,
        (0, &[5, 0, 0]),
        0x8a,
    );
    assert!(again.contains(r#""status":"ok""#), "{again}");
    assert_eq!(groups(&house), [(5, vec![(RELAY, 1), (SWITCH, 2)])]);
    house.forget();
    let request = r#"{"group":5,"device":"0x00158d0000000041","endpoint":2}"#;
    assert_eq!(
        talk(
            &mut house,
            ("group/members/remove", request),
            0x4141,
            (3, &[5, 0]),
            0
        ),
        r#"{"data":{"device":"0x00158d0000000041","endpoint":2,"group":5},"status":"ok"}"#
    );
    assert_eq!(groups(&house), [(5, vec![(RELAY, 1)])]);
}

#[test]
fn a_device_that_refuses_or_is_silent_is_no_member() {
    let mut house = House::new(&json!({}));
    let request = r#"{"group":"lights","device":"switch"}"#;
    // INSUFFICIENT_SPACE.
    let refused = talk(
        &mut house,
        ("group/members/add", request),
        0x4141,
        (0, &[5, 0, 0]),
        0x89,
    );
    assert!(
        refused.starts_with(r#"{"data":{},"error":"Failed to add to group (status "#),
        "{refused}"
    );
    house.forget();
    house.request("group/members/add", request);
    house.wait(Duration::from_secs(120));
    let silent = response(&house, "group/members/add").unwrap();
    assert!(
        silent.starts_with(r#"{"data":{},"error":"Failed to add to group (timeout after"#),
        "{silent}"
    );
    house.forget();
    house.request(
        "group/members/remove",
        r#"{"group":"lights","device":"hall/relay"}"#,
    );
    house.wait(Duration::from_secs(120));
    let silent = response(&house, "group/members/remove").unwrap();
    assert!(
        silent.starts_with(r#"{"data":{},"error":"Failed to remove from group (timeout after"#),
        "{silent}"
    );
    assert_eq!(groups(&house), [(5, vec![(RELAY, 1)])]);
}

#[test]
fn a_device_leaves_all_groups_at_once() {
    let mut house = House::new(&json!({}));
    house.request("group/add", "second");
    let add = r#"{"group":"second","device":"hall/relay"}"#;
    talk(
        &mut house,
        ("group/members/add", add),
        0x1111,
        (0, &[1, 0, 0]),
        0,
    );
    house.forget();
    assert_eq!(
        house.request("group/members/remove_all", r#"{"device":"hall/relay"}"#),
        r#"{"data":{"device":"hall/relay","endpoint":"default"},"status":"ok"}"#
    );
    let frames = house.frames();
    assert_eq!((frames[0].payload[2], frames[0].payload.len()), (4, 3));
    assert_eq!(groups(&house), [(5, vec![]), (1, vec![])]);
}

#[test]
fn a_group_goes_with_its_members_told_or_by_force() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        talk(
            &mut house,
            ("group/remove", "lights"),
            0x1111,
            (3, &[5, 0]),
            0
        ),
        r#"{"data":{"force":false,"id":"lights"},"status":"ok"}"#
    );
    let cleared = |house: &House| {
        let mut all = house.published.iter();
        all.any(|publish| line(publish) == "z/lights retained ")
    };
    assert!(cleared(&house));
    assert_eq!(groups(&house), []);
    assert_eq!(house.last("z/bridge/groups"), json!([]));
    assert!(
        house
            .core
            .settings()
            .entity(Entity::Group(GroupId(5)))
            .is_none()
    );

    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request("group/remove", r#"{"id":5,"force":true}"#),
        r#"{"data":{"force":true,"id":5},"status":"ok"}"#
    );
    assert!(house.frames().is_empty() && cleared(&house));
    assert_eq!(groups(&house), []);
    // A new one under the same id is a new one.
    house.request("group/add", r#"{"friendly_name":"lights","id":5}"#);
    assert_eq!(groups(&house), [(5, vec![])]);
}

#[test]
fn a_group_whose_member_is_silent_stays_and_says_so() {
    let mut house = House::new(&json!({}));
    house.request("group/remove", "lights");
    house.wait(Duration::from_secs(120));
    let failed = response(&house, "group/remove").unwrap();
    assert!(
        failed.starts_with(
            r#"{"data":{},"error":"Failed to remove group 'lights' (force: false) (timeout after"#
        ),
        "{failed}"
    );
    assert_eq!(groups(&house), [(5, vec![(RELAY, 1)])]);
    assert!(
        house
            .core
            .settings()
            .entity(Entity::Group(GroupId(5)))
            .is_some()
    );
}

#[test]
fn a_group_has_a_new_name_and_options() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request("group/rename", r#"{"from":"lights","to":"all lights"}"#),
        r#"{"data":{"from":"lights","homeassistant_rename":false,"to":"all lights"},"status":"ok"}"#
    );
    assert_eq!(
        house
            .lines()
            .iter()
            .map(|line| line
                .split(" [")
                .next()
                .unwrap()
                .split(" {")
                .next()
                .unwrap()
                .to_owned())
            .collect::<Vec<_>>(),
        [
            "z/lights retained ",
            "z/bridge/groups retained",
            "z/bridge/info retained",
            "z/bridge/response/group/rename",
        ]
    );
    assert_eq!(
        house.request(
            "group/options",
            r#"{"id":"all lights","options":{"retain":true,"optimistic":false}}"#
        ),
        r#"{"data":{"from":{},"id":"all lights","restart_required":false,"to":{"optimistic":false,"retain":true}},"status":"ok"}"#
    );
    let options: Json = house
        .core
        .settings()
        .entity(Entity::Group(GroupId(5)))
        .unwrap()
        .options["retain"]
        .clone();
    assert_eq!(options, true);
}
