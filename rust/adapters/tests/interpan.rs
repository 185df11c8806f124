//! Messages without a network: touchlink's way through the driver.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use adapters::znp::commands::{af, zdo};
use adapters::{InterPanMessage, InterPanRequest, PermitVia, Reply, Request, RequestError};
use support::stick::{Chip, Stick, Whim};
use support::{Bench, config, message};
use zigbee::{ClusterId, IeeeAddress, NwkAddress, zdo as z};

const BULB: IeeeAddress = IeeeAddress(0x0017_8801_0203_0405);

fn bench() -> Bench {
    Bench::up(config(), Stick::formed(Chip::Cc2652))
}

fn call(destination: Option<IeeeAddress>) -> Request {
    Request::InterPan(InterPanRequest {
        destination,
        cluster: ClusterId(0x1000),
        payload: vec![0x11, 0, 0, 1, 2, 3, 4],
        listen: Duration::from_millis(500),
    })
}

/// `AF.incomingMsgExt` of a device on whatever network.
fn answer(ieee: IeeeAddress, payload: &[u8]) -> Vec<u8> {
    let mut data = vec![0, 0, 0x00, 0x10, 3];
    data.extend(ieee.0.to_le_bytes());
    // Endpoint, PAN, our endpoint, broadcast, link quality, security, time, sequence.
    data.extend([0xfe, 0xff, 0xff, 12, 0, 99, 0, 1, 2, 3, 4, 5]);
    data.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
    data.extend(payload);
    data.extend([0x11, 0x22, 29]);
    data
}

#[test]
fn the_bytes_are_those_of_the_fact_sheet() {
    let mut bench = bench();
    let on = |channel| Request::InterPanChannel(Some(channel));
    assert_eq!(bench.ask(on(15)), Ok(Reply::Done));
    let id = bench.request(call(None));
    bench
        .stick
        .send(af::INCOMING_MSG_EXT, &answer(BULB, &[0x19, 0, 1]));
    bench.advance(Duration::from_millis(499));
    assert_eq!(bench.reply(id), None);
    bench.advance(Duration::from_millis(1));
    assert_eq!(
        bench.reply(id),
        Some(Ok(Reply::InterPan(vec![InterPanMessage {
            source: BULB,
            cluster: ClusterId(0x1000),
            link_quality: 99,
            payload: vec![0x19, 0, 1],
        }])))
    );
    assert_eq!(bench.ask(on(20)), Ok(Reply::Done));
    assert_eq!(bench.ask(call(Some(BULB))), Ok(Reply::InterPan(vec![])));
    let before = bench.now;
    assert_eq!(bench.ask(Request::InterPanChannel(None)), Ok(Reply::Done));
    assert_eq!(bench.now.since(before), Duration::from_secs(3));
    assert_eq!(
        bench.stick.requests(af::INTER_PAN_CTL),
        [&[1, 15][..], &[2, 12], &[1, 20], &[0]]
    );
    // Endpoint, PAN, our endpoint, cluster; transaction; options, radius, length; the frame.
    let rest = [0xfe, 0xff, 0xff, 12, 0x00, 0x10, 1];
    let body = [0, 30, 7, 0, 0x11, 0, 0, 1, 2, 3, 4];
    let frames: Vec<_> = [
        (2, [0xff, 0xff, 0, 0, 0, 0, 0, 0]),
        (3, BULB.0.to_le_bytes()),
    ]
    .into_iter()
    .map(|(mode, address)| [&[mode][..], &address, &rest, &body].concat())
    .collect();
    assert_eq!(bench.stick.requests(af::DATA_REQUEST_EXT), frames);
}

