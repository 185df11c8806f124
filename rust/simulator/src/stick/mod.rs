//! A Z-Stack coordinator from the host's side of the wire: bytes and instants in, bytes and a deadline out.

mod af;
mod air;
mod boot;
mod config;
mod coordinator;
mod firmware;
mod interpan;
mod known;
mod layout;
mod members;
mod network;
mod nv;
mod security;
mod sys;
mod util;
mod zdo;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use adapters::Instant;
use adapters::znp::commands::{self, Command};
use adapters::znp::frame::{Decoder, Frame, Header, MAX_DATA, Subsystem, Type};
use zigbee::{IeeeAddress, ParseError};

pub use config::{SerialFaults, StickConfig, Timing};
pub use firmware::{Firmware, UnknownFirmware};
pub use known::Network;
pub use network::{Delivery, JoinError, LinkFaults, NoDevice, Sent};
pub use nv::ImageError;

use self::network::{Event, Member};
use self::nv::Nv;
use crate::device::Endpoint;
use crate::random::Random;
use crate::schedule::Schedule;

/// How many of the host's messages are remembered for [`Stick::sent`].
const SENT_KEPT: usize = 10_000;

/// Why a command was not carried out; told by the RPC error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RpcError {
    Subsystem = 1,
    Command = 2,
    Length = 4,
}

impl From<ParseError> for RpcError {
    fn from(_: ParseError) -> Self {
        Self::Length
    }
}

/// What a synchronous request gets: data for its answer.
type Reply = Result<Vec<u8>, RpcError>;

/// What a reset forgets.
#[derive(Debug, Default)]
struct Ram {
    /// 0 idle, 8 starting, 9 coordinator.
    state: u8,
    endpoints: BTreeMap<u8, Endpoint>,
    groups: BTreeSet<(u8, u16)>,
    callbacks: BTreeSet<u16>,
    /// Until when the coordinator lets devices join.
    permit_until: Option<Instant>,
    /// The channels that `bdbSetChannel` chose.
    channels: Option<u32>,
    sequence: u8,
    /// Of the last frame that was sent.
    counter: u32,
    /// Messages that wait for their confirmation.
    unconfirmed: usize,
    /// Messages too big for one frame, by timestamp, until the host has fetched them.
    large: BTreeMap<u32, Vec<u8>>,
    /// Devices whose install codes the host gave, and whether others are turned away.
    install_codes: BTreeSet<IeeeAddress>,
    install_codes_only: bool,
    /// Associations that the host removed by hand.
    disowned: BTreeSet<IeeeAddress>,
    /// The channel that the host tuned the radio to, and the endpoint for messages there.
    inter_pan: Option<u8>,
    inter_pan_endpoint: Option<u8>,
}

/// A stick with a network of simulated devices around it.
#[derive(Debug)]
pub struct Stick {
    firmware: Firmware,
    ieee: IeeeAddress,
    timing: Timing,
    table_size: u16,
    now: Instant,
    nv: Nv,
    ram: Ram,
    random: Random,
    decoder: Decoder,
    out: Vec<u8>,
    schedule: Schedule<Event>,
    members: BTreeMap<IeeeAddress, Member>,
    by_nwk: BTreeMap<u16, IeeeAddress>,
    radio: LinkFaults,
    serial: SerialFaults,
    /// Answers on their way to the host.
    answers: usize,
    overlaps: u64,
    sent: VecDeque<Sent>,
}

impl Stick {
    /// A stick with the configured image, switched on.
    pub fn new(config: StickConfig) -> Result<Self, ImageError> {
        let nv = match config.image {
            Some(image) => Nv::from_json(&image)?,
            None => Nv::default(),
        };
        let mut stick = Self {
            firmware: config.firmware,
            ieee: config.ieee,
            timing: config.timing,
            table_size: config.table_size,
            now: Instant::default(),
            nv,
            ram: Ram::default(),
            random: Random::new(config.seed),
            decoder: Decoder::new(),
            out: Vec::new(),
            schedule: Schedule::default(),
            members: BTreeMap::new(),
            by_nwk: BTreeMap::new(),
            radio: LinkFaults::default(),
            serial: SerialFaults::default(),
            answers: 0,
            overlaps: 0,
            sent: VecDeque::new(),
        };
        stick.boot();
        Ok(stick)
    }

