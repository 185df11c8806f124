//! The OTA upgrade client that devices with the cluster have: it takes an image block by block, checks
//! it, and comes back with the new version.
//!
//! Written against the ZCL specification chapter 11 on bytes, not with the `ota` module of the `zigbee`
//! crate. An image is good when its header is, and when its last four bytes are the CRC-32 of all
//! before them ([`image`] makes such images): that is this device's own idea of a signature.

use std::time::Duration;

use serde_json::{Value as Json, json};
use zigbee::CommandId;
use zigbee::wire::{Reader, Writer};
use zigbee::zcl::{Direction, Frame, FrameType, Header};

use super::Device;
use super::model::{LUMI, Path};
use super::node::{Io, Node, Target, Timer};
use super::rules::{Action, ActionError};

pub(crate) const CLUSTER: u16 = 0x0019;
const BASIC_BUILD: u16 = 0x4000;
const MAGIC: [u8; 4] = [0x1e, 0xf1, 0xee, 0x0b];
/// How long it waits for a block before it asks again.
const RETRY: Duration = Duration::from_secs(2);
/// How often it asks for the same block.
const RETRIES: u32 = 10;

/// Manufacturer, type, version.
type Name = (u16, u16, u32);

/// Where a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Asked,
    Loading,
    /// It has stopped in the middle, as if its battery were empty, until it is told to go on.
    Stopped,
    Ended,
    Installing,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Asked => "asked",
            Self::Loading => "loading",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
            Self::Installing => "installing",
        }
    }
}

/// The client.
#[derive(Debug)]
pub(crate) struct Client {
    endpoint: u8,
    installed: Name,
    hardware: Option<u16>,
    /// The most bytes that it takes at once.
    block: u8,
    /// It asks for pages of this size.
    page: Option<u16>,
    /// Between a block and the next request.
    pause: Duration,
    /// It stops once it has so many bytes.
    stop_at: Option<usize>,
    phase: Phase,
    loading: Name,
    size: usize,
    taken: Vec<u8>,
    retries: u32,
    blocks: u32,
    last_status: u8,
}

impl Client {
    /// The client of a device that has the cluster.
    pub(crate) fn of(model: &super::Model) -> Option<Self> {
        let endpoint = model
            .endpoints
            .iter()
            .find(|endpoint| endpoint.outputs.contains(&CLUSTER))?;
        let manufacturer = if model.manufacturer == "LUMI" {
            LUMI
        } else {
            model.manufacturer_code
        };
        Some(Self {
            endpoint: endpoint.id,
            installed: (manufacturer, 0x0101, 1),
            hardware: None,
            block: 48,
            page: None,
            pause: Duration::ZERO,
            stop_at: None,
            phase: Phase::Idle,
            loading: (0, 0, 0),
            size: 0,
            taken: Vec::new(),
            retries: 0,
            blocks: 0,
            last_status: 0,
        })
    }

    /// What a director may want to know.
    fn look(&self) -> Json {
        json!({
            "phase": self.phase.name(),
            "manufacturer": self.installed.0,
            "type": self.installed.1,
            "version": self.installed.2,
            "taken": self.taken.len(),
            "size": self.size,
            "blocks": self.blocks,
            "status": self.last_status,
        })
    }
}

impl Device {
    /// How its update stands; `None` for a device that looks for no software.
    pub fn software(&self) -> Option<Json> {
        self.node.ota.as_ref().map(Client::look)
    }

    /// A command from server to client.
    pub(super) fn ota_command(&mut self, frame: &Frame, io: &mut Io) {
        let Some(client) = &mut self.node.ota else {
            return;
        };
        let mut reader = Reader::new(&frame.payload);
        match frame.header.command.0 {
            0x00 => query(&mut self.node, io),
            0x02 => {
                let Some((image, size)) = offer(&mut reader) else {
                    if client.phase == Phase::Asked {
                        client.phase = Phase::Idle;
                    }
                    return;
                };
                if client.phase == Phase::Installing {
                    return;
                }
                if client.loading != image || client.size != size {
                    client.taken.clear();
                    client.loading = image;
                    client.size = size;
                }
                client.phase = Phase::Loading;
                client.retries = 0;
                next(&mut self.node, io);
            }
            0x05 => self.ota_block(&mut reader, io),
            0x07 if client.phase == Phase::Ended => {
                client.phase = Phase::Installing;
                let image = name(&mut reader);
                let (_, after) = (reader.u32(), reader.u32().unwrap_or(0));
                if image == Some(client.loading) {
                    let after = Duration::from_secs(u64::from(after).min(3600));
                    self.node.cancel(|timer| *timer == Timer::Ota);
                    self.node.later(io.now, after, Timer::Ota);
                }
            }
            _ => {}
        }
    }

