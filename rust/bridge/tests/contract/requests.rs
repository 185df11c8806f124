//! §12: requests and responses.

use std::time::Duration;

use adapters::{PermitVia, Request};
use bridge::core::{CoreInput, CoreOutput, Save, request_paths};
use serde_json::json;

use crate::house::{House, RELAY, SWITCH, line, response_topic, topic_of};

#[test]
fn the_transaction_comes_back_as_it_was() {
    for (transaction, back) in [
        ("7", "7"),
        ("\"t-1\"", "\"t-1\""),
        ("[1,{\"b\":2}]", "[1,{\"b\":2}]"),
    ] {
        let mut house = House::new(&json!({}));
        let request = format!(r#"{{"transaction":{transaction}}}"#);
        assert_eq!(
            house.request("health_check", request),
            format!(r#"{{"data":{{"healthy":true}},"status":"ok","transaction":{back}}}"#)
        );
    }
}

#[test]
fn paths_are_found_in_any_case_and_unknown_ones_get_no_response() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request("Health_Check", ""),
        r#"{"data":{"healthy":true},"status":"ok"}"#
    );
    house.forget();
    for path in [
        "nonsense",
        "device",
        "device/",
        "health_check/x",
        "value/permit_join",
    ] {
        assert_eq!(house.request(path, "{}"), "no response", "{path}");
    }
    let topics: Vec<_> = house.published.iter().map(topic_of).collect();
    assert!(topics.iter().all(|topic| &**topic == "z/bridge/logging"));
    assert_eq!(house.log.len(), 5);
}

