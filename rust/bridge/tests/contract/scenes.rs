//! §9: scenes of devices and groups.

use std::time::Duration;

use adapters::Destination;
use bridge::core::Save;
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress};

use crate::house::{House, RELAY, SWITCH, other_device};

/// Takes every command of `genScenes` and `genGroups`.
fn willing(cluster: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    match (cluster.0, sent[2]) {
        (4, command) => Some(vec![command, 0, sent[3], sent[4]]),
        // Recall, and on and off, have no answer of their own.
        (5, 5) => Some(vec![0x0b, 5, 0]),
        (6, command) if sent[0] & 1 == 1 => Some(vec![0x0b, command, 0]),
        (5, command) => {
            let mut answer = vec![command, 0, sent[3], sent[4]];
            answer.extend(sent.get(5));
            Some(answer)
        }
        _ => None,
    }
}

fn house(extra: &Json) -> House {
    let mut house = House::new(extra);
    house.zcl = Some(willing);
    house
}

/// Sends a `set` and gives the commands of `genScenes` that go out: whom, command and payload.
fn set(house: &mut House, name: &str, payload: &Json) -> Vec<(Destination, u8, Vec<u8>)> {
    house.forget();
    house.mqtt(&format!("z/{name}/set"), payload.to_string());
    let frames = house.frames().into_iter();
    frames
        .filter(|frame| frame.cluster == ClusterId(5))
        .map(|frame| {
            (
                frame.destination,
                frame.payload[2],
                frame.payload[3..].to_vec(),
            )
        })
        .collect()
}

fn to_switch(endpoint: u8) -> Destination {
    Destination::Device(zigbee::NwkAddress(0x4141), EndpointId(endpoint))
}

/// The scenes of an endpoint on `bridge/devices` as it was published last.
fn listed(house: &House, ieee: IeeeAddress, endpoint: &str) -> Json {
    let list = house.last("z/bridge/devices");
    let mut entries = list.as_array().unwrap().iter();
    let entry = entries.find(|entry| entry["ieee_address"] == ieee.to_string());
    entry.unwrap()["endpoints"][endpoint]["scenes"].clone()
}

/// What the record of an endpoint has of scenes.
fn remembered(house: &House, ieee: IeeeAddress, endpoint: u8) -> Json {
    let device = house.core.hub().device(ieee).unwrap();
    let endpoint = &device.info.endpoints[&EndpointId(endpoint)];
    endpoint.meta.get("scenes").cloned().unwrap_or_default()
}

#[test]
fn a_stored_scene_is_remembered_with_the_state_and_recalled() {
    let mut house = house(&json!({}));
    house.report(1, true);
    assert_eq!(
        set(
            &mut house,
            "switch/left",
            &json!({"scene_store": {"ID": 3, "name": "Evening"}})
        ),
        [(to_switch(1), 4, vec![0, 0, 3])]
    );
    assert_eq!(
        remembered(&house, SWITCH, 1),
        json!({"3_0": {"name": "Evening", "state": {"state": "ON"}}})
    );
    assert_eq!(
        listed(&house, SWITCH, "1"),
        json!([{"id": 3, "name": "Evening"}])
    );
    house.last("z/bridge/groups");
    house.wait(Duration::from_secs(60));
    assert!(house.saved.contains(&Save::Database), "{:?}", house.saved);

    house.report(2, false);
    assert_eq!(
        set(&mut house, "switch/left", &json!({"scene_recall": 3})),
        [(to_switch(1), 5, vec![0, 0, 3, 0xff, 0xff])]
    );
    assert_eq!(house.last("z/switch")["state_left"], "ON");
    // A recall changes no scene.
    assert!(
        house
            .published
            .iter()
            .all(|publish| &*publish.topic != "z/bridge/devices")
    );
}

