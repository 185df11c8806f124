//! Devices come, say what they are, and go.

use std::time::Duration;

use hub::{Command, CommandError, CommandReply, Event, InterviewState, Registry, Settings};
use serde_json::json;
use zigbee::{NwkAddress, zdo};

use crate::common::*;
use crate::*;

#[test]
fn an_interview_asks_again_where_no_answer_comes() {
    let mut world = World::new(vec![]);
    let mut fake = Fake::new(info(RELAY, 1));
    let node = zdo::Request::NodeDescriptor {
        nwk: NwkAddress::UNKNOWN,
    };
    fake.deaf_to_zdo.insert(node.cluster().0, 2);
    world.fakes.insert(nwk_of(1), fake);
    join(&mut world, 1);
    world.pass(60 * SECOND);
    assert_eq!(
        interviews(&world),
        [InterviewState::InProgress, InterviewState::Successful]
    );
    let device = world.hub.device(ieee_of(1)).unwrap();
    assert_eq!(device.info, {
        let mut expected = info(RELAY, 1);
        expected.software_build_id = Some(String::new());
        let attributes = device.info.endpoints.clone();
        for (id, endpoint) in &mut expected.endpoints {
            endpoint.attributes = attributes[id].attributes.clone();
        }
        expected
    });
    assert_eq!(device.definition.as_ref().unwrap().model(), "LLKZMK11LM");
}

#[test]
fn the_list_of_devices_changes_before_the_event_that_tells_of_it() {
    let mut world = World::new(vec![]);
    world.fakes.insert(nwk_of(1), Fake::new(info(RELAY, 1)));
    join(&mut world, 1);
    let mut changed = false;
    for (_, event) in &world.events {
        match event {
            Event::DevicesChanged => changed = true,
            Event::Joined(_) | Event::Interview(..) => {
                assert!(std::mem::take(&mut changed), "{event:?}");
            }
            _ => {}
        }
    }
    assert_eq!(
        interviews(&world),
        [InterviewState::InProgress, InterviewState::Successful]
    );
}

#[test]
fn an_interview_that_fails_says_so_and_begins_again_with_the_next_announce() {
    let mut world = World::new(vec![]);
    world.fakes.insert(nwk_of(1), Fake::new(info(RELAY, 1)));
    world.script.mute.push(nwk_of(1));
    join(&mut world, 1);
    world.pass(Duration::from_secs(600));
    assert_eq!(
        interviews(&world),
        [InterviewState::InProgress, InterviewState::Failed]
    );
    assert!(world.zdo.len() <= 6, "bounded: {}", world.zdo.len());
    world.script.mute.clear();
    announce(&mut world, 1, 0x8e);
    world.pass(60 * SECOND);
    assert_eq!(interviews(&world).last(), Some(&InterviewState::Successful));
}

#[test]
fn a_lumi_device_that_answers_nothing_is_known_by_its_first_report() {
    let mut world = World::new(vec![]);
    world
        .fakes
        .insert(nwk_of(1), Fake::new(info("lumi.lock.aq1", 1)));
    world.script.mute.push(nwk_of(1));
    join(&mut world, 1);
    world.receive(1, 1, 0x0000, "18010a0500420d6c756d692e6c6f636b2e617131");
    world.pass(Duration::from_secs(600));
    assert_eq!(interviews(&world).last(), Some(&InterviewState::Successful));
    let device = world.hub.device(ieee_of(1)).unwrap();
    assert_eq!(device.definition.as_ref().unwrap().model(), "ZNMS11LM");
    assert_eq!(device.info.manufacturer_name.as_deref(), Some("LUMI"));
}

#[test]
fn a_device_that_leaves_in_the_middle_of_its_interview_leaves_nothing_behind() {
    let mut world = World::new(vec![]);
    world.fakes.insert(nwk_of(1), Fake::new(info(RELAY, 1)));
    world.script.mute.push(nwk_of(1));
    join(&mut world, 1);
    world.adapter(adapters::Event::Left {
        nwk: nwk_of(1),
        ieee: ieee_of(1),
    });
    world.pass(Duration::from_secs(600));
    assert!(world.hub.device(ieee_of(1)).is_none());
    assert_eq!(world.hub.next_deadline(), None);
    assert!(format!("{:?}", world.hub).contains("procedures: 0"));
}

#[test]
fn an_unwelcome_device_is_asked_to_leave() {
    let settings = Settings {
        blocklist: vec![ieee_of(1)],
        ..Settings::default()
    };
    let mut world = World::with(vec![], Registry::default(), settings);
    join(&mut world, 1);
    assert!(world.hub.device(ieee_of(1)).is_none());
    assert!(matches!(
        world.zdo.as_slice(),
        [(_, _, zdo::Request::MgmtLeave { ieee, .. })] if *ieee == ieee_of(1)
    ));
}

