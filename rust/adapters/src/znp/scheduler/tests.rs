use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

fn is_admitted(receiver: &mut Receiver<()>) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(receiver).poll(&mut cx) == Poll::Ready(Some(()))
}

fn at(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000)
}

#[test]
fn a_second_message_to_a_device_waits_while_others_do() {
    let mut scheduler = Scheduler::new(2);
    let (_first, mut a) = scheduler.enter(at(0), NwkAddress(1), false);
    let (second, mut b) = scheduler.enter(at(0), NwkAddress(1), false);
    assert!(is_admitted(&mut a) && is_admitted(&mut b));
    let (_, mut c) = scheduler.enter(at(0), NwkAddress(1), false);
    let (_, mut d) = scheduler.enter(at(0), NwkAddress(2), false);
    assert!(!is_admitted(&mut c) && !is_admitted(&mut d));
    scheduler.leave(at(0), second);
    assert!(!is_admitted(&mut c) && is_admitted(&mut d));
}

#[test]
fn silent_devices_hold_no_slot_that_others_need() {
    let mut scheduler = Scheduler::new(2);
    let _dead: Vec<_> = (1..=2)
        .map(|nwk| scheduler.enter(at(0), NwkAddress(nwk), false))
        .collect();
    let (_, mut waiting) = scheduler.enter(at(0), NwkAddress(3), false);
    assert!(!is_admitted(&mut waiting));
    assert_eq!(scheduler.deadline(), Some(at(2)));
    scheduler.tick(at(2));
    assert!(is_admitted(&mut waiting));
}

#[test]
fn a_full_stick_silences_everything() {
    let mut scheduler = Scheduler::new(16);
    scheduler.congested(at(1));
    scheduler.congested(at(1));
    let (_, mut waiting) = scheduler.enter(at(1), NwkAddress(3), false);
    assert!(!is_admitted(&mut waiting));
    let gate = at(1) + Duration::from_millis(250);
    assert_eq!(scheduler.deadline(), Some(gate));
    scheduler.tick(gate);
    assert!(is_admitted(&mut waiting));
    assert_eq!(scheduler.window, 8);
    for _ in 0..200 {
        scheduler.delivered(NwkAddress(3));
    }
    assert_eq!(scheduler.window, 16);
}

#[test]
fn an_unreachable_device_is_tried_every_thirty_seconds() {
    let mut scheduler = Scheduler::new(16);
    let to = NwkAddress(7);
    for _ in 0..3 {
        assert_eq!(scheduler.check(at(0), to), Ok(()));
        scheduler.undelivered(at(0), to, status::MAC_NO_ACK);
    }
    let refused = Err(RequestError::Undelivered {
        status: 0xe9,
        name: "MAC_NO_ACK",
    });
    assert_eq!(scheduler.check(at(29), to), refused);
    assert_eq!(scheduler.check(at(30), to), Ok(()));
    assert_eq!(scheduler.check(at(30), to), refused);
    scheduler.reachable(to);
    assert_eq!(scheduler.check(at(30), to), Ok(()));
}

#[test]
fn nothing_overtakes_a_message_that_is_sent_again() {
    let mut scheduler = Scheduler::new(16);
    let (first, mut a) = scheduler.enter(at(0), NwkAddress(1), false);
    assert!(is_admitted(&mut a));
    scheduler.hold(first);
    let (_, mut b) = scheduler.enter(at(0), NwkAddress(1), false);
    assert!(!is_admitted(&mut b));
    scheduler.leave(at(0), first);
    assert!(is_admitted(&mut b));
}

#[derive(Debug, Clone)]
enum Step {
    Enter(u16, bool),
    Leave(usize),
    Again(usize),
    Hold(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u16..5, any::<bool>()).prop_map(|(to, exclusive)| Step::Enter(to, exclusive)),
        3 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::Again),
        1 => any::<usize>().prop_map(Step::Hold),
        1 => (0_u64..3_000_000).prop_map(Step::Wait),
    ]
}

struct Entry {
    id: PermitId,
    to: u16,
    exclusive: bool,
    receiver: Receiver<()>,
    admitted: bool,
}

fn pick(entries: &[Entry], of: usize, admitted: bool) -> Option<usize> {
    let those: Vec<_> = (0..entries.len())
        .filter(|index| entries[*index].admitted == admitted)
        .collect();
    those.get(of % those.len().max(1)).copied()
}

proptest! {
    #[test]
    fn everyone_is_admitted_once_and_nobody_too_early(
        limit in 1_usize..5,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut scheduler = Scheduler::new(limit);
        let mut now = at(1);
        let mut entries: Vec<Entry> = Vec::new();
        // In the end all leave, one after the other.
        let end = std::iter::repeat_n(Step::Leave(0), 200);
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Enter(to, exclusive) => {
                    let (id, receiver) = scheduler.enter(now, NwkAddress(to), exclusive);
                    entries.push(Entry { id, to, exclusive, receiver, admitted: false });
                }
                Step::Leave(of) => {
                    if let Some(index) = pick(&entries, of, true) {
                        scheduler.leave(now, entries.remove(index).id);
                    } else if let Some(deadline) = scheduler.deadline() {
                        prop_assert!(deadline >= now, "it was to be called before");
                        now = deadline;
                        scheduler.tick(now);
                    }
                }
                Step::Again(of) => {
                    if let Some(index) = pick(&entries, of, true) {
                        let entry = &mut entries[index];
                        scheduler.congested(now);
                        entry.receiver = scheduler.enter_again(now, entry.id);
                        (entry.admitted, entry.exclusive) = (false, true);
                    }
                }
                Step::Hold(of) => {
                    if let Some(index) = pick(&entries, of, true) {
                        scheduler.hold(entries[index].id);
                    }
                }
                Step::Wait(micros) => {
                    now = now + Duration::from_micros(micros);
                    scheduler.tick(now);
                }
            }
            for entry in &mut entries {
                entry.admitted |= is_admitted(&mut entry.receiver);
            }
            let flying: Vec<_> = entries.iter().filter(|entry| entry.admitted).collect();
            prop_assert!(flying.len() <= limit * 2);
            for to in 0..5 {
                let there: Vec<_> = flying.iter().filter(|entry| entry.to == to).collect();
                prop_assert!(there.len() <= usize::from(PIPELINE));
                prop_assert!(there.len() < 2 || !there.iter().all(|entry| entry.exclusive));
                // Ordinary messages to one destination go in the order in which they came.
                let last = there.iter().filter(|e| !e.exclusive).map(|e| e.id).max();
                let waiting = entries.iter().filter(|e| !e.admitted && !e.exclusive && e.to == to);
                let next = waiting.map(|e| e.id).min();
                prop_assert!(next.is_none_or(|next| last.is_none_or(|last| last < next)));
            }
        }
        prop_assert!(entries.is_empty(), "{} were never admitted", entries.len());
        prop_assert_eq!((scheduler.counted, scheduler.flights.len()), (0, 0));
        prop_assert!(scheduler.destinations.is_empty() && scheduler.waiting.is_empty());
    }
}
