//! The ZNP driver against the simulated stick, byte for byte, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test that fails may say so this way"
)]

mod support;

use std::time::Duration;

use adapters::{
    ApsRequest, Destination, Event, Instant, PermitVia, Reply, Request, RequestError, Session,
};
use serde_json::json;
use simulator::{Action, Device, Firmware, LinkFaults, Model, Network, Path, StickConfig};
use support::{Wire, network};
use zigbee::zdo;
use zigbee::{ClusterId, EndpointId, IeeeAddress, NwkAddress, ProfileId};

const RELAY: IeeeAddress = IeeeAddress(0x0015_8d00_0100_0001);
const FIRMWARES: [Firmware; 3] = [Firmware::Stack3x0, Firmware::Home12, Firmware::Stack30x];
const SECOND: Duration = Duration::from_secs(1);

fn config(firmware: Firmware) -> StickConfig {
    StickConfig {
        firmware,
        table_size: 16,
        ..StickConfig::default()
    }
}

/// A wire whose network is up, with a relay that has joined.
fn with_relay(firmware: Firmware) -> (Wire, NwkAddress) {
    let mut wire = Wire::new(config(firmware), true);
    assert!(wire.up().is_some(), "{firmware:?}: {:?}", wire.failure);
    let permit = Request::PermitJoin {
        seconds: 200,
        via: PermitVia::All,
    };
    assert_eq!(wire.ask(permit), Ok(Reply::Done), "{firmware:?}");
    let model = Model::built_in("LLKZMK11LM").unwrap();
    wire.stick.add(Device::new(RELAY, model));
    wire.stick.join(wire.now, RELAY).unwrap();
    let nwk = wire
        .event(SECOND, |event| match event {
            Event::Joined { nwk, ieee, parent } => {
                assert_eq!((*ieee, *parent), (RELAY, NwkAddress::COORDINATOR));
                Some(*nwk)
            }
            _ => None,
        })
        .expect("the join is told");
    let announced = wire.event(SECOND, |event| match event {
        Event::Announced {
            ieee, capabilities, ..
        } => Some((*ieee, *capabilities)),
        _ => None,
    });
    assert_eq!(announced, Some((RELAY, 0x8e)), "{firmware:?}");
    (wire, nwk)
}

fn command(nwk: NwkAddress, endpoint: u8, cluster: u16, payload: &[u8]) -> Request {
    Request::Aps(ApsRequest {
        destination: Destination::Device(nwk, EndpointId(endpoint)),
        source_endpoint: EndpointId(1),
        profile: ProfileId::HOME_AUTOMATION,
        cluster: ClusterId(cluster),
        payload: payload.to_vec(),
        patience: None,
    })
}

fn on_off(wire: &Wire, endpoint: u8) -> f64 {
    let path = Path {
        endpoint,
        cluster: 6,
        attribute: 0,
    };
    wire.stick.device(RELAY).unwrap().node.number(path)
}

#[test]
fn a_network_is_formed_as_configured_and_resumed() {
    for firmware in FIRMWARES {
        let mut wire = Wire::new(config(firmware), true);
        let info = wire
            .up()
            .unwrap_or_else(|| panic!("{firmware:?}: {:?}", wire.failure));
        assert!(info.formed, "{firmware:?}");
        assert_eq!(info.pan_id, network().pan_id, "{firmware:?}");
        assert_eq!(info.channel, 15, "{firmware:?}");
        assert_eq!(
            info.extended_pan_id,
            network().extended_pan_id,
            "{firmware:?}"
        );
        let formed = wire.stick.network().unwrap();
        assert_eq!(formed.key, network().network_key, "{firmware:?}");

        // The driver starts again; then the stick does, from its image.
        wire.reconnect(false);
        let again = wire
            .up()
            .unwrap_or_else(|| panic!("{firmware:?}: {:?}", wire.failure));
        assert!(!again.formed, "{firmware:?}");
        let image = wire.stick.image();
        let mut other = Wire::new(
            StickConfig {
                image: Some(image),
                ..config(firmware)
            },
            false,
        );
        let third = other
            .up()
            .unwrap_or_else(|| panic!("{firmware:?}: {:?}", other.failure));
        assert!(!third.formed, "{firmware:?}");
        assert_eq!(third.pan_id, info.pan_id);
    }
}

