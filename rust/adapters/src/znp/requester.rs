//! Synchronous requests: one is under way at a time, matched to its answer by the command only.
//!
//! The link has no sequence numbers. So after a request that was not answered in time a ping is sent,
//! and every answer before the ping's own is thrown away: a late answer must not be taken for the next
//! request's.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::commands::{self, Command, RPC_ERROR};
use super::executor::Sender;
use super::frame::{Frame, Header, TooLong};
use crate::{Instant, RequestError};

/// How long the stick may take to answer a request.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(6);
/// The same for a request that can be repeated: reading is quick.
pub(super) const READ_TIME: Duration = Duration::from_secs(2);
/// How long it may take to answer the ping after a request that was not answered.
const RECOVERY_TIME: Duration = Duration::from_millis(500);

/// Why a request to the stick gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StickError {
    /// It was not answered.
    #[error("no answer to {command} within {after:?}")]
    NoAnswer {
        command: &'static str,
        after: Duration,
    },
    /// It was not sent: the stick does not even answer pings.
    #[error("the stick does not answer; {command} was not sent")]
    Hung { command: &'static str },
    /// The firmware doesn't know the command: 1 subsystem, 2 command, 3 parameter, 4 length.
    #[error("the firmware does not know {command} (RPC error {code})")]
    Unknown { command: &'static str, code: u8 },
    /// The answer carries a status other than success.
    #[error("{command} was refused with status {} (0x{status:02x})", super::status::name(*status))]
    Refused { command: &'static str, status: u8 },
    /// The answer is too short.
    #[error("the answer to {command} can't be read")]
    Malformed { command: &'static str },
    /// The request does not fit into a frame.
    #[error("{command} with {length} bytes of data is too long")]
    TooLong {
        command: &'static str,
        length: usize,
    },
    /// The stick reset itself, or the link ended.
    #[error("the stick reset itself during {command}")]
    Reset { command: &'static str },
}

impl From<StickError> for RequestError {
    fn from(error: StickError) -> Self {
        match error {
            StickError::NoAnswer { command, after } => Self::NoAnswer { command, after },
            StickError::Unknown { command, .. } => Self::Unsupported(command),
            StickError::Refused { command, status } => Self::Refused { command, status },
            // The status of a length error.
            StickError::Malformed { command } | StickError::TooLong { command, .. } => {
                Self::Refused {
                    command,
                    status: 0x0c,
                }
            }
            StickError::Reset { .. } | StickError::Hung { .. } => Self::NotConnected,
        }
    }
}

pub(super) type Answer = Result<Vec<u8>, StickError>;

/// Which request goes first. Data must not starve the watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    Ping,
    Ordinary,
    Data,
}

struct Waiting {
    command: Command,
    frame: Vec<u8>,
    limit: Duration,
    reply: Sender<Answer>,
}

enum State {
    Idle,
    /// A request waits for its answer.
    Busy {
        command: Command,
        deadline: Instant,
        limit: Duration,
        reply: Sender<Answer>,
    },
    /// A request was not answered; a ping finds out whether the stick lives.
    Recovering {
        deadline: Instant,
    },
    /// The ping was not answered either: every request fails until [`Requester::clear`].
    Hung,
}

/// What became of a time limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Nothing,
    /// A request was not answered.
    Missed(&'static str),
    /// The stick does not answer at all.
    Hung,
}

/// The queue of synchronous requests.
pub(super) struct Requester {
    state: State,
    queue: BTreeMap<(Priority, u64), Waiting>,
    serial: u64,
}

impl Requester {
    pub(super) fn new() -> Self {
        Self {
            state: State::Idle,
            queue: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Queues a request. Its answer, or why there is none, goes to `reply`.
    pub(super) fn push(
        &mut self,
        command: Command,
        data: &[u8],
        priority: Priority,
        limit: Duration,
        reply: Sender<Answer>,
    ) {
        if matches!(self.state, State::Hung) {
            return reply.send(Err(StickError::Hung {
                command: command.name,
            }));
        }
        let header = command.header();
        match (Frame { header, data }).to_bytes() {
            Ok(frame) => {
                self.serial += 1;
                let waiting = Waiting {
                    command,
                    frame,
                    limit,
                    reply,
                };
                self.queue.insert((priority, self.serial), waiting);
            }
            Err(TooLong(length)) => reply.send(Err(StickError::TooLong {
                command: command.name,
                length,
            })),
        }
    }

    /// The next request's bytes, if it may be sent now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Vec<u8>> {
        while matches!(self.state, State::Idle) {
            let (_, waiting) = self.queue.pop_first()?;
            if waiting.reply.is_abandoned() {
                continue;
            }
            self.state = State::Busy {
                command: waiting.command,
                deadline: now + waiting.limit,
                limit: waiting.limit,
                reply: waiting.reply,
            };
            return Some(waiting.frame);
        }
        None
    }

    /// An answer arrived. False: to nothing that was asked.
    pub(super) fn answer(&mut self, header: Header, data: &[u8]) -> bool {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Busy { command, reply, .. } if header == command.response() => {
                reply.send(Ok(data.to_vec()));
            }
            State::Busy { command, reply, .. } if refuses(header, data, command) => {
                reply.send(Err(StickError::Unknown {
                    command: command.name,
                    code: data.first().copied().unwrap_or_default(),
                }));
            }
            // The link is in step again.
            State::Recovering { .. } if header == commands::sys::PING.response() => {}
            // It may be the late answer to what was asked before the ping.
            recovering @ State::Recovering { .. } => self.state = recovering,
            other => {
                self.state = other;
                return false;
            }
        }
        true
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Busy { deadline, .. } | State::Recovering { deadline } => Some(*deadline),
            State::Idle | State::Hung => None,
        }
    }

    /// Gives up what is overdue. Appends what is to be sent.
    pub(super) fn expire(&mut self, now: Instant, writes: &mut VecDeque<Vec<u8>>) -> Overdue {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return Overdue::Nothing;
        }
        let State::Busy {
            command,
            limit,
            reply,
            ..
        } = std::mem::replace(&mut self.state, State::Hung)
        else {
            for (_, waiting) in std::mem::take(&mut self.queue) {
                waiting.reply.send(Err(StickError::Hung {
                    command: waiting.command.name,
                }));
            }
            return Overdue::Hung;
        };
        reply.send(Err(StickError::NoAnswer {
            command: command.name,
            after: limit,
        }));
        // Nothing can be mistaken for a ping's answer.
        if command == commands::sys::PING {
            self.state = State::Idle;
            return Overdue::Nothing;
        }
        let header = commands::sys::PING.header();
        writes.extend((Frame { header, data: &[] }).to_bytes());
        self.state = State::Recovering {
            deadline: now + RECOVERY_TIME,
        };
        Overdue::Missed(command.name)
    }

    /// Fails everything under way and starts anew: the stick has reset.
    pub(super) fn clear(&mut self) {
        if let State::Busy { command, reply, .. } = std::mem::replace(&mut self.state, State::Idle)
        {
            reply.send(Err(StickError::Reset {
                command: command.name,
            }));
        }
        for (_, waiting) in std::mem::take(&mut self.queue) {
            waiting.reply.send(Err(StickError::Reset {
                command: waiting.command.name,
            }));
        }
    }
}

/// True when an RPC error answers this command.
fn refuses(header: Header, data: &[u8], command: Command) -> bool {
    let [cmd0, cmd1] = command.header().to_bytes();
    header == RPC_ERROR && data.get(1..3) == Some(&[cmd0, cmd1])
}
