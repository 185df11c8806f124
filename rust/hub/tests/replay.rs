//! The hub is a function: the same inputs give the same outputs, byte for byte, and no input breaks it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests may panic"
)]

mod common;

use std::time::Duration;

use adapters::{ApsIndication, Reply, RequestError, RequestId};
use common::*;
use devices::JsonMap;
use hub::{Command, Device, Entity, Group, Input, LastSeen, Registry, Settings};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, EndpointId, GroupId, NwkAddress};

const MODELS: [&str; 6] = [
    "lumi.relay.c2acn01/fw47",
    "lumi.lock.aq1",
    "lumi.switch.b2nc01/buttons",
    "lumi.switch.b1nc01",
    "lumi.remote.rkba01",
    "lumi.remote.rkba01/fcc0",
];

#[derive(Debug, Clone)]
enum Step {
    Frame(u16, u8, u16, Option<u16>, bool, Vec<u8>),
    Replay(usize),
    Set(u16, Option<&'static str>, Json),
    Get(u16, Json),
    SetGroup(Json),
    Options(u16, Json),
    Settings(bool, u8, bool),
    Join(u16),
    Announce(u16, u8),
    Leave(u16),
    Address(u16, u16),
    Interview(u16),
    Configure(u16),
    Remove(u16, bool),
    Offline(u16),
    Online,
    Stuck(u16),
    Unstick(bool),
    Down,
    Up,
    Pass(u64),
    Cached,
    Permit(u8),
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!("ON")),
        Just(json!("OFF")),
        Just(json!("TOGGLE")),
        Just(json!("")),
        Just(Json::Null),
        Just(json!(true)),
        Just(json!({"x": [1, 2]})),
        Just(json!("high")),
        Just(json!("event")),
        Just(json!({"cluster": "genOnOff", "attributes": ["onOff"]})),
        any::<i32>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
    ]
}

