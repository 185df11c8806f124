//! A stick in a few lines: memory, a network, and answers that tests can bend.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use adapters::Instant;
use adapters::znp::commands::{self, Command, af, app_cnf, sapi, sys, util, zdo};
use adapters::znp::frame::{Decoder, Frame, Header, Type};

use super::KEY;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chip {
    Cc2531,
    Cc2538,
    Cc2652,
}

/// What the stick does with one request instead of answering it.
#[derive(Clone, Debug)]
pub enum Whim {
    /// Swallow it.
    Silence,
    /// Answer after a time.
    Late(Duration),
    /// Answer with this data.
    Answer(Vec<u8>),
    /// Reset.
    Reset,
    /// The firmware doesn't know it.
    Unknown,
}

#[derive(Clone)]
pub struct Stick {
    pub chip: Chip,
    pub revision: u32,
    pub ieee: u64,
    pub nv: BTreeMap<u16, Vec<u8>>,
    pub tables: BTreeMap<(u16, u16), Vec<u8>>,
    /// 9 when it runs.
    pub state: u8,
    pub endpoints: BTreeSet<u8>,
    pub groups: BTreeSet<(u8, u16)>,
    pub associations: BTreeMap<u64, (u16, u8)>,
    /// Requests in the order in which they came.
    pub log: Vec<(Header, Vec<u8>)>,
    /// What to do with the next requests of a command.
    pub whims: BTreeMap<[u8; 2], VecDeque<Whim>>,
    /// Statuses of the next confirms, by destination; then 0.
    pub confirms: BTreeMap<u16, VecDeque<u8>>,
    /// Confirms to these destinations take so long.
    pub slow: BTreeMap<u16, Duration>,
    /// Answers nothing at all.
    pub dead: bool,
    /// Sits in its bootloader until forced to run.
    pub bootloader: bool,
    /// Needs the pulse on RTS.
    pub needs_lines: bool,
    pub lines: Vec<(bool, bool)>,
    decoder: Decoder2,
    out: Vec<(Instant, Vec<u8>)>,
    now: Instant,
}

/// `Decoder` is not `Clone`.
struct Decoder2(Decoder);

impl Clone for Decoder2 {
    fn clone(&self) -> Self {
        Self(Decoder::new())
    }
}

impl Stick {
    /// A stick as it comes out of the box.
    pub fn empty(chip: Chip) -> Self {
        let mut nv = BTreeMap::new();
        let (key_item, nib) = match chip {
            Chip::Cc2652 => (24, 116),
            _ => (21, 110),
        };
        nv.insert(0x82, vec![0; key_item]);
        if chip != Chip::Cc2531 {
            nv.insert(0x3a, vec![0; 17]);
            nv.insert(0x3b, vec![0; 17]);
            nv.insert(0x62, vec![0; 16]);
        }
        let mut bytes = vec![0; nib];
        let pan = if nib == 116 { 36 } else { 33 };
        bytes[pan..pan + 2].copy_from_slice(&[0xff, 0xff]);
        nv.insert(0x21, bytes);
        Self {
            chip,
            revision: 20_210_708,
            ieee: 0x0012_4b00_aabb_ccdd,
            nv,
            tables: BTreeMap::new(),
            state: 0,
            endpoints: BTreeSet::new(),
            groups: BTreeSet::new(),
            associations: BTreeMap::new(),
            log: Vec::new(),
            whims: BTreeMap::new(),
            confirms: BTreeMap::new(),
            slow: BTreeMap::new(),
            dead: false,
            bootloader: false,
            needs_lines: false,
            lines: Vec::new(),
            decoder: Decoder2(Decoder::new()),
            out: Vec::new(),
            now: Instant(0),
        }
    }

    /// A stick that runs the network of the bench's configuration.
    pub fn formed(chip: Chip) -> Self {
        let mut stick = Self::empty(chip);
        stick.set_network(0x1a62, 0x0102_0304_0506_0708, 15, KEY);
        let flag = if chip == Chip::Cc2531 { 0x0f00 } else { 0x60 };
        stick.nv.insert(flag, vec![0x55]);
        stick
    }

    pub fn set_network(&mut self, pan: u16, extended: u64, channel: u8, key: [u8; 16]) {
        let nib = self.nv.entry(0x21).or_insert_with(|| vec![0; 116]);
        let (at_channel, at_pan, at_channels, at_extended) = if nib.len() == 116 {
            (24, 36, 40, 57)
        } else {
            (22, 33, 36, 53)
        };
        nib[12] = 5;
        nib[at_channel] = channel;
        nib[at_pan..at_pan + 2].copy_from_slice(&pan.to_le_bytes());
        nib[at_channels..at_channels + 4].copy_from_slice(&(1_u32 << channel).to_le_bytes());
        nib[at_extended..at_extended + 8].copy_from_slice(&extended.to_le_bytes());
        let info = [&[0][..], &key].concat();
        if self.chip != Chip::Cc2531 {
            self.nv.insert(0x3a, info.clone());
            self.nv.insert(0x3b, info);
        }
        self.nv.insert(0x62, key.to_vec());
    }

