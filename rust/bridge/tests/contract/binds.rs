//! §12.3, §12.5: bindings, and the reporting that goes with them.

use std::time::Duration;

use adapters::{Reply, Request, RequestError};
use bridge::core::Save;
use devices::DeviceKind;
use serde_json::{Value as Json, json};
use zigbee::zdo::{self, BindTarget};
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress};

use crate::house::{COORDINATOR, House, Script, plain};

const REMOTE: IeeeAddress = IeeeAddress(0x0017_8801_0000_0071);
const LIGHT: IeeeAddress = IeeeAddress(0x0017_8801_0000_0072);
const ON_OFF: u16 = 0x0006;
const LEVEL: u16 = 0x0008;
const COLOR: u16 = 0x0300;

/// A house with a remote and a light that can do everything a remote can ask.
fn house() -> House {
    let remote = plain(
        DeviceKind::EndDevice,
        REMOTE,
        0x7171,
        8,
        &[
            (1, &[0, 1], &[3, 5, ON_OFF, LEVEL, COLOR]),
            (2, &[0x0402], &[]),
        ],
    );
    let light = plain(
        DeviceKind::Router,
        LIGHT,
        0x7272,
        9,
        &[
            (11, &[0, 4, 5, ON_OFF, LEVEL, COLOR], &[25]),
            (12, &[ON_OFF], &[]),
        ],
    );
    let names = json!({"devices": {
        (REMOTE.to_string()): {"friendly_name": "remote"},
        (LIGHT.to_string()): {"friendly_name": "light"},
    }});
    let mut house = House::with_devices(&names, vec![remote, light]);
    house.zcl = Some(lamp);
    house
}

/// Configures what it is asked to, and has colours by x and y as well as colour temperature.
fn lamp(cluster: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    match (sent[0] & 0x03, sent[2], cluster.0) {
        // Configure reporting.
        (0, 0x06, _) => Some(vec![0x07, 0x00]),
        // Read of the colour capabilities.
        (0, 0x00, COLOR) if sent[3..] == [0x0a, 0x40] => {
            Some(vec![0x01, 0x0a, 0x40, 0x00, 0x19, 0x18, 0x00])
        }
        // Commands of genGroups.
        (1, command @ (0x00 | 0x03), 0x0004) => Some(vec![command, 0x00, sent[3], sent[4]]),
        _ => None,
    }
}

/// Bind and unbind requests: `+` or `-`, whose endpoint, cluster and target.
fn bindings(house: &House) -> Vec<String> {
    let show = |sign, source: &IeeeAddress, endpoint: &EndpointId, cluster: &ClusterId, target| {
        let target = match target {
            BindTarget::Group(group) => format!("group {}", group.0),
            BindTarget::Endpoint(COORDINATOR, _) => "home".to_owned(),
            BindTarget::Endpoint(ieee, endpoint) => format!("{:02x}/{endpoint}", ieee.0 & 0xff),
        };
        format!(
            "{sign}{:02x}/{endpoint} {:04x} {target}",
            source.0 & 0xff,
            cluster.0
        )
    };
    let requests = house.asked.iter().filter_map(|request| match request {
        Request::Zdo(
            _,
            zdo::Request::Bind {
                source,
                endpoint,
                cluster,
                target,
            },
        ) => Some(show('+', source, endpoint, cluster, *target)),
        Request::Zdo(
            _,
            zdo::Request::Unbind {
                source,
                endpoint,
                cluster,
                target,
            },
        ) => Some(show('-', source, endpoint, cluster, *target)),
        _ => None,
    });
    requests.collect()
}

/// Devices refuse to bind and unbind some clusters, with this status.
fn refusing(clusters: &[u16], status: u8) -> Script {
    let clusters = clusters.to_vec();
    Box::new(move |request| match request {
        Request::Zdo(
            _,
            zdo::Request::Bind { cluster, .. } | zdo::Request::Unbind { cluster, .. },
        ) if clusters.contains(&cluster.0) => Some(Err(RequestError::Zdo(zdo::Status(status)))),
        _ => None,
    })
}

