//! Functions of converters: order, limits, what a failure costs, and other definitions at run time.

use std::sync::Arc;

use devices::{Catalogue, ConverterSet, FunctionError, Purpose};
use hub::{CallId, Command, Device, Entity, Event, Input, LogLevel};
use serde_json::{Value as Json, json};

use crate::common::*;
use crate::*;

/// A definition of the relay's model with one function.
fn definition(name: &str, divide: i64) -> Json {
    json!({
        "match": [{"model": "lumi.relay.c2acn01"}],
        "model": "MINE", "vendor": "Me", "description": "Mine",
        "capabilities": [
            {"type": "numeric", "name": name, "unit": "W",
                "sources": [{"at": {"cluster": "0x000c", "attribute": "0x0055"}, "divide": divide}]},
            {"type": "python",
                "exposes": [
                    {"type": "numeric", "name": "speed", "access": 7, "unit": "rpm"},
                    {"type": "enum", "name": "action", "access": 1, "values": ["spin"]},
                ],
                "from": [{"cluster": "0x0402", "attribute": "0x0000", "function": "spin"}],
                "to": [{"key": "speed", "function": "set_speed"}]},
        ],
    })
}

fn set_of(version: &str, definitions: &[Json]) -> String {
    json!([{
        "origin": {"kind": "user", "name": "mine.py", "file": "/d/mine.py", "version": version},
        "definitions": definitions,
        "worker": ["python", "worker", "/d/mine.py"],
    }])
    .to_string()
}

/// The catalogue below a set of converters.
struct Converters(ConverterSet);

impl Converters {
    fn new() -> Self {
        Self(ConverterSet::default())
    }

    fn set(&mut self, world: &mut World, set: &str) {
        self.0 = ConverterSet::read(set, &self.0).unwrap();
        let catalogue = Arc::new(self.0.over(&Catalogue::builtin()));
        world.command(Command::SetDefinitions(catalogue));
    }
}

fn mine() -> World {
    let mut world = World::new(vec![relay(1), relay(2)]);
    Converters::new().set(&mut world, &set_of("1", &[definition("power", 1)]));
    world.clear();
    world
}

/// A report of an int16 of the temperature's cluster.
fn report(world: &mut World, index: u16, value: u8) {
    world.receive(
        index,
        1,
        0x0402,
        &format!("1800{}000029{value:02x}00", "0a"),
    );
}

fn reply(world: &mut World, call: usize, reply: Json) {
    let id = world.calls[call].1;
    world.feed(Input::ConverterReply(id, Ok(reply)));
}

fn fail(world: &mut World, call: usize, kind: &str) {
    let id = world.calls[call].1;
    let error = FunctionError {
        file: Some("/d/mine.py".into()),
        line: Some(7),
        ..FunctionError::new(kind, "broken")
    };
    world.feed(Input::ConverterReply(id, Err(error)));
}

fn told(world: &World, call: usize) -> Json {
    world.calls[call].2.call.message["attributes"]["0x0000"].clone()
}

fn state(world: &World, index: u16) -> Json {
    json!(world.hub.state(Entity::Device(ieee_of(index))).unwrap())
}

fn changed(world: &World) -> usize {
    let events = world.events.iter();
    events
        .filter(|(_, event)| matches!(event, Event::DevicesChanged))
        .count()
}

#[test]
fn calls_of_a_device_are_made_in_the_order_of_its_messages() {
    let mut world = mine();
    for value in 1..=3 {
        report(&mut world, 1, value);
    }
    report(&mut world, 2, 9);
    // One at a time, but the other device does not wait for it.
    assert_eq!(world.calls.len(), 2);
    assert_eq!((told(&world, 0), told(&world, 1)), (json!(1), json!(9)));
    assert_eq!(world.calls[0].2.definition, "MINE");
    assert_eq!(world.calls[0].2.origin.name, "mine.py");
    reply(&mut world, 0, json!({"values": {"speed": 100}}));
    assert_eq!(world.published(1).last().unwrap()["speed"], 100);
    assert_eq!(told(&world, 2), 2);
    // The next call knows what the one before gave.
    assert_eq!(world.calls[2].2.state["speed"], 100);
    reply(&mut world, 2, json!({"values": {"speed": 200}}));
    reply(&mut world, 3, json!({}));
    assert_eq!(told(&world, 3), 3);
    assert_eq!(state(&world, 1)["speed"], 200);
    // An answer that comes twice is passed over.
    reply(&mut world, 2, json!({"values": {"speed": 7}}));
    assert_eq!(state(&world, 1)["speed"], 200);
    let counters = world.hub.functions(ieee_of(1)).unwrap();
    assert_eq!(
        (counters.calls, counters.failures, counters.dropped),
        (3, 0, 0)
    );
}

