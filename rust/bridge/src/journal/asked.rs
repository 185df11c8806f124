//! What the core asked others for, and with which numbers.
//!
//! A replay that begins within a run does not have what was under way when it began: a core there asks
//! for something else now and then, and its numbers are others. What was asked stands in the journal
//! beside the input that led to it, so that an answer is given to the question that it is for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use adapters::{Destination, Event, Instant, Request, RequestError, RequestId};
use devices::FunctionError;
use hub::{CallId, FetchId, Fetched};
use serde::{Deserialize, Serialize};
use zigbee::CommandId;
use zigbee::zcl::{Direction, Frame, FrameType};

use crate::core::{CoreInput, CoreOutput};

const REPORT: CommandId = CommandId(0x0a);
/// The number of what nobody asked for.
const NOBODY: u64 = u64::MAX;
/// Questions without an answer that are remembered.
const MOST: usize = 1000;
/// How long a question waits for the same one in the journal: longer than the jitter of those that are
/// asked now and then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whom {
    Radio,
    Function,
    File,
}

/// Something that was asked: of whom, its number, what it is recognised by, and the sequence number of
/// a frame to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Question(Whom, u64, String, Option<(u16, u8)>);

impl Question {
    fn is_like(&self, other: &Self) -> bool {
        self.0 == other.0 && self.2 == other.2
    }
}

/// A line with what an input led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    asked: Vec<Question>,
}

impl Line {
    /// What a line of this kind begins with.
    pub(crate) const BEGIN: &[u8] = b"{\"asked\"";

    /// What is asked by these outputs; none if nothing is.
    pub(crate) fn new(outputs: &[CoreOutput]) -> Option<Self> {
        let asked = questions(outputs);
        (!asked.is_empty()).then_some(Self { asked })
    }
}

fn questions(outputs: &[CoreOutput]) -> Vec<Question> {
    let asked = outputs.iter().filter_map(|output| match output {
        CoreOutput::Adapter(id, request) => Some(radio(*id, request)),
        CoreOutput::CallConverter(id, call) => {
            let what = format!("{} {}", call.device, call.call.function);
            Some(Question(Whom::Function, id.0, what, None))
        }
        CoreOutput::Fetch(id, _) => Some(Question(Whom::File, id.0, String::new(), None)),
        _ => None,
    });
    asked.collect()
}

fn radio(id: RequestId, request: &Request) -> Question {
    let mut sequence = None;
    let what = match request {
        Request::Aps(aps) => match aps.destination {
            Destination::Device(nwk, endpoint) => {
                let frame = Frame::parse(&aps.payload).ok();
                sequence = frame.map(|frame| (nwk.0, frame.header.sequence));
                format!("{} {} {}", nwk.0, endpoint.0, aps.cluster.0)
            }
            Destination::Group(group) => format!("group {} {}", group.0, aps.cluster.0),
            Destination::Broadcast(nwk, _) => format!("all {} {}", nwk.0, aps.cluster.0),
        },
        Request::Zdo(nwk, _) => format!("zdo {}", nwk.0),
        Request::PermitJoin { .. } => "permit".to_owned(),
        Request::InstallCode { ieee, .. } => format!("code {ieee}"),
        Request::DiscoverRoute(nwk) => format!("route {}", nwk.0),
        Request::Backup => "backup".to_owned(),
        Request::EnergyScan(_) => "energy".to_owned(),
        Request::ChangeChannel(_) => "channel".to_owned(),
        Request::SetTransmitPower(_) => "power".to_owned(),
        Request::InterPanChannel(_) | Request::InterPan(_) => "inter-pan".to_owned(),
    };
    Question(Whom::Radio, id.0, what, sequence)
}

/// Leads answers of a journal to who asks in a replay.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// What the last input led to.
    last: Vec<Question>,
    /// What others led to and was not asked then, with when: it may have been asked a little later.
    early: VecDeque<(Instant, Question)>,
    /// What was asked then and has no answer yet, and nobody here asked: that may come a little later.
    late: VecDeque<Question>,
    numbers: BTreeMap<(Whom, u64), u64>,
    sequences: BTreeMap<(u16, u8), u8>,
}

