//! §12.2 to §12.4: options at run time.

use serde_json::{Value as Json, json};

use crate::house::{House, SWITCH};

fn error(text: &str) -> String {
    format!(r#"{{"data":{{}},"error":"{text}","status":"error"}}"#)
}

fn warnings(house: &mut House) -> Vec<String> {
    let lines = house.log_lines().into_iter();
    lines.filter(|line| line.starts_with("Warning ")).collect()
}

#[test]
fn a_value_that_breaks_a_rule_is_named_by_its_path_and_nothing_changes() {
    let cases: [(&str, Json, &str); 14] = [
        (
            "options",
            json!({"advanced": {"channel": 99}}),
            "advanced/channel must be <= 26",
        ),
        (
            "options",
            json!({"advanced": {"channel": "x"}}),
            "advanced/channel must be number",
        ),
        (
            "options",
            json!({"mqtt": {"keepalive": "soon"}}),
            "mqtt/keepalive must be number",
        ),
        (
            "options",
            json!({"homeassistant": 7}),
            "homeassistant must be object",
        ),
        (
            "options",
            json!({"blocklist": "0x1"}),
            "blocklist must be array",
        ),
        (
            "options",
            json!({"availability": {"enabled": 1}}),
            "availability/enabled must be boolean",
        ),
        (
            "device",
            json!({"qos": 7}),
            "qos must be equal to one of the allowed values",
        ),
        ("device", json!({"retain": "yes"}), "retain must be boolean"),
        ("device", json!({"debounce": -1}), "debounce must be >= 0"),
        (
            "device",
            json!({"filtered_attributes": "x"}),
            "filtered_attributes must be array",
        ),
        (
            "device",
            json!({"state_action": 3}),
            "state_action must be one of true, false",
        ),
        (
            "group",
            json!({"qos": 7}),
            "qos must be equal to one of the allowed values",
        ),
        (
            "group",
            json!({"off_state": "never"}),
            "off_state must be equal to one of the allowed values",
        ),
        (
            "group",
            json!({"optimistic": "yes"}),
            "optimistic must be boolean",
        ),
    ];
    for (whose, options, text) in cases {
        let mut house = House::new(&json!({}));
        let before = house.core.settings().effective();
        let (path, request) = match whose {
            "device" => (
                "device/options",
                json!({"id": "switch", "options": options}),
            ),
            "group" => ("group/options", json!({"id": "lights", "options": options})),
            _ => ("options", json!({"options": options})),
        };
        assert_eq!(
            house.request(path, request.to_string()),
            error(text),
            "{whose} {options}"
        );
        assert_eq!(
            house.core.settings().effective(),
            before,
            "{whose} {options}"
        );
        assert!(house.saved.is_empty());
    }
}

#[test]
fn null_removes_an_option_but_means_not_announced_to_home_assistant() {
    for (path, id) in [("device/options", "switch"), ("group/options", "lights")] {
        let mut house = House::new(&json!({}));
        let mut change = |options: Json| {
            let request = json!({"id": id, "options": options});
            house.request(path, request.to_string());
            house.last(&format!("z/bridge/response/{path}"))["data"].clone()
        };
        let data = change(json!({
            "description": "by the door", "retain": true,
            "homeassistant": {"name": "x", "icon": null},
        }));
        let set = json!({
            "description": "by the door", "retain": true,
            "homeassistant": {"name": "x", "icon": null},
        });
        assert_eq!(data["to"], set, "{path}");
        // Neither the name nor the id is an option.
        let data = change(json!({"retain": null, "qos": null, "friendly_name": "other"}));
        assert_eq!(data["from"], set);
        let left = json!({
            "description": "by the door",
            "homeassistant": {"name": "x", "icon": null},
        });
        assert_eq!(data["to"], left);
        let data = change(json!({"description": null, "homeassistant": null}));
        assert_eq!(data["to"], json!({"homeassistant": null}));
        assert_eq!(data["id"], id);
        assert_eq!(
            house.request(path, format!(r#"{{"id":"{id}"}}"#)),
            error("Invalid payload")
        );
    }
    let mut house = House::new(&json!({"advanced": {"elapsed": true}}));
    house.request("options", r#"{"options":{"advanced":{"elapsed":null}}}"#);
    assert_eq!(
        house.last("z/bridge/info")["config"]["advanced"]["elapsed"],
        false
    );
}

#[test]
fn an_unknown_option_is_kept_with_a_warning() {
    for (path, id) in [("device/options", "switch"), ("group/options", "lights")] {
        let mut house = House::new(&json!({}));
        let response = house.request(path, format!(r#"{{"id":"{id}","options":{{"shine":1}}}}"#));
        assert!(response.contains(r#""to":{"shine":1}"#), "{response}");
        assert_eq!(
            warnings(&mut house),
            [format!("Warning z2m: '{id}' has no option 'shine'")]
        );
    }
}

#[test]
fn what_needs_a_restart_says_so_until_there_was_one() {
    for (path, id, at_once, later) in [
        (
            "device/options",
            "switch",
            json!({"retain": true}),
            json!({"disabled": true}),
        ),
        (
            "group/options",
            "lights",
            json!({"optimistic": false}),
            json!({"off_state": "last_member_state"}),
        ),
    ] {
        let mut house = House::new(&json!({}));
        let mut change = |options: &Json| {
            let request = json!({"id": id, "options": options});
            house.request(path, request.to_string());
            let response = house.last(&format!("z/bridge/response/{path}"));
            let info = house.last("z/bridge/info");
            assert_eq!(
                info["restart_required"],
                response["data"]["restart_required"]
            );
            response["data"]["restart_required"].clone()
        };
        assert_eq!(change(&at_once), false);
        assert_eq!(change(&later), true);
        assert_eq!(change(&at_once), true);
    }
}

#[test]
fn a_new_option_is_in_the_lists_and_works_at_once() {
    let mut house = House::new(&json!({}));
    house.request(
        "device/options",
        r#"{"id":"switch","options":{"description":"in the hall","filtered_attributes":["linkquality"]}}"#,
    );
    let list = house.last("z/bridge/devices");
    let mut list = list.as_array().unwrap().iter();
    let entry = list.find(|entry| entry["ieee_address"] == SWITCH.to_string());
    assert_eq!(entry.unwrap()["description"], "in the hall");
    house.report(1, true);
    assert_eq!(house.last("z/switch"), json!({"state_left": "ON"}));
    house.request(
        "group/options",
        r#"{"id":"lights","options":{"description":"all"}}"#,
    );
    assert_eq!(house.last("z/bridge/groups")[0]["description"], "all");
}