    /// Takes bytes from the host.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.timeout(now);
        self.decoder.feed(now, bytes);
        while let Some(frame) = self.decoder.next_frame() {
            let (header, data) = (frame.header, frame.data.to_vec());
            self.handle(header, &data);
        }
        self.due();
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.decoder.expire(now);
        while let Some(frame) = self.decoder.next_frame() {
            let (header, data) = (frame.header, frame.data.to_vec());
            self.handle(header, &data);
        }
        self.due();
    }

    /// When [`Stick::timeout`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.schedule
            .next_at()
            .into_iter()
            .chain(self.decoder.deadline())
            .min()
    }

    /// Bytes for the host.
    pub fn output(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// The host's end of the line was closed: what was half sent is lost.
    pub fn unplugged(&mut self) {
        self.decoder = Decoder::new();
        self.out.clear();
    }

    /// True once after each change of the non-volatile memory.
    pub fn image_changed(&mut self) -> bool {
        self.nv.take_changed()
    }

    /// The non-volatile memory as JSON. It holds the network key.
    pub fn image(&self) -> String {
        self.nv.to_json()
    }

    /// The coordinator's address, which a host may have overwritten.
    pub fn ieee(&self) -> IeeeAddress {
        self.own_ieee()
    }

    /// Damage on the line between stick and host.
    pub fn set_serial_faults(&mut self, faults: SerialFaults) {
        self.serial = faults;
    }

    /// How often the host sent a request before it had the answer to the one before. A stick copes
    /// with it or not; a good host does not do it. Only counted when answers take time.
    pub fn overlaps(&self) -> u64 {
        self.overlaps
    }

    /// Restarts the stick as a watchdog or a power cut would.
    pub fn reset(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.restart(2);
    }

    /// Does everything whose time has come.
    fn due(&mut self) {
        while let Some((at, event)) = self.schedule.take(self.now) {
            self.event(at, event);
        }
    }

    fn later(&mut self, after: Duration, event: Event) {
        let at = self.now + after;
        self.schedule.add(at, event);
    }

    /// Writes a frame to the host, unless the line swallows it.
    fn write(&mut self, header: Header, data: &[u8]) {
        if self.random.chance(self.serial.lose_permille) {
            return;
        }
        let data = data.get(..MAX_DATA).unwrap_or(data);
        let start = self.out.len();
        // Not longer than MAX_DATA.
        let _ = Frame { header, data }.emit(&mut self.out);
        if self.random.chance(self.serial.corrupt_permille) {
            let length = (self.out.len() - start) as u64;
            let at = start + usize::try_from(self.random.below(length)).unwrap_or(0);
            let bit = self.random.below(8);
            if let Some(byte) = self.out.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Writes an asynchronous message.
    fn tell(&mut self, command: Command, data: &[u8]) {
        self.write(command.header(), data);
    }

    fn handle(&mut self, header: Header, data: &[u8]) {
        if self.serial.mute {
            return;
        }
        match header.kind {
            Type::Areq => {
                let reset = header == commands::sys::RESET_REQ.header()
                    || (header.subsystem == Subsystem::SAPI && header.id == 0x09);
                if reset {
                    self.restart(0);
                }
            }
            Type::Sreq => {
                self.overlaps += u64::from(self.answers > 0);
                let reply = self.request(header.subsystem, header.id, data);
                match reply {
                    Ok(reply) => {
                        let header = Header {
                            kind: Type::Srsp,
                            ..header
                        };
                        self.answer(header, &reply);
                    }
                    Err(error) => {
                        let [cmd0, cmd1] = header.to_bytes();
                        self.answer(commands::RPC_ERROR, &[error as u8, cmd0, cmd1]);
                    }
                }
            }
            Type::Poll | Type::Srsp | Type::Other(_) => {}
        }
    }

    fn answer(&mut self, header: Header, data: &[u8]) {
        if self.timing.reply.is_zero() {
            self.write(header, data);
        } else {
            self.answers += 1;
            self.later(self.timing.reply, Event::Answer(header, data.to_vec()));
        }
    }

    fn request(&mut self, subsystem: Subsystem, id: u8, data: &[u8]) -> Reply {
        match subsystem {
            Subsystem::SYS => self.sys(id, data),
            Subsystem::AF => self.af(id, data),
            Subsystem::ZDO => self.zdo(id, data),
            Subsystem::UTIL => self.util(id, data),
            Subsystem::SAPI if self.firmware.sapi() => self.sapi(id, data),
            Subsystem::APP_CNF if self.firmware.bdb() => self.app_cnf(id, data),
            _ => Err(RpcError::Subsystem),
        }
    }
}
