//! What holds for queues, sleepy devices, interviews, the coordinator's loss and publishing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::time::Duration;

use adapters::{Destination, RequestError};
use common::*;
use hub::{
    Command, CommandError, CommandReply, Device, Entity, Event, Input, InterviewState, LastSeen,
    LogLevel, Registry, Settings,
};
use serde_json::json;
use zigbee::{GroupId, NwkAddress, zdo};

const SECOND: Duration = Duration::from_secs(1);
const RELAY: &str = "lumi.relay.c2acn01/fw47";
const KNOB: &str = "lumi.remote.rkba01/fcc0";
const SWITCH: &str = "lumi.switch.b1nc01";

fn relay(index: u16) -> Device {
    known(info(RELAY, index), u32::from(index) + 1)
}

/// A battery powered device that sleeps.
fn knob(index: u16) -> Device {
    Device {
        checkin_interval: Some(3600),
        ..known(info(KNOB, index), u32::from(index) + 1)
    }
}

fn join(world: &mut World, index: u16) {
    world.adapter(adapters::Event::Joined {
        nwk: nwk_of(index),
        ieee: ieee_of(index),
        parent: NwkAddress::COORDINATOR,
    });
}

fn announce(world: &mut World, index: u16, capabilities: u8) {
    world.adapter(adapters::Event::Announced {
        nwk: nwk_of(index),
        ieee: ieee_of(index),
        capabilities,
    });
}

fn interviews(world: &World) -> Vec<InterviewState> {
    world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Interview(_, state) => Some(*state),
            _ => None,
        })
        .collect()
}

#[test]
fn a_dead_device_delays_nobody_else() {
    let mut world = World::new(vec![relay(1), relay(2)]);
    world.script.stuck.push(nwk_of(1));
    for _ in 0..20 {
        world.set(1, json!({"state_l1": "ON"}));
    }
    let alive = world.set(2, json!({"state_l1": "ON"}));
    assert_eq!(world.replied(alive), Some(&Ok(CommandReply::Done)));
    assert_eq!(world.frames(1).len(), 1, "one request in flight");
    assert_eq!(world.frames(2), ["010001"]);
    assert_eq!(
        world.published(2),
        [json!({"linkquality": 100, "state_l1": "ON"})]
    );
}

#[test]
fn commands_in_the_queue_of_a_dead_device_are_dropped_after_their_time() {
    let mut world = World::new(vec![relay(1)]);
    world.script.mute.push(nwk_of(1));
    let ids: Vec<_> = (0..10)
        .map(|_| world.set(1, json!({"state_l1": "ON"})))
        .collect();
    world.pass(90 * SECOND);
    for id in ids {
        assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    }
    // Ten seconds for each answer, thirty for the queue.
    assert!(
        (3..=4).contains(&world.frames(1).len()),
        "{:?}",
        world.frames(1)
    );
    assert_eq!(world.published(1), Vec::<serde_json::Value>::new());
    let counters = world.hub.counters(ieee_of(1)).unwrap();
    assert_eq!(counters.dropped + counters.unanswered, 10);
}

#[test]
fn a_newer_value_takes_the_place_of_one_that_was_not_sent() {
    let mut world = World::new(vec![knob(1)]);
    world.script.offline.push(nwk_of(1));
    for value in ["low", "high", "medium"] {
        world.set(1, json!({"sensitivity": value}));
    }
    assert_eq!(world.frames(1).len(), 3, "each is tried once");
    world.script.offline.clear();
    world.clear();
    world.receive(1, 1, 0x0012, "18010a5500210100");
    world.pass(SECOND);
    assert_eq!(
        world.frames(1),
        ["145f1100023402216801"],
        "only the newest goes out"
    );
    assert_eq!(
        world.hub.state(Entity::Device(ieee_of(1))).unwrap()["sensitivity"],
        "medium"
    );
}

#[test]
fn a_sleeping_device_gets_its_requests_at_its_next_message_within_bounds() {
    let mut world = World::new(vec![knob(1)]);
    world.script.offline.push(nwk_of(1));
    let id = world.set(1, json!({"sensitivity": "high"}));
    for press in 0..60 {
        world.receive(1, 1, 0x0012, &format!("18{press:02x}0a5500210100"));
    }
    assert_eq!(world.frames(1).len(), 24, "retries are bounded");
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    assert!(world.logs.iter().any(|line| line.level == LogLevel::Error));
    assert!(
        world
            .published(1)
            .iter()
            .all(|state| state.get("sensitivity").is_none())
    );
}