#[test]
fn a_network_of_earlier_days_is_resumed_with_all_its_devices() {
    for firmware in FIRMWARES {
        let mut wire = Wire::new(
            StickConfig {
                table_size: 60,
                ..config(firmware)
            },
            false,
        );
        let network = simulator::Network::default();
        wire.stick.preform(&network);
        wire.stick
            .add_fleet(&simulator::plan("LLKZMK11LM:40,ZNMS11LM:10", 0).unwrap());
        let mut session = support::session_config(false);
        session.network = adapters::NetworkParameters {
            pan_id: zigbee::PanId(network.pan_id),
            extended_pan_id: zigbee::ExtendedPanId(u64::from_be_bytes(network.extended_pan_id)),
            channel: network.channel,
            network_key: network.key,
        };
        wire.session = adapters::znp::ZnpSession::new(session);
        let info = wire
            .up()
            .unwrap_or_else(|| panic!("{firmware:?}: {:?}", wire.failure));
        assert!(!info.formed, "{firmware:?}");
        let on = command(NwkAddress(0x1000 + 7), 1, 6, &[0x01, 0x01, 0x01]);
        assert_eq!(wire.ask(on), Ok(Reply::Done), "{firmware:?}");
        let Ok(Reply::Backup(backup)) = wire.ask(Request::Backup) else {
            panic!("{firmware:?}: no backup");
        };
        let devices = backup["devices"].as_array().unwrap();
        assert_eq!(devices.len(), 50, "{firmware:?}");
        let children = devices.iter().filter(|device| device["is_child"] == true);
        assert_eq!(children.count(), 10, "{firmware:?}");
        let keys = devices
            .iter()
            .filter(|device| device.get("link_key").is_some());
        // Z-Stack 1.2 keeps no link keys.
        let expected = if firmware == Firmware::Home12 { 0 } else { 50 };
        assert_eq!(keys.count(), expected, "{firmware:?}");
    }
}

/// A network without the counter, which grows.
fn uncounted(network: Option<Network>) -> Option<Network> {
    network.map(|network| Network {
        counter: 0,
        ..network
    })
}

#[test]
fn a_backup_brings_the_network_onto_another_stick() {
    // The driver restores onto 3.x.0 only.
    let firmware = Firmware::Stack3x0;
    let (mut wire, _) = with_relay(firmware);
    let Ok(Reply::Backup(backup)) = wire.ask(Request::Backup) else {
        panic!("no backup");
    };
    let before = wire.stick.network();
    let mut other = Wire::new(
        StickConfig {
            ieee: IeeeAddress(0x0012_4b00_ffff_0001),
            seed: 99,
            ..config(firmware)
        },
        false,
    );
    let mut session = support::session_config(false);
    session.backup = Some(backup.clone());
    other.session = adapters::znp::ZnpSession::new(session);
    let info = other.up().unwrap_or_else(|| panic!("{:?}", other.failure));
    assert_eq!(info.ieee, wire.stick.ieee());
    let after = other.stick.network();
    assert!(after.as_ref().unwrap().counter >= before.as_ref().unwrap().counter + 2500);
    assert_eq!(uncounted(after), uncounted(before));
    let Ok(Reply::Backup(again)) = other.ask(Request::Backup) else {
        panic!("no backup");
    };
    for same in ["pan_id", "extended_pan_id", "coordinator_ieee"] {
        assert_eq!(again[same], backup[same]);
    }
    let key = |backup: &serde_json::Value| backup["devices"][0]["link_key"]["key"].clone();
    assert!(key(&backup).is_string());
    assert_eq!(key(&again), key(&backup));
    let counter = |backup: &serde_json::Value| backup["network_key"]["frame_counter"].as_u64();
    assert!(counter(&again) > counter(&backup));
}