    fn nib(&self) -> (u16, u64, u8) {
        let empty = vec![0; 116];
        let nib = self.nv.get(&0x21).unwrap_or(&empty);
        let (channel, pan, extended) = if nib.len() == 116 {
            (24, 36, 57)
        } else {
            (22, 33, 53)
        };
        (
            u16::from_le_bytes([nib[pan], nib[pan + 1]]),
            u64::from_le_bytes(nib[extended..extended + 8].try_into().unwrap()),
            nib[channel],
        )
    }

    /// Bends the answer to the next request of a command.
    pub fn whim(&mut self, command: Command, whim: Whim) {
        self.whims
            .entry(command.header().to_bytes())
            .or_default()
            .push_back(whim);
    }

    pub fn count(&self, command: Command) -> usize {
        self.log
            .iter()
            .filter(|(header, _)| *header == command.header())
            .count()
    }

    pub fn requests(&self, command: Command) -> Vec<Vec<u8>> {
        self.log
            .iter()
            .filter(|(header, _)| *header == command.header())
            .map(|(_, data)| data.clone())
            .collect()
    }

    pub fn set_lines(&mut self, dtr: bool, rts: bool) {
        self.lines.push((dtr, rts));
        if self.needs_lines && self.lines.ends_with(&[(false, true), (false, false)]) {
            self.needs_lines = false;
        }
    }

    pub fn write(&mut self, now: Instant, bytes: &[u8]) {
        self.now = now;
        if self.dead || self.needs_lines {
            return;
        }
        if self.bootloader {
            if bytes.contains(&0xef) {
                self.bootloader = false;
                self.reset(0);
            }
            return;
        }
        self.decoder.0.feed(now, bytes);
        let mut frames = Vec::new();
        while let Some(frame) = self.decoder.0.next_frame() {
            frames.push((frame.header, frame.data.to_vec()));
        }
        for (header, data) in frames {
            self.log.push((header, data.clone()));
            self.handle(header, &data);
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.out.iter().map(|(at, _)| *at).min()
    }

    /// What the stick has sent by now.
    pub fn read(&mut self, now: Instant) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.out.retain(|(at, frame)| {
            let due = *at <= now;
            if due {
                bytes.extend(frame);
            }
            !due
        });
        bytes
    }

