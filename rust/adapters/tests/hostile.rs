//! Links that break at any byte, and sticks that say anything: nothing panics, every request is
//! answered exactly once, and the session always wants to be called again or has ended.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::znp::ZnpSession;
use adapters::znp::commands::{self, Command};
use adapters::znp::frame::{Frame, Header, Type};
use adapters::{
    Event, Instant, InterPanRequest, Output, PermitVia, Request, RequestId, Session, SessionConfig,
};
use proptest::collection::vec;
use proptest::prelude::*;
use support::stick::{Chip, Stick};
use support::{Bench, config, message};
use zigbee::{IeeeAddress, NwkAddress, zdo};

#[derive(Debug, Clone)]
enum Step {
    /// Bytes without sense.
    Noise(Vec<u8>),
    /// A command that the stick could send, with any data.
    Message(usize, Vec<u8>),
    /// Whatever was asked is answered, with any data.
    Answer(Vec<u8>),
    /// Time passes until the session wants to be called.
    Wait,
    /// The hub asks.
    Ask(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || vec(any::<u8>(), 0..40);
    prop_oneof![
        1 => bytes().prop_map(Step::Noise),
        3 => (0..commands::ALL.len(), bytes()).prop_map(|(command, data)| Step::Message(command, data)),
        3 => prop_oneof![
            Just(vec![0]),
            Just(vec![0; 32]),
            bytes(),
        ].prop_map(Step::Answer),
        3 => Just(Step::Wait),
        2 => any::<u8>().prop_map(Step::Ask),
    ]
}

fn question(kind: u8) -> Request {
    let nwk = NwkAddress(u16::from(kind % 3));
    match kind % 11 {
        0 | 1 => message(kind.into()),
        2 => Request::Zdo(nwk, zdo::Request::NodeDescriptor { nwk }),
        3 => Request::PermitJoin {
            seconds: kind,
            via: PermitVia::Router(nwk),
        },
        4 => Request::DiscoverRoute(nwk),
        5 => Request::Backup,
        6 => Request::EnergyScan(u32::MAX),
        7 => Request::ChangeChannel(kind),
        8 => Request::InterPanChannel(kind.is_multiple_of(2).then_some(kind % 30)),
        9 => Request::InterPan(InterPanRequest {
            destination: None,
            cluster: zigbee::ClusterId(0x1000),
            payload: vec![0; kind.into()],
            listen: std::time::Duration::from_millis(500),
        }),
        _ => Request::InstallCode {
            ieee: IeeeAddress(1),
            code: vec![0; 18].into(),
        },
    }
}

/// Counts what a session says.
#[derive(Default)]
struct Heard {
    replies: BTreeMap<RequestId, u32>,
    requests: Vec<Header>,
    failed: bool,
}

impl Heard {
    fn drain(&mut self, session: &mut ZnpSession) {
        while let Some(output) = session.output() {
            match output {
                Output::Event(Event::Reply(id, _)) => *self.replies.entry(id).or_default() += 1,
                Output::Write(bytes) => {
                    if let [0xfe, _, cmd0, cmd1, ..] = bytes[..] {
                        self.requests.push(Header::from_bytes(cmd0, cmd1));
                    }
                }
                Output::Fail(_) => self.failed = true,
                Output::Log(_, text) => assert!(!text.contains("[1, 3, 5")),
                _ => {}
            }
        }
    }
}

fn frame(header: Header, data: &[u8]) -> Vec<u8> {
    Frame { header, data }.to_bytes().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_stick_may_say_anything(
        steps in vec(step(), 1..60),
        starts_up: bool,
        chip in prop_oneof![Just(Chip::Cc2531), Just(Chip::Cc2652)],
    ) {
        let (mut session, mut now) = if starts_up {
            let bench = Bench::up(config(), Stick::formed(chip));
            (bench.session, bench.now)
        } else {
            let settings = SessionConfig { may_form: true, ..config() };
            (ZnpSession::new(settings), Instant(0))
        };
        let mut heard = Heard::default();
        session.timeout(now);
        let mut asked = 0;
        for step in &steps {
            match step {
                Step::Noise(bytes) => session.receive(now, bytes),
                Step::Message(command, data) => {
                    let command: Command = commands::ALL[*command];
                    let kind = if command.kind == Type::Sreq { Type::Srsp } else { Type::Areq };
                    let header = Header { kind, ..command.header() };
                    session.receive(now, &frame(header, data));
                }
                Step::Answer(data) => {
                    for header in std::mem::take(&mut heard.requests) {
                        let header = Header { kind: Type::Srsp, ..header };
                        session.receive(now, &frame(header, data));
                    }
                }
                Step::Wait => {
                    if let Some(deadline) = session.deadline() {
                        now = now.max(deadline);
                        session.timeout(now);
                    }
                }
                Step::Ask(kind) => {
                    asked += 1;
                    session.request(now, RequestId(asked), question(*kind));
                }
            }
            heard.drain(&mut session);
            prop_assert_eq!(session.deadline().is_none(), heard.failed);
        }
        // Silence: in the end everything is answered, or the session has ended.
        for _ in 0..3000 {
            let Some(deadline) = session.deadline() else { break };
            now = now.max(deadline);
            session.timeout(now);
            heard.drain(&mut session);
        }
        prop_assert!(heard.failed, "a silent stick is given up");
        prop_assert_eq!(heard.replies.len() as u64, asked);
        prop_assert!(heard.replies.values().all(|count| *count == 1));
    }

    #[test]
    fn a_damaged_byte_anywhere_during_start_is_survived(
        at in 0_usize..900,
        mask in 1_u8..=255,
    ) {
        let mut bench = Bench::new(config(), Stick::formed(Chip::Cc2652));
        bench.damage = Some((at, mask));
        bench.run(Duration::from_secs(300), |bench| {
            bench.events.iter().any(|event| matches!(event, Event::Up(_)))
        });
        let up = bench.events.iter().any(|event| matches!(event, Event::Up(_)));
        prop_assert!(up, "{:?} {:?}", bench.failure, bench.logs);
    }
}

#[test]
fn a_link_that_ends_at_any_byte_leaves_a_stick_that_the_next_session_resumes() {
    let total = {
        let mut bench = Bench::new(config(), Stick::formed(Chip::Cc2652));
        bench.info();
        bench.received
    };
    for cut in (0..total).step_by(5) {
        let mut bench = Bench::new(config(), Stick::formed(Chip::Cc2652));
        bench.cut = Some(cut);
        bench.run(Duration::from_secs(1), |bench| bench.received >= cut);
        // The stick goes on in the middle of whatever it was saying.
        let mut again = Bench::new(config(), bench.stick);
        again.now = bench.now;
        again.info();
        assert_eq!(again.stick.endpoints.len(), 15, "cut at {cut}");
    }
}