    fn ota_block(&mut self, reader: &mut Reader<'_>, io: &mut Io) {
        let Some(client) = &mut self.node.ota else {
            return;
        };
        if client.phase != Phase::Loading {
            return;
        }
        let status = reader.u8().unwrap_or(0xff);
        client.last_status = status;
        if status != 0 {
            client.phase = Phase::Idle;
            client.taken.clear();
            self.node.cancel(|timer| *timer == Timer::Ota);
            return;
        }
        let (image, offset, length) = (name(reader), reader.u32(), reader.u8());
        let (Ok(offset), Ok(length)) = (offset, length) else {
            return;
        };
        let data = reader.rest();
        // A block that is not the next one, or not of this image, is nothing.
        if image != Some(client.loading)
            || usize::try_from(offset).ok() != Some(client.taken.len())
            || data.len() != usize::from(length)
            || length == 0
            || length > client.block
        {
            return;
        }
        client.taken.extend_from_slice(data);
        client.blocks += 1;
        client.retries = 0;
        self.node.cancel(|timer| *timer == Timer::Ota);
        self.node.ota_goes_on(io);
    }

    /// What a person or a director does to the client. `None`: nothing about software.
    pub(super) fn ota_act(
        &mut self,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        if !matches!(action.name, "ota" | "ota_query" | "ota_continue") {
            return None;
        }
        let Some(client) = &mut self.node.ota else {
            return Some(Err(ActionError::Unknown {
                model: self.node.model.name.clone(),
                action: action.name.to_owned(),
            }));
        };
        match action.name {
            "ota" => {
                let set = |parameter: &str, largest: u64| {
                    action.integer(parameter).map(|number| number.min(largest))
                };
                let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
                if let Some(manufacturer) = set("manufacturer", 0xffff) {
                    client.installed.0 = short(manufacturer);
                }
                if let Some(kind) = set("type", 0xffff) {
                    client.installed.1 = short(kind);
                }
                if let Some(version) = set("version", 0xffff_ffff) {
                    client.installed.2 = u32::try_from(version).unwrap_or(u32::MAX);
                }
                if let Some(block) = set("block", 0xff) {
                    client.block = u8::try_from(block).unwrap_or(u8::MAX);
                }
                client.hardware = set("hardware", 0xffff).map(short).or(client.hardware);
                client.page = set("page", 0xffff).map(short).or(client.page);
                if let Some(pause) = set("pause_ms", 3_600_000) {
                    client.pause = Duration::from_millis(pause);
                }
                if action.parameters.get("stop_at").is_some() {
                    client.stop_at = set("stop_at", u64::from(u32::MAX))
                        .and_then(|number| usize::try_from(number).ok());
                }
            }
            "ota_continue" => {
                client.stop_at = None;
                if client.phase == Phase::Stopped {
                    client.phase = Phase::Loading;
                    client.retries = 0;
                    next(&mut self.node, io);
                }
            }
            _ => query(&mut self.node, io),
        }
        Some(Ok(()))
    }
}

impl Node {
    /// After a block, or when a block did not come.
    fn ota_goes_on(&mut self, io: &mut Io) {
        let Some(client) = &mut self.ota else {
            return;
        };
        if client.taken.len() >= client.size {
            client.phase = Phase::Ended;
            end(self, io);
        } else if client.stop_at.is_some_and(|at| client.taken.len() >= at) {
            client.phase = Phase::Stopped;
        } else if client.pause.is_zero() {
            next(self, io);
        } else {
            let pause = client.pause;
            self.later(io.now, pause, Timer::Ota);
        }
    }

    /// The client's timer has run out.
    pub(super) fn ota_due(&mut self, io: &mut Io) {
        let Some(client) = &mut self.ota else {
            return;
        };
        match client.phase {
            Phase::Loading | Phase::Ended if client.retries >= RETRIES => {
                client.phase = Phase::Stopped;
            }
            Phase::Loading => next(self, io),
            Phase::Ended => end(self, io),
            Phase::Installing => {
                client.installed = client.loading;
                client.phase = Phase::Idle;
                client.taken.clear();
                client.size = 0;
                let build = Path {
                    endpoint: client.endpoint,
                    cluster: 0,
                    attribute: BASIC_BUILD,
                };
                let text = format!("{}.0", client.installed.2);
                self.set(build, &super::octets(text.as_bytes()), io);
                io.announce = true;
            }
            Phase::Idle | Phase::Asked | Phase::Stopped => {}
        }
    }
}