#[test]
fn a_request_waits_for_the_answer_to_the_one_before() {
    for firmware in FIRMWARES {
        let mut wire = Wire::new(
            StickConfig {
                timing: simulator::Timing::REAL,
                ..config(firmware)
            },
            true,
        );
        assert!(wire.up().is_some(), "{firmware:?}: {:?}", wire.failure);
        wire.stick
            .add_fleet(&simulator::plan("LLKZMK11LM:30", 0).unwrap());
        // More than any stick has room for, to as many devices.
        let ids = 1000..1060;
        for (id, place) in ids.clone().zip((0..30).cycle()) {
            let request = command(NwkAddress(0x1000 + place), 1, 6, &[0x11, 0x01, 0x02]);
            wire.session
                .request(wire.now, adapters::RequestId(id), request);
        }
        for _ in ids {
            let reply = wire.event(SECOND * 60, |event| match event {
                Event::Reply(_, reply) => Some(reply.clone()),
                _ => None,
            });
            assert_eq!(reply, Some(Ok(Reply::Done)), "{firmware:?}");
        }
        assert_eq!(wire.stick.overlaps(), 0, "{firmware:?}");
    }
}

#[test]
fn bytes_that_come_one_by_one_make_no_difference() {
    let mut wire = Wire::new(config(Firmware::Stack3x0), true);
    wire.piece = 1;
    assert!(wire.up().is_some(), "{:?}", wire.failure);
}

#[test]
fn an_empty_stick_is_not_formed_without_leave() {
    let mut wire = Wire::new(config(Firmware::Stack3x0), false);
    assert!(wire.up().is_none());
    assert!(wire.failure.is_some());
    assert_eq!(wire.stick.network(), None);
}

#[test]
fn the_interviews_requests_are_answered_as_the_devices_are_described() {
    for firmware in FIRMWARES {
        let (mut wire, nwk) = with_relay(firmware);
        let mut zdo = |request| match wire.ask(Request::Zdo(nwk, request)) {
            Ok(Reply::Zdo(response)) => response,
            other => panic!("{firmware:?}: {other:?}"),
        };
        match zdo(zdo::Request::NodeDescriptor { nwk }) {
            zdo::Response::NodeDescriptor { descriptor, .. } => {
                assert_eq!(descriptor.manufacturer.0, 4151);
                assert_eq!(descriptor.logical_type, zdo::LogicalType::Router);
            }
            other => panic!("{other:?}"),
        }
        match zdo(zdo::Request::ActiveEndpoints { nwk }) {
            zdo::Response::ActiveEndpoints { endpoints, .. } => {
                assert_eq!(endpoints, [EndpointId(1), EndpointId(2)]);
            }
            other => panic!("{other:?}"),
        }
        match zdo(zdo::Request::SimpleDescriptor {
            nwk,
            endpoint: EndpointId(1),
        }) {
            zdo::Response::SimpleDescriptor { descriptor, .. } => {
                assert!(descriptor.inputs.contains(&ClusterId(12)));
                assert_eq!(descriptor.outputs, [ClusterId(25), ClusterId(10)]);
            }
            other => panic!("{other:?}"),
        }
        let target = zdo::BindTarget::Endpoint(wire.stick.ieee(), EndpointId(1));
        let bind = zdo::Request::Bind {
            source: RELAY,
            endpoint: EndpointId(1),
            cluster: ClusterId(6),
            target,
        };
        assert_eq!(
            wire.ask(Request::Zdo(nwk, bind)),
            Ok(Reply::Zdo(zdo::Response::Bind)),
            "{firmware:?}"
        );
        assert_eq!(wire.stick.device(RELAY).unwrap().node.bindings.len(), 1);
    }
}

#[test]
fn the_relay_switches_answers_and_reports() {
    for firmware in FIRMWARES {
        let (mut wire, nwk) = with_relay(firmware);
        assert_eq!(
            wire.ask(command(nwk, 2, 6, &[0x01, 0x21, 0x01])),
            Ok(Reply::Done)
        );
        // The default response, and the report that it made of its own accord.
        let mut frames = Vec::new();
        while let Some((cluster, payload)) = wire.event(SECOND, |event| match event {
            Event::Message(message) => Some((message.cluster.0, message.payload.clone())),
            _ => None,
        }) {
            frames.push((cluster, payload));
        }
        assert_eq!(on_off(&wire, 2), 1.0);
        assert!(
            frames.contains(&(6, vec![0x18, 0x21, 0x0b, 0x01, 0x00])),
            "{firmware:?}: {frames:02x?}"
        );
        assert!(
            frames
                .iter()
                .any(|(cluster, frame)| *cluster == 6 && frame.ends_with(&[0x0a, 0, 0, 0x10, 1])),
            "{firmware:?}: {frames:02x?}"
        );
    }
}