#[test]
fn values_of_functions_go_the_way_of_all_values() {
    let mut world = mine();
    world.command(Command::SetOptions(
        Entity::Device(ieee_of(1)),
        options(json!({"debounce": 1, "filtered_attributes": ["action"]})),
    ));
    report(&mut world, 1, 1);
    reply(
        &mut world,
        0,
        json!({"values": {"speed": 1, "action": "spin", "action_turns": 2}}),
    );
    assert!(world.published(1).is_empty());
    world.pass(2 * SECOND);
    let published = world.published(1);
    assert_eq!(published.len(), 1);
    assert_eq!(
        (&published[0]["speed"], &published[0]["action_turns"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(published[0].get("action"), None);
    assert_eq!(
        state(&world, 1).get("action"),
        None,
        "an action is no state"
    );
}

#[test]
fn a_value_that_is_not_shown_is_left_out_and_told_once() {
    let mut world = mine();
    for call in 0..3 {
        report(&mut world, 1, 1);
        let values = json!({"speed": call, "spede": 2, "linkquality": 7, "device": {}});
        reply(&mut world, call, json!({ "values": values }));
    }
    assert_eq!(state(&world, 1)["speed"], 2);
    assert_eq!(state(&world, 1).get("spede"), None);
    let told: Vec<_> = world.logs.iter().map(|line| &line.text).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("{name}: converter /d/mine.py: spin gave a value for 'spede'"));
}

#[test]
fn a_failure_costs_its_message_and_is_told_once_with_its_line() {
    let mut world = mine();
    for call in 0..5 {
        report(&mut world, 1, 1);
        fail(&mut world, call, "ValueError");
    }
    report(&mut world, 1, 1);
    reply(&mut world, 5, json!({"values": {"speed": 1}}));
    assert_eq!(state(&world, 1)["speed"], 1);
    let counters = world.hub.functions(ieee_of(1)).unwrap();
    assert_eq!((counters.calls, counters.failures), (6, 5));
    let last = counters.last_error.as_deref();
    assert_eq!(last, Some("spin failed: /d/mine.py:7: ValueError: broken"));
    assert_eq!(world.logs.len(), 1);
    assert_eq!(world.logs[0].level, LogLevel::Warning);
    assert_eq!(changed(&world), 1, "bridge/devices tells of it");
    // Nonsense is a failure too.
    report(&mut world, 1, 1);
    reply(&mut world, 6, json!({"values": 7}));
    assert_eq!(world.logs.len(), 2);
    assert_eq!(world.hub.functions(ieee_of(1)).unwrap().failures, 6);
}

#[test]
fn failures_that_go_on_are_listed_once_a_minute() {
    let mut world = mine();
    for call in 0..5 {
        report(&mut world, 1, 1);
        fail(&mut world, call, "ValueError");
    }
    assert_eq!(changed(&world), 1);
    world.pass(61 * SECOND);
    assert_eq!(changed(&world), 2, "the counts of today");
    world.pass(120 * SECOND);
    assert_eq!(changed(&world), 2, "nothing failed since");
    report(&mut world, 1, 1);
    fail(&mut world, 5, "ValueError");
    world.pass(61 * SECOND);
    assert_eq!(changed(&world), 3);
}

#[test]
fn failures_without_a_line_are_told_apart_by_what_they_say() {
    let mut world = mine();
    for (call, text) in ["no JSON", "no values", "no JSON"].into_iter().enumerate() {
        report(&mut world, 1, 1);
        let id = world.calls[call].1;
        let error = FunctionError::new("TypeError", text);
        world.feed(Input::ConverterReply(id, Err(error)));
    }
    assert_eq!(world.logs.len(), 2);
}

#[test]
fn a_function_that_does_not_end_costs_its_device_some_messages() {
    let mut world = mine();
    report(&mut world, 1, 1);
    world.pass(14 * SECOND);
    report(&mut world, 1, 2);
    assert_eq!(world.calls.len(), 1);
    world.pass(2 * SECOND);
    assert_eq!(world.calls.len(), 2, "given up after 15 s");
    assert_eq!(world.calls[1].0, 15_000);
    // Whoever ran it comes too late.
    reply(&mut world, 0, json!({"values": {"speed": 1}}));
    assert_eq!(state(&world, 1).get("speed"), None);
    fail(&mut world, 1, "timeout");
    report(&mut world, 1, 3);
    fail(&mut world, 2, "crash");
    // Three in a row: nothing is converted for a second, then for two.
    report(&mut world, 1, 4);
    assert_eq!(world.calls.len(), 3);
    assert_eq!(world.hub.functions(ieee_of(1)).unwrap().dropped, 1);
    report(&mut world, 2, 4);
    assert_eq!(world.calls.len(), 4, "others are");
    world.pass(SECOND);
    report(&mut world, 1, 5);
    fail(&mut world, 4, "timeout");
    world.pass(SECOND);
    report(&mut world, 1, 6);
    assert_eq!(world.calls.len(), 5);
    world.pass(SECOND);
    report(&mut world, 1, 7);
    reply(&mut world, 5, json!({"values": {"speed": 3}}));
    assert_eq!(state(&world, 1)["speed"], 3);
}

#[test]
fn of_too_many_calls_the_newest_are_kept() {
    let mut world = mine();
    for value in 0..50 {
        report(&mut world, 1, value);
    }
    let counters = world.hub.functions(ieee_of(1)).unwrap();
    // One runs, 32 wait.
    assert_eq!(counters.dropped, 17);
    for call in 0..33 {
        reply(&mut world, call, json!({}));
    }
    assert_eq!(world.calls.len(), 33);
    assert_eq!((told(&world, 0), told(&world, 1)), (json!(0), json!(18)));
    assert_eq!(told(&world, 32), 49);
}

#[test]
fn a_key_is_set_by_what_its_function_says_and_in_its_turn() {
    let mut world = mine();
    report(&mut world, 1, 1);
    let id = world.set(1, json!({"speed": 3}));
    assert_eq!(world.calls.len(), 1);
    reply(&mut world, 0, json!({"values": {"speed": 1}}));
    let call = world.calls[1].2.call.clone();
    assert_eq!(call.purpose, Purpose::ToZigbee);
    assert_eq!(
        (call.key.as_deref(), call.value),
        (Some("speed"), Some(json!(3)))
    );
    assert!(world.frames(1).is_empty());
    reply(
        &mut world,
        1,
        json!({
            "values": {"speed": 3},
            "operations": [{"command": {"cluster": "genOnOff", "command": "on"}}],
        }),
    );
    assert_eq!(world.frames(1), ["010001"]);
    assert_eq!(state(&world, 1)["speed"], 3);
    assert!(world.replied(id).unwrap().is_ok());
    // One that fails is told like every key that fails.
    let id = world.set(1, json!({"speed": 4}));
    fail(&mut world, 2, "KeyError");
    assert!(world.replied(id).unwrap().is_ok());
    let error = world.logs.iter().find(|line| line.level == LogLevel::Error);
    let text = &error.unwrap().text;
    assert!(
        text.starts_with(
            "Publish 'set' 'speed' to '{name}' failed: 'Error: /d/mine.py:7: KeyError"
        ),
        "{text}"
    );
    assert_eq!(state(&world, 1)["speed"], 3);
}

#[test]
fn a_device_that_goes_takes_its_calls_with_it() {
    let mut world = mine();
    report(&mut world, 1, 1);
    let id = world.set(1, json!({"speed": 3}));
    world.adapter(adapters::Event::Left {
        nwk: nwk_of(1),
        ieee: ieee_of(1),
    });
    reply(&mut world, 0, json!({"values": {"speed": 1}}));
    assert!(world.replied(id).is_some(), "nobody waits for ever");
    world.pass(20 * SECOND);
}

#[test]
fn an_unknown_answer_is_no_answer() {
    let mut world = mine();
    world.feed(Input::ConverterReply(CallId(77), Ok(json!({}))));
    assert!(world.events.is_empty());
}

#[test]
fn another_definition_is_used_at_once_and_what_was_heard_is_decoded_again() {
    let mut world = World::new(vec![relay(1), relay(2), knob(3)]);
    let mut converters = Converters::new();
    // 7.5 as a float of the analog input.
    world.receive(1, 2, 0x000c, "18010a5500390000f040");
    world.receive(1, 1, 0x0006, "18020a00001001");
    world.set(1, json!({"state_l1": "ON"}));
    let before = state(&world, 1);
    assert_eq!(before["state_l1"], "ON");
    let bindings = world.hub.device(ieee_of(1)).unwrap().info.endpoints.clone();
    world.clear();
    converters.set(&mut world, &set_of("1", &[definition("watts", 1)]));
    // The new property is there without a word of the device; what nobody shows any more is not.
    assert_eq!(state(&world, 1), json!({"watts": 7.5}));
    assert_eq!(world.published(1).last().unwrap()["watts"], 7.5);
    assert_eq!(changed(&world), 1);
    let device = world.hub.device(ieee_of(1)).unwrap();
    assert_eq!(device.info.endpoints, bindings);
    assert_eq!(device.definition.as_ref().unwrap().model(), "MINE");
    let other = world.hub.device(ieee_of(3)).unwrap();
    assert_eq!(other.definition.as_ref().unwrap().model(), "ZNXNKG02LM");
    // Another scale, the same name.
    converters.set(&mut world, &set_of("2", &[definition("watts", 10)]));
    assert_eq!(state(&world, 1), json!({"watts": 0.75}));
    // None at all: the catalogue's own again.
    world.clear();
    converters.set(&mut world, "[]");
    let device = world.hub.device(ieee_of(1)).unwrap();
    assert_eq!(device.definition.as_ref().unwrap().model(), "LLKZMK11LM");
    assert_eq!(state(&world, 1)["power"], 7.5);
}

#[test]
fn the_same_definitions_again_change_nothing() {
    let mut world = World::new(vec![relay(1)]);
    let mut converters = Converters::new();
    converters.set(&mut world, &set_of("1", &[definition("power", 1)]));
    report(&mut world, 1, 1);
    reply(&mut world, 0, json!({"values": {"speed": 1}}));
    world.clear();
    world.calls.clear();
    converters.set(&mut world, &set_of("1", &[definition("power", 1)]));
    assert!(world.events.is_empty() && world.calls.is_empty());
    assert_eq!(world.hub.functions(ieee_of(1)).unwrap().calls, 1);
    // The same data with other code: the functions see the last messages again.
    converters.set(&mut world, &set_of("2", &[definition("power", 1)]));
    assert_eq!(world.calls.len(), 1);
    reply(
        &mut world,
        0,
        json!({"values": {"speed": 2, "action": "spin"}}),
    );
    assert_eq!(state(&world, 1)["speed"], 2);
    let spun = world
        .published(1)
        .iter()
        .any(|state| state.get("action").is_some());
    assert!(!spun, "what was done once is not done again");
}

#[test]
fn a_swap_loses_no_message_that_waits() {
    let mut world = World::new(vec![relay(1)]);
    let mut converters = Converters::new();
    converters.set(&mut world, &set_of("1", &[definition("power", 1)]));
    for value in 1..=3 {
        report(&mut world, 1, value);
    }
    converters.set(&mut world, &set_of("2", &[definition("power", 10)]));
    // The one under way is answered by whoever has it; those that wait come after it.
    reply(&mut world, 0, json!({"values": {"action": "spin"}}));
    assert_eq!(world.published(1).last().unwrap()["action"], "spin");
    reply(&mut world, 1, json!({}));
    reply(&mut world, 2, json!({}));
    let seen: Vec<_> = (0..world.calls.len())
        .map(|call| told(&world, call))
        .collect();
    // The last one twice: it was decoded again.
    assert_eq!(seen, [json!(1), json!(2), json!(3), json!(3)]);
    assert_eq!(world.calls[1].2.origin.version.as_deref(), Some("2"));
    assert_eq!(world.hub.functions(ieee_of(1)).unwrap().dropped, 0);
}

#[test]
fn a_device_is_set_up_again_only_when_the_steps_or_the_version_are_others() {
    let with = |version: &str, steps: Json| {
        let mut definition = definition("power", 1);
        definition["version"] = version.into();
        definition["configure"] = steps;
        definition
    };
    let bind = |cluster: u16| json!([{"bind": {"cluster": cluster}}]);
    let mut world = World::new(vec![relay(1)]);
    let mut converters = Converters::new();
    let mut binds = |world: &mut World, file: &str, definition: Json| {
        world.clear();
        converters.set(world, &set_of(file, &[definition]));
        world.pass(SECOND);
        world.zdo.len()
    };
    assert_eq!(binds(&mut world, "1", with("0.0.1", bind(6))), 1);
    let mut other = with("0.0.1", bind(6));
    other["capabilities"][0]["name"] = "watts".into();
    assert_eq!(binds(&mut world, "2", other), 0, "another name");
    assert_eq!(
        binds(&mut world, "3", with("0.0.1", bind(8))),
        1,
        "another step"
    );
    world.pass(20 * SECOND);
    assert_eq!(
        binds(&mut world, "4", with("0.0.2", bind(8))),
        1,
        "another version"
    );
    world.pass(20 * SECOND);
    assert_eq!(
        binds(&mut world, "5", with("0.0.2", bind(8))),
        0,
        "other code"
    );
}

#[test]
fn an_unknown_device_is_known_from_the_moment_somebody_describes_it() {
    let mut unknown: Device = knob(1);
    unknown.info.model_id = Some("nobody.knows".to_owned());
    unknown.info.endpoints.clear();
    unknown.definition = None;
    let mut world = World::new(vec![unknown]);
    report(&mut world, 1, 5);
    world.receive(1, 1, 0x000c, "18010a5500390000f040");
    assert!(
        world
            .hub
            .state(Entity::Device(ieee_of(1)))
            .unwrap()
            .is_empty()
    );
    let mut definition = definition("power", 1);
    definition["match"] = json!([{"model": "nobody.knows"}]);
    Converters::new().set(&mut world, &set_of("1", &[definition]));
    assert_eq!(state(&world, 1), json!({"power": 7.5}));
    reply(&mut world, 0, json!({"values": {"speed": 5}}));
    assert_eq!(state(&world, 1), json!({"power": 7.5, "speed": 5}));
}

#[test]
fn what_starts_a_timer_is_not_decoded_again() {
    let mut sensor = knob(1);
    sensor.info.model_id = Some("TRADFRI motion sensor".to_owned());
    sensor.info.manufacturer_name = Some("IKEA of Sweden".to_owned());
    let sensor = known(sensor.info, 2);
    let mut world = World::new(vec![sensor]);
    world.receive(1, 1, 0x0006, "11014200b4000000");
    world.pass(20 * SECOND);
    assert_eq!(state(&world, 1)["occupancy"], false);
    let definition = world.hub.device(ieee_of(1)).unwrap().definition.clone();
    let data = include_str!("../../../devices/catalogue/ikea.json");
    let data: Json = serde_json::from_str(data).unwrap();
    let model = definition.unwrap().model().to_owned();
    let all = data["definitions"].as_array().unwrap();
    let mut mine = all
        .iter()
        .find(|one| one["model"] == *model)
        .unwrap()
        .clone();
    mine["description"] = "Mine".into();
    Converters::new().set(&mut world, &set_of("1", &[mine]));
    assert_eq!(state(&world, 1)["occupancy"], false);
    let device = world.hub.device(ieee_of(1)).unwrap();
    assert_eq!(device.definition.as_ref().unwrap().description(), "Mine");
}