#[test]
fn a_scene_needs_no_name_and_may_belong_to_a_group() {
    let mut house = house(&json!({}));
    let payload = json!({"scene_store": {"ID": 4, "group_id": 5}});
    assert_eq!(
        set(&mut house, "switch/1", &payload),
        [(to_switch(1), 4, vec![5, 0, 4])]
    );
    assert_eq!(remembered(&house, SWITCH, 1), json!({"4_5": {"state": {}}}));
    // It is none of its own.
    assert_eq!(listed(&house, SWITCH, "1"), json!([]));
    assert_eq!(
        set(&mut house, "switch/1", &json!({"scene_store": 7})).len(),
        1
    );
    assert_eq!(
        listed(&house, SWITCH, "1"),
        json!([{"id": 7, "name": "Scene 7"}])
    );
}

#[test]
fn a_groups_scene_is_remembered_by_its_members_each_with_its_own_state() {
    let mut house = house(&json!({}));
    house.request(
        "group/members/add",
        r#"{"group":"lights","device":"switch","endpoint":"left"}"#,
    );
    house.report(1, true);
    let to_group = Destination::Group(GroupId(5));
    assert_eq!(
        set(
            &mut house,
            "lights",
            &json!({"scene_store": {"ID": 2, "name": "Night"}})
        ),
        [(to_group, 4, vec![5, 0, 2])]
    );
    assert_eq!(
        remembered(&house, SWITCH, 1),
        json!({"2_5": {"name": "Night", "state": {"state": "ON"}}})
    );
    assert_eq!(
        remembered(&house, RELAY, 1),
        json!({"2_5": {"name": "Night", "state": {}}})
    );
    assert_eq!(
        house.last("z/bridge/groups")[0]["scenes"],
        json!([{"id": 2, "name": "Night"}])
    );
    assert_eq!(listed(&house, SWITCH, "1"), json!([]));

    house.report(2, false);
    assert_eq!(
        set(&mut house, "lights", &json!({"scene_recall": 2})),
        [(to_group, 5, vec![5, 0, 2, 0xff, 0xff])]
    );
    assert_eq!(house.last("z/switch")["state_left"], "ON");
    // The member's state is the group's.
    assert_eq!(house.last("z/lights")["state"], "ON");

    assert_eq!(
        set(
            &mut house,
            "lights",
            &json!({"scene_rename": {"ID": 2, "name": "Day"}})
        ),
        []
    );
    assert_eq!(
        house.last("z/bridge/groups")[0]["scenes"],
        json!([{"id": 2, "name": "Day"}])
    );
    assert_eq!(
        set(&mut house, "lights", &json!({"scene_remove": 2})),
        [(to_group, 2, vec![5, 0, 2])]
    );
    assert_eq!(house.last("z/bridge/groups")[0]["scenes"], json!([]));
    assert_eq!(remembered(&house, SWITCH, 1), json!({}));
}

#[test]
fn members_that_do_not_want_it_publish_nothing_when_a_scene_is_recalled() {
    let mut house = house(&json!({}));
    house.request(
        "group/members/add",
        r#"{"group":"lights","device":"switch","endpoint":"left"}"#,
    );
    house.report(1, true);
    set(&mut house, "lights", &json!({"scene_store": 2}));
    house.report(2, false);
    for options in [
        json!({"optimistic": false}),
        json!({"optimistic": null, "filtered_optimistic": ["state_left"]}),
        json!({"filtered_optimistic": null, "disabled": true}),
    ] {
        let request = json!({"id": "switch", "options": options});
        house.request("device/options", request.to_string());
        set(&mut house, "lights", &json!({"scene_recall": 2}));
        assert!(
            house
                .published
                .iter()
                .all(|publish| &*publish.topic != "z/switch"),
            "{options}"
        );
    }
}

