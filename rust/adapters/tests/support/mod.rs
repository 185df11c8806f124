//! A small scripted stick and a bench that runs a session against it under a virtual clock.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test support"
)]

pub mod stick;

use std::time::Duration;

use adapters::znp::ZnpSession;
use adapters::{
    ApsRequest, Destination, Event, Failure, Instant, NetworkInfo, NetworkParameters, Output,
    Reply, Request, RequestError, RequestId, Session, SessionConfig,
};
use stick::Stick;
use zigbee::{ClusterId, EndpointId, ExtendedPanId, NwkAddress, PanId, ProfileId};

pub const KEY: [u8; 16] = [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13];

pub fn config() -> SessionConfig {
    SessionConfig {
        network: NetworkParameters {
            pan_id: PanId(0x1a62),
            extended_pan_id: ExtendedPanId(0x0102_0304_0506_0708),
            channel: 15,
            network_key: KEY,
        },
        backup: None,
        may_form: false,
        concurrency: None,
        transmit_power: None,
        disable_led: false,
        has_lines: false,
    }
}

/// A session, a stick, and the wire between them.
pub struct Bench {
    pub session: ZnpSession,
    pub stick: Stick,
    pub now: Instant,
    pub events: Vec<Event>,
    pub logs: Vec<String>,
    pub lines: Vec<(bool, bool)>,
    pub failure: Option<Failure>,
    /// Bytes from the stick arrive in pieces of so many bytes.
    pub piece: usize,
    /// Byte to damage, and how.
    pub damage: Option<(usize, u8)>,
    /// The link ends after so many bytes from the stick.
    pub cut: Option<usize>,
    /// Bytes from the stick so far.
    pub received: usize,
    next_id: u64,
}

impl Bench {
    pub fn new(config: SessionConfig, stick: Stick) -> Self {
        let mut bench = Self {
            session: ZnpSession::new(config),
            stick,
            now: Instant(0),
            events: Vec::new(),
            logs: Vec::new(),
            lines: Vec::new(),
            failure: None,
            piece: usize::MAX,
            damage: None,
            cut: None,
            received: 0,
            next_id: 0,
        };
        bench.session.timeout(bench.now);
        bench
    }

    /// A bench whose network is up.
    pub fn up(config: SessionConfig, stick: Stick) -> Self {
        let mut bench = Self::new(config, stick);
        bench.info();
        bench.events.clear();
        bench.stick.log.clear();
        bench
    }

    /// Starts and gives what the session says about its network.
    pub fn info(&mut self) -> NetworkInfo {
        self.run(Duration::from_secs(300), |bench| {
            bench.failure.is_some()
                || bench
                    .events
                    .iter()
                    .any(|event| matches!(event, Event::Up(_)))
        });
        self.events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Up(info) => Some(info.clone()),
                _ => None,
            })
            .unwrap_or_else(|| panic!("not up: {:?} {:?}", self.failure, self.logs))
    }

    /// Starts and gives the reason why that failed.
    pub fn failure(&mut self) -> Failure {
        self.run(Duration::from_secs(600), |bench| bench.failure.is_some());
        self.failure.clone().unwrap()
    }

    /// Moves what waits on the wire. True: something moved.
    pub fn exchange(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.session.output() {
            moved = true;
            match output {
                Output::Write(bytes) => self.stick.write(self.now, &bytes),
                Output::Lines { dtr, rts } => {
                    self.lines.push((dtr, rts));
                    self.stick.set_lines(dtr, rts);
                }
                Output::Event(event) => self.events.push(event),
                Output::Log(_, text) => self.logs.push(text),
                Output::Fail(failure) => self.failure = Some(failure),
            }
        }
        let mut bytes = self.stick.read(self.now);
        if let Some((at, mask)) = self.damage
            && let Some(byte) = at
                .checked_sub(self.received)
                .and_then(|at| bytes.get_mut(at))
        {
            *byte ^= mask;
        }
        if let Some(cut) = self.cut {
            bytes.truncate(cut.saturating_sub(self.received));
        }
        self.received += bytes.len();
        for piece in bytes.chunks(self.piece) {
            moved = true;
            self.session.receive(self.now, piece);
        }
        moved
    }

    /// Runs until a condition holds, or the virtual time is over.
    pub fn run(&mut self, limit: Duration, until: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            while self.exchange() {}
            if until(self) {
                return true;
            }
            let next = [self.session.deadline(), self.stick.deadline()]
                .into_iter()
                .flatten()
                .min();
            match next {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => {
                    self.now = end;
                    return false;
                }
            }
            if self.session.deadline().is_some_and(|at| at <= self.now) {
                self.session.timeout(self.now);
            }
        }
    }

    /// Runs for a time.
    pub fn advance(&mut self, time: Duration) {
        self.run(time, |_| false);
    }

    pub fn request(&mut self, request: Request) -> RequestId {
        self.next_id += 1;
        let id = RequestId(self.next_id);
        self.session.request(self.now, id, request);
        while self.exchange() {}
        id
    }

    /// The answer to a request, if there is one yet.
    pub fn reply(&self, id: RequestId) -> Option<Result<Reply, RequestError>> {
        self.events.iter().find_map(|event| match event {
            Event::Reply(of, result) if *of == id => Some(result.clone()),
            _ => None,
        })
    }

    pub fn session_deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, request: Request) -> Result<Reply, RequestError> {
        let id = self.request(request);
        self.run(Duration::from_secs(120), |bench| bench.reply(id).is_some());
        self.reply(id).expect("a reply")
    }
}

/// A message for one device.
pub fn message(to: u16) -> Request {
    Request::Aps(ApsRequest {
        destination: Destination::Device(NwkAddress(to), EndpointId(1)),
        source_endpoint: EndpointId(1),
        profile: ProfileId::HOME_AUTOMATION,
        cluster: ClusterId(6),
        payload: vec![0x01, 0x42, 0x02],
        patience: None,
    })
}
