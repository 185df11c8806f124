//! Bound lights that do not report are read after a remote's command
//! (shared/facts/zigbee2mqtt-features.md).

use std::time::Duration;

use adapters::{ApsIndication, Destination, Event};
use devices::{Binding, DeviceKind};
use hub::Device;
use serde_json::json;
use zigbee::zdo::BindTarget;
use zigbee::{
    ClusterId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress, ProfileId,
};

use crate::house::{COORDINATOR, House, plain};

const REMOTE: IeeeAddress = IeeeAddress(0x71);
const LIGHT: IeeeAddress = IeeeAddress(0x72);
const GROUPED: IeeeAddress = IeeeAddress(0x73);
const ON_OFF: u16 = 6;
const LEVEL: u16 = 8;
const COLOR: u16 = 0x300;
const SCENES: u16 = 5;

/// A read: cluster and attributes.
type Read = (u16, Vec<u8>);

fn light(ieee: IeeeAddress, nwk: u16, maker: u16) -> Device {
    let clusters: &[u16] = &[4, 5, ON_OFF, LEVEL, COLOR];
    let mut light = plain(DeviceKind::Router, ieee, nwk, 20, &[(11, clusters, &[])]);
    light.info.manufacturer_code = Some(ManufacturerCode(maker));
    light
}