#[test]
fn a_scene_is_added_with_what_it_sets_after_the_old_one_is_removed() {
    let mut house = house(&json!({}));
    let scene = json!({
        "ID": 3, "name": "Film", "transition": 2,
        "state": "on", "brightness": 255, "position": 25,
    });
    assert_eq!(
        set(&mut house, "switch/right", &json!({"scene_add": scene})),
        [
            (to_switch(2), 2, vec![0, 0, 3]),
            (
                to_switch(2),
                0,
                vec![
                    0, 0, 3, 2, 0, 0, // two seconds, no name
                    6, 0, 1, 1, // on
                    8, 0, 1, 254, // level
                    2, 1, 1, 75, // lift, from open to closed
                ]
            ),
        ]
    );
    assert_eq!(
        remembered(&house, SWITCH, 2),
        json!({"3_0": {"name": "Film", "state": {"brightness": 255, "state": "ON"}}})
    );
    assert_eq!(
        listed(&house, SWITCH, "2"),
        json!([{"id": 3, "name": "Film"}])
    );
    // A fraction of a second needs the other command.
    let scene = json!({"ID": 3, "transition": 1.5, "state": "OFF", "group_id": 258});
    assert_eq!(
        set(&mut house, "switch/right", &json!({"scene_add": scene}))[1],
        (to_switch(2), 0x40, vec![2, 1, 3, 15, 0, 0, 6, 0, 1, 0])
    );
    // A colour by x and y.
    let scene = json!({"ID": 5, "color": {"x": 0.25, "y": 1}});
    assert_eq!(
        set(&mut house, "switch/right", &json!({"scene_add": scene}))[1],
        (
            to_switch(2),
            0,
            vec![0, 0, 5, 0, 0, 0, 0, 3, 4, 0x00, 0x40, 0xff, 0xff]
        )
    );
    assert_eq!(
        remembered(&house, SWITCH, 2)["5_0"]["state"],
        json!({"color": {"x": 0.25, "y": 1}, "color_mode": "xy"})
    );
    // What a group adds its members remember.
    let scene = json!({"ID": 1, "state": "OFF"});
    set(&mut house, "lights", &json!({"scene_add": scene}));
    assert_eq!(
        remembered(&house, RELAY, 1),
        json!({"1_5": {"state": {"state": "OFF"}}})
    );
}

#[test]
fn a_device_that_never_had_the_scene_takes_it_and_one_that_is_full_does_not() {
    for (remove, add, error) in [
        (0x8b, 0, None),
        (0x85, 0, None),
        (
            0x81,
            0,
            Some("Scene add unable to remove existing scene ('UNSUP_CLUSTER_COMMAND')"),
        ),
        (
            0,
            0x89,
            Some("Scene add not successful ('INSUFFICIENT_SPACE')"),
        ),
    ] {
        let mut house = House::new(&json!({}));
        house.mqtt(
            "z/switch/left/set",
            r#"{"scene_add":{"ID":9,"state":"ON"}}"#,
        );
        for status in [remove, add] {
            if let Some(frame) = house.frames().pop() {
                let sent = &frame.payload;
                house.frame(0x4141, 1, 5, &[0x19, sent[1], sent[2], status, 0, 0, 9]);
            }
        }
        let log = house.log_lines().join("\n");
        match error {
            None => {
                assert_eq!(
                    listed(&house, SWITCH, "1"),
                    json!([{"id": 9, "name": "Scene 9"}])
                );
            }
            Some(error) => {
                assert!(
                    log.contains(&format!(
                        "Publish 'set' 'scene_add' to 'switch' failed: 'Error: {error}'"
                    )),
                    "{log}"
                );
                assert_eq!(remembered(&house, SWITCH, 1), Json::Null);
            }
        }
    }
}

#[test]
fn scenes_are_renamed_and_removed() {
    let mut house = house(&json!({}));
    for id in [1, 2, 3] {
        set(&mut house, "switch/left", &json!({"scene_store": id}));
    }
    set(
        &mut house,
        "switch/left",
        &json!({"scene_store": {"ID": 1, "group_id": 5}}),
    );
    let rename = json!({"scene_rename": {"ID": 2, "name": "Two"}});
    assert_eq!(set(&mut house, "switch/left", &rename), []);
    assert_eq!(
        listed(&house, SWITCH, "1")[1],
        json!({"id": 2, "name": "Two"})
    );
    assert_eq!(
        set(&mut house, "switch/left", &json!({"scene_remove": 1})),
        [(to_switch(1), 2, vec![0, 0, 1])]
    );
    assert_eq!(
        listed(&house, SWITCH, "1"),
        json!([{"id": 2, "name": "Two"}, {"id": 3, "name": "Scene 3"}])
    );
    assert_eq!(
        set(&mut house, "switch/left", &json!({"scene_remove_all": ""})),
        [(to_switch(1), 3, vec![0, 0])]
    );
    assert_eq!(listed(&house, SWITCH, "1"), json!([]));
    // The device keeps those of a group, and so does its record.
    assert_eq!(remembered(&house, SWITCH, 1), json!({"1_5": {"state": {}}}));
}

