//! What is done when messages, the stick or the link fail.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::collections::VecDeque;
use std::time::Duration;

use adapters::znp::commands::{af, sys, util, zdo};
use adapters::{Event, Reply, Request, RequestError};
use support::stick::{Chip, Stick, Whim};
use support::{Bench, config, message};
use zigbee::{IeeeAddress, NwkAddress};

fn bench(chip: Chip) -> Bench {
    Bench::up(config(), Stick::formed(chip))
}

fn undelivered(status: u8, name: &'static str) -> Result<Reply, RequestError> {
    Err(RequestError::Undelivered { status, name })
}

fn incoming(source: u16, group: u16, payload: &[u8]) -> Vec<u8> {
    let mut data = group.to_le_bytes().to_vec();
    data.extend([0x06, 0x00]);
    data.extend(source.to_le_bytes());
    data.extend([
        3,
        1,
        0,
        142,
        0,
        1,
        2,
        3,
        4,
        9,
        u8::try_from(payload.len()).unwrap(),
    ]);
    data.extend(payload);
    // What newer firmware appends.
    data.extend([0x11, 0x22, 29]);
    data
}

#[test]
fn a_confirm_that_never_comes_is_reported_and_its_id_rests() {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.slow.insert(1, Duration::from_secs(15));
    let result = bench.ask(message(1));
    assert!(matches!(
        result,
        Err(RequestError::NoAnswer {
            command: "AF.dataConfirm",
            ..
        })
    ));
    bench.ask(message(2)).unwrap();
    assert_eq!(bench.stick.requests(af::DATA_REQUEST)[1][6], 2);
    bench.advance(Duration::from_secs(30));
    bench.ask(message(2)).unwrap();
    assert_eq!(bench.stick.requests(af::DATA_REQUEST)[2][6], 1);
}

#[test]
fn full_buffers_silence_everything_and_nothing_is_lost() {
    let mut bench = bench(Chip::Cc2652);
    for to in 1..=16 {
        bench.stick.confirms.insert(to, VecDeque::from([0x11]));
        bench.stick.slow.insert(to, Duration::from_millis(50));
        bench.request(message(to));
    }
    bench.advance(Duration::from_millis(290));
    assert_eq!(bench.stick.count(af::DATA_REQUEST), 16, "silence");
    bench.advance(Duration::from_millis(20));
    assert_eq!(
        bench.stick.count(af::DATA_REQUEST),
        24,
        "half of them at a time"
    );
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.stick.count(af::DATA_REQUEST), 32);
    let done = bench
        .events
        .iter()
        .filter(|event| matches!(event, Event::Reply(_, Ok(Reply::Done))));
    assert_eq!(done.count(), 16);
}

#[test]
fn an_unreachable_device_is_looked_for_once_and_then_fails_fast() {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.associations.insert(0x77, (5, 5));
    bench
        .stick
        .confirms
        .insert(5, std::iter::repeat_n(0xe9, 100).collect());
    assert_eq!(bench.ask(message(5)), undelivered(0xe9, "MAC_NO_ACK"));
    assert_eq!(bench.stick.count(af::DATA_REQUEST), 5);
    assert_eq!(bench.stick.count(zdo::EXT_ROUTE_DISC), 1);
    assert_eq!(bench.stick.count(zdo::NWK_ADDR_REQ), 1);
    for _ in 0..2 {
        bench.ask(message(5)).unwrap_err();
    }
    assert_eq!(bench.stick.count(zdo::EXT_ROUTE_DISC), 1, "once a minute");
    let (sent, started) = (bench.stick.count(af::DATA_REQUEST), bench.now);
    assert_eq!(bench.ask(message(5)), undelivered(0xe9, "MAC_NO_ACK"));
    assert_eq!(
        (bench.stick.count(af::DATA_REQUEST), bench.now),
        (sent, started)
    );
    // It speaks: it is there again.
    bench.stick.confirms.clear();
    bench.stick.send(af::INCOMING_MSG, &incoming(5, 0, &[1]));
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.ask(message(5)), Ok(Reply::Done));
}

