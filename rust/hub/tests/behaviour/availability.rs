//! Who is there: time-outs, questions, back-off, groups.

use hub::{AvailabilitySettings, Command, Entity, Group, Registry, Settings};
use serde_json::json;
use zigbee::{EndpointId, GroupId};

use crate::common::*;
use crate::*;

const MINUTE: Duration = Duration::from_secs(60);
/// Read genBasic zclVersion.
const PING: &str = "1000000000";

fn on() -> Settings {
    Settings {
        availability: AvailabilitySettings {
            enabled: true,
            ..AvailabilitySettings::default()
        },
        ..Settings::default()
    }
}

/// Heard at the start.
fn fresh(device: Device) -> Device {
    Device {
        last_seen: Some(START_MS),
        ..device
    }
}

fn group(id: u16, members: &[u16]) -> Group {
    Group {
        id: GroupId(id),
        members: members
            .iter()
            .map(|index| (ieee_of(*index), EndpointId(1)))
            .collect(),
        meta: devices::JsonMap::new(),
        extra: devices::JsonMap::new(),
        database_id: 90 + u32::from(id),
    }
}

fn house(devices: Vec<Device>, options: &[(u16, serde_json::Value)], settings: Settings) -> World {
    let registry = Registry {
        options: options
            .iter()
            .map(|(index, value)| {
                (
                    Entity::Device(ieee_of(*index)),
                    common::options(value.clone()),
                )
            })
            .collect(),
        groups: vec![group(1, &[1]), group(2, &[1, 2]), group(3, &[])],
        ..Registry::default()
    };
    World::with(devices, registry, settings)
}

fn device(index: u16) -> Entity {
    Entity::Device(ieee_of(index))
}

fn is_there(world: &World, index: u16) -> Option<bool> {
    world.hub.availability(device(index))
}

/// What was told: second, whom, what.
fn told(world: &World) -> Vec<(u64, Entity, bool)> {
    world
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Availability { entity, available } => Some((at / 1000, *entity, *available)),
            _ => None,
        })
        .collect()
}

/// Milliseconds at which a device was asked.
fn pings(world: &World, index: u16) -> Vec<u64> {
    let of = |sent: &&Sent| {
        matches!(sent.request.destination,
            adapters::Destination::Device(nwk, _) if nwk == nwk_of(index))
            && sent.request.cluster.0 == 0
            && hex(&without_sequence(&sent.request.payload)) == PING
    };
    world.sent.iter().filter(of).map(|sent| sent.at).collect()
}

fn report(world: &mut World, index: u16) {
    world.receive(index, 1, 0x0006, "18010a00001001");
}

#[test]
fn nobody_is_watched_when_the_feature_is_off() {
    let mut world = house(vec![relay(1), knob(2)], &[], Settings::default());
    world.pass(3000 * MINUTE);
    report(&mut world, 1);
    assert_eq!(told(&world), []);
    assert_eq!(pings(&world, 1), [] as [u64; 0]);
    for entity in [device(1), device(2), Entity::Group(GroupId(3))] {
        assert_eq!(world.hub.availability(entity), None);
        assert!(!world.hub.is_watched(entity));
    }
}

#[test]
fn an_active_device_that_answers_stays_online() {
    let mut world = house(vec![fresh(relay(1))], &[], on());
    assert_eq!(is_there(&world, 1), Some(true));
    world.pass(65 * MINUTE);
    assert_eq!(told(&world), []);
    let pings = pings(&world, 1);
    assert!((5..=6).contains(&pings.len()), "{pings:?}");
    for pair in pings.windows(2) {
        let apart = pair[1] - pair[0];
        assert!((601_000..=631_000).contains(&apart), "{pings:?}");
    }
}

#[test]
fn a_device_that_talks_is_not_asked() {
    let mut world = house(vec![fresh(relay(1))], &[], on());
    for _ in 0..20 {
        world.pass(9 * MINUTE);
        report(&mut world, 1);
    }
    assert_eq!(pings(&world, 1), [] as [u64; 0]);
    assert_eq!(told(&world), []);
}

