use adapters::Instant;
use proptest::prelude::*;

use super::*;
use crate::Now;

/// Both clocks of a machine, and what is on its disk.
#[derive(Debug)]
struct World {
    table: Table,
    /// What a process that starts now would read.
    disk: DurableRows,
    instant_us: u64,
    unix_us: i64,
    /// When the table was last given the time: until then it knows nothing of a clock that was set.
    looked: Now,
    told: Vec<TimerDue>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            table: Table::new(DurableRows::default()),
            disk: DurableRows::default(),
            instant_us: 5_000_000,
            unix_us: 1_800_000_000_000_000,
            looked: Now {
                instant: Instant(0),
                unix_ms: 0,
            },
            told: Vec::new(),
        };
        world.boot();
        world
    }

    fn now(&self) -> Now {
        Now {
            instant: Instant(self.instant_us),
            unix_ms: self.unix_us / 1000,
        }
    }

    fn unix_ms(&self) -> i64 {
        self.unix_us / 1000
    }

    fn boot(&mut self) {
        self.table = Table::new(self.disk.clone());
        self.table.open();
        self.look();
    }

    fn look(&mut self) {
        self.looked = self.now();
        let changes = self.table.look(self.now());
        self.disk.apply(changes);
        let due = self.table.due(self.now());
        self.told.extend(due);
    }

    fn commit(&mut self, changes: Vec<DurableChange>) -> Result<(), DurableError> {
        let changes = self
            .table
            .look(self.now())
            .into_iter()
            .chain(self.table.commit(self.now(), changes)?)
            .collect();
        self.disk.apply(changes);
        // Whoever drives the table asks after each input.
        self.look();
        Ok(())
    }

    fn put(&mut self, id: &str, after_ms: i64, span: bool, missed: MissedPolicy) {
        let timer = DurableTimer {
            owner: "hall.py".to_owned(),
            id: id.to_owned(),
            due_ms: self.unix_ms() + after_ms,
            span_ms: span.then(|| u64::try_from(after_ms).unwrap_or(0)),
            missed,
            data: "{}".to_owned(),
        };
        self.commit(vec![DurableChange::PutTimer(timer)]).unwrap();
    }

    /// Time passes, and the table is asked when it wants to be.
    fn advance(&mut self, us: u64) {
        let end = self.instant_us + us;
        loop {
            let wake = self.table.next_deadline(self.looked);
            let Some(wake) = wake.filter(|wake| wake.0 <= end) else {
                self.pass(end - self.instant_us);
                return;
            };
            self.pass(wake.0.saturating_sub(self.instant_us));
            self.look();
            // What is due was told: the next wish is later.
            let next = self.table.next_deadline(self.looked);
            assert!(next.is_none_or(|next| next.0 > self.instant_us), "{next:?}");
        }
    }

    fn pass(&mut self, us: u64) {
        self.instant_us += us;
        self.unix_us += i64::try_from(us).unwrap();
    }

    fn step(&mut self, ms: i64) {
        self.unix_us += ms * 1000;
    }

    /// The process is killed and starts again, maybe after a boot.
    fn restart(&mut self, down_us: u64, instant_us: u64) {
        self.pass(down_us);
        self.instant_us = instant_us;
        self.boot();
    }

    fn told_ids(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
            .into_iter()
            .map(|due| due.timer.id)
            .collect()
    }
}

const MINUTE_MS: i64 = 60_000;
const MINUTE_US: u64 = 60_000_000;

#[test]
fn a_timer_is_told_once_at_its_moment_and_again_after_a_restart_until_it_is_removed() {
    let mut world = World::new();
    world.put("moment", MINUTE_MS, false, MissedPolicy::Skip);
    world.put("span", 2 * MINUTE_MS, true, MissedPolicy::Skip);
    world.advance(MINUTE_US - 1000);
    assert_eq!(world.told, []);
    world.advance(1000);
    assert_eq!(world.told.len(), 1);
    assert_eq!((world.told[0].late_ms, world.told[0].missed), (0, false));
    world.advance(10 * MINUTE_US);
    assert_eq!(world.told_ids(), ["moment", "span"]);
    world.restart(MINUTE_US, 0);
    assert_eq!(world.told[0].late_ms, 600_000 + 60_000);
    assert!(world.told[0].missed);
    assert_eq!(world.told_ids(), ["moment", "span"]);
    for id in ["moment", "span"] {
        let (owner, id) = ("hall.py".to_owned(), id.to_owned());
        world
            .commit(vec![DurableChange::RemoveTimer { owner, id }])
            .unwrap();
    }
    world.restart(MINUTE_US, 0);
    assert_eq!(world.told, []);
    assert_eq!(world.disk, DurableRows::default());
}