#[test]
fn route_discoveries_are_three_seconds_apart() {
    let mut bench = bench(Chip::Cc2652);
    let started = bench.now;
    for to in 1..=4 {
        bench.request(Request::DiscoverRoute(NwkAddress(to)));
    }
    bench.advance(Duration::from_millis(8900));
    assert_eq!(bench.stick.count(zdo::EXT_ROUTE_DISC), 3);
    bench.advance(Duration::from_millis(200));
    assert_eq!(bench.stick.count(zdo::EXT_ROUTE_DISC), 4);
    assert_eq!(
        bench.ask(Request::DiscoverRoute(NwkAddress(1))),
        Ok(Reply::Done)
    );
    assert_eq!(bench.stick.count(zdo::EXT_ROUTE_DISC), 4);
    assert!(bench.now.since(started) < Duration::from_secs(10));
}

#[test]
fn a_device_with_a_new_address_is_found_and_the_hub_is_told() {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.associations.insert(0x77, (5, 5));
    bench
        .stick
        .confirms
        .insert(5, std::iter::repeat_n(0xcd, 100).collect());
    let id = bench.request(message(5));
    bench.run(Duration::from_secs(30), |bench| {
        bench.stick.count(zdo::NWK_ADDR_REQ) == 1
    });
    let mut answer = vec![0];
    answer.extend(0x77_u64.to_le_bytes());
    answer.extend([0x99, 0x00, 0, 0]);
    bench.stick.send(zdo::NWK_ADDR_RSP, &answer);
    bench.run(Duration::from_secs(30), |bench| bench.reply(id).is_some());
    assert_eq!(bench.reply(id), Some(Ok(Reply::Done)));
    let told = Event::Address {
        nwk: NwkAddress(0x99),
        ieee: IeeeAddress(0x77),
    };
    assert!(bench.events.contains(&told));
}

const EXPIRED: u8 = 0xf0;

fn with_child(expirations: usize) -> Bench {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.associations.insert(0x77, (5, 1));
    let statuses = std::iter::repeat_n(EXPIRED, expirations).collect();
    bench.stick.confirms.insert(5, statuses);
    bench
}

#[test]
fn a_child_that_moved_is_taken_out_of_the_table_and_reached_through_its_parent() {
    let mut bench = with_child(2);
    assert_eq!(bench.ask(message(5)), Ok(Reply::Done));
    assert_eq!(bench.stick.count(util::ASSOC_REMOVE), 1);
    assert!(bench.stick.associations.is_empty());
}

#[test]
fn a_child_that_stays_silent_is_put_back() {
    let mut bench = with_child(100);
    bench.ask(message(5)).unwrap_err();
    assert_eq!(bench.stick.count(util::ASSOC_REMOVE), 1);
    assert_eq!(bench.stick.associations[&0x77], (5, 1));
}

#[test]
fn a_child_is_put_back_also_when_the_confirm_is_lost_or_the_stick_resets() {
    for resets in [false, true] {
        let mut bench = with_child(0);
        // Two messages expire, the third is accepted and never confirmed.
        for status in [EXPIRED, EXPIRED, 0] {
            bench
                .stick
                .whim(af::DATA_REQUEST, Whim::Answer(vec![status]));
        }
        let id = bench.request(message(5));
        bench.run(Duration::from_secs(30), |bench| {
            bench.stick.associations.is_empty()
        });
        if resets {
            bench.stick.reset(2);
        }
        bench.run(Duration::from_secs(30), |bench| bench.reply(id).is_some());
        bench.advance(Duration::from_secs(1));
        assert_eq!(bench.stick.count(util::ASSOC_ADD), 1);
        assert_eq!(bench.stick.associations[&0x77], (5, 1));
        let lost = bench.reply(id) == Some(Err(RequestError::NotConnected));
        assert_eq!(lost, resets);
    }
}