#[test]
fn an_active_device_is_offline_after_two_questions_and_asked_less_and_less() {
    let mut world = house(vec![fresh(relay(1))], &[], on());
    world.script.offline.push(nwk_of(1));
    world.pass(11 * MINUTE);
    let first = pings(&world, 1);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[1] - first[0], 3000);
    assert_eq!(told(&world)[0], (first[1] / 1000, device(1), false));
    world.pass(250 * MINUTE);
    let all = pings(&world, 1);
    let gaps: Vec<_> = all[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, factor) in gaps.iter().zip([3, 6, 12, 24]) {
        // One and a half, three, six, twelve time-outs.
        let range = 601_000 * factor / 2..=631_000 * factor / 2;
        assert!(range.contains(gap), "{gaps:?}");
    }
    assert_eq!(gaps.len(), 4, "{gaps:?}");

    world.script.offline.clear();
    world.clear();
    report(&mut world, 1);
    assert_eq!(told(&world)[0].1, device(1));
    world.pass(3 * SECOND);
    assert!(
        !world.frames(1).is_empty(),
        "its state is read when it is back"
    );
    world.clear();
    world.pass(10 * MINUTE + 32 * SECOND);
    assert_eq!(pings(&world, 1).len(), 1, "the back-off is over");
}

#[test]
fn asking_pauses_beyond_the_factor_until_the_device_is_heard() {
    let wish =
        json!({"availability": {"timeout": 1, "max_jitter": 1000, "pause_on_backoff_gt": 3}});
    let mut world = house(vec![fresh(relay(1))], &[(1, wish)], Settings::default());
    world.script.offline.push(nwk_of(1));
    world.pass(600 * MINUTE);
    // Twice, then after 1.5 and 3 time-outs; 6 is more than 3.
    assert_eq!(pings(&world, 1).len(), 4);
    world.script.offline.clear();
    report(&mut world, 1);
    world.clear();
    world.pass(2 * MINUTE);
    assert_eq!(pings(&world, 1).len(), 1);
}

#[test]
fn without_back_off_the_time_stays_the_same() {
    let wish = json!({"availability": {"timeout": 1, "max_jitter": 1000, "backoff": false}});
    let mut world = house(vec![fresh(relay(1))], &[(1, wish)], Settings::default());
    world.script.offline.push(nwk_of(1));
    world.pass(30 * MINUTE);
    assert!((28..=30).contains(&pings(&world, 1).len()));
}

#[test]
fn a_passive_device_is_never_asked() {
    let mut world = house(vec![fresh(knob(1))], &[], on());
    world.pass(1499 * MINUTE);
    assert_eq!(is_there(&world, 1), Some(true));
    world.pass(2 * MINUTE);
    assert_eq!(is_there(&world, 1), Some(false));
    assert_eq!(world.frames(1), Vec::<String>::new());
    world.receive(1, 1, 0x0012, "18010a5500210100");
    assert_eq!(is_there(&world, 1), Some(true));
}

#[test]
fn at_the_start_silence_counts_from_before_and_absent_active_ones_are_asked_in_turn() {
    let long_ago = |device: Device| Device {
        last_seen: Some(START_MS - 3_600_000),
        ..device
    };
    let devices = vec![
        long_ago(relay(1)),
        relay(2),
        long_ago(relay(3)),
        long_ago(knob(4)),
        knob(5),
    ];
    let mut world = house(devices, &[], on());
    let there: Vec<_> = (1..=5).map(|index| is_there(&world, index)).collect();
    // The first was asked already and answered.
    let expected = [true, false, false, true, false].map(Some);
    assert_eq!(there, expected);
    world.pass(5 * SECOND);
    assert_eq!(pings(&world, 2), [2000]);
    assert_eq!(pings(&world, 3), [4000]);
    assert_eq!(is_there(&world, 3), Some(true));
    assert_eq!(is_there(&world, 5), Some(false));
}