/// Devices tell this binding table, two entries at a time.
fn telling(table: Vec<zdo::Binding>) -> Script {
    Box::new(move |request| match request {
        Request::Zdo(_, zdo::Request::MgmtBind { start }) => {
            let page = table.iter().skip(usize::from(*start)).take(2);
            Some(Ok(Reply::Zdo(zdo::Response::MgmtBind {
                total: u8::try_from(table.len()).unwrap(),
                start: *start,
                bindings: page.cloned().collect(),
            })))
        }
        _ => None,
    })
}

/// Configure reporting commands: cluster and payload.
fn reportings(house: &mut House) -> Vec<(u16, Vec<u8>)> {
    let frames = house.frames().into_iter();
    frames
        .filter(|frame| frame.payload[0].is_multiple_of(4) && frame.payload[2] == 0x06)
        .map(|frame| (frame.cluster.0, frame.payload[3..].to_vec()))
        .collect()
}

/// The bindings of an endpoint as `bridge/devices` shows them now.
fn shown(house: &House, ieee: IeeeAddress, endpoint: &str) -> Json {
    let list = house.core.device_list();
    let list = list.as_array().unwrap();
    let mut entries = list.iter();
    let entry = entries.find(|entry| entry["ieee_address"] == ieee.to_string());
    entry.unwrap()["endpoints"][endpoint].clone()
}

#[test]
fn a_remote_is_bound_to_a_light_that_reports_from_then_on() {
    let mut house = house();
    assert_eq!(
        house.request(
            "device/bind",
            r#"{"from":"remote","to":"light","transaction":"t"}"#
        ),
        r#"{"data":{"clusters":["genScenes","genOnOff","genLevelCtrl","lightingColorCtrl"],"failed":[],"from":"remote","from_endpoint":"default","to":"light"},"status":"ok","transaction":"t"}"#
    );
    assert_eq!(
        bindings(&house),
        [
            "+71/1 0005 72/11",
            "+71/1 0006 72/11",
            "+71/1 0008 72/11",
            "+71/1 0300 72/11",
            "+72/11 0006 home",
            "+72/11 0008 home",
            "+72/11 0300 home",
        ]
    );
    assert_eq!(
        reportings(&mut house),
        [
            (ON_OFF, vec![0, 0, 0, 0x10, 0, 0, 0x10, 0x0e]),
            (LEVEL, vec![0, 0, 0, 0x20, 5, 0, 0x10, 0x0e, 1]),
            (
                COLOR,
                vec![
                    0, 7, 0, 0x21, 5, 0, 0x10, 0x0e, 1, 0, // colour temperature
                    0, 3, 0, 0x21, 5, 0, 0x10, 0x0e, 1, 0, // x
                    0, 4, 0, 0x21, 5, 0, 0x10, 0x0e, 1, 0, // y
                ]
            ),
        ]
    );
    // The list is there before the response.
    let topics: Vec<_> = house
        .published
        .iter()
        .map(|publish| &*publish.topic)
        .collect();
    let list = topics
        .iter()
        .rposition(|topic| *topic == "z/bridge/devices");
    let response = topics
        .iter()
        .position(|topic| *topic == "z/bridge/response/device/bind");
    assert!(list.is_some() && list < response, "{topics:?}");
    let target = json!({"type": "endpoint", "ieee_address": LIGHT.to_string(), "endpoint": 11});
    assert_eq!(
        shown(&house, REMOTE, "1")["bindings"][1],
        json!({"cluster": "genOnOff", "target": target})
    );
    let light = shown(&house, LIGHT, "11");
    assert_eq!(
        light["configured_reportings"][0],
        json!({"cluster": "genOnOff", "attribute": "onOff",
            "minimum_report_interval": 0, "maximum_report_interval": 3600})
    );
    assert_eq!(light["configured_reportings"].as_array().unwrap().len(), 5);
    house.wait(Duration::from_secs(60));
    assert!(house.saved.contains(&Save::Database), "{:?}", house.saved);

    // Once more: bound again, but the light reports already.
    house.forget();
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"light","clusters":["genOnOff"]}"#,
    );
    assert_eq!(bindings(&house), ["+71/1 0006 72/11"]);
    assert_eq!(reportings(&mut house), []);
    assert_eq!(
        shown(&house, REMOTE, "1")["bindings"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn endpoints_are_chosen_and_told_as_they_were_named() {
    let mut house = house();
    assert_eq!(
        house.request(
            "device/bind",
            format!(
                r#"{{"from":"{REMOTE}","from_endpoint":1,"to":"light","to_endpoint":"12","clusters":[6,"genLevelCtrl"]}}"#
            )
        ),
        r#"{"data":{"clusters":[6],"failed":[],"from":"0x0017880100000071","from_endpoint":1,"to":"light","to_endpoint":"12"},"status":"ok"}"#
    );
    assert_eq!(bindings(&house), ["+71/1 0006 72/12", "+72/12 0006 home"]);
    // A name of the definition.
    house.forget();
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"switch","to_endpoint":"right"}"#,
    );
    assert_eq!(
        bindings(&house)[..2],
        ["+71/1 0005 41/2", "+71/1 0006 41/2"]
    );
}