#[test]
fn a_request_to_a_sleeping_device_expires_with_its_check_in_interval() {
    let mut world = World::new(vec![knob(1)]);
    world.script.offline.push(nwk_of(1));
    let id = world.set(1, json!({"sensitivity": "high"}));
    world.pass(3500 * SECOND);
    assert_eq!(world.replied(id), None);
    world.pass(500 * SECOND);
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    world.script.offline.clear();
    world.clear();
    world.receive(1, 1, 0x0012, "18010a5500210100");
    assert_eq!(world.frames(1), Vec::<String>::new());
}

#[test]
fn queued_commands_go_out_when_the_coordinator_is_back() {
    let mut world = World::new(vec![relay(1)]);
    world.adapter(adapters::Event::Down);
    let id = world.set(1, json!({"state_l1": "ON"}));
    assert_eq!(world.frames(1), Vec::<String>::new());
    world.pass(20 * SECOND);
    world.adapter(adapters::Event::Up(network()));
    assert_eq!(world.frames(1), ["010001"]);
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    world.pass(5 * SECOND);

    world.adapter(adapters::Event::Down);
    world.clear();
    world.set(1, json!({"state_l1": "OFF"}));
    world.pass(31 * SECOND);
    world.adapter(adapters::Event::Up(network()));
    assert_eq!(
        world.frames(1),
        Vec::<String>::new(),
        "its time limit passed"
    );
    assert!(world.logs.iter().any(|line| line.level == LogLevel::Error));
}

#[test]
fn a_request_that_was_under_way_when_the_coordinator_went_is_sent_again_if_that_does_no_harm() {
    for (payload, again) in [
        (json!({"state_l1": "ON"}), true),
        (json!({"state_l1": "TOGGLE"}), false),
    ] {
        let mut world = World::new(vec![relay(1)]);
        world.script.stuck.push(nwk_of(1));
        world.set(1, payload.clone());
        let request = world.held.pop().unwrap();
        world.adapter(adapters::Event::Reply(
            request,
            Err(RequestError::NotConnected),
        ));
        world.adapter(adapters::Event::Down);
        world.script.stuck.clear();
        world.adapter(adapters::Event::Up(network()));
        assert_eq!(
            world.frames(1).len(),
            if again { 2 } else { 1 },
            "{payload}"
        );
    }
}

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
fn last_seen_is_published_in_the_form_that_was_asked_for() {
    for (form, expected) in [
        (LastSeen::Iso8601, json!("2026-01-05T12:00:00.000Z")),
        (LastSeen::Iso8601Local, json!("2026-01-05T13:30:00+01:30")),
        (LastSeen::Epoch, json!(START_MS)),
    ] {
        let settings = Settings {
            last_seen: form,
            utc_offset_minutes: 90,
            ..Settings::default()
        };
        let mut world = World::with(vec![relay(1)], Registry::default(), settings);
        world.receive(1, 1, 0x0006, "18010a00001001");
        assert_eq!(world.published(1)[0]["last_seen"], expected);
        // A message that says nothing is published all the same.
        world.clear();
        world.receive(1, 1, 0x0006, "18020b0a00");
        assert_eq!(world.published(1).len(), 1);
    }
}

#[test]
fn elapsed_is_counted_between_converted_messages() {
    let settings = Settings {
        elapsed: true,
        ..Settings::default()
    };
    let mut world = World::with(vec![relay(1)], Registry::default(), settings);
    world.receive(1, 1, 0x0006, "18010a00001001");
    world.pass(SECOND);
    world.receive(1, 1, 0x0006, "18020a00001000");
    let published = world.published(1);
    assert_eq!(published[0].get("elapsed"), None);
    assert_eq!(published[1]["elapsed"], 1000);
}