#[test]
fn bad_scenes_say_why_and_nothing_is_sent() {
    let number = "Payload should be a scene id between 0 and 255";
    let cases = [
        (
            json!({"scene_store": 0}),
            "Scene ID 0 cannot be used with group ID 0.",
        ),
        (json!({"scene_store": {"name": "x"}}), "Payload missing ID."),
        (json!({"scene_store": {"ID": 300}}), number),
        (json!({"scene_recall": "x"}), number),
        (json!({"scene_remove": -1}), number),
        (
            json!({"scene_add": 3}),
            "'scene_add' needs an object with the key 'ID'",
        ),
        (
            json!({"scene_add": {"ID": 0, "state": "ON"}}),
            "Scene ID 0 cannot be used with group ID 0.",
        ),
        (
            json!({"scene_add": {"ID": 3, "brightness": 400}}),
            "'brightness' of a scene should be a number from 0 to 254",
        ),
        (
            json!({"scene_add": {"ID": 3, "transition": -1}}),
            "'transition' of a scene should be a number of seconds up to 6553",
        ),
        (
            json!({"scene_add": {"ID": 3, "color_temp": 300, "color": {"x": 0.3, "y": 0.3}}}),
            "A scene has either a 'color_temp' or a 'color'",
        ),
        (
            json!({"scene_add": {"ID": 3, "color": {"a": 1}}}),
            "Value does not contain valid color definition",
        ),
        (
            json!({"scene_rename": {"ID": 3, "name": "x"}}),
            "Scene 3 of group 0 is not known",
        ),
        (json!({"scene_rename": {"ID": 3}}), "Payload missing name."),
        (
            json!({"scene_rename": {"ID": 0, "name": "x"}}),
            "Scene ID 0 cannot be used with group ID 0.",
        ),
    ];
    for (payload, error) in cases {
        let mut house = house(&json!({}));
        assert_eq!(set(&mut house, "switch/left", &payload), [], "{payload}");
        let log = house.log_lines().join("\n");
        assert!(
            log.contains(&format!("failed: 'Error: {error}'")),
            "{payload}: {log}"
        );
        assert!(
            house
                .published
                .iter()
                .all(|publish| &*publish.topic != "z/bridge/devices")
        );
    }
    // A group has a scene 0.
    let mut house = house(&json!({}));
    assert_eq!(
        set(&mut house, "lights", &json!({"scene_store": 0})).len(),
        1
    );
}

#[test]
fn recalling_a_scene_that_nobody_remembers_is_a_warning() {
    let mut house = house(&json!({}));
    for name in ["switch/left", "lights"] {
        assert_eq!(set(&mut house, name, &json!({"scene_recall": 8})).len(), 1);
        let log = house.log_lines();
        assert!(
            log.iter()
                .any(|line| line.starts_with("Warning z2m: Unknown scene was recalled for ")),
            "{log:?}"
        );
        let lines = house.lines();
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with("z/bridge/logging ")),
            "{lines:?}"
        );
    }
}

