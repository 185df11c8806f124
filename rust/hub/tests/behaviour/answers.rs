//! What devices are answered, and what they are asked of the hub's own accord.

use std::time::Duration;

use adapters::RequestError;
use devices::{DeviceInfo, DeviceKind};
use hub::{Command, CommandReply, Device, LogLevel};
use serde_json::json;
use zigbee::zcl::{DataType, Value};
use zigbee::{ClusterId, EndpointId, GroupId};

use crate::common::*;
use crate::*;

#[test]
fn a_repeated_command_is_answered_but_not_taken_twice() {
    let mut world = World::new(vec![knob(1)]);
    // genOnOff toggle in command mode, three times the same frame.
    for _ in 0..3 {
        world.receive(1, 1, 0x0006, "010502");
    }
    assert_eq!(world.frames(1).len(), 3, "each gets its default response");
    let duplicates = |world: &World| world.hub.counters(ieee_of(1)).unwrap().duplicates;
    assert_eq!(duplicates(&world), 2);
    // Another message in between, or some time: a new one.
    world.receive(1, 1, 0x0012, "18010a5500210100");
    world.receive(1, 1, 0x0006, "010502");
    world.pass(2 * SECOND);
    world.receive(1, 1, 0x0006, "010502");
    assert_eq!(duplicates(&world), 2);
}

#[test]
fn what_cannot_be_understood_is_counted_and_told_once_per_device_and_kind() {
    let mut world = World::new(vec![knob(1), knob(2)]);
    for number in 0..5 {
        // Too short to be a frame; a sensitivity that the knob does not have.
        world.receive(1, 1, 0xfcc0, "18");
        world.receive(1, 1, 0xfcc0, &format!("1c5f11{number:02x}0a3402210000"));
    }
    world.receive(2, 1, 0xfcc0, "18");
    let counters = world.hub.counters(ieee_of(1)).unwrap();
    assert_eq!(counters.malformed, 5);
    let problems: Vec<_> = counters.problems.clone().into_iter().collect();
    assert_eq!(problems, [("malformed_frame", 5), ("unexpected_value", 5)]);
    assert_eq!(world.published(1), Vec::<serde_json::Value>::new());
    let told: Vec<_> = world
        .logs
        .iter()
        .filter(|line| line.level == LogLevel::Warning)
        .map(|line| line.device)
        .collect();
    let device = |index| Some(hub::Entity::Device(ieee_of(index)));
    assert_eq!(told, [device(1), device(1), device(2)]);
}

#[test]
fn answers_that_do_not_get_away_are_dropped_and_counted() {
    let mut world = World::new(vec![relay(1), relay(2)]);
    world.script.stuck.push(nwk_of(1));
    for number in 0..200 {
        // A command that nobody defined wants an answer.
        world.receive(1, 1, 0x0006, &format!("01{number:02x}77"));
    }
    assert_eq!(world.frames(1).len(), 8);
    let dropped = |world: &World| world.hub.counters(ieee_of(1)).unwrap().dropped;
    assert_eq!(dropped(&world), 192);
    world.receive(2, 1, 0x0006, "010177");
    assert_eq!(world.frames(2).len(), 1, "others get theirs");
    let patience = world.sent[0].request.patience.unwrap();
    for id in std::mem::take(&mut world.held) {
        let error = Err(RequestError::NotSent(patience));
        world.adapter(adapters::Event::Reply(id, error));
    }
    assert_eq!(dropped(&world), 200);
    world.receive(1, 1, 0x0006, "01ff77");
    assert_eq!(world.frames(1).len(), 9, "there is room again");
}

#[test]
fn unknown_commands_get_the_status_that_says_so() {
    let mut world = World::new(vec![relay(1)]);
    for (cluster, frame, answer) in [
        // A command of genOnOff that nobody defined.
        (0x0006, "010177", "18000b7781"),
        // A general command that is reserved.
        (0x0006, "00013f", "18000b3f82"),
        // Discover attributes.
        (0x0006, "00010c0000ff", "18000b0c82"),
    ] {
        world.clear();
        world.receive(1, 1, cluster, frame);
        assert_eq!(world.frames(1), [answer], "{frame}");
    }
    world.clear();
    world.receive(1, 1, 0x0006, "18010b0186");
    assert_eq!(
        world.frames(1),
        Vec::<String>::new(),
        "never to a default response"
    );
}

/// A device with one endpoint and these server clusters.
fn generic(index: u16, inputs: &[u16], kind: DeviceKind) -> DeviceInfo {
    let mut info = info(KNOB, index);
    info.model_id = Some("something.else".into());
    info.manufacturer_name = Some("somebody".into());
    info.kind = kind;
    for endpoint in info.endpoints.values_mut() {
        endpoint.inputs = inputs.iter().map(|id| ClusterId(*id)).collect();
    }
    info
}