#[test]
fn debounce_ignore_keeps_values_apart() {
    let mut world = World::new(vec![relay(1)]);
    world.command(Command::SetOptions(
        Entity::Device(ieee_of(1)),
        options(json!({"debounce": 1, "debounce_ignore": ["state_l1"]})),
    ));
    world.receive(1, 1, 0x0006, "18010a00001001");
    world.receive(1, 1, 0x0006, "18020a00001000");
    assert_eq!(
        world.published(1).len(),
        1,
        "the first value goes out at once"
    );
    world.pass(2 * SECOND);
    let states: Vec<_> = world
        .published(1)
        .iter()
        .map(|state| state["state_l1"].clone())
        .collect();
    assert_eq!(states, ["ON", "OFF"]);
}

#[test]
fn what_is_cached_is_published_on_request_without_actions() {
    let mut registry = Registry::default();
    let state = json!({"action": "single", "state_l1": "ON"});
    registry.states.insert(
        Entity::Device(ieee_of(1)),
        state.as_object().unwrap().clone(),
    );
    let mut world = World::with(vec![relay(1), relay(2)], registry, Settings::default());
    world.command(Command::PublishCached);
    assert_eq!(
        world.published(1),
        [json!({"linkquality": 100, "state_l1": "ON"})]
    );
    assert_eq!(world.published(2), Vec::<serde_json::Value>::new());
}

#[test]
fn a_group_is_one_groupcast_and_its_members_follow() {
    let mut registry = Registry::default();
    registry.groups.push(hub::Group {
        id: GroupId(5),
        members: vec![
            (ieee_of(1), zigbee::EndpointId(1)),
            (ieee_of(2), zigbee::EndpointId(1)),
        ],
        meta: devices::JsonMap::new(),
        extra: devices::JsonMap::new(),
        database_id: 9,
    });
    let switch = |index: u16| known(info(SWITCH, index), u32::from(index) + 1);
    let mut world = World::with(vec![switch(1), switch(2)], registry, Settings::default());
    world.command(Command::Set {
        entity: Entity::Group(GroupId(5)),
        endpoint: None,
        payload: payload_of(json!({"state": "ON"})),
    });
    assert_eq!(world.sent.len(), 1);
    assert_eq!(
        world.sent[0].request.destination,
        Destination::Group(GroupId(5))
    );
    let order: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::State { entity, message } => Some((*entity, message["state"].clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        order,
        [
            (Entity::Group(GroupId(5)), json!("ON")),
            (Entity::Device(ieee_of(1)), json!("ON")),
            (Entity::Device(ieee_of(2)), json!("ON")),
        ]
    );
    // One member goes off: the group stays on until all are.
    world.clear();
    world.receive(1, 1, 0x0006, "18010a00001000");
    assert_eq!(world.events.len(), 1);
    world.receive(2, 1, 0x0006, "18010a00001000");
    assert!(matches!(
        world.events[1].1,
        Event::State {
            entity: Entity::Group(_),
            ..
        }
    ));
}

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
        Some(&Ok(CommandReply::Backup(json!({"backup": true}))))
    );
    world.adapter(adapters::Event::Down);
    let id = world.command(Command::Backup);
    assert!(matches!(
        world.replied(id),
        Some(Err(CommandError::Failed(_)))
    ));
}

#[test]
fn a_late_answer_to_an_old_request_is_not_taken_for_the_new_one() {
    let mut world = World::new(vec![relay(1)]);
    world.script.mute.push(nwk_of(1));
    world.set(1, json!({"state_l1": "ON"}));
    let old = sequence(&world.sent[0].request.payload);
    world.pass(11 * SECOND);
    let id = world.set(1, json!({"state_l1": "ON"}));
    world.receive(1, 1, 0x0006, &format!("18{old:02x}0b0100"));
    assert_eq!(world.replied(id), None);
    let new = sequence(&world.sent[1].request.payload);
    world.receive(1, 1, 0x0006, &format!("18{new:02x}0b0100"));
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
}

#[test]
fn an_answer_may_come_before_its_confirm() {
    let mut world = World::new(vec![relay(1)]);
    world.script.stuck.push(nwk_of(1));
    let id = world.set(1, json!({"state_l1": "ON"}));
    let number = sequence(&world.sent[0].request.payload);
    world.receive(1, 1, 0x0006, &format!("18{number:02x}0b0100"));
    assert_eq!(world.replied(id), Some(&Ok(CommandReply::Done)));
    let request = world.held[0];
    world.feed(Input::Adapter(adapters::Event::Reply(
        request,
        Err(undelivered()),
    )));
    assert!(world.logs.iter().all(|line| line.level != LogLevel::Error));
}
