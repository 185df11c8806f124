//! The cluster library: look-ups, limits and command payloads.

mod common;

use common::hex;
use zigbee::library::{self, Argument, EncodeError, Reading};
use zigbee::zcl::{DataType, Direction, Value, Violation};
use zigbee::{AttributeId, ClusterId, CommandId, ManufacturerCode};

const LUMI: ManufacturerCode = ManufacturerCode(0x115f);

fn number(value: u64) -> Argument {
    Argument::Value(Value::Unsigned(value))
}

#[test]
fn every_cluster_attribute_and_command_is_found_by_id_and_by_name() {
    assert!(library::clusters().len() >= 130);
    for cluster in library::clusters() {
        let found = library::cluster_by_name(cluster.name).unwrap();
        assert_eq!(found.id, cluster.id);
        let code = cluster.manufacturer.unwrap_or_default();
        assert_eq!(
            library::cluster_of(cluster.id, code).unwrap().name,
            cluster.name
        );
        for attribute in cluster.attributes() {
            let found = cluster
                .attribute(attribute.id, attribute.manufacturer)
                .unwrap();
            assert_eq!(found.name, attribute.name);
            let found = cluster.attribute_by_name(attribute.name).unwrap();
            assert_eq!(found.id, attribute.id);
        }
        for direction in [Direction::ToServer, Direction::ToClient] {
            for command in cluster.commands(direction) {
                assert_eq!(
                    cluster.command(direction, command.id).unwrap().name,
                    command.name
                );
                let found = cluster.command_by_name(direction, command.name).unwrap();
                assert_eq!(found.id, command.id);
            }
        }
    }
}

#[test]
fn names_are_those_of_zigbee2mqtt() {
    let cluster = library::cluster(ClusterId(0x0006)).unwrap();
    assert_eq!(cluster.name, "genOnOff");
    let attribute = cluster.attribute_by_name("onOff").unwrap();
    assert_eq!(
        (attribute.id, attribute.data_type),
        (AttributeId(0), DataType::BOOL)
    );
    assert!(attribute.access.can_read() && attribute.access.can_report());
    assert!(!attribute.access.can_write());
    let command = cluster
        .command_by_name(Direction::ToServer, "toggle")
        .unwrap();
    assert_eq!(command.id, CommandId(0x02));
    assert_eq!(library::cluster_key(ClusterId(0xfcc0)), "manuSpecificLumi");
    assert_eq!(library::cluster_key(ClusterId(0xfeed)), "65261");
    assert!(library::cluster_by_name("nothing").is_none());
}

#[test]
fn a_manufacturers_attribute_needs_its_code_and_a_standard_one_does_not_mind_it() {
    let cluster = library::cluster_by_name("genBasic").unwrap();
    let lumi = cluster.attribute(AttributeId(0xff01), Some(LUMI)).unwrap();
    assert_eq!(lumi.manufacturer, Some(LUMI));
    assert_eq!(lumi.key(), "65281");
    assert!(cluster.attribute(AttributeId(0xff01), None).is_none());
    let model = cluster.attribute(AttributeId(0x0005), Some(LUMI)).unwrap();
    assert_eq!(model.key(), "modelId");
}

#[test]
fn non_values_are_no_readings_unless_the_attribute_gives_them_a_meaning() {
    let judge = |cluster: &str, attribute: &str, value: Value| {
        library::cluster_by_name(cluster)
            .unwrap()
            .attribute_by_name(attribute)
            .unwrap()
            .judge(&value)
    };
    let temperature = |value| {
        judge(
            "msTemperatureMeasurement",
            "measuredValue",
            Value::Signed(value),
        )
    };
    assert_eq!(temperature(2150), Reading::Value);
    assert_eq!(temperature(-0x8000), Reading::Nothing);
    let inside = judge("genDeviceTempCfg", "currentTemperature", Value::Signed(201));
    assert_eq!(inside, Reading::OutOfRange);
    // 0xffff means "invalid" and is a special value of the cluster.
    let illuminance = judge(
        "msIlluminanceMeasurement",
        "measuredValue",
        Value::Unsigned(0xffff),
    );
    assert_eq!(illuminance, Reading::Value);
    // 255 is within the limits, so that it is a number.
    assert_eq!(
        judge("genPowerCfg", "batteryVoltage", Value::Unsigned(255)),
        Reading::Value
    );
}

#[test]
fn a_scene_response_has_its_list_only_with_status_success() {
    let command = library::cluster_by_name("genScenes")
        .unwrap()
        .command_by_name(Direction::ToClient, "getSceneMembershipRsp")
        .unwrap();
    let payload = hex("00 ff 0100 02 05 06");
    let decoded = command.decode(&payload);
    assert_eq!(decoded.violations, []);
    assert_eq!(
        decoded.get("scenelist"),
        Some(&Argument::List(vec![
            Value::Unsigned(5),
            Value::Unsigned(6)
        ]))
    );
    assert_eq!(command.encode(&decoded.arguments), Ok(payload));
    let decoded = command.decode(&hex("85 ff 0100"));
    assert_eq!(decoded.violations, []);
    assert_eq!(decoded.get("scenecount"), None);
}