fn payload() -> impl Strategy<Value = Json> {
    let key = prop_oneof![
        Just("state"),
        Just("state_l1"),
        Just("state_left"),
        Just("interlock"),
        Just("sensitivity"),
        Just("operation_mode"),
        Just("power_outage_memory"),
        Just("on_time"),
        Just("read"),
        Just("write"),
        Just("nonsense"),
    ];
    proptest::collection::vec((key, value()), 0..4)
        .prop_map(|pairs| Json::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

fn captured() -> Vec<(u8, u16, Vec<u8>)> {
    let mut frames = Vec::new();
    for model in ["LLKZMK11LM", "QBKG41LM", "ZNXNKG02LM", "ZNMS11LM"] {
        for line in read_vectors(&format!("five/{model}.jsonl")).lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            for step in case["steps"].as_array().into_iter().flatten() {
                if let Some(zcl) = step["rx"]["zcl"].as_str() {
                    frames.push((
                        u8::try_from(step["rx"]["ep"].as_u64().unwrap()).unwrap(),
                        u16::try_from(step["rx"]["cluster"].as_u64().unwrap()).unwrap(),
                        unhex(zcl),
                    ));
                }
            }
        }
    }
    frames
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..8_u16;
    let cluster = prop_oneof![
        Just(0x0000_u16),
        Just(0x0006),
        Just(0x000a),
        Just(0x0012),
        Just(0x0019),
        Just(0x0020),
        Just(0x0101),
        Just(0x0500),
        Just(0xfcc0),
        any::<u16>(),
    ];
    let control = prop_oneof![
        Just(0x18_u8),
        Just(0x08),
        Just(0x00),
        Just(0x01),
        Just(0x09),
        any::<u8>()
    ];
    let bytes =
        (control, proptest::collection::vec(any::<u8>(), 0..24)).prop_map(|(control, mut rest)| {
            rest.insert(0, control);
            rest
        });
    prop_oneof![
        8 => (device.clone(), 0..3_u8, cluster, proptest::option::weighted(0.05, 0..5_u16), proptest::bool::weighted(0.05), bytes)
            .prop_map(|(d, e, c, g, b, z)| Step::Frame(d, e, c, g, b, z)),
        16 => any::<usize>().prop_map(Step::Replay),
        8 => (device.clone(), proptest::option::weighted(0.3, prop_oneof![Just("l1"), Just("left"), Just("2"), Just("nowhere")]), payload())
            .prop_map(|(d, e, p)| Step::Set(d, e, p)),
        4 => (device.clone(), payload()).prop_map(|(d, p)| Step::Get(d, p)),
        2 => payload().prop_map(Step::SetGroup),
        2 => (device.clone(), prop_oneof![
            Just(json!({"debounce": 0.5})), Just(json!({"throttle": 3})), Just(json!({"optimistic": false})),
            Just(json!({"filtered_attributes": ["s.*", "("]})), Just(json!({"filtered_cache": ["state.*"], "disabled": true})), Just(json!({})),
            Just(json!({"debounce": 1, "debounce_ignore": ["state_l1"]})), Just(json!({"throttle": "x", "debounce": -1})),
        ]).prop_map(|(d, o)| Step::Options(d, o)),
        1 => (any::<bool>(), 0..4_u8, any::<bool>()).prop_map(|(c, l, e)| Step::Settings(c, l, e)),
        2 => device.clone().prop_map(Step::Join),
        2 => (device.clone(), any::<u8>()).prop_map(|(d, c)| Step::Announce(d, c)),
        1 => device.clone().prop_map(Step::Leave),
        1 => (device.clone(), 0..8_u16).prop_map(|(a, b)| Step::Address(a, b)),
        1 => device.clone().prop_map(Step::Interview),
        1 => device.clone().prop_map(Step::Configure),
        1 => (device.clone(), any::<bool>()).prop_map(|(d, f)| Step::Remove(d, f)),
        2 => device.clone().prop_map(Step::Offline),
        2 => Just(Step::Online),
        2 => device.prop_map(Step::Stuck),
        3 => any::<bool>().prop_map(Step::Unstick),
        1 => Just(Step::Down),
        2 => Just(Step::Up),
        8 => prop_oneof![0..100_u64, 0..20_000_u64, 0..10_000_000_u64].prop_map(Step::Pass),
        1 => Just(Step::Cached),
        1 => any::<u8>().prop_map(Step::Permit),
    ]
}

fn device(index: u16) -> Device {
    let name = MODELS[usize::from(index) % MODELS.len()];
    let mut device = known(info(name, index), u32::from(index) + 1);
    if index.is_multiple_of(2) {
        device.meta.clear();
    }
    if index == 5 {
        device.checkin_interval = Some(60);
    }
    device
}

fn play(steps: &[Step], frames: &[(u8, u16, Vec<u8>)]) -> String {
    let mut registry = Registry::default();
    registry.groups.push(Group {
        id: GroupId(1),
        members: vec![
            (ieee_of(0), EndpointId(1)),
            (ieee_of(3), EndpointId(1)),
            (ieee_of(7), EndpointId(1)),
        ],
        meta: JsonMap::new(),
        extra: JsonMap::new(),
        database_id: 50,
    });
    // Devices 6 and 7 are not known at first.
    let mut world = World::with((0..6).map(device).collect(), registry, watching(true));
    for index in 6..8 {
        world
            .fakes
            .insert(nwk_of(index), Fake::new(device(index).info));
    }
    for step in steps {
        run(&mut world, step, frames);
        let count = world.hub.devices().count();
        assert!(count <= 9, "{count} devices");
    }
    // Everything comes to an end by itself.
    world.command(Command::SetSettings(watching(false)));
    world.script.stuck.clear();
    for id in std::mem::take(&mut world.held) {
        reply(&mut world, id, Err(RequestError::NotConnected));
    }
    world.pass(Duration::from_secs(100_000));
    assert!(
        format!("{:?}", world.hub).contains("procedures: 0"),
        "{:?}",
        world.hub
    );
    let mut replied: Vec<_> = world.replies.iter().map(|(id, _)| id.0).collect();
    replied.sort_unstable();
    let commands: Vec<_> = (1..=world.next_command).collect();
    assert_eq!(replied, commands, "every command gets one reply");
    world.journal
}

fn watching(enabled: bool) -> Settings {
    Settings {
        availability: hub::AvailabilitySettings {
            enabled,
            ..hub::AvailabilitySettings::default()
        },
        ..Settings::default()
    }
}

fn reply(world: &mut World, id: RequestId, result: Result<Reply, RequestError>) {
    world.feed(Input::Adapter(adapters::Event::Reply(id, result)));
}

fn run(world: &mut World, step: &Step, frames: &[(u8, u16, Vec<u8>)]) {
    match step.clone() {
        Step::Frame(index, endpoint, cluster, group, broadcast, payload) => {
            world.adapter(adapters::Event::Message(ApsIndication {
                source: nwk_of(index),
                source_endpoint: EndpointId(endpoint),
                destination_endpoint: EndpointId(1),
                group: group.map(GroupId),
                broadcast,
                profile: None,
                cluster: ClusterId(cluster),
                link_quality: 77,
                payload,
            }));
        }
        Step::Replay(number) => {
            let (endpoint, cluster, payload) = frames[number % frames.len()].clone();
            let index = u16::try_from(number % 8).unwrap();
            world.adapter(message(
                nwk_of(index),
                EndpointId(endpoint),
                ClusterId(cluster),
                payload,
            ));
        }
        Step::Set(index, endpoint, payload) => {
            world.command(Command::Set {
                entity: Entity::Device(ieee_of(index)),
                endpoint: endpoint.map(str::to_owned),
                payload: payload_of(payload),
            });
        }
        Step::Get(index, payload) => {
            world.get(index, payload);
        }
        Step::SetGroup(payload) => {
            world.command(Command::Set {
                entity: Entity::Group(GroupId(1)),
                endpoint: None,
                payload: payload_of(payload),
            });
        }
        Step::Options(index, value) => {
            world.command(Command::SetOptions(
                Entity::Device(ieee_of(index)),
                options(value),
            ));
        }
        Step::Settings(cache_state, form, elapsed) => {
            world.command(Command::SetSettings(Settings {
                cache_state,
                last_seen: [
                    LastSeen::Disable,
                    LastSeen::Iso8601,
                    LastSeen::Iso8601Local,
                    LastSeen::Epoch,
                ][usize::from(form)],
                elapsed,
                include_device_information: elapsed,
                ..watching(form > 0)
            }));
        }
        Step::Join(index) => world.adapter(adapters::Event::Joined {
            nwk: nwk_of(index),
            ieee: ieee_of(index),
            parent: NwkAddress::COORDINATOR,
        }),
        Step::Announce(index, capabilities) => world.adapter(adapters::Event::Announced {
            nwk: nwk_of(index),
            ieee: ieee_of(index),
            capabilities,
        }),
        Step::Leave(index) => world.adapter(adapters::Event::Left {
            nwk: nwk_of(index),
            ieee: ieee_of(index),
        }),
        Step::Address(index, other) => world.adapter(adapters::Event::Address {
            nwk: nwk_of(other),
            ieee: ieee_of(index),
        }),
        Step::Interview(index) => {
            world.command(Command::Interview(ieee_of(index)));
        }
        Step::Configure(index) => {
            world.command(Command::Configure(ieee_of(index)));
        }
        Step::Remove(index, force) => {
            world.command(Command::Remove {
                device: ieee_of(index),
                force,
                block: false,
            });
        }
        Step::Offline(index) => world.script.offline.push(nwk_of(index)),
        Step::Online => {
            world.script.offline.clear();
            world.script.stuck.clear();
        }
        Step::Stuck(index) => world.script.stuck.push(nwk_of(index)),
        Step::Unstick(well) => {
            for id in std::mem::take(&mut world.held) {
                reply(
                    world,
                    id,
                    if well {
                        Ok(Reply::Done)
                    } else {
                        Err(RequestError::NotConnected)
                    },
                );
            }
        }
        Step::Down => world.adapter(adapters::Event::Down),
        Step::Up => world.adapter(adapters::Event::Up(network())),
        Step::Pass(ms) => world.pass(Duration::from_millis(ms)),
        Step::Cached => {
            world.command(Command::PublishCached);
        }
        Step::Permit(seconds) => {
            world.command(Command::PermitJoin { seconds, via: None });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_inputs_give_the_same_outputs_twice(steps in proptest::collection::vec(step(), 1..80)) {
        let frames = captured();
        let first = play(&steps, &frames);
        let second = play(&steps, &frames);
        prop_assert_eq!(first, second);
    }
}
