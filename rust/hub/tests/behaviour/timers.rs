//! Timers of devices: what a sensor says by saying nothing more, and what moves by itself.

use hub::{Command, Device, Entity, LastSeen, Registry, Settings};
use serde_json::{Value as Json, json};

use crate::common::*;
use crate::*;

/// A device of a model, as far as its messages go.
fn of_model(index: u16, model: &str, manufacturer: &str) -> Device {
    let mut info = info(KNOB, index);
    info.model_id = Some(model.to_owned());
    info.manufacturer_name = Some(manufacturer.to_owned());
    known(info, u32::from(index) + 1)
}

/// A sensor that tells of motion and for how long that counts, and never that it is over.
fn motion_sensor(index: u16) -> Device {
    of_model(index, "TRADFRI motion sensor", "IKEA of Sweden")
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

/// A remote with the buttons on and off, held down to dim.
fn remote(index: u16) -> Device {
    of_model(index, "TRADFRI on/off switch", "IKEA of Sweden")
}

fn numbers(world: &World, key: &str) -> Vec<i64> {
    values(world, key).iter().filter_map(Json::as_i64).collect()
}

const STOP: &str = "110203";

#[test]
fn a_simulated_brightness_moves_until_it_is_stopped() {
    let mut world = World::new(vec![remote(1)]);
    set_options(
        &mut world,
        json!({"simulated_brightness": {"delta": 10, "interval": 100}}),
    );
    world.receive(1, 1, 0x0008, "1101010153");
    world.pass(Duration::from_millis(350));
    assert_eq!(numbers(&world, "brightness"), [245, 235, 225]);
    assert_eq!(numbers(&world, "action_brightness_delta"), [-10, -10, -10]);
    world.receive(1, 1, 0x0008, STOP);
    world.clear();
    world.pass(10 * SECOND);
    assert!(world.published(1).is_empty(), "it was stopped");
    // Step up by 43, more than there is room for; then to level 100.
    world.receive(1, 1, 0x0008, "110302002b0500");
    world.receive(1, 1, 0x0008, "110400640500");
    assert_eq!(numbers(&world, "brightness"), [255, 100]);
    assert_eq!(numbers(&world, "action_brightness_delta"), [43, -155]);
}

#[test]
fn a_stop_that_was_lost_ends_after_a_minute() {
    let mut world = World::new(vec![remote(1)]);
    set_options(&mut world, json!({"simulated_brightness": true}));
    world.receive(1, 1, 0x0008, "1101010153");
    world.pass(61 * SECOND);
    assert_eq!(world.published(1).len(), 301, "one for the action");
    world.clear();
    world.pass(3600 * SECOND);
    assert!(world.published(1).is_empty());
}

#[test]
fn without_the_option_a_move_is_an_action_and_nothing_more() {
    let mut world = World::new(vec![remote(1)]);
    world.receive(1, 1, 0x0008, "1101010153");
    world.pass(10 * SECOND);
    assert_eq!(world.published(1).len(), 1);
    assert_eq!(world.published(1)[0]["action"], "brightness_move_down");
    // Taken away while it moves.
    set_options(&mut world, json!({"simulated_brightness": true}));
    world.receive(1, 1, 0x0008, "1102010153");
    world.pass(Duration::from_millis(500));
    set_options(&mut world, json!({}));
    world.clear();
    world.pass(10 * SECOND);
    assert!(world.published(1).is_empty());
}

#[test]
fn a_panel_shows_the_delay_that_is_left() {
    let keypad = |index| of_model(index, "3400-D", "CentraLite");
    let mut world = World::new(vec![keypad(1)]);
    // Nobody said what the alarm does: there is nothing to answer.
    world.receive(1, 1, 0x0501, "010107");
    assert_eq!(world.frames(1), Vec::<String>::new());
    world.set(
        1,
        json!({"arm_mode": {"mode": "exit_delay", "delay": 30, "audiblenotif": 1}}),
    );
    assert_eq!(world.frames(1), ["190004001e0100"]);
    world.pass(10 * SECOND);
    world.clear();
    world.receive(1, 1, 0x0501, "012a07");
    assert_eq!(hex(&world.sent[0].request.payload), "192a0500140100");
    assert_eq!(values(&world, "occupancy"), [json!(true)]);
    // The answer to a code that was entered names its transaction.
    world.clear();
    world.receive(1, 1, 0x0501, "01330003043132333400");
    assert_eq!(values(&world, "action_transaction"), [json!(0x33)]);
    assert!(
        world.frames(1).is_empty(),
        "the owner decides on the answer"
    );
    world.set(
        1,
        json!({"arm_mode": {"mode": "arm_all_zones", "transaction": 0x33}}),
    );
    assert_eq!(hex(&world.sent[0].request.payload), "19330003");
    // This model's panel knows only armed and disarmed.
    world.clear();
    world.set(1, json!({"arm_mode": {"mode": "arm_all_zones"}}));
    assert_eq!(world.frames(1), ["19000480000000"]);
    world.clear();
    world.set(1, json!({"arm_mode": {"mode": "ajar"}}));
    assert!(world.frames(1).is_empty());
    assert!(
        world
            .logs
            .iter()
            .any(|line| line.text.contains("disarm,arm_day_zones"))
    );
}