#[test]
fn an_alarm_zone_is_enrolled_at_its_interview() {
    let mut world = World::new(vec![]);
    let mut fake = Fake::new(generic(1, &[0x0000, 0x0500], DeviceKind::EndDevice));
    fake.attributes
        .insert((1, 0x0500, 0x0000), (DataType::ENUM8, Value::Unsigned(0)));
    world.fakes.insert(nwk_of(1), fake);
    join(&mut world, 1);
    world.pass(Duration::from_millis(900));
    let fake = world.fakes.get_mut(&nwk_of(1)).unwrap();
    fake.attributes
        .insert((1, 0x0500, 0x0000), (DataType::ENUM8, Value::Unsigned(1)));
    world.pass(5 * SECOND);
    assert_eq!(
        world.frames(1)[9..13],
        [
            "10000010000000".to_owned(),
            // Our address, where the zone is to report to.
            "1000021000f001000000004b1200".to_owned(),
            "1100000017".to_owned(),
            "10000010000000".to_owned(),
        ]
    );
    assert!(world.logs.iter().all(|line| line.level != LogLevel::Error));
    // It may also ask by itself.
    world.clear();
    world.receive(1, 1, 0x0500, "1933010d000000");
    assert_eq!(world.frames(1), ["1100000017"]);
}

#[test]
fn a_check_in_is_answered_and_used() {
    let mut device = known(generic(1, &[0x0000, 0x0020], DeviceKind::EndDevice), 2);
    device.checkin_interval = None;
    let mut world = World::new(vec![device]);
    let fake = world.fakes.get_mut(&nwk_of(1)).unwrap();
    fake.attributes.insert(
        (1, 0x0020, 0x0000),
        (DataType::UINT32, Value::Unsigned(14_400)),
    );
    world.receive(1, 1, 0x0020, "091100");
    assert_eq!(
        world.frames(1),
        ["110000010000", "1000000000", "110001"],
        "stay awake, what is your interval, that was all"
    );
    assert_eq!(
        world.hub.device(ieee_of(1)).unwrap().checkin_interval,
        Some(3600)
    );
    world.clear();
    world.receive(1, 1, 0x0020, "091200");
    assert_eq!(world.frames(1), ["110000000000"], "nothing to do");
}

#[test]
fn configuring_is_tried_three_times_and_then_left() {
    let mut device = relay_to_configure(1);
    device.meta.clear();
    let mut world = World::new(vec![device]);
    world.script.offline.push(nwk_of(1));
    for number in 0..10 {
        world.receive(1, 1, 0x0006, &format!("18{number:02x}0a00001001"));
        world.pass(20 * SECOND);
    }
    let failed = world
        .logs
        .iter()
        .filter(|line| line.text.starts_with("Failed to configure"))
        .count();
    assert!(failed <= 3, "{failed}");
    // The owner may want it tried again.
    world.script.offline.clear();
    let id = world.command(Command::Configure(ieee_of(1)));
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    assert!(
        world
            .hub
            .device(ieee_of(1))
            .unwrap()
            .meta
            .contains_key("configured")
    );
}

#[test]
fn settings_that_a_switch_forgets_are_written_again_after_its_announce() {
    let mut world = World::new(vec![known(info(SWITCH, 1), 2)]);
    let attribute = (1, 0xfcc0, 0x0200);
    let fake = world.fakes.get_mut(&nwk_of(1)).unwrap();
    fake.attributes
        .insert(attribute, (DataType::UINT8, Value::Unsigned(0)));
    world.set(1, json!({"operation_mode": "decoupled"}));
    // It comes back from a power cut with its factory setting.
    let fake = world.fakes.get_mut(&nwk_of(1)).unwrap();
    fake.attributes
        .insert(attribute, (DataType::UINT8, Value::Unsigned(1)));
    world.clear();
    announce(&mut world, 1, 0x8e);
    assert_eq!(world.frames(1), Vec::<String>::new());
    world.pass(3 * SECOND);
    let frames = world.frames(1);
    assert!(
        frames.contains(&"145f11000200022000".to_owned()),
        "{frames:?}"
    );
    assert!(frames.contains(&"1000000000".to_owned()), "{frames:?}");
}

#[test]
fn a_message_that_a_lumi_router_passed_on_is_its_childs() {
    let mut world = World::new(vec![relay(1), knob(2)]);
    let adapters::Event::Message(mut indication) = message(
        nwk_of(1),
        EndpointId(1),
        ClusterId(0x0012),
        unhex("18010a5500210100"),
    ) else {
        unreachable!("it is a message");
    };
    indication.group = Some(GroupId(nwk_of(2).0));
    world.adapter(adapters::Event::Message(indication));
    assert_eq!(world.published(1), Vec::<serde_json::Value>::new());
    assert_eq!(world.published(2)[0]["action"], "single");
}

/// A device with something to configure that always listens.
fn relay_to_configure(index: u16) -> Device {
    known(info(SWITCH, index), u32::from(index) + 1)
}