/// A remote that is bound to one light, and another light in the group 5.
fn house_of(light: Device) -> House {
    let mut remote = plain(
        DeviceKind::EndDevice,
        REMOTE,
        0x7171,
        21,
        &[(1, &[0], &[ON_OFF])],
    );
    let bind = |cluster: u16, target| Binding {
        cluster: ClusterId(cluster),
        target,
    };
    remote
        .info
        .endpoints
        .get_mut(&EndpointId(1))
        .unwrap()
        .bindings = vec![
        bind(ON_OFF, BindTarget::Endpoint(LIGHT, EndpointId(11))),
        bind(LEVEL, BindTarget::Endpoint(LIGHT, EndpointId(11))),
        bind(ON_OFF, BindTarget::Endpoint(COORDINATOR, EndpointId(1))),
        bind(ON_OFF, BindTarget::Group(GroupId(5))),
    ];
    let grouped = self::light(GROUPED, 0x7373, 0x100b);
    let mut house = House::with_devices(&json!({}), vec![remote, light, grouped]);
    house.zcl = Some(answer);
    house.request(
        "group/members/add",
        format!(r#"{{"group":"lights","device":"{GROUPED}"}}"#),
    );
    house.forget();
    house
}

fn house() -> House {
    house_of(light(LIGHT, 0x7272, 0x100b))
}

/// Answers membership commands, and that it has colours of both kinds.
fn answer(cluster: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    match (cluster.0, sent[2]) {
        (4, 0) => Some(vec![0, 0, sent[3], sent[4]]),
        (COLOR, 0) if sent[3..] == [0x0a, 0x40] => {
            Some(vec![0x01, 0x0a, 0x40, 0x00, 0x19, 0x18, 0x00])
        }
        _ => None,
    }
}

/// A cluster command of the remote, to us or to a group.
fn command(house: &mut House, cluster: u16, group: Option<u16>, frame: &[u8]) {
    house.radio(Event::Message(ApsIndication {
        source: NwkAddress(0x7171),
        source_endpoint: EndpointId(1),
        destination_endpoint: EndpointId(1),
        group: group.map(GroupId),
        broadcast: false,
        profile: Some(ProfileId::HOME_AUTOMATION),
        cluster: ClusterId(cluster),
        link_quality: 100,
        payload: frame.to_vec(),
    }));
}

/// Reads within the next time: network address, cluster, attributes.
fn reads(house: &mut House, time: u64) -> Vec<(u16, u16, Vec<u8>)> {
    house.wait(Duration::from_millis(time));
    let frames = house.frames().into_iter();
    frames
        .filter(|frame| frame.payload[0].is_multiple_of(4) && frame.payload[2] == 0x00)
        .map(|frame| match frame.destination {
            Destination::Device(nwk, EndpointId(11)) => {
                (nwk.0, frame.cluster.0, frame.payload[3..].to_vec())
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_bound_light_is_read_a_second_after_the_last_command() {
    let mut house = house();
    // Step, three times within a second.
    for sequence in 1..=3 {
        command(
            &mut house,
            LEVEL,
            None,
            &[0x01, sequence, 0x02, 0, 30, 5, 0],
        );
        assert_eq!(reads(&mut house, 900), []);
    }
    assert_eq!(reads(&mut house, 200), [(0x7272, LEVEL, vec![0, 0])]);
    assert_eq!(reads(&mut house, 60_000), []);
}

#[test]
fn what_is_read_depends_on_the_command() {
    let level = (LEVEL, vec![0, 0]);
    let on_off = (ON_OFF, vec![0, 0]);
    let capabilities = (COLOR, vec![0x0a, 0x40]);
    let colors = (COLOR, vec![3, 0, 4, 0, 7, 0]);
    let cases: [(u16, &[u8], Vec<Read>); 14] = [
        // Move, stop, move with on/off, move to level with and without.
        (LEVEL, &[0x01, 1, 0x01, 0, 50], vec![level.clone()]),
        (LEVEL, &[0x01, 1, 0x03], vec![level.clone()]),
        (
            LEVEL,
            &[0x01, 1, 0x05, 0, 50],
            vec![level.clone(), on_off.clone()],
        ),
        (
            LEVEL,
            &[0x01, 1, 0x04, 9, 0, 0],
            vec![level.clone(), on_off.clone()],
        ),
        (LEVEL, &[0x01, 1, 0x00, 9, 0, 0], vec![]),
        // On, toggle, off with effect; a command that switches nothing.
        (ON_OFF, &[0x01, 1, 0x01], vec![on_off.clone()]),
        (ON_OFF, &[0x01, 1, 0x02], vec![on_off.clone()]),
        (ON_OFF, &[0x01, 1, 0x40, 0, 0], vec![on_off.clone()]),
        (ON_OFF, &[0x01, 1, 0x41], vec![]),
        // Recall.
        (
            SCENES,
            &[0x01, 1, 0x05, 0, 0, 1],
            vec![level.clone(), on_off.clone(), capabilities, colors],
        ),
        // A Hue dimmer's notification: on, down, and that of somebody else.
        (
            0xfc00,
            &[0x1d, 0x0b, 0x10, 1, 0x00, 1, 0, 0, 0x30, 0, 0, 0],
            vec![on_off],
        ),
        (
            0xfc00,
            &[0x1d, 0x0b, 0x10, 1, 0x00, 3, 0, 0, 0x30, 0, 0, 0],
            vec![level],
        ),
        (
            0xfc00,
            &[0x1d, 0x0c, 0x10, 1, 0x00, 3, 0, 0, 0x30, 0, 0, 0],
            vec![],
        ),
        // A response.
        (LEVEL, &[0x19, 1, 0x02, 0], vec![]),
    ];
    for (cluster, frame, mut expected) in cases {
        let mut house = house();
        command(&mut house, cluster, None, frame);
        // The light's answer to a first read is waited for before the next.
        let mut read: Vec<_> = reads(&mut house, 120_000)
            .into_iter()
            .map(|(_, cluster, attributes)| (cluster, attributes))
            .collect();
        read.sort();
        expected.sort();
        assert_eq!(read, expected, "{cluster:04x} {frame:02x?}");
    }
}

#[test]
fn members_of_the_addressed_group_are_read_too() {
    let mut house = house();
    command(&mut house, ON_OFF, Some(5), &[0x01, 1, 0x01]);
    assert_eq!(
        reads(&mut house, 1100),
        [(0x7272, ON_OFF, vec![0, 0]), (0x7373, ON_OFF, vec![0, 0])]
    );
    // Group 0 is none.
    command(&mut house, ON_OFF, Some(0), &[0x01, 2, 0x00]);
    assert!(
        reads(&mut house, 1100)
            .iter()
            .all(|(nwk, ..)| *nwk == 0x7272)
    );
}

#[test]
fn only_lights_of_makers_known_not_to_report_are_read() {
    let on: &[u8] = &[0x01, 1, 0x01];
    for (maker, name, read) in [
        (0x100b, None, true),
        (0x1014, None, true),
        (0x124f, None, true),
        (0x121b, None, true),
        (0x1141, None, true),
        (0x112e, None, true),
        (0x117c, None, false),
        (0x117c, Some("GLEDOPTO"), true),
        (0x117c, Some("Trust International B.V.\0"), true),
        (0x117c, Some("Trust International B.V."), false),
    ] {
        let mut light = light(LIGHT, 0x7272, maker);
        light.info.manufacturer_name = name.map(str::to_owned);
        let mut house = house_of(light);
        command(&mut house, ON_OFF, None, on);
        assert_eq!(
            reads(&mut house, 1100).len(),
            usize::from(read),
            "{maker:04x} {name:?}"
        );
    }
    // Busch-Jaeger's have no colours, and this one no level.
    let mut light = light(LIGHT, 0x7272, 0x112e);
    let endpoint = light.info.endpoints.get_mut(&EndpointId(11)).unwrap();
    endpoint.inputs.retain(|cluster| cluster.0 != LEVEL);
    let mut house = house_of(light);
    command(&mut house, SCENES, None, &[0x01, 1, 0x05, 0, 0, 1]);
    assert_eq!(reads(&mut house, 120_000), [(0x7272, ON_OFF, vec![0, 0])]);
}

#[test]
fn a_light_that_left_or_is_disabled_is_not_read() {
    let mut house = house();
    command(&mut house, ON_OFF, None, &[0x01, 1, 0x01]);
    house.radio(Event::Left {
        ieee: LIGHT,
        nwk: NwkAddress(0x7272),
    });
    assert_eq!(reads(&mut house, 1100), []);
    let mut house = self::house();
    let request = format!(r#"{{"id":"{LIGHT}","options":{{"disabled":true}}}}"#);
    house.request("device/options", request);
    command(&mut house, ON_OFF, None, &[0x01, 1, 0x01]);
    assert_eq!(reads(&mut house, 1100), []);
}