#[test]
fn home_assistant_has_an_entity_for_each_scene() {
    let mut house = house(&json!({"homeassistant": {"enabled": true}}));
    house.wait(Duration::from_secs(10));
    let topic = |id: u8| format!("homeassistant/scene/{SWITCH}/scene_{id}/config");
    set(
        &mut house,
        "switch/left",
        &json!({"scene_store": {"ID": 3, "name": "Relax"}}),
    );
    house.wait(Duration::from_secs(3));
    let config = house.last(&topic(3));
    assert_eq!(config["name"], "Relax");
    assert_eq!(config["payload_on"], "{ \"scene_recall\": 3 }");
    assert_eq!(config["command_topic"], "z/switch/set");
    // Another name makes another entity: the old one is cleared first.
    set(
        &mut house,
        "switch/left",
        &json!({"scene_rename": {"ID": 3, "name": "Read"}}),
    );
    let mut on_topic = |time| -> Vec<bool> {
        house.wait(Duration::from_secs(time));
        let published = std::mem::take(&mut house.published).into_iter();
        published
            .filter(|publish| *publish.topic == *topic(3))
            .map(|publish| publish.payload.is_empty())
            .collect()
    };
    assert_eq!(on_topic(1), [true]);
    assert_eq!(on_topic(2), [false]);
    set(&mut house, "switch/left", &json!({"scene_remove": 3}));
    house.wait(Duration::from_secs(3));
    assert!(
        house
            .published
            .iter()
            .any(|publish| *publish.topic == *topic(3) && publish.payload.is_empty())
    );
}

const BULB: IeeeAddress = IeeeAddress(0x0017_8801_0000_0001);

/// The fields that an added scene has for `lightingColorCtrl`.
fn color_of(house: &mut House, scene: &Json) -> (f64, f64) {
    let sent = set(house, "bulb", &json!({"scene_add": scene}));
    let fields = &sent[1].2[6..];
    assert_eq!(fields[..3], [0, 3, 4], "{sent:?}");
    let part = |at: usize| f64::from(u16::from_le_bytes([fields[at], fields[at + 1]])) / 65535.0;
    (part(3), part(5))
}

#[test]
fn colours_of_scenes_are_set_by_x_and_y_and_recalled_in_all_terms() {
    let names = json!({"devices": {(BULB.to_string()): {"friendly_name": "bulb"}}});
    let bulb = other_device("Philips_9290012573A", BULB, 0x2001, 20);
    let mut house = House::with_devices(&names, vec![bulb]);
    house.zcl = Some(|cluster, sent| match cluster.0 {
        // Move to colour: a default response.
        0x0300 if sent[0] & 1 == 1 => Some(vec![0x0b, sent[2], 0]),
        _ => willing(cluster, sent),
    });
    // The colour temperature of 300 mireds, and of a screen's red.
    let near = |(x, y): (f64, f64), wanted: (f64, f64)| {
        (x - wanted.0).abs() < 1e-4 && (y - wanted.1).abs() < 1e-4
    };
    let color = color_of(&mut house, &json!({"ID": 1, "color_temp": 300}));
    assert!(near(color, (0.4152, 0.3954)), "{color:?}");
    let color = color_of(&mut house, &json!({"ID": 2, "color": {"hex": "#ff0000"}}));
    assert!(near(color, (0.7006, 0.2993)), "{color:?}");
    let color = color_of(&mut house, &json!({"ID": 3, "color": {"h": 240, "s": 50}}));
    assert!(near(color, (0.2699, 0.2474)), "{color:?}");
    assert_eq!(
        remembered(&house, BULB, 11),
        json!({
            "1_0": {"state": {"color_mode": "color_temp", "color_temp": 300}},
            "2_0": {"state": {"color_mode": "xy", "color": {"x": 0.7006, "y": 0.2993}}},
            "3_0": {"state": {"color_mode": "hs", "color": {"hue": 240, "saturation": 50}}},
        })
    );
    // A colour by x and y is known: what a scene says by other means is told so, too.
    house.mqtt("z/bulb/set", r#"{"color":{"x":0.3127,"y":0.329}}"#);
    assert_eq!(house.last("z/bulb")["color_mode"], "xy");
    set(&mut house, "bulb", &json!({"scene_recall": 1}));
    let state = house.last("z/bulb");
    assert_eq!(state["color_mode"], "color_temp");
    assert_eq!(state["color_temp"], 300);
    assert_eq!(
        (&state["color"]["x"], &state["color"]["y"]),
        (&json!(0.4152), &json!(0.3954))
    );
}