#[test]
fn a_timer_that_is_put_anew_while_it_is_told_waits_anew() {
    let mut world = World::new();
    world.put("a", MINUTE_MS, true, MissedPolicy::RunLate);
    world.advance(MINUTE_US);
    assert_eq!(world.told_ids(), ["a"]);
    world.put("a", MINUTE_MS, false, MissedPolicy::RunLate);
    world.advance(MINUTE_US - 1000);
    assert_eq!(world.told, []);
    world.advance(1000);
    assert_eq!(world.told_ids(), ["a"]);
}

#[test]
fn a_stepped_wall_clock_moves_moments_and_no_spans() {
    for step in [-45 * MINUTE_MS, 45 * MINUTE_MS] {
        let mut world = World::new();
        world.put("moment", 60 * MINUTE_MS, false, MissedPolicy::RunLate);
        world.put("span", 60 * MINUTE_MS, true, MissedPolicy::RunLate);
        world.step(step);
        let (first, second) = if step > 0 {
            ("moment", "span")
        } else {
            ("span", "moment")
        };
        let waits = if step > 0 { [15, 45] } else { [60, 45] };
        world.advance(waits[0] * MINUTE_US - 1000);
        assert_eq!(world.told, [], "{step}");
        world.advance(1000);
        assert_eq!(world.told_ids(), [first], "{step}");
        world.advance(waits[1] * MINUTE_US - 1000);
        assert_eq!(world.told, [], "{step}");
        world.advance(1000);
        assert_eq!(world.told_ids(), [second], "{step}");
    }
}

#[test]
fn a_span_goes_on_after_a_step_and_a_restart_as_if_there_had_been_no_step() {
    let mut world = World::new();
    world.put("span", 60 * MINUTE_MS, true, MissedPolicy::RunLate);
    // The clock was wrong and is set, by years.
    world.step(-1_000_000 * MINUTE_MS);
    world.advance(10 * MINUTE_US);
    // Something else happens: the table is asked.
    world.look();
    world.restart(5 * MINUTE_US, 77);
    world.advance(45 * MINUTE_US - 1000);
    assert_eq!(world.told, []);
    world.advance(1000);
    assert_eq!(world.told_ids(), ["span"]);
}

#[test]
fn what_remains_of_a_span_after_a_boot_with_a_wrong_clock_is_within_it() {
    let mut world = World::new();
    world.put("span", 60 * MINUTE_MS, true, MissedPolicy::RunLate);
    world.step(-1_000_000 * MINUTE_MS);
    world.restart(0, 0);
    world.advance(30 * MINUTE_US);
    assert_eq!(world.told, []);
    // Killed again: it does not begin anew each time.
    world.restart(0, 0);
    world.advance(30 * MINUTE_US);
    assert_eq!(world.told_ids(), ["span"]);
}

#[test]
fn a_step_over_a_moment_is_noticed_within_30_seconds_and_the_policy_decides() {
    let policies = [
        (MissedPolicy::RunLate, false),
        (MissedPolicy::Skip, true),
        (MissedPolicy::RunIfWithin(600), true),
        (MissedPolicy::RunIfWithin(3600), false),
    ];
    let mut world = World::new();
    for (number, (policy, _)) in policies.iter().enumerate() {
        world.put(&number.to_string(), 10 * MINUTE_MS, false, *policy);
    }
    world.step(40 * MINUTE_MS);
    world.advance(30_000_000);
    let missed: Vec<_> = world.told.iter().map(|due| due.missed).collect();
    assert_eq!(missed, policies.map(|(_, missed)| missed));
    assert!((1_800_000..=1_830_000).contains(&world.told[0].late_ms));
}

#[test]
fn a_timer_that_is_told_a_little_late_was_not_missed() {
    let mut world = World::new();
    world.put("a", MINUTE_MS, false, MissedPolicy::Skip);
    world.put("b", MINUTE_MS, true, MissedPolicy::RunIfWithin(0));
    world.pass(MINUTE_US + 1_000_000);
    world.look();
    let told: Vec<_> = world
        .told
        .iter()
        .map(|due| (due.late_ms, due.missed))
        .collect();
    assert_eq!(told, [(1000, false), (1000, false)]);
}