fn name(reader: &mut Reader<'_>) -> Option<Name> {
    Some((reader.u16().ok()?, reader.u16().ok()?, reader.u32().ok()?))
}

fn offer(reader: &mut Reader<'_>) -> Option<(Name, usize)> {
    if reader.u8().ok()? != 0 {
        return None;
    }
    Some((name(reader)?, usize::try_from(reader.u32().ok()?).ok()?))
}

fn send(node: &mut Node, command: u8, payload: Vec<u8>, io: &mut Io) {
    let frame = Frame {
        header: Header {
            frame_type: FrameType::Cluster,
            direction: Direction::ToServer,
            disable_default_response: true,
            manufacturer: None,
            sequence: node.next_sequence(),
            command: CommandId(command),
            reserved: 0,
        },
        payload,
    };
    let endpoint = node.ota.as_ref().map_or(1, |client| client.endpoint);
    io.send(endpoint, CLUSTER, Target::Coordinator(1), &frame.emit());
}

fn query(node: &mut Node, io: &mut Io) {
    let Some(client) = &mut node.ota else {
        return;
    };
    if matches!(client.phase, Phase::Installing | Phase::Ended) {
        return;
    }
    client.phase = Phase::Asked;
    let (manufacturer, kind, version) = client.installed;
    let mut writer = Writer::new();
    writer
        .u8(u8::from(client.hardware.is_some()))
        .u16(manufacturer)
        .u16(kind)
        .u32(version);
    if let Some(hardware) = client.hardware {
        writer.u16(hardware);
    }
    send(node, 0x01, writer.into_bytes(), io);
}

/// Asks for the next block or page, and sees to it that it is asked for again.
fn next(node: &mut Node, io: &mut Io) {
    let Some(client) = &mut node.ota else {
        return;
    };
    let (manufacturer, kind, version) = client.loading;
    let mut writer = Writer::new();
    writer
        .u8(0)
        .u16(manufacturer)
        .u16(kind)
        .u32(version)
        .u32(u32::try_from(client.taken.len()).unwrap_or(u32::MAX))
        .u8(client.block);
    let at_page = |page: u16| client.taken.len().is_multiple_of(usize::from(page).max(1));
    client.retries += 1;
    let command = match client.page {
        // The rest of a page comes by itself; what is missing of it is asked for block by block.
        Some(page) if at_page(page) || client.retries > 1 => {
            writer.u16(page).u16(50);
            Some(0x04)
        }
        Some(_) => None,
        None => Some(0x03),
    };
    node.later(io.now, RETRY, Timer::Ota);
    if let Some(command) = command {
        send(node, command, writer.into_bytes(), io);
    }
}

fn end(node: &mut Node, io: &mut Io) {
    let Some(client) = &mut node.ota else {
        return;
    };
    let good = is_good(&client.taken, client.loading);
    let (manufacturer, kind, version) = client.loading;
    let mut writer = Writer::new();
    writer
        .u8(if good { 0x00 } else { 0x96 })
        .u16(manufacturer)
        .u16(kind)
        .u32(version);
    client.retries += 1;
    client.last_status = if good { 0x00 } else { 0x96 };
    if good {
        node.later(io.now, RETRY, Timer::Ota);
    } else {
        client.phase = Phase::Idle;
        client.taken.clear();
    }
    send(node, 0x06, writer.into_bytes(), io);
}

fn is_good(bytes: &[u8], (manufacturer, kind, version): Name) -> bool {
    let at = |from: usize, count: usize| bytes.get(from..from + count).unwrap_or_default();
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else {
        return false;
    };
    at(0, 4) == MAGIC
        && at(10, 2) == manufacturer.to_le_bytes()
        && at(12, 2) == kind.to_le_bytes()
        && at(14, 4) == version.to_le_bytes()
        && at(52, 4) == u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes()
        && crc32(body).to_le_bytes() == *checksum
}

/// An image of about `size` bytes that simulated devices of this name take.
pub fn image(manufacturer: u16, kind: u16, version: u32, size: usize) -> Vec<u8> {
    let software = size.clamp(70, 1 << 24) - 62;
    let mut writer = Writer::new();
    writer
        .bytes(&MAGIC)
        .u16(0x0100)
        .u16(56)
        .u16(0)
        .u16(manufacturer)
        .u16(kind)
        .u32(version)
        .u16(2)
        .bytes(&[0; 32])
        .u32(u32::try_from(software + 62).unwrap_or(u32::MAX))
        .u16(0)
        .u32(u32::try_from(software).unwrap_or(u32::MAX));
    let mut bytes = writer.into_bytes();
    bytes.extend((0..=250_u8).cycle().take(software - 4));
    let checksum = crc32(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// CRC-32 as in IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