#[test]
fn a_device_out_of_reach_gives_its_status_and_delays_nobody() {
    let (mut wire, nwk) = with_relay(Firmware::Stack3x0);
    wire.stick.set_reachable(RELAY, false).unwrap();
    let reply = wire.ask(command(nwk, 1, 6, &[0x01, 0x01, 0x01]));
    assert!(
        matches!(reply, Err(RequestError::Undelivered { status: 0xe9, .. })),
        "{reply:?}"
    );
    wire.stick.set_reachable(RELAY, true).unwrap();
    assert_eq!(
        wire.ask(command(nwk, 1, 6, &[0x01, 0x02, 0x01])),
        Ok(Reply::Done)
    );
    assert_eq!(on_off(&wire, 1), 1.0);
}

#[test]
fn a_passing_failure_is_overcome() {
    let (mut wire, nwk) = with_relay(Firmware::Stack3x0);
    wire.stick.fail_next(RELAY, &[0xe9]).unwrap();
    assert_eq!(
        wire.ask(command(nwk, 1, 6, &[0x01, 0x01, 0x01])),
        Ok(Reply::Done)
    );
    assert_eq!(on_off(&wire, 1), 1.0);
}

#[test]
fn duplicated_and_delayed_messages_arrive_as_such() {
    let (mut wire, _) = with_relay(Firmware::Stack3x0);
    wire.event(SECOND, |_| None::<()>);
    let faults = LinkFaults {
        duplicate_permille: 1000,
        delay: Duration::from_millis(400),
        ..LinkFaults::default()
    };
    wire.stick.set_link_faults(Some(RELAY), faults).unwrap();
    let before = wire.now;
    let press = Action {
        name: "press",
        parameters: &json!({}),
    };
    wire.stick.act(wire.now, RELAY, &press).unwrap().unwrap();
    let mut seen = Vec::new();
    while let Some(at) = wire.until(SECOND * 2, |wire| match wire.events.pop_front() {
        Some(Event::Message(_)) => Some(wire.now),
        _ => None,
    }) {
        seen.push(at);
    }
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|at| *at - before >= Duration::from_millis(400))
    );
}

#[test]
fn a_reset_brings_the_network_up_again() {
    for firmware in FIRMWARES {
        let (mut wire, nwk) = with_relay(firmware);
        wire.stick.reset(wire.now);
        assert!(wire.up().is_some(), "{firmware:?}: {:?}", wire.failure);
        assert_eq!(
            wire.ask(command(nwk, 1, 6, &[0x01, 0x01, 0x01])),
            Ok(Reply::Done),
            "{firmware:?}"
        );
    }
}

#[test]
fn a_backup_holds_the_network_and_its_devices() {
    for firmware in FIRMWARES {
        let (mut wire, nwk) = with_relay(firmware);
        let Ok(Reply::Backup(backup)) = wire.ask(Request::Backup) else {
            panic!("{firmware:?}: no backup");
        };
        assert_eq!(backup["pan_id"], "1a62", "{firmware:?}");
        assert_eq!(backup["extended_pan_id"], "0123456789abcdef");
        assert_eq!(backup["channel"], 15);
        let device = &backup["devices"][0];
        assert_eq!(device["ieee_address"], "00158d0001000001", "{firmware:?}");
        assert_eq!(device["nwk_address"], format!("{:04x}", nwk.0));
        assert_eq!(device["is_child"], false);
    }
}

