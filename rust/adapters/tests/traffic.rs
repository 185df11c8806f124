//! Messages and requests while the network is up.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use adapters::znp::commands::{af, app_cnf, sys, util, zdo};
use adapters::{ApsRequest, Destination, Event, PermitVia, Reply, Request, RequestError};
use support::stick::{Chip, Stick, Whim};
use support::{Bench, config, message};
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress, NwkAddress, ProfileId, zdo as z};

fn bench(chip: Chip) -> Bench {
    Bench::up(config(), Stick::formed(chip))
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
fn a_message_has_the_published_bytes_and_is_done_when_confirmed() {
    let mut bench = bench(Chip::Cc2652);
    assert_eq!(bench.ask(message(0x1234)), Ok(Reply::Done));
    assert_eq!(
        bench.stick.requests(af::DATA_REQUEST),
        [[0x34, 0x12, 1, 1, 6, 0, 1, 0, 30, 3, 0x01, 0x42, 0x02]]
    );
}

#[test]
fn incoming_messages_are_told_with_profile_and_group() {
    let mut bench = bench(Chip::Cc2652);
    let data = incoming(0x1234, 0, &[0x18, 1, 0x0a]);
    bench.stick.send(af::INCOMING_MSG, &data);
    bench
        .stick
        .send(af::INCOMING_MSG, &incoming(0x1234, 7, &[]));
    // Cut short: told nobody, breaks nothing.
    bench.stick.send(af::INCOMING_MSG, &data[..18]);
    bench.advance(Duration::from_millis(1));
    let [Event::Message(first), Event::Message(second)] = &bench.events[..] else {
        panic!("{:?}", bench.events);
    };
    assert_eq!(first.source, NwkAddress(0x1234));
    assert_eq!(
        (first.source_endpoint, first.destination_endpoint),
        (EndpointId(3), EndpointId(1))
    );
    assert_eq!((first.cluster, first.link_quality), (ClusterId(6), 142));
    assert_eq!(first.profile, Some(ProfileId::HOME_AUTOMATION));
    assert_eq!(
        (first.group, first.payload.as_slice()),
        (None, &[0x18, 1, 0x0a][..])
    );
    assert_eq!(second.group, Some(GroupId(7)));
}

#[test]
fn large_messages_are_fetched_in_chunks_and_freed() {
    let mut bench = bench(Chip::Cc2652);
    let payload: Vec<u8> = (0..=255).chain(0..44).collect();
    let mut data = vec![
        0, 0, 6, 0, 2, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 99, 0,
    ];
    data.extend([0xaa, 0xbb, 0xcc, 0xdd, 5]);
    data.extend(300_u16.to_le_bytes());
    for chunk in payload.chunks(240) {
        let answer = [&[0, u8::try_from(chunk.len()).unwrap()][..], chunk].concat();
        bench.stick.whim(af::DATA_RETRIEVE, Whim::Answer(answer));
    }
    bench
        .stick
        .whim(af::DATA_RETRIEVE, Whim::Answer(vec![0, 0]));
    bench.stick.send(af::INCOMING_MSG_EXT, &data);
    bench.advance(Duration::from_millis(1));
    assert!(matches!(&bench.events[..], [Event::Message(message)]
        if message.payload == payload && message.source == NwkAddress(0x1234)));
    assert_eq!(
        bench.stick.requests(af::DATA_RETRIEVE),
        [
            [0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 240],
            [0xaa, 0xbb, 0xcc, 0xdd, 240, 0, 60],
            [0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0],
        ]
    );
    // An error frees it too.
    bench.stick.log.clear();
    bench
        .stick
        .whim(af::DATA_RETRIEVE, Whim::Answer(vec![1, 0]));
    bench
        .stick
        .whim(af::DATA_RETRIEVE, Whim::Answer(vec![0, 0]));
    bench.stick.send(af::INCOMING_MSG_EXT, &data);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.stick.requests(af::DATA_RETRIEVE)[1][6], 0);
    assert_eq!(bench.events.len(), 1);
}

#[test]
fn sixteen_messages_are_under_way_on_a_new_chip_and_two_on_an_old_one() {
    for (chip, slots) in [(Chip::Cc2652, 16), (Chip::Cc2531, 2)] {
        let mut bench = bench(chip);
        for to in 1..=40 {
            bench.stick.slow.insert(to, Duration::from_millis(100));
            bench.request(message(to));
        }
        bench.advance(Duration::from_millis(50));
        assert_eq!(bench.stick.count(af::DATA_REQUEST), slots);
        let mut ids: Vec<u8> = bench
            .stick
            .requests(af::DATA_REQUEST)
            .iter()
            .map(|data| data[6])
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=u8::try_from(slots).unwrap()).collect::<Vec<_>>());
        bench.advance(Duration::from_secs(10));
        assert_eq!(bench.events.len(), 40);
    }
}