#[test]
fn groups_and_the_coordinator_take_whatever_the_source_has() {
    let mut house = house();
    assert_eq!(
        house.request("device/bind", r#"{"from":"remote","to":"lights"}"#),
        r#"{"data":{"clusters":["genScenes","genOnOff","genLevelCtrl","lightingColorCtrl"],"failed":[],"from":"remote","from_endpoint":"default","to":"lights"},"status":"ok"}"#
    );
    assert_eq!(
        bindings(&house),
        [
            "+71/1 0005 group 5",
            "+71/1 0006 group 5",
            "+71/1 0008 group 5",
            "+71/1 0300 group 5",
            // The relay is a member.
            "+11/1 0006 home",
        ]
    );
    assert_eq!(
        shown(&house, REMOTE, "1")["bindings"][0]["target"],
        json!({"type": "group", "id": 5})
    );
    for to in [json!("default_bind_group"), json!(901), json!("901")] {
        house.forget();
        let request = json!({"from": "remote", "to": to, "clusters": ["genOnOff"]});
        let response = house.request("device/bind", request.to_string());
        assert!(response.contains(&format!(r#""to":{to}"#)), "{response}");
        assert_eq!(bindings(&house), ["+71/1 0006 group 901"]);
    }
    for to in ["Coordinator", "coordinator", "0x00124b0000000001"] {
        house.forget();
        let request = json!({"from": "remote", "from_endpoint": 2, "to": to});
        let response = house.request("device/bind", request.to_string());
        assert!(
            response.starts_with(r#"{"data":{"clusters":["msTemperatureMeasurement"],"#),
            "{response}"
        );
        assert_eq!(bindings(&house), ["+71/2 0402 home"]);
    }
}

#[test]
fn what_the_device_refuses_has_failed() {
    let mut house = house();
    house.script = Some(refusing(&[LEVEL, 5], 0x8c));
    let request = r#"{"from":"remote","to":"light"}"#;
    assert_eq!(
        house.request("device/bind", request),
        r#"{"data":{"clusters":["genOnOff","lightingColorCtrl"],"failed":["genScenes","genLevelCtrl"],"from":"remote","from_endpoint":"default","to":"light"},"status":"ok"}"#
    );
    assert_eq!(
        shown(&house, REMOTE, "1")["bindings"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let log = house.log_lines().join("\n");
    assert!(
        log.contains("Failed to bind cluster 'genLevelCtrl' of 'remote/1' (ZDO status TABLE_FULL)"),
        "{log}"
    );
    house.script = Some(refusing(&[5, ON_OFF, LEVEL, COLOR], 0x8c));
    for (path, error) in [
        ("device/bind", "Failed to bind"),
        ("device/unbind", "Failed to unbind"),
    ] {
        assert_eq!(
            house.request(path, request),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
    }
    assert_eq!(
        shown(&house, REMOTE, "1")["bindings"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_light_that_does_not_take_reporting_is_bound_nevertheless() {
    let mut house = house();
    house.zcl = None;
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"light","clusters":["genOnOff"]}"#,
    );
    house.wait(Duration::from_secs(60));
    let lines = house.lines();
    assert!(
        lines
            .iter()
            .any(|line| line.contains(r#""clusters":["genOnOff"],"failed":[]"#)),
        "{lines:?}"
    );
    let log = house.log_lines().join("\n");
    assert!(
        log.contains("Failed to set up reporting for 'light/11' cluster 'genOnOff' (timeout"),
        "{log}"
    );
}

#[test]
fn bad_requests_about_bindings_say_why() {
    let cases = [
        (r#"{"to":"light"}"#, "Invalid payload"),
        (r#"{"from":"remote"}"#, "Invalid payload"),
        ("remote", "Invalid payload"),
        (
            r#"{"from":"remote","to":"light","clusters":"genOnOff"}"#,
            "Invalid payload",
        ),
        (
            r#"{"from":"nope","to":"nobody"}"#,
            "Source device 'nope' does not exist",
        ),
        (
            r#"{"from":"lights","to":"light"}"#,
            "Source device 'lights' does not exist",
        ),
        (
            r#"{"from":"remote","from_endpoint":9,"to":"nobody"}"#,
            "Target device or group 'nobody' does not exist",
        ),
        (
            r#"{"from":"0x0017880100000071","from_endpoint":"top","to":"light"}"#,
            "Source device 'remote' does not have endpoint 'top'",
        ),
        (
            r#"{"from":"remote","to":"light","to_endpoint":99}"#,
            "Target device 'light' does not have endpoint '99'",
        ),
        (
            r#"{"from":"remote","to":"light","clusters":["genNothing"]}"#,
            r#"Cluster \"genNothing\" does not exist"#,
        ),
    ];
    for (payload, error) in cases {
        for path in ["device/bind", "device/unbind"] {
            let mut house = house();
            assert_eq!(
                house.request(path, payload),
                format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#),
                "{path} {payload}"
            );
            assert!(house.asked.is_empty());
        }
    }
    // Both sides have to have the cluster, one as server and one as client.
    let nothing = [
        r#"{"from":"light","to":"switch"}"#,
        r#"{"from":"remote","to":"light","clusters":["genIdentify"]}"#,
        r#"{"from":"remote","to":"light","clusters":[]}"#,
        r#"{"from":"remote","to":"lights","clusters":["hvacThermostat"]}"#,
    ];
    for payload in nothing {
        for (path, error) in [
            ("device/bind", "Nothing to bind"),
            ("device/unbind", "Nothing to unbind"),
        ] {
            let mut house = house();
            assert_eq!(
                house.request(path, payload),
                format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#),
                "{path} {payload}"
            );
        }
    }
}

#[test]
fn reporting_that_only_the_binding_needed_ends_with_it() {
    let mut house = house();
    house.request("device/bind", r#"{"from":"remote","to":"light"}"#);
    house.forget();
    assert_eq!(
        house.request(
            "device/unbind",
            r#"{"from":"remote","to":"light","clusters":["genOnOff","genLevelCtrl"]}"#
        ),
        r#"{"data":{"clusters":["genOnOff","genLevelCtrl"],"failed":[],"from":"remote","from_endpoint":"default","to":"light"},"status":"ok"}"#
    );
    assert_eq!(
        bindings(&house),
        [
            "-71/1 0006 72/11",
            "-71/1 0008 72/11",
            "-72/11 0006 home",
            "-72/11 0008 home"
        ]
    );
    assert_eq!(
        reportings(&mut house),
        [
            (ON_OFF, vec![0, 0, 0, 0x10, 0, 0, 0xff, 0xff]),
            (LEVEL, vec![0, 0, 0, 0x20, 5, 0, 0xff, 0xff, 1]),
        ]
    );
    let light = shown(&house, LIGHT, "11");
    assert_eq!(light["configured_reportings"].as_array().unwrap().len(), 3);
    assert_eq!(light["bindings"].as_array().unwrap().len(), 1);
    assert_eq!(
        shown(&house, REMOTE, "1")["bindings"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_binding_that_the_device_does_not_have_is_removed() {
    let mut house = house();
    let request = r#"{"from":"remote","to":"light","clusters":["genOnOff"]}"#;
    house.request("device/bind", request);
    // NO_ENTRY.
    house.script = Some(refusing(&[ON_OFF], 0x88));
    let response = house.request("device/unbind", request);
    assert!(response.contains(r#""failed":[]"#), "{response}");
    assert_eq!(shown(&house, REMOTE, "1")["bindings"], json!([]));
}

#[test]
fn reporting_stays_when_asked_or_when_another_binding_needs_it() {
    let mut house = house();
    house.request("device/bind", r#"{"from":"remote","to":"light"}"#);
    house.forget();
    house.request(
        "device/unbind",
        r#"{"from":"remote","to":"light","clusters":["genOnOff"],"skip_disable_reporting":true}"#,
    );
    assert_eq!(bindings(&house), ["-71/1 0006 72/11"]);
    assert_eq!(reportings(&mut house), []);

    // The light is also in a group that the remote is bound to.
    house.request(
        "group/members/add",
        r#"{"group":"lights","device":"light"}"#,
    );
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"lights","clusters":["genLevelCtrl"]}"#,
    );
    house.forget();
    house.request(
        "device/unbind",
        r#"{"from":"remote","to":"light","clusters":["genLevelCtrl"]}"#,
    );
    // Nobody needs the reports of on/off that were kept before.
    assert_eq!(bindings(&house), ["-71/1 0008 72/11", "-72/11 0006 home"]);
}

#[test]
fn a_device_whose_own_reporting_went_along_is_configured_again() {
    let mut house = house();
    house.request(
        "options",
        r#"{"options":{"advanced":{"log_level":"info"}}}"#,
    );
    let request = r#"{"from":"remote","to":"switch","to_endpoint":"left","clusters":["genOnOff"]}"#;
    house.request("device/bind", request);
    house.forget();
    house.request("device/unbind", request);
    let asked = bindings(&house);
    assert!(asked.contains(&"-41/1 0006 home".to_owned()), "{asked:?}");
    let log = house.log_lines().join("\n");
    let disabled = log.find("Successfully disabled reporting for 'switch/1' cluster 'genOnOff'");
    let configured = log.find("Configuring 'switch'");
    assert!(disabled.is_some() && disabled < configured, "{log}");
}

#[test]
fn members_of_bound_groups_report_while_they_are_members() {
    let mut house = house();
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"lights","clusters":["genOnOff"]}"#,
    );
    house.forget();
    house.request(
        "group/members/add",
        r#"{"group":"lights","device":"light"}"#,
    );
    assert_eq!(bindings(&house), ["+72/11 0006 home"]);
    assert_eq!(reportings(&mut house).len(), 1);
    let response = |line: &str| line.starts_with("z/bridge/response/group/members/add ");
    let lines = house.lines();
    let at = lines.iter().position(|line| response(line)).unwrap();
    assert!(
        lines[at + 1..]
            .iter()
            .any(|line| line.starts_with("z/bridge/devices ")),
        "{lines:?}"
    );

    for (path, request, silent) in [
        (
            "group/members/remove",
            r#"{"group":"lights","device":"light"}"#,
            true,
        ),
        ("group/members/remove_all", r#"{"device":"light"}"#, true),
        (
            "group/members/remove",
            r#"{"group":"lights","device":"light","skip_disable_reporting":true}"#,
            false,
        ),
        (
            "group/members/remove_all",
            r#"{"device":"light","skip_disable_reporting":true}"#,
            false,
        ),
    ] {
        house.request(
            "group/members/add",
            r#"{"group":"lights","device":"light"}"#,
        );
        house.forget();
        house.request(path, request);
        let expected: &[&str] = if silent { &["-72/11 0006 home"] } else { &[] };
        assert_eq!(bindings(&house), expected, "{path} {request}");
        let disabled = [(ON_OFF, vec![0, 0, 0, 0x10, 0, 0, 0xff, 0xff])];
        assert_eq!(reportings(&mut house), disabled[..usize::from(silent)]);
    }
}

#[test]
fn members_of_a_group_that_goes_stop_reporting() {
    let mut house = house();
    house.request("group/add", "others");
    house.request(
        "group/members/add",
        r#"{"group":"others","device":"light"}"#,
    );
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"others","clusters":["genOnOff"]}"#,
    );
    house.forget();
    house.request("group/remove", "others");
    assert_eq!(bindings(&house), ["-72/11 0006 home"]);
}

/// An entry of the remote's own table.
fn entry(endpoint: u8, cluster: u16, target: BindTarget) -> zdo::Binding {
    zdo::Binding {
        source: REMOTE,
        endpoint: EndpointId(endpoint),
        cluster: ClusterId(cluster),
        target,
    }
}

#[test]
fn all_bindings_of_a_device_are_cleared_also_those_that_nobody_here_made() {
    let mut house = house();
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"light","clusters":["genOnOff"]}"#,
    );
    let light = BindTarget::Endpoint(LIGHT, EndpointId(11));
    let home = BindTarget::Endpoint(COORDINATOR, EndpointId(1));
    let table = vec![
        entry(1, ON_OFF, light),
        entry(1, LEVEL, BindTarget::Group(GroupId(901))),
        entry(2, 0x0402, home),
    ];
    house.script = Some(telling(table));
    house.forget();
    assert_eq!(
        house.request(
            "device/binds/clear",
            r#"{"target":"remote","transaction":1}"#
        ),
        r#"{"data":{"ieee_list":["0xffffffffffffffff"],"target":"remote"},"status":"ok","transaction":1}"#
    );
    assert_eq!(
        bindings(&house),
        [
            "-71/1 0006 72/11",
            "-71/1 0008 group 901",
            "-71/2 0402 home"
        ]
    );
    assert_eq!(shown(&house, REMOTE, "1")["bindings"], json!([]));
    // Only those to some devices.
    house.forget();
    let request = format!(r#"{{"target":"remote","ieee_list":["{LIGHT}"]}}"#);
    assert_eq!(
        house.request("device/binds/clear", &request),
        r#"{"data":{"ieee_list":["0x0017880100000072"],"target":"remote"},"status":"ok"}"#
    );
    assert_eq!(bindings(&house), ["-71/1 0006 72/11"]);
}

#[test]
fn a_device_that_does_not_tell_its_bindings_loses_those_that_were_made_here() {
    let mut house = house();
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"light","clusters":["genOnOff"]}"#,
    );
    house.forget();
    let response = house.request("device/binds/clear", r#"{"target":"remote"}"#);
    assert!(response.contains(r#""status":"ok""#), "{response}");
    assert_eq!(bindings(&house), ["-71/1 0006 72/11"]);
    assert_eq!(shown(&house, REMOTE, "1")["bindings"], json!([]));
    // Nothing is known and nothing is told: it cannot be said that they are cleared.
    let response = house.request("device/binds/clear", r#"{"target":"remote"}"#);
    assert!(
        response.starts_with(r#"{"data":{},"error":"Failed to clear binds (timeout"#),
        "{response}"
    );
}

#[test]
fn bad_requests_to_clear_say_why() {
    for (payload, error) in [
        ("{}", "Invalid payload"),
        ("remote", "Invalid payload"),
        (r#"{"target":"nope"}"#, "Invalid target"),
        (r#"{"target":"lights"}"#, "Invalid target"),
        (r#"{"target":"remote","ieee_list":[]}"#, "Invalid payload"),
        (
            r#"{"target":"remote","ieee_list":["light"]}"#,
            "Invalid payload",
        ),
    ] {
        let mut house = house();
        assert_eq!(
            house.request("device/binds/clear", payload),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#),
            "{payload}"
        );
        assert!(house.asked.is_empty());
    }
}

#[test]
fn disabled_devices_are_not_asked_to_report() {
    let mut house = house();
    house.request(
        "device/options",
        r#"{"id":"light","options":{"disabled":true}}"#,
    );
    house.forget();
    house.request(
        "device/bind",
        r#"{"from":"remote","to":"light","clusters":["genOnOff"]}"#,
    );
    assert_eq!(bindings(&house), ["+71/1 0006 72/11"]);
}