#[test]
fn energy_channel_and_removal() {
    let (mut wire, nwk) = with_relay(Firmware::Stack3x0);
    match wire.ask(Request::EnergyScan(0x07ff_f800)) {
        Ok(Reply::Energy(energies)) => assert_eq!(energies.len(), 16),
        other => panic!("{other:?}"),
    }
    assert_eq!(wire.ask(Request::ChangeChannel(20)), Ok(Reply::Done));
    assert_eq!(wire.stick.network().unwrap().channel, 20);
    let leave = zdo::Request::MgmtLeave {
        ieee: RELAY,
        remove_children: false,
        rejoin: false,
    };
    assert!(wire.ask(Request::Zdo(nwk, leave)).is_ok());
    let left = wire.event(SECOND, |event| match event {
        Event::Left { ieee, .. } => Some(*ieee),
        _ => None,
    });
    assert_eq!(left, Some(RELAY));
}

/// How many bytes the stick sends until the network is up.
fn bytes_until_up(wire: &mut Wire) -> usize {
    wire.up().expect("the network comes up");
    wire.to_host
}

#[test]
fn unplugged_at_any_byte_of_a_resume_the_network_survives() {
    for firmware in FIRMWARES {
        let mut first = Wire::new(config(firmware), true);
        first.up().expect("the network comes up");
        let image = first.stick.image();
        let before = first.stick.network();
        let known = StickConfig {
            image: Some(image),
            ..config(firmware)
        };
        let total = bytes_until_up(&mut Wire::new(known.clone(), false));
        for cut in 0..total {
            let mut wire = Wire::new(known.clone(), false);
            wire.cut_at = Some(cut);
            assert!(wire.up().is_none(), "{firmware:?}: cut at {cut} of {total}");
            // Power is lost as well every other time.
            if cut % 2 == 0 {
                wire.stick.reset(wire.now);
                wire.stick.timeout(wire.now + SECOND);
            }
            wire.reconnect(false);
            let info = wire
                .up()
                .unwrap_or_else(|| panic!("{firmware:?}: cut at {cut}: {:?}", wire.failure));
            assert!(!info.formed, "{firmware:?}: cut at {cut}");
            let after = wire.stick.network();
            assert_eq!(
                uncounted(after),
                uncounted(before.clone()),
                "{firmware:?}: cut at {cut}"
            );
        }
    }
}

#[test]
fn unplugged_at_any_byte_of_a_forming_the_next_start_succeeds() {
    for firmware in FIRMWARES {
        let total = bytes_until_up(&mut Wire::new(config(firmware), true));
        for cut in 0..total {
            let mut wire = Wire::new(config(firmware), true);
            wire.cut_at = Some(cut);
            assert!(wire.up().is_none(), "{firmware:?}: cut at {cut} of {total}");
            if cut % 2 == 0 {
                wire.stick.reset(wire.now);
                wire.stick.timeout(wire.now + SECOND);
            }
            wire.reconnect(true);
            let info = wire
                .up()
                .unwrap_or_else(|| panic!("{firmware:?}: cut at {cut}: {:?}", wire.failure));
            assert_eq!(info.pan_id, network().pan_id, "{firmware:?}: cut at {cut}");
            let formed = wire.stick.network().unwrap();
            assert_eq!(
                formed.key,
                network().network_key,
                "{firmware:?}: cut at {cut}"
            );
        }
    }
}

#[test]
fn a_noisy_line_loses_frames_but_not_the_session() {
    let (mut wire, nwk) = with_relay(Firmware::Stack3x0);
    wire.stick.set_serial_faults(simulator::SerialFaults {
        lose_permille: 30,
        corrupt_permille: 30,
        mute: false,
    });
    let mut delivered = 0;
    for _ in 0..50 {
        let mut reply = wire.ask(command(nwk, 1, 6, &[0x01, 0x01, 0x02]));
        if reply == Err(RequestError::NotConnected) {
            if wire.failure.is_some() {
                wire.reconnect(false);
            }
            wire.up();
            reply = wire.ask(command(nwk, 1, 6, &[0x01, 0x01, 0x02]));
        }
        delivered += usize::from(reply == Ok(Reply::Done));
    }
    assert!(delivered >= 30, "{delivered} of 50");
    let _: Option<Instant> = wire.session.deadline();
}
