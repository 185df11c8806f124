//! §12.2: `action`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use adapters::{Destination, Reply, Request, RequestError};
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, GroupId, NwkAddress};

use crate::house::House;

const MINUTE: Duration = Duration::from_secs(60);

fn raw(more: &Json) -> String {
    let mut params = json!({
        "ieee_address": "0x00158d0000000011", "network_address": 0x1111, "dst_endpoint": 2,
        "cluster_key": "genOnOff",
        "zcl": {"frame_type": 1, "direction": 0, "command_key": "toggle", "payload": {}},
    });
    for (key, value) in more.as_object().unwrap() {
        if let Some(zcl) = value.as_object().filter(|_| key == "zcl") {
            for (key, value) in zcl {
                params["zcl"][key] = value.clone();
            }
        } else {
            params[key] = value.clone();
        }
    }
    json!({"action": "raw", "params": params}).to_string()
}

#[test]
fn the_actions_are_those_that_are_listed() {
    let mut house = House::new(&json!({}));
    for (payload, error) in [
        ("{}", "Invalid payload"),
        ("raw", "Invalid payload"),
        (r#"{"action":""}"#, "Invalid payload"),
        (r#"{"action":"reboot"}"#, "Invalid action"),
    ] {
        assert_eq!(
            house.request("action", payload),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
    }
    let mut house = House::dark(&json!({}));
    house.input(bridge::core::CoreInput::MqttConnected);
    house.radio(adapters::Event::Up(crate::house::network()));
    assert_eq!(
        house.last("z/bridge/definitions")["actions"],
        json!(["raw", "philips_hue_factory_reset"])
    );
}

#[test]
fn a_raw_command_is_sent_as_it_is_and_its_answer_shown() {
    let mut house = House::new(&json!({}));
    house.mqtt("z/bridge/request/action", raw(&json!({"zcl": {"tsn": 77}})));
    let frames = house.frames();
    assert_eq!(frames.len(), 1);
    assert_eq!(
        frames[0].destination,
        Destination::Device(NwkAddress(0x1111), EndpointId(2))
    );
    assert_eq!(frames[0].payload, [0x01, 77, 0x02]);
    // Somebody else's answer, then ours: a default response.
    house.frame(0x1111, 2, 6, &[0x18, 76, 0x0b, 2, 0]);
    let topic = "z/bridge/response/action";
    assert!(
        house
            .published
            .iter()
            .all(|publish| *publish.topic != *topic)
    );
    house.frame(0x1111, 2, 6, &[0x18, 77, 0x0b, 2, 0]);
    assert_eq!(
        house.last(topic),
        json!({"status": "ok", "data": {
            "clusterID": 6, "address": 0x1111, "endpoint": 2, "destinationEndpoint": 1,
            "linkquality": 100, "groupID": 0, "wasBroadcast": false,
            "data": {"type": "Buffer", "data": [0x18, 77, 0x0b, 2, 0]},
            "header": {
                "frameControl": {
                    "frameType": 0, "manufacturerSpecific": false, "direction": 1,
                    "disableDefaultResponse": true, "reservedBits": 0,
                },
                "manufacturerCode": null, "transactionSequenceNumber": 77,
                "commandIdentifier": 0x0b,
            },
        }})
    );
    // Nobody answers.
    let response = house.request_within(MINUTE, "action", raw(&json!({"timeout": 1500})));
    assert_eq!(response["error"], "no answer within 1500 ms");
}

#[test]
fn raw_global_commands_are_sent_as_they_are_and_answered() {
    let cases = [
        (
            json!({"command_key": "read", "payload": [{"attrId": 0}, {"attrId": 0x4001}]}),
            vec![0x00, 0, 0, 0x01, 0x40],
        ),
        (
            json!({"command_key": 2, "payload": [{"attrId": 5, "dataType": 0x21, "attrData": 258}]}),
            vec![0x02, 5, 0, 0x21, 2, 1],
        ),
        (
            json!({"command_key": "configReport", "payload": [{"direction": 0, "attrId": 0,
                "dataType": 0x20, "minRepIntval": 1, "maxRepIntval": 300, "repChange": 2}]}),
            vec![0x06, 0, 0, 0, 0x20, 1, 0, 0x2c, 1, 2],
        ),
        (
            json!({"command_key": "readReportConfig", "payload": [{"direction": 0, "attrId": 1}]}),
            vec![0x08, 0, 1, 0],
        ),
        (
            json!({"command_key": "discover", "payload": {"startAttrId": 1, "maxAttrIds": 9}}),
            vec![0x0c, 1, 0, 9],
        ),
        (
            json!({"command_key": "discoverCommands", "payload": {"startCmdId": 1, "maxCmdIds": 9}}),
            vec![0x11, 1, 9],
        ),
    ];
    for (zcl, bytes) in cases {
        let mut house = House::new(&json!({}));
        let mut zcl = zcl;
        zcl["frame_type"] = json!(0);
        zcl["tsn"] = json!(9);
        zcl["disable_default_response"] = json!(true);
        house.mqtt("z/bridge/request/action", raw(&json!({"zcl": zcl})));
        let frames = house.frames();
        assert_eq!(frames.len(), 1, "{zcl}");
        assert_eq!(frames[0].payload[..2], [0x10, 9]);
        assert_eq!(frames[0].payload[2..], bytes, "{zcl}");
        house.frame(0x1111, 2, 6, &[0x18, 9, 0x0b, bytes[0], 0]);
        let answer = house.last("z/bridge/response/action");
        assert_eq!(answer["data"]["header"]["transactionSequenceNumber"], 9);
    }
    let mut house = House::new(&json!({}));
    let report = json!({"zcl": {"frame_type": 0, "command_key": "report", "direction": 1,
        "payload": [{"attrId": 0, "dataType": 0x10, "attrData": 1}]}});
    assert_eq!(house.request("action", raw(&report)), r#"{"status":"ok"}"#);
    assert_eq!(house.frames()[0].payload[2..], [0x0a, 0, 0, 0x10, 1]);
}

#[test]
fn what_is_not_answered_gives_no_data() {
    let cases = [
        (
            json!({"group_id": 5}),
            Destination::Group(GroupId(5)),
            vec![0x01, 0x02],
        ),
        (
            json!({"network_address": 0xfffd, "dst_endpoint": 255}),
            Destination::Broadcast(NwkAddress(0xfffd), EndpointId(255)),
            vec![0x01, 0x02],
        ),
        (
            json!({"disable_response": true}),
            Destination::Device(NwkAddress(0x1111), EndpointId(2)),
            vec![0x01, 0x02],
        ),
        (
            json!({"cluster_key": 8, "zcl": {
                "disable_default_response": true, "manufacturer_code": 4107,
                "command_key": "moveToLevel",
                "payload": {"level": 7, "transtime": 258, "optionsMask": 0, "optionsOverride": 0},
            }}),
            Destination::Device(NwkAddress(0x1111), EndpointId(2)),
            vec![0x15, 0x0b, 0x10, 0x00, 7, 2, 1, 0, 0],
        ),
    ];
    for (more, destination, bytes) in cases {
        let mut house = House::new(&json!({}));
        assert_eq!(
            house.request("action", raw(&more)),
            r#"{"status":"ok"}"#,
            "{more}"
        );
        let mut frames = house.frames();
        assert_eq!(frames.len(), 1);
        let frame = frames.remove(0);
        assert_eq!(frame.destination, destination);
        // The number is the hub's.
        let number = if bytes[0] & 0x04 == 0 { 1 } else { 3 };
        let mut payload = frame.payload;
        payload.remove(number);
        assert_eq!(payload, bytes, "{more}");
    }
}

#[test]
fn what_cannot_be_sent_says_why() {
    let mut house = House::new(&json!({}));
    for (more, error) in [
        (json!({"zcl": null}), "zcl is missing"),
        (
            json!({"network_address": null}),
            "network_address is missing",
        ),
        (
            json!({"dst_endpoint": 256}),
            "dst_endpoint must be a number up to 255",
        ),
        (
            json!({"cluster_key": "genNothing"}),
            "Cluster 'genNothing' does not exist",
        ),
        (
            json!({"zcl": {"direction": 2}}),
            "zcl.direction must be 0 or 1",
        ),
        (
            json!({"zcl": {"frame_type": 2}}),
            "zcl.frame_type must be 0 or 1",
        ),
        (
            json!({"zcl": {"frame_type": 0}}),
            "There is no global command toggle; there are read, write, writeUndiv, writeNoRsp, configReport, readReportConfig, report, defaultRsp, discover, discoverCommands, discoverCommandsGen, discoverExt",
        ),
        (
            json!({"zcl": {"frame_type": 0, "command_key": "read"}}),
            "zcl.payload must be a list of records that is not empty",
        ),
        (
            json!({"zcl": {"frame_type": 0, "command_key": "read", "payload": [{"attrId": "x"}]}}),
            "attrId must be a number up to 65535",
        ),
        (
            json!({"zcl": {"frame_type": 0, "command_key": 2,
                "payload": [{"attrId": 1, "dataType": 32, "attrData": 256}]}}),
            "attrData 256 does not fit data type 32",
        ),
        (
            json!({"zcl": {"command_key": "explode"}}),
            "Cluster 'genOnOff' has no command explode",
        ),
        (
            json!({"zcl": {"payload": {"x": 1}}}),
            "Command 'toggle' has no parameter 'x'",
        ),
        (
            json!({"profile_id": 0}),
            "raw ZDO requests are not supported",
        ),
        (
            json!({"interpan": true}),
            "raw frames without a network are not supported; see touchlink/",
        ),
    ] {
        assert_eq!(
            house.request("action", raw(&more)),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
    }
    assert!(house.frames().is_empty());
    house.script = Some(Box::new(|_| Some(Err(RequestError::NotConnected))));
    assert_eq!(
        house.request("action", raw(&json!({}))),
        r#"{"data":{},"error":"the coordinator is not connected","status":"error"}"#
    );
}

#[test]
fn hue_devices_are_called_by_serial_number_on_every_channel() {
    for (given, network) in [
        (json!(null), "dddddddddddddddd"),
        (json!("0xa1b2c3d4e5f60123"), "2301f6e5d4c3b2a1"),
    ] {
        let mut house = House::new(&json!({}));
        let notes = Rc::new(RefCell::new(Vec::new()));
        let out = Rc::clone(&notes);
        house.script = Some(Box::new(move |request| {
            let reply = match request {
                Request::InterPanChannel(channel) => {
                    out.borrow_mut().push(format!("{channel:?}"));
                    Reply::Done
                }
                Request::InterPan(request) => {
                    assert_eq!(request.destination, None);
                    let hex = request.payload.iter().map(|byte| format!("{byte:02x}"));
                    out.borrow_mut().push(hex.collect());
                    Reply::InterPan(Vec::new())
                }
                _ => return None,
            };
            Some(Ok(reply))
        }));
        let mut params = json!({"serial_numbers": ["3A745C", "806c52"]});
        if !given.is_null() {
            params["extended_pan_id"] = given;
        }
        let request = json!({"action": "philips_hue_factory_reset", "params": params});
        let response = house.request_within(MINUTE, "action", request.to_string());
        assert_eq!(response, json!({"status": "ok"}));
        let notes = notes.borrow();
        assert_eq!(notes.len(), 33);
        assert_eq!(notes[0], "Some(11)");
        assert_eq!(notes[1], format!("150b100000{network}025c743a00526c8000"));
        assert_eq!(notes[32], "None");
    }
    let mut house = House::new(&json!({}));
    for params in [
        json!({}),
        json!({"serial_numbers": []}),
        json!({"serial_numbers": ["12345"]}),
        json!({"serial_numbers": ["12345g"]}),
        json!({"serial_numbers": [123_456]}),
        json!({"serial_numbers": ["123456"], "extended_pan_id": "1"}),
    ] {
        let request = json!({"action": "philips_hue_factory_reset", "params": params});
        let response = house.request("action", request.to_string());
        assert!(response.contains(" must be "), "{response}");
    }
    assert!(house.asked.is_empty());
}