impl Answers {
    /// The core was given an input.
    pub(crate) fn asked(&mut self, now: Instant, outputs: &[CoreOutput]) {
        self.settle(now);
        self.last = questions(outputs);
    }

    /// What the last input led to was not asked then.
    fn settle(&mut self, now: Instant) {
        for own in std::mem::take(&mut self.last) {
            let same = |question: &Question| question.is_like(&own);
            let place = self.late.iter().position(same);
            match place.and_then(|place| self.late.remove(place)) {
                Some(question) => self.pair(&question, &own),
                None => self.early.push_back((now, own)),
            }
        }
    }

    fn pair(&mut self, recorded: &Question, own: &Question) {
        self.numbers.insert((recorded.0, recorded.1), own.1);
        if let (Some(recorded), Some((_, own))) = (recorded.3, own.3) {
            self.sequences.insert(recorded, own);
        }
    }

    /// What the same input led to when it was recorded.
    pub(crate) fn recorded(&mut self, line: Line) {
        for question in line.asked {
            let place = self.last.iter().position(|own| own.is_like(&question));
            let own = match place {
                Some(place) => Some(self.last.remove(place)),
                None => self.take_early(&question),
            };
            match own {
                Some(own) => self.pair(&question, &own),
                None => self.late.push_back(question),
            }
        }
        while self.late.len() > MOST {
            self.late.pop_front();
        }
        while self.numbers.len() > MOST {
            self.numbers.pop_first();
        }
    }

    fn take_early(&mut self, like: &Question) -> Option<Question> {
        let place = self.early.iter().rposition(|(_, own)| own.is_like(like))?;
        self.early.remove(place).map(|(_, own)| own)
    }

    /// The next answer that is to be made up, as nobody asked then: that there is none.
    pub(crate) fn overdue(&mut self, now: Instant) -> Option<CoreInput> {
        let (at, _) = self.early.front()?;
        if now.since(*at) < PATIENCE {
            return None;
        }
        let (_, Question(whom, id, ..)) = self.early.pop_front()?;
        let none = "nobody asked for that when it was recorded";
        Some(match whom {
            Whom::Radio => {
                let error = RequestError::NoResponse(PATIENCE);
                CoreInput::Adapter(Event::Reply(RequestId(id), Err(error)))
            }
            Whom::Function => {
                let error = FunctionError::new("unavailable", none);
                CoreInput::ConverterReply(CallId(id), Err(error))
            }
            Whom::File => CoreInput::Fetched(FetchId(id), Fetched::Index(Err(none.to_owned()))),
        })
    }

    fn number(&mut self, whom: Whom, id: u64) -> u64 {
        self.late
            .retain(|question| (question.0, question.1) != (whom, id));
        self.numbers.remove(&(whom, id)).unwrap_or(NOBODY)
    }

    /// An input as the core expects it.
    pub(crate) fn input(&mut self, now: Instant, input: CoreInput) -> CoreInput {
        self.settle(now);
        match input {
            CoreInput::Adapter(Event::Reply(id, reply)) => {
                let id = RequestId(self.number(Whom::Radio, id.0));
                CoreInput::Adapter(Event::Reply(id, reply))
            }
            CoreInput::ConverterReply(id, reply) => {
                CoreInput::ConverterReply(CallId(self.number(Whom::Function, id.0)), reply)
            }
            CoreInput::Fetched(id, file) => {
                CoreInput::Fetched(FetchId(self.number(Whom::File, id.0)), file)
            }
            CoreInput::Adapter(Event::Message(mut message)) => {
                if let Ok(mut frame) = Frame::parse(&message.payload)
                    && frame.header.direction == Direction::ToClient
                    && (frame.header.frame_type, frame.header.command)
                        != (FrameType::Global, REPORT)
                    && let Some(own) = self
                        .sequences
                        .remove(&(message.source.0, frame.header.sequence))
                {
                    frame.header.sequence = own;
                    message.payload = frame.emit();
                }
                CoreInput::Adapter(Event::Message(message))
            }
            other => other,
        }
    }
}
