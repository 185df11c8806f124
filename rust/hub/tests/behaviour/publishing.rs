//! What is published, when, and in which form.

use adapters::Destination;
use hub::{Command, Entity, Event, LastSeen, Registry, Settings};
use serde_json::json;
use zigbee::GroupId;

use crate::common::*;
use crate::*;

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