#[test]
fn a_moment_is_told_in_its_millisecond() {
    for late_us in [0, 300, 999] {
        let mut world = World::new();
        // Its milliseconds begin so much before those of the monotonic clock.
        world.unix_us += i64::try_from(late_us).unwrap();
        // The table is asked in the middle of a millisecond.
        world.pass(567);
        world.put("a", MINUTE_MS, false, MissedPolicy::RunLate);
        let moment_us = (world.unix_ms() + MINUTE_MS) * 1000;
        let left_us = u64::try_from(moment_us - world.unix_us).unwrap();
        world.advance(left_us + late_us - 1);
        assert_eq!(world.told_ids(), [""; 0], "{late_us}");
        world.advance(1);
        assert_eq!(world.told_ids(), ["a"], "{late_us}");
    }
}

#[test]
fn nothing_is_told_while_nobody_listens() {
    let mut world = World::new();
    world.put("a", 0, false, MissedPolicy::RunLate);
    world.told.clear();
    let mut table = Table::new(world.disk.clone());
    table.look(world.now());
    assert_eq!(table.due(world.now()), []);
    assert_eq!(table.next_deadline(world.now()), None);
    table.open();
    assert_eq!(table.due(world.now()).len(), 1);
    assert_eq!(table.due(world.now()), []);
    // Another one listens, who has heard nothing.
    table.open();
    assert_eq!(table.due(world.now()).len(), 1);
}

#[test]
fn timers_of_one_moment_are_told_by_owner_and_id() {
    let mut world = World::new();
    let timer = |owner: &str, id: &str, span: bool| {
        DurableChange::PutTimer(DurableTimer {
            owner: owner.to_owned(),
            id: id.to_owned(),
            due_ms: world.unix_ms() + 1000,
            span_ms: span.then_some(1000),
            missed: MissedPolicy::RunLate,
            data: String::new(),
        })
    };
    let changes = vec![
        timer("b", "1", false),
        timer("a", "2", true),
        timer("a", "1", false),
        timer("a", "10", true),
    ];
    world.commit(changes).unwrap();
    world.advance(1_000_000);
    assert_eq!(world.told_ids(), ["1", "10", "2", "1"]);
}

#[test]
fn a_commit_that_keeps_too_much_changes_nothing() {
    let mut world = World::new();
    let timer = |number: usize| {
        DurableChange::PutTimer(DurableTimer {
            owner: "a".to_owned(),
            id: number.to_string(),
            due_ms: 0,
            span_ms: None,
            missed: MissedPolicy::RunLate,
            data: String::new(),
        })
    };
    let value = |owner: &str, length: usize| DurableChange::PutValue {
        owner: owner.to_owned(),
        key: "k".to_owned(),
        value: "x".repeat(length),
    };
    world.commit((0..MAX_TIMERS).map(timer).collect()).unwrap();
    let before = world.table.rows();
    let error = world.commit(vec![value("a", 1), timer(MAX_TIMERS)]);
    assert_eq!(error, Err(DurableError::TooManyTimers("a".to_owned())));
    assert_eq!(world.table.rows(), before);
    // Another owner has room, a timer that is there can be put anew, and one that goes makes room.
    let gone = DurableChange::RemoveTimer {
        owner: "a".to_owned(),
        id: "7".to_owned(),
    };
    world
        .commit(vec![timer(5), gone, timer(MAX_TIMERS)])
        .unwrap();
    world.commit(vec![value("b", MAX_BYTES - 1)]).unwrap();
    let error = world.commit(vec![value("b", MAX_BYTES)]);
    assert_eq!(error, Err(DurableError::TooLarge("b".to_owned())));
    assert_eq!(world.table.rows().values["b"]["k"].len(), MAX_BYTES - 1);
    world
        .commit(vec![value("b", 1), value("b", MAX_BYTES - 1)])
        .unwrap();
}