#[test]
fn a_silent_device_does_not_hold_up_others_on_an_old_chip() {
    let mut bench = bench(Chip::Cc2531);
    for to in [1, 2] {
        bench.stick.slow.insert(to, Duration::from_secs(9));
        bench.request(message(to));
    }
    let started = bench.now;
    assert_eq!(bench.ask(message(3)), Ok(Reply::Done));
    assert!(bench.now.since(started) <= Duration::from_secs(2));
}

#[test]
fn a_message_that_cannot_be_sent_in_its_time_is_given_up() {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.slow.insert(1, Duration::from_secs(9));
    let under_way = [bench.request(message(1)), bench.request(message(1))];
    let limit = Duration::from_secs(5);
    let Request::Aps(mut hurried) = message(1) else {
        unreachable!("it is a message");
    };
    hurried.patience = Some(limit);
    let started = bench.now;
    assert_eq!(
        bench.ask(Request::Aps(hurried)),
        Err(RequestError::NotSent(limit))
    );
    assert_eq!(bench.now.since(started), limit);
    assert_eq!(bench.ask(message(1)), Ok(Reply::Done), "the others wait");
    for id in under_way {
        assert_eq!(bench.reply(id), Some(Ok(Reply::Done)));
    }
    assert_eq!(bench.stick.requests(af::DATA_REQUEST).len(), 3);
}

#[test]
fn groups_and_broadcasts_are_sent_one_after_the_other() {
    let mut bench = bench(Chip::Cc2652);
    let aps = |destination| {
        Request::Aps(ApsRequest {
            destination,
            source_endpoint: EndpointId(1),
            profile: ProfileId::HOME_AUTOMATION,
            cluster: ClusterId(6),
            payload: vec![1, 2, 3],
            patience: None,
        })
    };
    assert_eq!(
        bench.ask(aps(Destination::Group(GroupId(0x0203)))),
        Ok(Reply::Done)
    );
    let all = Destination::Broadcast(NwkAddress::BROADCAST_RX_ON, EndpointId::BROADCAST);
    let started = bench.now;
    assert_eq!(bench.ask(aps(all)), Ok(Reply::Done));
    assert_eq!(bench.now.since(started), Duration::from_millis(200));
    let tail = [1, 6, 0, 1, 0, 30, 3, 0, 1, 2, 3];
    let expected = [
        [&[1, 3, 2, 0, 0, 0, 0, 0, 0, 255, 0, 0][..], &tail].concat(),
        [&[2, 0xfd, 0xff, 0, 0, 0, 0, 0, 0, 255, 0, 0][..], &tail].concat(),
    ];
    assert_eq!(bench.stick.requests(af::DATA_REQUEST_EXT), expected);
}

#[test]
fn zdo_answers_are_matched_by_sender_and_others_are_told() {
    let mut bench = bench(Chip::Cc2652);
    let ask = |nwk| {
        Request::Zdo(
            NwkAddress(nwk),
            z::Request::ActiveEndpoints {
                nwk: NwkAddress(nwk),
            },
        )
    };
    let (first, second) = (bench.request(ask(1)), bench.request(ask(2)));
    bench.stick.send(zdo::ACTIVE_EP_RSP, &[2, 0, 0, 2, 0, 1, 9]);
    bench.stick.send(zdo::ACTIVE_EP_RSP, &[1, 0, 0x80, 1, 0, 0]);
    bench.stick.send(zdo::ACTIVE_EP_RSP, &[3, 0, 0, 3, 0, 0]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(
        bench.reply(first),
        Some(Err(RequestError::Zdo(z::Status(0x80))))
    );
    let endpoints = z::Response::ActiveEndpoints {
        nwk: NwkAddress(2),
        endpoints: vec![EndpointId(9)],
    };
    assert_eq!(bench.reply(second), Some(Ok(Reply::Zdo(endpoints))));
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Zdo { source, cluster, .. }
        if *source == NwkAddress(3) && *cluster == ClusterId(0x8005)))
    );
    let silent = bench.ask(ask(4));
    assert!(matches!(silent, Err(RequestError::NoResponse(_))));
}