#[test]
fn every_request_of_this_issue_is_in_the_table_and_answers_once() {
    let paths: Vec<_> = request_paths().collect();
    for path in [
        "permit_join",
        "device/remove",
        "device/rename",
        "device/options",
        "device/interview",
        "device/configure",
        "options",
        "restart",
        "health_check",
        "coordinator_check",
        "backup",
    ] {
        assert!(paths.contains(&path), "{path}");
    }
    for path in paths {
        let mut house = House::new(&json!({}));
        house.mqtt(
            &format!("z/bridge/request/{path}"),
            r#"{"transaction":"t"}"#,
        );
        match house.others.pop() {
            Some(CoreOutput::Archive(id)) => {
                house.input(CoreInput::Archived(id, Err("disk full".to_owned())));
            }
            Some(CoreOutput::Ask(id, _)) => house.input(CoreInput::Answered(id, Ok(json!({})))),
            _ => {}
        }
        let responses: Vec<_> = house
            .lines()
            .into_iter()
            .filter(|line| line.starts_with(&format!("{} ", response_topic(path))))
            .collect();
        assert_eq!(responses.len(), 1, "{path}: {responses:?}");
        assert!(
            responses[0].ends_with(r#","transaction":"t"}"#),
            "{responses:?}"
        );
    }
}

#[test]
fn malformed_json_gets_the_reason() {
    let mut house = House::new(&json!({}));
    for path in request_paths() {
        let response = house.request(path, r#"{"from":"#);
        assert!(
            response.starts_with(r#"{"data":{},"error":"Invalid JSON: EOF while parsing"#),
            "{response}"
        );
    }
}

#[test]
fn errors_have_the_texts_that_clients_know() {
    let cases = [
        (
            "permit_join",
            r#"{"time":10,"device":"nope"}"#,
            "Device 'nope' does not exist",
        ),
        (
            "permit_join",
            r#"{"time":255}"#,
            "Cannot permit join for more than 254 seconds.",
        ),
        ("permit_join", r#"{"value":true}"#, "Invalid payload"),
        ("permit_join", "soon", "Invalid payload"),
        (
            "device/rename",
            r#"{"from":"nope","to":"x"}"#,
            "Device 'nope' does not exist",
        ),
        (
            "device/rename",
            r#"{"from":"switch","to":"hall/relay"}"#,
            "friendly_name 'hall/relay' is already in use",
        ),
        (
            "device/rename",
            r#"{"from":"switch","to":" switch "}"#,
            "friendly_name 'switch' is already in use",
        ),
        (
            "device/rename",
            r#"{"from":"switch","to":"lights"}"#,
            "friendly_name 'lights' is already in use",
        ),
        (
            "device/rename",
            r#"{"from":"switch","to":"a/1"}"#,
            r#"Friendly name cannot end with a \"/DIGIT\" ('a/1')"#,
        ),
        (
            "device/rename",
            r#"{"from":"switch","to":"a+"}"#,
            "MQTT wildcard (+ and #) not allowed in friendly_name ('a+')",
        ),
        (
            "device/rename",
            r#"{"last":true,"to":"x"}"#,
            "No device has joined since start",
        ),
        ("device/rename", r#"{"from":"switch"}"#, "Invalid payload"),
        (
            "device/remove",
            r#"{"id":"nope"}"#,
            "Device 'nope' does not exist",
        ),
        ("device/remove", "nope", "Device 'nope' does not exist"),
        ("device/options", r#"{"id":"switch"}"#, "Invalid payload"),
        (
            "device/options",
            r#"{"id":"switch","options":{"qos":7}}"#,
            "",
        ),
        (
            "device/interview",
            r#"{"id":"nope"}"#,
            "Device 'nope' does not exist",
        ),
        ("device/configure", "nope", "Device 'nope' does not exist"),
        (
            "options",
            r#"{"options":{"advanced":{"channel":99}}}"#,
            "advanced/channel must be <= 26",
        ),
        ("options", "{}", "Invalid payload"),
    ];
    for (path, payload, error) in cases {
        let mut house = House::new(&json!({}));
        let response = house.request(path, payload);
        assert!(
            response.starts_with(&format!(r#"{{"data":{{}},"error":"{error}"#))
                && response.ends_with(r#"","status":"error"}"#),
            "{path} {payload}: {response}"
        );
        let log = house.log_lines();
        assert!(
            log[0].starts_with(&format!(
                "Error z2m: Request 'z/bridge/request/{path}' failed with error: '"
            )),
            "{log:?}"
        );
    }
}

#[test]
fn permit_join_opens_the_network_and_shows_it() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request("permit_join", r#"{"time":60}"#),
        r#"{"data":{"time":60},"status":"ok"}"#
    );
    assert!(house.asked.contains(&Request::PermitJoin {
        seconds: 60,
        via: PermitVia::All
    }));
    let info = house.last("z/bridge/info");
    assert_eq!(info["permit_join"], true);
    assert_eq!(info["permit_join_end"], 1_767_614_460_000_i64);
    house.forget();
    house.wait(Duration::from_secs(61));
    let info = house.last("z/bridge/info");
    assert_eq!(info["permit_join"], false);
    assert!(info.get("permit_join_end").is_none());
    house.forget();
    assert_eq!(
        house.request("permit_join", "0"),
        r#"{"data":{"time":0},"status":"ok"}"#
    );
    house.forget();
    assert_eq!(
        house.request("permit_join", r#"{"time":5,"device":"hall/relay"}"#),
        r#"{"data":{"device":"hall/relay","time":5},"status":"ok"}"#
    );
    assert!(house.asked.contains(&Request::PermitJoin {
        seconds: 5,
        via: PermitVia::Router(zigbee::NwkAddress(0x1111))
    }));
}

#[test]
fn rename_has_the_order_of_the_contract() {
    let mut house = House::new(&json!({}));
    house.report(1, true);
    house.forget();
    let response = house.request(
        "device/rename",
        r#"{"from":"switch","to":" attic/a/b/lamp "}"#,
    );
    assert_eq!(
        response,
        r#"{"data":{"from":"switch","homeassistant_rename":false,"to":"attic/a/b/lamp"},"status":"ok"}"#
    );
    let lines = house.lines();
    let topics: Vec<_> = lines
        .iter()
        .map(|line| line.split(" {").next().unwrap().split(" [").next().unwrap())
        .collect();
    assert_eq!(
        topics,
        [
            "z/switch retained ",
            "z/bridge/devices retained",
            "z/bridge/info retained",
            "z/attic/a/b/lamp",
            "z/bridge/response/device/rename",
        ]
    );
    assert!(lines[3].contains(r#""state_left":"ON""#), "{}", lines[3]);
    assert_eq!(house.saved, [Save::Settings]);
    assert!(house.subscribed.contains(&"z/+/+/+/+/+/set/#".to_owned()));
    house.mqtt("z/attic/a/b/lamp/left/set", "ON");
    assert_eq!(house.frames().len(), 1);
}

#[test]
fn removing_a_device_clears_its_topic_and_its_entry() {
    let mut house = House::new(&json!({}));
    let response = house.request("device/remove", r#"{"id":"switch","force":true}"#);
    assert_eq!(
        response,
        r#"{"data":{"block":false,"clear_cache":false,"force":true,"id":"switch","keep_config":false},"status":"ok"}"#
    );
    assert!(
        house
            .published
            .iter()
            .any(|publish| line(publish) == "z/switch retained ")
    );
    assert!(house.core.settings().device(SWITCH).is_none());
    assert!(
        !house
            .last("z/bridge/devices")
            .to_string()
            .contains(&SWITCH.to_string())
    );
    assert_eq!(
        house.request("device/remove", "switch"),
        r#"{"data":{},"error":"Device 'switch' does not exist","status":"error"}"#
    );
}

#[test]
fn a_blocked_device_is_kept_out_of_the_configuration_and_the_network() {
    let mut house = House::new(&json!({}));
    house.request(
        "device/remove",
        r#"{"id":"switch","force":true,"block":true,"keep_config":true}"#,
    );
    assert!(house.core.settings().device(SWITCH).is_some());
    assert_eq!(house.core.settings().blocklist(), [SWITCH]);
}

#[test]
fn what_cannot_be_removed_says_so_with_its_flags() {
    let mut house = House::new(&json!({}));
    let response = house.request("device/remove", "hall/relay");
    assert!(
        response.starts_with(
            r#"{"data":{},"error":"Failed to remove device 'hall/relay' (block: false, force: false, keep config: false, clear cache: false) ("#
        ),
        "{response}"
    );
    assert!(house.core.settings().device(RELAY).is_some());
}

#[test]
fn device_options_answer_with_before_and_after() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request(
            "device/options",
            r#"{"id":"switch","options":{"retain":true,"state_action":true}}"#
        ),
        r#"{"data":{"from":{},"id":"switch","restart_required":false,"to":{"retain":true,"state_action":true}},"status":"ok"}"#
    );
    assert!(house.log.is_empty(), "{:?}", house.log);
    house.forget();
    house.report(1, true);
    let lines = house.lines();
    assert!(lines[0].starts_with("z/switch retained {"), "{lines:?}");
    assert!(lines[0].contains(r#""action":"on_left""#), "{lines:?}");
    let response = house.request(
        "device/options",
        r#"{"id":"switch","options":{"retain":null,"no_such_thing":1}}"#,
    );
    assert!(
        response.contains(r#""to":{"no_such_thing":1,"state_action":true}"#),
        "{response}"
    );
    let log = house.log_lines();
    assert!(
        log.iter()
            .any(|line| line.contains("no option 'no_such_thing'")),
        "{log:?}"
    );
}

#[test]
fn options_work_at_once_or_ask_for_a_restart() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request(
            "options",
            r#"{"options":{"advanced":{"log_level":"error"}}}"#
        ),
        r#"{"data":{"restart_required":false},"status":"ok"}"#
    );
    assert_eq!(house.last("z/bridge/info")["log_level"], "error");
    assert_eq!(
        house.request("options", r#"{"options":{"advanced":{"channel":15}}}"#),
        r#"{"data":{"restart_required":true},"status":"ok"}"#
    );
    assert_eq!(house.last("z/bridge/info")["restart_required"], true);
    // Sticky until the restart.
    assert_eq!(
        house.request(
            "options",
            r#"{"options":{"advanced":{"log_level":"info"}}}"#
        ),
        r#"{"data":{"restart_required":true},"status":"ok"}"#
    );
}

#[test]
fn restart_comes_after_the_response() {
    let mut house = House::new(&json!({}));
    assert_eq!(house.request("restart", ""), r#"{"data":{},"status":"ok"}"#);
    assert!(house.others.is_empty());
    house.wait(Duration::from_millis(500));
    assert!(matches!(house.others[..], [CoreOutput::Restart]));
}

#[test]
fn the_coordinator_check_names_the_routers_it_does_not_know() {
    let mut house = House::new(&json!({}));
    assert_eq!(
        house.request("coordinator_check", ""),
        format!(
            r#"{{"data":{{"missing_routers":[{{"friendly_name":"hall/relay","ieee_address":"{RELAY}"}}]}},"status":"ok"}}"#
        )
    );
}

#[test]
fn a_backup_is_the_archive_that_the_runtime_makes() {
    let mut house = House::new(&json!({}));
    house.mqtt("z/bridge/request/backup", r#"{"transaction":1}"#);
    let saved: Vec<_> = house.saved.iter().map(|save| format!("{save:?}")).collect();
    assert_eq!(saved, ["CoordinatorBackup(..)", "Database", "State"]);
    let Some(CoreOutput::Archive(id)) = house.others.pop() else {
        panic!("no archive was asked for");
    };
    house.input(CoreInput::Archived(id, Ok("UEs=".to_owned())));
    assert_eq!(
        house.lines().last().unwrap(),
        r#"z/bridge/response/backup {"data":{"zip":"UEs="},"status":"ok","transaction":1}"#
    );
}

#[test]
fn configure_tells_what_came_of_it() {
    let mut house = House::new(&json!({}));
    let response = house.request("device/configure", "switch");
    // The scripted radio delivers frames and answers none.
    house.wait(Duration::from_secs(120));
    let response = if response == "no response" {
        house
            .lines()
            .into_iter()
            .find(|line| line.contains("response/device/configure"))
            .unwrap()
    } else {
        response
    };
    assert!(
        response.contains("Failed to configure (") || response.contains(r#""status":"ok""#),
        "{response}"
    );
}

#[test]
fn nothing_of_an_archive_is_in_the_log() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let content = b"PK\x03\x04 configuration.yaml password: hush network_key: [1, 2, 3, 4, 5, 6]";
    // Also in the caller's own spelling, and a log that is open to everything.
    for path in ["backup", "Backup"] {
        let mut house = House::new(&json!({
            "advanced": {"log_level": "debug", "log_debug_to_mqtt_frontend": true},
        }));
        house.mqtt(&format!("z/bridge/request/{path}"), "");
        let Some(CoreOutput::Archive(id)) = house.others.pop() else {
            panic!("no archive was asked for");
        };
        house.input(CoreInput::Archived(id, Ok(STANDARD.encode(content))));
        let lines = house.lines();
        assert!(lines.iter().any(|line| line.contains(r#"{"zip":"#)));
        let mut logged = house.log_lines();
        assert!(
            logged.iter().any(|line| line.contains("holds secrets")),
            "{logged:?}"
        );
        logged.extend(
            lines
                .into_iter()
                .filter(|line| line.starts_with("z/bridge/logging ")),
        );
        for line in &logged {
            let runs = line.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
            for run in runs.filter(|run| run.len() >= 8) {
                let whole = run.get(..run.len() / 4 * 4).unwrap();
                let bytes = STANDARD.decode(whole).unwrap_or_default();
                assert!(!bytes.starts_with(b"PK"), "{line}");
            }
            assert!(!line.contains("hush"), "{line}");
        }
    }
}

#[test]
fn the_log_shows_the_beginning_of_a_long_payload() {
    let mut house = House::new(&json!({"advanced": {"log_level": "info"}}));
    let transaction = "\u{e4}".repeat(2000);
    house.request(
        "health_check",
        json!({"transaction": transaction}).to_string(),
    );
    let lines = house.log_lines();
    let line = lines
        .iter()
        .find(|line| line.contains("response/health_check"))
        .unwrap();
    assert!(line.len() < 1200, "{}", line.len());
    assert!(line.ends_with("...' (4056 bytes)"), "{line}");
    assert!(!line.contains('\u{fffd}'));
}

#[test]
fn an_unknown_request_is_told_of_once_and_not_answered() {
    let mut house = House::new(&json!({}));
    house.mqtt("z/bridge/request/device/fly", r#"{"id":"switch"}"#);
    let lines = house.log_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with(
            "Warning z2m: 'z/bridge/request/device/fly' is no request of ferrobee; it has action, "
        ),
        "{lines:?}"
    );
    assert!(
        house
            .lines()
            .iter()
            .all(|line| line.starts_with("z/bridge/logging "))
    );
}

#[test]
fn options_of_a_model_are_checked_against_what_they_take() {
    let mut house = House::new(&json!({}));
    for (id, options, error) in [
        (
            "hall/relay",
            r#"{"power_precision":4}"#,
            "power_precision must be <= 3",
        ),
        (
            "hall/relay",
            r#"{"power_precision":-1}"#,
            "power_precision must be >= 0",
        ),
        (
            "hall/relay",
            r#"{"power_calibration":"10"}"#,
            "power_calibration must be number",
        ),
        (
            "switch",
            r#"{"state_action":"yes"}"#,
            "state_action must be one of true, false",
        ),
        (
            "hall/relay",
            r#"{"retain":true,"power_calibration":[1]}"#,
            "power_calibration must be number",
        ),
    ] {
        let response = house.request(
            "device/options",
            format!(r#"{{"id":"{id}","options":{options}}}"#),
        );
        assert_eq!(
            response,
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
        // Nothing of it was taken over.
        assert!(house.saved.is_empty(), "{:?}", house.saved);
    }
    let response = house.request(
        "device/options",
        r#"{"id":"hall/relay","options":{"power_precision":1,"power_calibration":-2.5}}"#,
    );
    assert!(response.contains(r#""status":"ok""#), "{response}");
}

#[test]
fn an_icon_becomes_a_file_that_the_option_names() {
    let mut house = House::new(&json!({}));
    let response = house.request(
        "device/options",
        r#"{"id":"switch","options":{"icon":"data:image/png;base64,Zm9v"}}"#,
    );
    let path = "device_icons/2ff23508c7ad8b1f20418f0d3d65a3d6.png";
    assert!(
        response.contains(&format!(r#""to":{{"icon":"{path}"}}"#)),
        "{response}"
    );
    let [Save::Icon(icon), Save::Settings] = &house.saved[..] else {
        panic!("{:?}", house.saved);
    };
    assert_eq!((icon.path(), icon.content()), (path, &b"foo"[..]));
    let devices = house.last("z/bridge/devices");
    let devices = devices.as_array().unwrap();
    let switch = devices
        .iter()
        .find(|device| device["friendly_name"] == "switch");
    assert_eq!(switch.unwrap()["definition"]["icon"], path);

    house.forget();
    for (icon, error) in [
        (
            "data:image/html;base64,Zm9v",
            "icon must be an image of one of the kinds ",
        ),
        ("data:image/png;base64,*", "icon must be an image in base64"),
        ("data:text/html;base64,Zm9v", "devices/"),
    ] {
        let request = json!({"id": "switch", "options": {"icon": icon}});
        let response = house.request("device/options", request.to_string());
        assert!(
            response.starts_with(&format!(r#"{{"data":{{}},"error":"{error}"#)),
            "{response}"
        );
        assert!(house.saved.is_empty());
    }
}

/// Every request of mqtt-api.md §12.
const ALL: &[&str] = &[
    "action",
    "backup",
    "converter/remove",
    "converter/save",
    "coordinator_check",
    "device/bind",
    "device/binds/clear",
    "device/configure",
    "device/configure_reporting",
    "device/generate_external_definition",
    "device/interview",
    "device/options",
    "device/ota_update/check",
    "device/ota_update/check/downgrade",
    "device/ota_update/schedule",
    "device/ota_update/schedule/downgrade",
    "device/ota_update/unschedule",
    "device/ota_update/update",
    "device/ota_update/update/abort",
    "device/ota_update/update/downgrade",
    "device/remove",
    "device/rename",
    "device/reporting/configure",
    "device/reporting/read",
    "device/unbind",
    "extension/remove",
    "extension/save",
    "group/add",
    "group/members/add",
    "group/members/remove",
    "group/members/remove_all",
    "group/options",
    "group/remove",
    "group/rename",
    "health_check",
    "install_code/add",
    "networkmap",
    "options",
    "permit_join",
    "restart",
    "touchlink/factory_reset",
    "touchlink/identify",
    "touchlink/scan",
];

#[test]
fn no_request_of_the_contract_is_missing() {
    let ours: Vec<_> = request_paths().collect();
    for path in ALL {
        assert!(ours.contains(path), "{path}");
    }
    for path in ours {
        assert!(ALL.contains(&path), "{path} is not in the contract");
    }
}