#[test]
fn what_arrives_while_nobody_listens_is_dropped() {
    let mut bench = bench();
    bench
        .stick
        .send(af::INCOMING_MSG_EXT, &answer(BULB, &[0x19, 0, 1]));
    bench.advance(Duration::from_secs(1));
    assert!(bench.events.is_empty(), "{:?}", bench.events);
    assert_eq!(
        bench.ask(call(None)),
        Err(RequestError::Unsupported(
            "messages without a network before a channel is chosen"
        ))
    );
    assert_eq!(bench.stick.count(af::DATA_REQUEST_EXT), 0);
    assert_eq!(bench.ask(Request::InterPanChannel(None)), Ok(Reply::Done));
    assert_eq!(bench.stick.count(af::INTER_PAN_CTL), 0);
}

#[test]
fn everything_else_waits_until_the_radio_is_back() {
    let mut bench = bench();
    bench.ask(Request::InterPanChannel(Some(11))).unwrap();
    let mut hasty = message(0x1234);
    if let Request::Aps(request) = &mut hasty {
        request.patience = Some(Duration::from_secs(1));
    }
    let hasty = bench.request(hasty);
    let others = [
        message(0x1234),
        Request::PermitJoin {
            seconds: 60,
            via: PermitVia::All,
        },
        Request::Zdo(NwkAddress(0x1234), z::Request::MgmtLqi { start: 0 }),
    ]
    .map(|request| bench.request(request));
    let commands = [
        af::DATA_REQUEST,
        zdo::MGMT_PERMIT_JOIN_REQ,
        zdo::MGMT_LQI_REQ,
    ];
    bench.advance(Duration::from_secs(5));
    assert_eq!(
        bench.reply(hasty),
        Some(Err(RequestError::NotSent(Duration::from_secs(1))))
    );
    for id in others {
        assert_eq!(bench.reply(id), None);
    }
    for command in commands {
        assert_eq!(bench.stick.count(command), 0, "{}", command.name);
    }
    bench.ask(Request::InterPanChannel(None)).unwrap();
    bench.advance(Duration::from_secs(1));
    for command in commands {
        assert_eq!(bench.stick.count(command), 1, "{}", command.name);
    }
    assert_eq!(bench.reply(others[0]), Some(Ok(Reply::Done)));
}

#[test]
fn a_radio_that_was_forgotten_goes_back_by_itself() {
    let mut bench = bench();
    bench.ask(Request::InterPanChannel(Some(11))).unwrap();
    bench.ask(call(None)).unwrap();
    bench.advance(Duration::from_secs(14));
    assert_eq!(bench.stick.count(af::INTER_PAN_CTL), 2);
    bench.advance(Duration::from_secs(5));
    assert_eq!(bench.stick.requests(af::INTER_PAN_CTL)[2], [0]);
    assert!(
        bench
            .logs
            .iter()
            .any(|line| line.contains("left on another channel")),
        "{:?}",
        bench.logs
    );
    assert_eq!(bench.ask(message(0x1234)), Ok(Reply::Done));
}

#[test]
fn a_refused_channel_is_told_and_the_way_back_is_open() {
    let mut bench = bench();
    bench.stick.whim(af::INTER_PAN_CTL, Whim::Answer(vec![1]));
    assert_eq!(
        bench.ask(Request::InterPanChannel(Some(11))),
        Err(RequestError::Refused {
            command: "AF.interPanCtl",
            status: 1
        })
    );
    assert_eq!(bench.ask(Request::InterPanChannel(None)), Ok(Reply::Done));
    assert_eq!(bench.ask(message(0x1234)), Ok(Reply::Done));
    assert!(bench.ask(Request::InterPanChannel(Some(27))).is_err());
    assert_eq!(bench.ask(message(0x1234)), Ok(Reply::Done));
}

#[test]
fn a_stick_that_runs_is_brought_back_at_the_start() {
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.state = 9;
    let mut bench = Bench::new(config(), stick);
    bench.info();
    assert_eq!(bench.stick.requests(af::INTER_PAN_CTL), [[0]]);
    // After a reset it is on its channel.
    let mut bench = Bench::new(config(), Stick::formed(Chip::Cc2652));
    bench.info();
    assert_eq!(bench.stick.count(af::INTER_PAN_CTL), 0);
}