#[test]
fn policies_are_read_as_they_are_written() {
    for text in ["run_late", "skip", "run_if_within:600", "run_if_within:0"] {
        assert_eq!(text.parse::<MissedPolicy>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "late",
        "run_if_within",
        "run_if_within:",
        "run_if_within:+1",
        "run_if_within:1.5",
    ] {
        assert!(text.parse::<MissedPolicy>().is_err(), "{text}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put { id: u8, after_ms: i64, span: bool },
    Remove(u8),
    Value(u8, Option<u8>),
    Advance(u64),
    SetClock(i64),
    Restart { down_us: u64, instant_us: u64 },
}

fn program() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, -1000..200_000_i64, any::<bool>())
            .prop_map(|(id, after_ms, span)| Step::Put { id, after_ms, span }),
        1 => (0..6_u8).prop_map(Step::Remove),
        1 => (0..3_u8, proptest::option::of(any::<u8>())).prop_map(|(key, value)| Step::Value(key, value)),
        4 => (0..100_000_000_u64).prop_map(Step::Advance),
        1 => (-300_000..300_000_i64).prop_map(Step::SetClock),
        1 => (0..100_000_000_u64, 0..1_000_000_000_u64)
            .prop_map(|(down_us, instant_us)| Step::Restart { down_us, instant_us }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What is known of a timer by whoever set it.
#[derive(Debug)]
struct Expected {
    /// Of a moment.
    due_ms: i64,
    /// What is left of a span, in microseconds of the time that passes.
    left_us: Option<i64>,
    told: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_timer_is_early_or_lost_whatever_happens(steps in program()) {
        let mut world = World::new();
        let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
        let mut values = BTreeMap::new();
        for step in steps {
            world.told.clear();
            let before_us = world.instant_us;
            let mut passed_us = 0;
            // The clock may have been set since it was last looked at.
            let mut stepped = false;
            match step {
                Step::Put { id, after_ms, span } => {
                    let id = id.to_string();
                    let left = span.then_some(after_ms.min(after_ms.max(0)) * 1000);
                    expected.insert(id.clone(), Expected {
                        due_ms: world.unix_ms() + after_ms,
                        left_us: left,
                        told: false,
                    });
                    world.put(&id, after_ms, span, MissedPolicy::RunLate);
                }
                Step::Remove(id) => {
                    let (owner, id) = ("hall.py".to_owned(), id.to_string());
                    expected.remove(&id);
                    world.commit(vec![DurableChange::RemoveTimer { owner, id }]).unwrap();
                }
                Step::Value(key, value) => {
                    let (owner, key) = ("hall.py".to_owned(), key.to_string());
                    let change = if let Some(value) = value {
                        values.insert(key.clone(), value.to_string());
                        DurableChange::PutValue { owner, key, value: value.to_string() }
                    } else {
                        values.remove(&key);
                        DurableChange::RemoveValue { owner, key }
                    };
                    world.commit(vec![change]).unwrap();
                }
                Step::Advance(us) => {
                    passed_us = i64::try_from(us).unwrap();
                    world.advance(us);
                    prop_assert_eq!(world.instant_us, before_us + us);
                }
                Step::SetClock(ms) => {
                    stepped = true;
                    world.step(ms);
                    // A smaller step may be the clocks' drift, which spans are not held up by.
                    if ms.abs() <= 1000 {
                        world.step(-ms);
                    }
                    world.look();
                }
                Step::Restart { down_us, instant_us } => {
                    passed_us = i64::try_from(down_us).unwrap();
                    world.restart(down_us, instant_us);
                    for timer in expected.values_mut() {
                        timer.told = false;
                    }
                }
            }
            for timer in expected.values_mut() {
                timer.left_us = timer.left_us.map(|left| left - passed_us);
            }
            let mut last = None;
            for due in &world.told {
                let timer = expected.get_mut(&due.timer.id).expect("a timer that was set");
                prop_assert!(!timer.told, "told twice: {due:?}");
                timer.told = true;
                match timer.left_us {
                    // Kept to the millisecond.
                    Some(left) => prop_assert!(left <= 1000, "early: {left} {due:?}"),
                    None => prop_assert!(timer.due_ms <= world.unix_ms(), "early: {due:?}"),
                }
                let place = (due.timer.due_ms, due.timer.id.clone());
                if !stepped {
                    prop_assert!(last.as_ref() <= Some(&place), "{last:?} {place:?}");
                }
                last = Some(place);
            }
            for (id, timer) in &expected {
                let is_due = match timer.left_us {
                    Some(left) => left < -1000,
                    None => timer.due_ms < world.unix_ms(),
                };
                prop_assert!(timer.told || !is_due, "lost: {id} {timer:?}");
            }
            // What is on the disk is what holds, at each moment.
            prop_assert_eq!(&world.disk, &world.table.rows());
            let kept = world.table.rows().values.remove("hall.py").unwrap_or_default();
            prop_assert_eq!(&kept, &values);
        }
    }
}
