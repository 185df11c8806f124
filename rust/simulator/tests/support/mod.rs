//! A driver session and a simulated stick on one wire, in virtual time.

#![allow(
    unreachable_pub,
    clippy::expect_used,
    clippy::missing_panics_doc,
    dead_code,
    reason = "each test file is a crate of its own and uses a part of this"
)]

use std::collections::VecDeque;
use std::time::Duration;

use adapters::znp::ZnpSession;
use adapters::{
    Event, Failure, Instant, NetworkInfo, NetworkParameters, Output, Reply, Request, RequestError,
    RequestId, Session, SessionConfig,
};
use simulator::{Stick, StickConfig};
use zigbee::{ExtendedPanId, PanId};

/// The network of the tests.
pub fn network() -> NetworkParameters {
    NetworkParameters {
        pan_id: PanId(0x1a62),
        extended_pan_id: ExtendedPanId(0x0123_4567_89ab_cdef),
        channel: 15,
        network_key: [7, 1, 7, 2, 7, 3, 7, 4, 7, 5, 7, 6, 7, 7, 7, 8],
    }
}

pub fn session_config(may_form: bool) -> SessionConfig {
    SessionConfig {
        network: network(),
        backup: None,
        may_form,
        concurrency: None,
        transmit_power: None,
        disable_led: false,
        has_lines: false,
    }
}

/// Both ends and what the session told.
pub struct Wire {
    pub stick: Stick,
    pub session: ZnpSession,
    pub now: Instant,
    pub events: VecDeque<Event>,
    pub failure: Option<Failure>,
    /// Bytes that went from the stick to the session.
    pub to_host: usize,
    /// After so many bytes to the host the wire is cut.
    pub cut_at: Option<usize>,
    pub cut: bool,
    /// Bytes reach the session in pieces of this size.
    pub piece: usize,
    next_id: u64,
}

impl Wire {
    pub fn new(config: StickConfig, may_form: bool) -> Self {
        Self {
            stick: Stick::new(config).expect("the image is valid"),
            session: ZnpSession::new(session_config(may_form)),
            now: Instant(0),
            events: VecDeque::new(),
            failure: None,
            to_host: 0,
            cut_at: None,
            cut: false,
            piece: usize::MAX,
            next_id: 0,
        }
    }

    /// A new session on the same stick, as after the cable was put in again.
    pub fn reconnect(&mut self, may_form: bool) {
        self.stick.unplugged();
        self.session = ZnpSession::new(session_config(may_form));
        self.events.clear();
        self.failure = None;
        self.to_host = 0;
        self.cut_at = None;
        self.cut = false;
    }

    /// Moves bytes and events until nothing moves at this instant.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.session.output() {
                moved = true;
                match output {
                    Output::Write(bytes) if !self.cut => self.stick.receive(self.now, &bytes),
                    Output::Write(_) | Output::Lines { .. } | Output::Log(..) => {}
                    Output::Event(event) => self.events.push_back(event),
                    Output::Fail(failure) => self.failure = Some(failure),
                }
            }
            self.stick.timeout(self.now);
            while let Some(mut bytes) = self.stick.output() {
                moved = true;
                if self.cut {
                    continue;
                }
                if let Some(cut_at) = self.cut_at
                    && self.to_host + bytes.len() >= cut_at
                {
                    bytes.truncate(cut_at - self.to_host);
                    self.cut = true;
                }
                self.to_host += bytes.len();
                for piece in bytes.chunks(self.piece) {
                    self.session.receive(self.now, piece);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Lets time pass until `found` gives something; `None` after `limit`, or when the wire was cut.
    pub fn until<T>(
        &mut self,
        limit: Duration,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let end = self.now + limit;
        loop {
            self.settle();
            if let Some(result) = found(self) {
                return Some(result);
            }
            if self.failure.is_some() || self.cut {
                return None;
            }
            let next = self
                .session
                .deadline()
                .into_iter()
                .chain(self.stick.deadline())
                .min()?;
            if next > end {
                self.now = end;
                return None;
            }
            self.now = self.now.max(next);
            if self.session.deadline().is_some_and(|at| at <= self.now) {
                self.session.timeout(self.now);
            }
        }
    }

    /// The next event that `wanted` takes; others are passed over.
    pub fn event<T>(&mut self, limit: Duration, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.until(limit, |wire| {
            while let Some(event) = wire.events.pop_front() {
                if let Some(result) = wanted(&event) {
                    return Some(result);
                }
            }
            None
        })
    }

    /// Waits until the network is up.
    pub fn up(&mut self) -> Option<NetworkInfo> {
        self.event(Duration::from_secs(300), |event| match event {
            Event::Up(info) => Some(info.clone()),
            _ => None,
        })
    }

    /// Asks the session for something and waits for the reply.
    pub fn ask(&mut self, request: Request) -> Result<Reply, RequestError> {
        self.next_id += 1;
        let id = RequestId(self.next_id);
        self.session.request(self.now, id, request);
        self.event(Duration::from_secs(300), |event| match event {
            Event::Reply(to, reply) if *to == id => Some(reply.clone()),
            _ => None,
        })
        .expect("every request gets a reply")
    }
}
