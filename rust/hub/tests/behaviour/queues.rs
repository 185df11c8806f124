//! Requests to devices: whose turn it is, how long they wait, what becomes of their answers.

use adapters::RequestError;
use devices::DeviceKind;
use hub::{CommandReply, Device, Entity, Input, LogLevel};
use serde_json::json;

use crate::common::*;
use crate::*;

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
fn thousands_of_values_for_a_silent_device_keep_few_waiting() {
    for silent in ["stuck", "offline"] {
        let mut world = World::new(vec![knob(1)]);
        match silent {
            "stuck" => world.script.stuck.push(nwk_of(1)),
            _ => world.script.offline.push(nwk_of(1)),
        }
        let mut last = None;
        for round in 0..5000 {
            let value = if round % 2 == 0 { "low" } else { "high" };
            last = Some(world.set(1, json!({"sensitivity": value})));
            world.sent.clear();
            world.logs.clear();
        }
        let answered = world.replies.len();
        assert!(answered >= 4985, "{silent}: {answered}");
        let hub = format!("{:?}", world.hub);
        assert!(
            (0..16).any(|count| hub.contains(&format!("procedures: {count},"))),
            "{hub}"
        );
        assert_eq!(world.replied(last.unwrap()), None);
        world.set(1, json!({"sensitivity": "medium"}));
        assert!(
            world.logs[0].text.contains("replaced by a newer value"),
            "{:?}",
            world.logs
        );
    }
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

/// A switch that runs on batteries and sleeps.
fn sleepy_switch(index: u16) -> Device {
    let mut device = relay(index);
    device.info.kind = DeviceKind::EndDevice;
    device.info.power_source = Some("Battery".into());
    device.checkin_interval = Some(3600);
    device
}

#[test]
fn a_toggle_that_was_delivered_is_not_sent_again_when_only_its_answer_is_missing() {
    for (payload, frames) in [
        (json!({"state_l1": "TOGGLE"}), 1),
        (json!({"state_l1": "ON"}), 2),
    ] {
        let mut world = World::new(vec![sleepy_switch(1)]);
        world.script.mute.push(nwk_of(1));
        let id = world.set(1, payload.clone());
        world.pass(11 * SECOND);
        world.receive(1, 1, 0x0012, "18010a5500210100");
        assert_eq!(world.frames(1).len(), frames, "{payload}");
        assert_eq!(world.replied(id).is_some(), frames == 1, "{payload}");
    }
}

#[test]
fn a_toggle_for_a_sleeping_device_is_sent_again_only_if_it_surely_did_not_arrive() {
    let unacknowledged = RequestError::Undelivered {
        status: 0xb7,
        name: "APS_NO_ACK",
    };
    let unconfirmed = RequestError::NoAnswer {
        command: "dataConfirm",
        after: 10 * SECOND,
    };
    for (error, frames) in [
        (undelivered(), 2),
        (unacknowledged, 1),
        (unconfirmed, 1),
        (RequestError::NotConnected, 1),
    ] {
        let mut world = World::new(vec![sleepy_switch(1)]);
        world.script.stuck.push(nwk_of(1));
        world.set(1, json!({"state_l1": "TOGGLE"}));
        let request = world.held.pop().unwrap();
        world.adapter(adapters::Event::Reply(request, Err(error.clone())));
        world.receive(1, 1, 0x0012, "18010a5500210100");
        assert_eq!(world.frames(1).len(), frames, "{error}");
    }
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