    /// Sends anything.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.out.push((self.now, bytes.to_vec()));
    }

    /// Sends a message.
    pub fn send(&mut self, command: Command, data: &[u8]) {
        self.send_after(Duration::ZERO, command.header(), data);
    }

    fn send_after(&mut self, delay: Duration, header: Header, data: &[u8]) {
        let bytes = Frame { header, data }.to_bytes().unwrap();
        self.out.push((self.now + delay, bytes));
    }

    /// Loses everything that is not in its memory.
    pub fn reset(&mut self, reason: u8) {
        self.endpoints.clear();
        self.groups.clear();
        self.state = 0;
        self.out.clear();
        if self.nv.get(&3).is_some_and(|option| option[0] & 2 != 0) {
            let nib = if self.chip == Chip::Cc2652 { 116 } else { 110 };
            self.nv.insert(0x21, vec![0; nib]);
        }
        if let Some(ieee) = self.nv.get(&1) {
            self.ieee = u64::from_le_bytes(ieee[..8].try_into().unwrap());
        }
        self.send(sys::RESET_IND, &[reason, 2, 1, 2, 7, 1]);
    }

    fn handle(&mut self, header: Header, data: &[u8]) {
        if header == sys::RESET_REQ.header() {
            return self.reset(0);
        }
        let response = Header {
            kind: Type::Srsp,
            ..header
        };
        let whim = self
            .whims
            .get_mut(&header.to_bytes())
            .and_then(VecDeque::pop_front);
        match whim {
            None => {
                let answer = self.answer(header, data);
                match answer {
                    Some(answer) => self.send_after(Duration::ZERO, response, &answer),
                    None => self.unknown(header),
                }
                self.follow(header, data);
            }
            Some(Whim::Silence) => {}
            Some(Whim::Late(delay)) => {
                if let Some(answer) = self.answer(header, data) {
                    self.send_after(delay, response, &answer);
                }
            }
            Some(Whim::Answer(answer)) => self.send_after(Duration::ZERO, response, &answer),
            Some(Whim::Reset) => self.reset(2),
            Some(Whim::Unknown) => self.unknown(header),
        }
    }

    fn unknown(&mut self, header: Header) {
        let [cmd0, cmd1] = header.to_bytes();
        self.send_after(Duration::ZERO, commands::RPC_ERROR, &[2, cmd0, cmd1]);
    }

    fn product(&self) -> u8 {
        match self.chip {
            Chip::Cc2531 => 0,
            Chip::Cc2652 => 1,
            Chip::Cc2538 => 2,
        }
    }

    #[allow(clippy::too_many_lines, reason = "a table")]
    fn answer(&mut self, header: Header, data: &[u8]) -> Option<Vec<u8>> {
        let id = |at: usize| u16::from_le_bytes([data[at], data[at + 1]]);
        let ok = Some(vec![0]);
        let command = Command::find(header)?;
        Some(match command {
            sys::PING => vec![0x79, 0x07],
            sys::VERSION => {
                let mut answer = vec![2, self.product(), 2, 7, 1];
                answer.extend(self.revision.to_le_bytes());
                answer
            }
            sys::GET_EXT_ADDR => self.ieee.to_le_bytes().to_vec(),
            sys::OSAL_NV_LENGTH => {
                let length = self.nv.get(&id(0)).map_or(0, Vec::len);
                u16::try_from(length).unwrap().to_le_bytes().to_vec()
            }
            sys::OSAL_NV_READ_EXT => {
                let secured = self.chip == Chip::Cc2531 && id(0) == 0x62;
                match self
                    .nv
                    .get(&id(0))
                    .and_then(|v| v.get(usize::from(id(2))..))
                {
                    Some(rest) if !secured => {
                        let part = &rest[..rest.len().min(246)];
                        let mut answer = vec![0, u8::try_from(part.len()).unwrap()];
                        answer.extend(part);
                        answer
                    }
                    _ => vec![2, 0],
                }
            }
            sys::OSAL_NV_ITEM_INIT => {
                let mut value = data[5..].to_vec();
                value.resize(id(2).into(), 0);
                match self.nv.entry(id(0)) {
                    Entry::Occupied(_) => vec![0],
                    Entry::Vacant(place) => {
                        place.insert(value);
                        vec![9]
                    }
                }
            }
            sys::OSAL_NV_WRITE_EXT => {
                let (offset, part) = (usize::from(id(2)), &data[6..]);
                match self
                    .nv
                    .get_mut(&id(0))
                    .and_then(|value| value.get_mut(offset..offset + part.len()))
                {
                    Some(place) => {
                        place.copy_from_slice(part);
                        vec![0]
                    }
                    None => vec![0x0a],
                }
            }
            sys::OSAL_NV_DELETE => match self.nv.get(&id(0)) {
                Some(value) if value.len() == usize::from(id(2)) => {
                    self.nv.remove(&id(0));
                    vec![0]
                }
                Some(_) => vec![0x0c],
                None => vec![9],
            },
            sys::NV_LENGTH => {
                let length = self.tables.get(&(id(1), id(3))).map_or(0, Vec::len);
                u32::try_from(length).unwrap().to_le_bytes().to_vec()
            }
            sys::NV_READ => match self.tables.get(&(id(1), id(3))) {
                Some(value) => [&[0, u8::try_from(value.len()).unwrap()][..], value].concat(),
                None => vec![2, 0],
            },
            sys::NV_CREATE => {
                let length = u32::from_le_bytes(data[5..9].try_into().unwrap());
                self.tables
                    .insert((id(1), id(3)), vec![0; usize::try_from(length).unwrap()]);
                vec![0]
            }
            sys::NV_WRITE => {
                let value = data[8..].to_vec();
                self.tables.insert((id(1), id(3)), value);
                vec![0]
            }
            sys::STACK_TUNE => vec![data[1]],
            sapi::READ_CONFIGURATION => {
                let value = self
                    .nv
                    .get(&u16::from(data[0]))
                    .cloned()
                    .unwrap_or(vec![0; 16]);
                [
                    &[0, data[0], u8::try_from(value.len()).unwrap()][..],
                    &value,
                ]
                .concat()
            }
            sapi::WRITE_CONFIGURATION => {
                self.nv.insert(u16::from(data[0]), data[2..].to_vec());
                vec![0]
            }
            util::GET_DEVICE_INFO => {
                let mut answer = vec![0];
                answer.extend(self.ieee.to_le_bytes());
                answer.extend([0, 0, 7, self.state, 0]);
                answer
            }
            util::ASSOC_GET_WITH_ADDRESS => {
                let ieee = u64::from_le_bytes(data[..8].try_into().unwrap());
                let (nwk, relation) = self
                    .associations
                    .get(&ieee)
                    .copied()
                    .unwrap_or((0xfffe, 0xff));
                let [low, high] = nwk.to_le_bytes();
                vec![low, high, 0, 0, relation, 0, 0, 0]
            }
            util::ASSOC_REMOVE if self.chip == Chip::Cc2652 => {
                let ieee = u64::from_le_bytes(data[..8].try_into().unwrap());
                self.associations.remove(&ieee);
                vec![0]
            }
            util::ASSOC_ADD if self.chip == Chip::Cc2652 => {
                let ieee = u64::from_le_bytes(data[..8].try_into().unwrap());
                self.associations.insert(ieee, (id(8), data[10]));
                vec![0]
            }
            util::ADDRMGR_NWK_ADDR_LOOKUP => {
                let found = self.associations.iter().find(|(_, entry)| entry.0 == id(0));
                found
                    .map_or(u64::MAX, |(ieee, _)| *ieee)
                    .to_le_bytes()
                    .to_vec()
            }
            util::LED_CONTROL | zdo::STARTUP_FROM_APP => vec![0],
            zdo::EXT_NWK_INFO => {
                let (pan, extended, channel) = self.nib();
                let mut answer = vec![0, 0, self.state];
                answer.extend(pan.to_le_bytes());
                answer.extend([0, 0]);
                answer.extend(extended.to_le_bytes());
                answer.extend([0; 8]);
                answer.push(channel);
                answer
            }
            zdo::EXT_FIND_GROUP => {
                vec![u8::from(!self.groups.contains(&(data[0], id(1))))]
            }
            zdo::EXT_ADD_GROUP => {
                self.groups.insert((data[0], id(1)));
                vec![0]
            }
            af::REGISTER => {
                self.endpoints.insert(data[0]);
                vec![0]
            }
            app_cnf::BDB_SET_CHANNEL
            | app_cnf::BDB_START_COMMISSIONING
            | app_cnf::BDB_ADD_INSTALL_CODE => return ok.filter(|_| self.chip != Chip::Cc2531),
            // Everything else of these needs no answer of its own.
            command
                if command.kind == Type::Sreq
                    && [af::REGISTER.subsystem, zdo::BIND_REQ.subsystem]
                        .contains(&command.subsystem) =>
            {
                vec![0]
            }
            _ => return None,
        })
    }

    /// What comes after the answer.
    fn follow(&mut self, header: Header, data: &[u8]) {
        let Some(command) = Command::find(header) else {
            return;
        };
        let word = |at: usize| u16::from_le_bytes([data[at], data[at + 1]]);
        match command {
            zdo::STARTUP_FROM_APP | app_cnf::BDB_START_COMMISSIONING => {
                if self.nib().2 == 0 {
                    let pan = u16::from_le_bytes(self.nv[&0x83][..2].try_into().unwrap());
                    let extended = u64::from_le_bytes(self.nv[&0x2d][..8].try_into().unwrap());
                    let mask = u32::from_le_bytes(self.nv[&0x84][..4].try_into().unwrap());
                    let key = self.nv[&0x62][..16].try_into().unwrap();
                    let channel = u8::try_from(mask.trailing_zeros()).unwrap();
                    self.set_network(pan, extended, channel, key);
                }
                self.state = 9;
                self.send_after(
                    Duration::from_millis(100),
                    zdo::STATE_CHANGE_IND.header(),
                    &[9],
                );
            }
            zdo::ACTIVE_EP_REQ if word(0) == 0 => {
                let mut answer = vec![0, 0, 0, 0, 0];
                answer.push(u8::try_from(self.endpoints.len()).unwrap());
                answer.extend(&self.endpoints);
                self.send(zdo::ACTIVE_EP_RSP, &answer);
            }
            af::DATA_REQUEST => self.confirm(word(0), data[3], data[6]),
            af::DATA_REQUEST_EXT => self.confirm(word(1), data[12], data[15]),
            _ => {}
        }
    }

    fn confirm(&mut self, to: u16, endpoint: u8, transaction: u8) {
        let status = self
            .confirms
            .get_mut(&to)
            .and_then(VecDeque::pop_front)
            .unwrap_or(0);
        let delay = self.slow.get(&to).copied().unwrap_or_default();
        self.send_after(
            delay,
            af::DATA_CONFIRM.header(),
            &[status, endpoint, transaction],
        );
    }
}