#[test]
fn one_question_at_a_time_goes_to_a_device() {
    let mut bench = bench(Chip::Cc2652);
    let ask = |endpoint| {
        Request::Zdo(
            NwkAddress(1),
            z::Request::SimpleDescriptor {
                nwk: NwkAddress(1),
                endpoint: EndpointId(endpoint),
            },
        )
    };
    bench.request(ask(1));
    bench.request(ask(2));
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.stick.count(zdo::SIMPLE_DESC_REQ), 1);
}

#[test]
fn joining_is_opened_for_all_for_the_coordinator_and_for_one_router() {
    let mut bench = bench(Chip::Cc2652);
    let permit = |via| Request::PermitJoin { seconds: 254, via };
    bench.ask(permit(PermitVia::All)).unwrap();
    bench.ask(permit(PermitVia::Coordinator)).unwrap();
    let id = bench.request(permit(PermitVia::Router(NwkAddress(0x1234))));
    bench
        .stick
        .send(zdo::MGMT_PERMIT_JOIN_RSP, &[0x34, 0x12, 0]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.reply(id), Some(Ok(Reply::Done)));
    assert_eq!(
        bench.stick.requests(zdo::MGMT_PERMIT_JOIN_REQ),
        [
            [15, 0xfc, 0xff, 254, 1],
            [2, 0xfc, 0xff, 254, 1],
            [2, 0x34, 0x12, 254, 1],
        ]
    );
    assert_eq!(bench.stick.count(util::LED_CONTROL), 3);
}

#[test]
fn install_codes_power_and_energy_have_the_published_bytes() {
    let mut bench = bench(Chip::Cc2652);
    let install = Request::InstallCode {
        ieee: IeeeAddress(1),
        code: vec![7; 18].into(),
    };
    bench.ask(install).unwrap();
    let data = &bench.stick.requests(app_cnf::BDB_ADD_INSTALL_CODE)[0];
    assert_eq!((data[0], data.len()), (1, 27));
    bench.ask(Request::SetTransmitPower(-5)).unwrap();
    assert_eq!(bench.stick.requests(sys::STACK_TUNE), [[0, 0xfb]]);
    let id = bench.request(Request::EnergyScan((1 << 11) | (1 << 15)));
    bench.stick.send(
        zdo::MGMT_NWK_UPDATE_NOTIFY,
        &[0, 0, 0, 0, 0x88, 0, 0, 0, 0, 0, 0, 2, 80, 120],
    );
    bench.advance(Duration::from_millis(1));
    assert_eq!(
        bench.reply(id),
        Some(Ok(Reply::Energy(vec![(11, 80), (15, 120)])))
    );
}

#[test]
fn joins_announces_leaves_and_addresses_are_told() {
    let mut bench = bench(Chip::Cc2652);
    let ieee = 0x77_u64.to_le_bytes();
    bench
        .stick
        .send(zdo::TC_DEVICE_IND, &[&[1, 0][..], &ieee, &[2, 0]].concat());
    bench.stick.send(
        zdo::END_DEVICE_ANNCE_IND,
        &[&[1, 0, 1, 0][..], &ieee, &[0x8e]].concat(),
    );
    bench
        .stick
        .send(zdo::LEAVE_IND, &[&[1, 0][..], &ieee, &[0, 0, 1]].concat());
    bench
        .stick
        .send(zdo::LEAVE_IND, &[&[1, 0][..], &ieee, &[0, 0, 0]].concat());
    for _ in 0..2 {
        bench
            .stick
            .send(zdo::CONCENTRATOR_IND, &[&[9, 0][..], &ieee, &[0]].concat());
    }
    bench.advance(Duration::from_millis(1));
    let (nwk, ieee) = (NwkAddress(1), IeeeAddress(0x77));
    assert_eq!(
        bench.events,
        [
            Event::Joined {
                nwk,
                ieee,
                parent: NwkAddress(2)
            },
            Event::Announced {
                nwk,
                ieee,
                capabilities: 0x8e
            },
            Event::Left { nwk, ieee },
            Event::Address {
                nwk: NwkAddress(9),
                ieee
            },
        ]
    );
}

#[test]
fn an_unknown_command_costs_no_time() {
    let mut bench = bench(Chip::Cc2652);
    bench.stick.whim(sys::STACK_TUNE, Whim::Unknown);
    let started = bench.now;
    let result = bench.ask(Request::SetTransmitPower(3));
    assert_eq!(result, Err(RequestError::Unsupported("SYS.stackTune")));
    assert_eq!(bench.now, started);
}
