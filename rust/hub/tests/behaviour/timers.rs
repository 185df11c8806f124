//! Timers of devices: what a sensor says by saying nothing more.

use hub::{Command, Device, Entity, LastSeen, Registry, Settings};
use serde_json::{Value as Json, json};

use crate::common::*;
use crate::*;

/// A sensor that tells of motion and for how long that counts, and never that it is over.
fn motion_sensor(index: u16) -> Device {
    let mut info = info(KNOB, index);
    info.model_id = Some("TRADFRI motion sensor".to_owned());
    info.manufacturer_name = Some("IKEA of Sweden".to_owned());
    known(info, u32::from(index) + 1)
}

fn set_options(world: &mut World, value: Json) {
    world.command(Command::SetOptions(
        Entity::Device(ieee_of(1)),
        options(value),
    ));
}

fn values(world: &World, key: &str) -> Vec<Json> {
    world
        .published(1)
        .iter()
        .map(|state| state[key].clone())
        .collect()
}

/// On with timed off: 18 seconds.
const MOTION: &str = "11014200b4000000";
const MOTION_AGAIN: &str = "11024200b4000000";

#[test]
fn what_a_sensor_does_not_take_back_ends_after_its_time() {
    let mut world = World::new(vec![motion_sensor(1)]);
    world.receive(1, 1, 0x0006, MOTION);
    world.pass(17 * SECOND);
    assert_eq!(values(&world, "occupancy"), [json!(true)]);
    // Motion again: the time begins anew.
    world.receive(1, 1, 0x0006, MOTION_AGAIN);
    world.pass(17 * SECOND);
    assert_eq!(values(&world, "occupancy"), [json!(true), json!(true)]);
    world.pass(2 * SECOND);
    assert_eq!(
        values(&world, "occupancy"),
        [json!(true), json!(true), json!(false)]
    );
}

#[test]
fn options_decide_when_the_time_is_over() {
    let mut world = World::new(vec![motion_sensor(1)]);
    set_options(
        &mut world,
        json!({"occupancy_timeout": 5, "no_occupancy_since": [7, 9]}),
    );
    world.receive(1, 1, 0x0006, MOTION);
    world.pass(20 * SECOND);
    let published = world.published(1);
    let times: Vec<_> = world.events.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 5000, 7000, 9000]);
    assert_eq!(published[1]["occupancy"], false);
    assert_eq!(published[2]["no_occupancy_since"], 7);
    assert_eq!(published[3]["no_occupancy_since"], 9);
    let state = world.hub.state(Entity::Device(ieee_of(1))).unwrap();
    assert_eq!(state.get("no_occupancy_since"), None, "it is not kept");
}

#[test]
fn a_timer_whose_option_was_taken_away_says_nothing() {
    let mut world = World::new(vec![motion_sensor(1)]);
    set_options(&mut world, json!({"no_occupancy_since": [7]}));
    world.receive(1, 1, 0x0006, MOTION);
    set_options(&mut world, json!({"occupancy_timeout": 0}));
    world.pass(60 * SECOND);
    assert_eq!(values(&world, "occupancy"), [json!(true)]);
}

#[test]
fn timers_end_with_their_device() {
    let mut world = World::new(vec![motion_sensor(1)]);
    world.receive(1, 1, 0x0006, MOTION);
    world.command(Command::Remove {
        device: ieee_of(1),
        force: true,
        block: false,
    });
    assert!(world.hub.device(ieee_of(1)).is_none());
    world.clear();
    world.pass(60 * SECOND);
    assert_eq!(world.published(1).len(), 0);
}

#[test]
fn what_a_timer_says_goes_through_debounce_and_throttle() {
    for (option, at) in [
        ("debounce", vec![2000, 20_000]),
        ("throttle", vec![0, 18_000]),
    ] {
        let mut world = World::new(vec![motion_sensor(1)]);
        set_options(&mut world, json!({option: 2}));
        world.receive(1, 1, 0x0006, MOTION);
        world.pass(60 * SECOND);
        let times: Vec<_> = world.events.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, at, "{option}");
        assert_eq!(values(&world, "occupancy"), [json!(true), json!(false)]);
    }
}

#[test]
fn elapsed_and_last_seen_hold_for_timers_too() {
    let settings = Settings {
        elapsed: true,
        last_seen: LastSeen::Epoch,
        ..Settings::default()
    };
    let mut world = World::with(vec![motion_sensor(1)], Registry::default(), settings);
    world.receive(1, 1, 0x0006, MOTION);
    world.pass(20 * SECOND);
    let published = world.published(1);
    assert_eq!(published[1]["elapsed"], 18_000);
    assert_eq!(
        published[1]["last_seen"], START_MS,
        "nothing was heard since"
    );
}