#[test]
fn optional_parameters_may_be_left_out_at_the_end() {
    let command = library::cluster_by_name("genLevelCtrl")
        .unwrap()
        .command_by_name(Direction::ToServer, "moveToLevel")
        .unwrap();
    let decoded = command.decode(&hex("80 0a00"));
    assert_eq!(decoded.violations, []);
    assert_eq!(
        decoded.arguments,
        [("level", number(0x80)), ("transtime", number(10))]
    );
    assert_eq!(command.encode(&decoded.arguments), Ok(hex("80 0a00")));
    assert_eq!(
        command.encode(&[("level", number(1))]),
        Err(EncodeError::Missing("transtime"))
    );
    assert_eq!(
        command.encode(&[("level", number(1)), ("transtime", number(0x1_0000))]),
        Err(EncodeError::Unfit("transtime"))
    );
    assert_eq!(
        command.encode(&[("lvl", number(1))]),
        Err(EncodeError::Unknown("lvl".to_owned()))
    );
}

#[test]
fn a_count_follows_from_its_list() {
    let command = library::cluster_by_name("genGroups")
        .unwrap()
        .command_by_name(Direction::ToServer, "getMembership")
        .unwrap();
    let groups = Argument::List(vec![Value::Unsigned(1), Value::Unsigned(0x0203)]);
    assert_eq!(
        command.encode(&[("grouplist", groups)]),
        Ok(hex("02 0100 0302"))
    );
}

#[test]
fn missing_and_surplus_bytes_are_noted() {
    let command = library::cluster_by_name("ssIasZone")
        .unwrap()
        .command_by_name(Direction::ToClient, "statusChangeNotification")
        .unwrap();
    let decoded = command.decode(&hex("0100 00"));
    assert_eq!(decoded.violations, [Violation::TruncatedRecord]);
    assert_eq!(decoded.value("zonestatus"), Some(&Value::Unsigned(1)));
    let decoded = command.decode(&hex("0100 00 05 0000 aabb"));
    assert_eq!(decoded.violations, [Violation::TrailingBytes]);
    assert_eq!(decoded.trailing, hex("aabb"));
}

#[test]
fn a_string_that_announces_too_much_ends_with_the_payload() {
    let command = library::cluster_by_name("ssIasAce")
        .unwrap()
        .command_by_name(Direction::ToServer, "arm")
        .unwrap();
    let decoded = command.decode(&hex("01 06 31323334"));
    assert_eq!(decoded.violations[0], Violation::StringTooLong);
    assert_eq!(decoded.value("code"), Some(&Value::Text(b"1234".to_vec())));
}

#[test]
fn an_image_block_carries_as_many_bytes_as_it_says() {
    let command = library::cluster_by_name("genOta")
        .unwrap()
        .command_by_name(Direction::ToClient, "imageBlockResponse")
        .unwrap();
    let payload = hex("00 5f11 0100 02000000 00000000 03 aabbcc");
    let decoded = command.decode(&payload);
    assert_eq!(decoded.violations, []);
    assert_eq!(decoded.get("data"), Some(&Argument::Bytes(hex("aabbcc"))));
    assert_eq!(command.encode(&decoded.arguments), Ok(payload));
}

#[test]
fn tuya_datapoints_have_big_endian_lengths() {
    let command = library::cluster_by_name("manuSpecificTuya")
        .unwrap()
        .command_by_name(Direction::ToClient, "dataReport")
        .unwrap();
    let payload = hex("0001 01 01 0001 01 02 02 0004 000000c8");
    let decoded = command.decode(&payload);
    assert_eq!(decoded.violations, []);
    let Some(Argument::Records(records)) = decoded.get("dpValues") else {
        panic!("{decoded:?}");
    };
    assert_eq!(records[1][2], ("data", Argument::Bytes(hex("000000c8"))));
    assert_eq!(command.encode(&decoded.arguments), Ok(payload));
}

#[test]
fn green_power_notifications_follow_their_options() {
    let command = library::cluster_by_name("greenPower")
        .unwrap()
        .command_by_name(Direction::ToServer, "notification")
        .unwrap();
    // Application id 0: a source id; no payload.
    let payload = hex("0000 78563412 05000000 22 00");
    let decoded = command.decode(&payload);
    assert_eq!(decoded.violations, []);
    assert_eq!(decoded.value("srcID"), Some(&Value::Unsigned(0x1234_5678)));
    assert_eq!(decoded.value("gpdIEEEAddr"), None);
    assert_eq!(command.encode(&decoded.arguments), Ok(payload));
}