#[test]
fn a_device_may_be_watched_or_not_whatever_holds_for_all() {
    let mut never = house(
        vec![fresh(relay(1)), fresh(relay(2))],
        &[
            (1, json!({"availability": false})),
            (2, json!({"disabled": true, "availability": true})),
        ],
        on(),
    );
    never.pass(30 * MINUTE);
    assert_eq!(is_there(&never, 1), None);
    assert_eq!(is_there(&never, 2), None);
    assert_eq!(never.sent, []);

    let mut always = house(
        vec![fresh(relay(1)), fresh(relay(2))],
        &[(1, json!({"availability": true}))],
        Settings::default(),
    );
    assert_eq!(is_there(&always, 1), Some(true));
    assert_eq!(is_there(&always, 2), None);
    // All members of the first group are watched, not all of the second; the third has none.
    let groups = [1, 2, 3].map(|id| always.hub.availability(Entity::Group(GroupId(id))));
    assert_eq!(groups, [Some(true), None, None]);
    always.command(Command::SetOptions(device(1), options(json!({}))));
    assert_eq!(is_there(&always, 1), None);
    assert_eq!(always.hub.availability(Entity::Group(GroupId(1))), None);
    always.command(Command::SetSettings(on()));
    assert_eq!(is_there(&always, 2), Some(true));
}

#[test]
fn a_group_is_there_while_one_member_is() {
    let mut world = house(vec![fresh(relay(1)), fresh(knob(2))], &[], on());
    let groups =
        |world: &World| [1, 2, 3].map(|id| world.hub.availability(Entity::Group(GroupId(id))));
    assert_eq!(groups(&world), [Some(true), Some(true), Some(false)]);
    world.script.offline.push(nwk_of(1));
    world.pass(11 * MINUTE);
    assert_eq!(groups(&world), [Some(false), Some(true), Some(false)]);
    world.pass(1500 * MINUTE);
    assert_eq!(groups(&world), [Some(false), Some(false), Some(false)]);
    report(&mut world, 1);
    assert_eq!(groups(&world), [Some(true), Some(true), Some(false)]);
    let of_groups = told(&world)
        .iter()
        .filter(|(_, entity, _)| matches!(entity, Entity::Group(_)))
        .count();
    assert_eq!(of_groups, 4, "only changes are told");
}

#[test]
fn the_coordinators_absence_is_not_the_devices() {
    let mut world = house(vec![fresh(relay(1)), fresh(relay(2))], &[], on());
    world.script.offline.push(nwk_of(2));
    world.adapter(adapters::Event::Down);
    world.pass(60 * MINUTE);
    assert_eq!(told(&world), []);
    world.adapter(adapters::Event::Up(network()));
    world.pass(10 * SECOND);
    assert_eq!(is_there(&world, 1), Some(true));
    assert_eq!(is_there(&world, 2), Some(false));
    assert_eq!(pings(&world, 1).len(), 1);
}

#[test]
fn the_coordinators_loss_while_a_device_is_asked_is_not_the_devices() {
    let mut world = house(vec![fresh(relay(1))], &[], on());
    world.script.stuck.push(nwk_of(1));
    world.pass(11 * MINUTE);
    assert_eq!(pings(&world, 1).len(), 1);
    world.adapter(adapters::Event::Down);
    world.pass(5 * MINUTE);
    assert_eq!(is_there(&world, 1), Some(true));
    world.script.stuck.clear();
    world.adapter(adapters::Event::Up(network()));
    world.pass(10 * SECOND);
    assert_eq!(pings(&world, 1).len(), 2);
    world.pass(11 * MINUTE);
    assert_eq!(pings(&world, 1).len(), 3, "it goes on as before");
    assert_eq!(told(&world), []);
}

#[test]
fn a_device_that_left_is_asked_no_more() {
    let mut world = house(vec![fresh(relay(1)), fresh(relay(2))], &[], on());
    world.adapter(adapters::Event::Left {
        ieee: ieee_of(1),
        nwk: nwk_of(1),
    });
    assert_eq!(is_there(&world, 1), None);
    world.clear();
    world.pass(30 * MINUTE);
    assert_eq!(pings(&world, 1), [] as [u64; 0]);
    join(&mut world, 1);
    assert_eq!(is_there(&world, 1), Some(true));
}

#[test]
fn a_clock_that_is_set_makes_nobody_absent() {
    let mut world = house(vec![fresh(knob(1))], &[], on());
    let later = hub::Now {
        unix_ms: START_MS + 365 * 86_400_000,
        ..world.now()
    };
    world.hub.handle(later, hub::Input::Timer);
    world.command(Command::SetOptions(device(1), options(json!({}))));
    world.pass(1000 * MINUTE);
    assert_eq!(is_there(&world, 1), Some(true));
}