#[test]
fn old_firmware_is_not_asked_for_what_it_does_not_know() {
    let mut bench = bench(Chip::Cc2531);
    bench.stick.associations.insert(0x77, (5, 1));
    bench
        .stick
        .confirms
        .insert(5, std::iter::repeat_n(EXPIRED, 9).collect());
    bench.ask(message(5)).unwrap_err();
    assert_eq!(bench.stick.count(util::ASSOC_REMOVE), 0);
    assert_eq!(bench.stick.count(zdo::EXT_ROUTE_DISC), 0);
    let install = Request::InstallCode {
        ieee: IeeeAddress(1),
        code: vec![0; 18].into(),
    };
    assert_eq!(
        bench.ask(install),
        Err(RequestError::Unsupported("install codes"))
    );
}

#[test]
fn a_lost_answer_costs_one_request_and_a_late_one_is_not_taken_for_the_next() {
    let mut bench = bench(Chip::Cc2652);
    bench
        .stick
        .whim(af::DATA_REQUEST, Whim::Late(Duration::from_millis(6200)));
    bench
        .stick
        .whim(sys::PING, Whim::Late(Duration::from_millis(300)));
    let first = bench.request(message(1));
    let second = bench.request(message(2));
    bench.run(Duration::from_secs(20), |bench| {
        bench.reply(second).is_some()
    });
    assert!(matches!(
        bench.reply(first),
        Some(Err(RequestError::NoAnswer { .. }))
    ));
    assert_eq!(bench.reply(second), Some(Ok(Reply::Done)));
    assert!(!bench.events.contains(&Event::Down));
}

#[test]
fn a_stick_that_hangs_is_reset_and_its_requests_fail() {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.whim(af::DATA_REQUEST, Whim::Silence);
    bench.stick.whim(sys::PING, Whim::Silence);
    bench.request(message(1));
    let second = bench.request(message(2));
    bench.run(Duration::from_secs(20), |bench| {
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Up(_)))
    });
    assert_eq!(bench.reply(second), Some(Err(RequestError::NotConnected)));
    assert!(bench.events.contains(&Event::Down));
    assert_eq!(bench.stick.count(sys::RESET_REQ), 1);
    assert_eq!(bench.stick.endpoints.len(), 15);
    assert_eq!(bench.ask(message(3)), Ok(Reply::Done));
}

#[test]
fn a_reset_while_up_registers_everything_again() {
    let mut settings = config();
    settings.transmit_power = Some(9);
    let mut bench = Bench::up(settings, Stick::formed(Chip::Cc2652));
    bench.stick.whim(af::DATA_REQUEST, Whim::Reset);
    assert_eq!(bench.ask(message(1)), Err(RequestError::NotConnected));
    bench.run(Duration::from_secs(20), |bench| {
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Up(_)))
    });
    assert_eq!(bench.stick.endpoints.len(), 15);
    assert_eq!(bench.stick.count(sys::STACK_TUNE), 1);
    assert_eq!(bench.ask(message(1)), Ok(Reply::Done));
}

#[test]
fn an_idle_stick_is_pinged_and_given_up_after_three_misses() {
    let mut bench = bench(Chip::Cc2652);
    bench.advance(Duration::from_secs(60));
    let pings = bench.stick.count(sys::PING);
    assert!((5..=6).contains(&pings), "{pings}");
    bench.stick.dead = true;
    let started = bench.now;
    bench.run(Duration::from_secs(120), |bench| bench.failure.is_some());
    assert!(matches!(&bench.failure, Some(adapters::Failure::Link(_))));
    assert!(bench.now.since(started) <= Duration::from_secs(47));
    assert!(bench.events.contains(&Event::Down));
    assert_eq!(bench.ask(message(1)), Err(RequestError::NotConnected));
}