#[test]
fn removing_asks_the_device_to_leave_and_force_does_not() {
    for (force, offline, gone) in [
        (false, false, true),
        (false, true, false),
        (true, true, true),
    ] {
        let mut world = World::new(vec![relay(1)]);
        if offline {
            world.script.offline.push(nwk_of(1));
        }
        let id = world.command(Command::Remove {
            device: ieee_of(1),
            force,
            block: true,
        });
        world.pass(60 * SECOND);
        assert_eq!(world.hub.device(ieee_of(1)).is_none(), gone);
        let reply = world.replied(id).unwrap();
        if gone {
            assert_eq!(reply, &Ok(CommandReply::Done));
            join(&mut world, 1);
            assert!(world.hub.device(ieee_of(1)).is_none(), "it is blocked");
        } else {
            assert!(matches!(reply, Err(CommandError::Failed(_))));
        }
    }
}

#[test]
fn the_network_closes_by_itself() {
    let mut world = World::new(vec![]);
    world.command(Command::PermitJoin {
        seconds: 254,
        via: None,
    });
    world.pass(300 * SECOND);
    let permits: Vec<_> = world
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::PermitJoin { until } => Some((*at, *until)),
            _ => None,
        })
        .collect();
    assert_eq!(permits, [(0, Some(START_MS + 254_000)), (254_000, None)]);
}

#[test]
fn an_unknown_sender_is_asked_for_once() {
    let mut world = World::new(vec![relay(1)]);
    let mut moved = Fake::new(info(RELAY, 1));
    moved.info.nwk = nwk_of(9);
    world.fakes.insert(nwk_of(9), moved);
    for number in 1..=5 {
        world.receive(9, 1, 0x0006, &format!("18{number:02x}0a00001001"));
    }
    assert_eq!(world.zdo.len(), 1);
    // Its address is known now: the next message is its own.
    world.clear();
    world.receive(9, 1, 0x0006, "18060a00001001");
    assert_eq!(
        world.published(1),
        [json!({"linkquality": 100, "state_l1": "ON"})]
    );
    // Strangers that answer nothing cost a bounded number of requests.
    world.clear();
    for index in 100..400 {
        world.receive(index, 1, 0x0006, "18010a00001001");
    }
    assert!(world.zdo.len() <= 32, "{}", world.zdo.len());
}

#[test]
fn commands_for_nobody_are_refused() {
    let mut world = World::new(vec![]);
    for command in [
        Command::Interview(ieee_of(1)),
        Command::Configure(ieee_of(1)),
        Command::Remove {
            device: ieee_of(1),
            force: false,
            block: false,
        },
        Command::PermitJoin {
            seconds: 1,
            via: Some(ieee_of(1)),
        },
    ] {
        let id = world.command(command);
        assert_eq!(world.replied(id), Some(&Err(CommandError::UnknownDevice)));
    }
    let id = world.set(1, json!({"state": "ON"}));
    assert_eq!(world.replied(id), Some(&Err(CommandError::UnknownDevice)));
}

#[test]
fn backup_passes_through_and_fails_while_the_coordinator_is_away() {
    let mut world = World::new(vec![]);
    let id = world.command(Command::Backup);
    assert_eq!(
        world.replied(id),
        Some(&Ok(CommandReply::Backup(json!({"backup": true}).into())))
    );
    world.adapter(adapters::Event::Down);
    let id = world.command(Command::Backup);
    assert!(matches!(
        world.replied(id),
        Some(Err(CommandError::Failed(_)))
    ));
}

#[test]
fn a_device_that_says_it_leaves_before_it_answers_is_removed() {
    let mut world = World::new(vec![relay(1)]);
    world.script.stuck.push(nwk_of(1));
    let id = world.command(Command::Remove {
        device: ieee_of(1),
        force: false,
        block: false,
    });
    world.adapter(adapters::Event::Left {
        nwk: nwk_of(1),
        ieee: ieee_of(1),
    });
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    let left = world
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Left(_)));
    assert_eq!(left.count(), 1);
}

#[test]
fn the_coordinator_is_never_taken_for_a_device() {
    let mut world = World::new(vec![]);
    let before = world.hub.devices().count();
    world.adapter(adapters::Event::Announced {
        nwk: NwkAddress::COORDINATOR,
        ieee: COORDINATOR,
        capabilities: 0x8f,
    });
    world.pass(10 * SECOND);
    assert_eq!(world.hub.devices().count(), before);
    assert!(world.zdo.is_empty() && world.sent.is_empty());
}
