//! How a device answers ZCL frames: foundation commands and default responses.
//!
//! Written against the ZCL specification chapter 2 on bytes, not with the parser of the `zigbee`
//! crate, so that a mistake there is not mirrored here.

use zigbee::wire::{Reader, Writer};
use zigbee::zcl::{DataType, Direction, Frame, FrameType, Header, Status};
use zigbee::{AttributeId, CommandId, ParseError};

use super::model::{Attribute, Path};
use super::node::{Io, Node, Target};
use super::report::Reporting;
use super::rules::{Answer, Command};
use super::{Device, ota, value};

/// A message that reached a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Who sent it, and to which endpoint answers go.
    pub from: Target,
    /// The endpoint it is for, 0xff for all.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    /// It was sent to one device (not to a group or to everyone).
    pub unicast: bool,
    /// Set when it was sent to a group.
    pub group: Option<u16>,
    /// A ZCL frame.
    pub payload: Vec<u8>,
}

impl Device {
    /// Takes a message for the device.
    pub fn receive(&mut self, message: &Incoming, io: &mut Io) {
        let Ok(frame) = Frame::parse(&message.payload) else {
            return;
        };
        let endpoints: Vec<u8> = self
            .node
            .model
            .endpoints
            .iter()
            .map(|endpoint| endpoint.id)
            .filter(|id| match message.group {
                Some(group) => self.node.groups.contains(&(*id, group)),
                None => message.endpoint == *id || message.endpoint == 0xff,
            })
            .collect();
        for endpoint in endpoints {
            let before = io.outgoing.len();
            let answered = self.receive_at(endpoint, message, &frame, io);
            // The answer, which was made last, goes out before the reports that came of the request.
            if answered && let Some(made) = io.outgoing.get_mut(before..) {
                made.rotate_right(1);
            }
        }
    }

    /// True when an answer was sent.
    fn receive_at(&mut self, endpoint: u8, message: &Incoming, frame: &Frame, io: &mut Io) -> bool {
        let header = &frame.header;
        let answer = match header.frame_type {
            FrameType::Global => self
                .foundation(endpoint, message.cluster, frame, io)
                .unwrap_or(Answer::Status(Status::MALFORMED_COMMAND)),
            FrameType::Cluster
                if message.cluster == ota::CLUSTER && header.direction == Direction::ToClient =>
            {
                self.ota_command(frame, io);
                // It asks for more rather than to confirm what it got.
                Answer::Nothing
            }
            FrameType::Cluster => {
                if !self.node.serves(endpoint, message.cluster)
                    && header.direction == Direction::ToServer
                {
                    Answer::Status(Status::UNSUPPORTED_CLUSTER)
                } else {
                    let command = Command {
                        endpoint,
                        cluster: message.cluster,
                        id: header.command.0,
                        to_server: header.direction == Direction::ToServer,
                        from: message.from,
                        payload: &frame.payload,
                    };
                    self.rules
                        .command(&mut self.node, &command, io)
                        .unwrap_or(Answer::Status(Status::UNSUP_CLUSTER_COMMAND))
                }
            }
            FrameType::Reserved(_) => Answer::Nothing,
        };
        let (frame_type, command, payload) = match answer {
            Answer::Nothing => return false,
            Answer::Status(status) => {
                let wanted = status != Status::SUCCESS || !header.disable_default_response;
                // A default response never answers a default response, nor a broadcast.
                let is_default = header.frame_type == FrameType::Global && header.command.0 == 0x0b;
                if !message.unicast || !wanted || is_default {
                    return false;
                }
                (FrameType::Global, 0x0b, vec![header.command.0, status.0])
            }
            Answer::Global(command, payload) => (FrameType::Global, command, payload),
            Answer::Cluster(command, payload) => (FrameType::Cluster, command, payload),
        };
        let frame = Frame {
            header: Header {
                frame_type,
                direction: match header.direction {
                    Direction::ToServer => Direction::ToClient,
                    Direction::ToClient => Direction::ToServer,
                },
                disable_default_response: true,
                manufacturer: header.manufacturer,
                sequence: header.sequence,
                command: CommandId(command),
                reserved: 0,
            },
            payload,
        };
        io.send(endpoint, message.cluster, message.from, &frame.emit());
        true
    }

    /// Answers a foundation command.
    fn foundation(
        &mut self,
        endpoint: u8,
        cluster: u16,
        frame: &Frame,
        io: &mut Io,
    ) -> Result<Answer, ParseError> {
        let manufacturer = frame.header.manufacturer.map(|code| code.0);
        let mut request = Request {
            endpoint,
            cluster,
            manufacturer,
            reader: Reader::new(&frame.payload),
        };
        // Reports, responses and default responses that reach a device need no answer of their own.
        Ok(match frame.header.command.0 {
            0x00 => Answer::Global(0x01, request.read(&self.node)?),
            0x02 => Answer::Global(0x04, self.write(&mut request, false, io)?),
            0x03 => Answer::Global(0x04, self.write(&mut request, true, io)?),
            0x05 => {
                self.write(&mut request, false, io)?;
                Answer::Nothing
            }
            0x06 => Answer::Global(0x07, request.configure_reporting(&mut self.node, io)?),
            0x08 => Answer::Global(0x09, request.read_reporting(&self.node)?),
            0x0c => Answer::Global(0x0d, request.discover(&self.node, false)?),
            0x15 => Answer::Global(0x16, request.discover(&self.node, true)?),
            0x11 => Answer::Global(0x12, vec![1]),
            0x13 => Answer::Global(0x14, vec![1]),
            0x0a => Answer::Status(Status::SUCCESS),
            0x01 | 0x04 | 0x07 | 0x09 | 0x0b | 0x0d | 0x10 | 0x12 | 0x14 | 0x16 => Answer::Nothing,
            _ => Answer::Status(Status::UNSUP_GENERAL_COMMAND),
        })
    }

    fn write(
        &mut self,
        request: &mut Request<'_>,
        undivided: bool,
        io: &mut Io,
    ) -> Result<Vec<u8>, ParseError> {
        let mut writes = Vec::new();
        let mut failures = Writer::new();
        while !request.reader.is_empty() {
            let attribute = request.reader.u16()?;
            let data_type = DataType(request.reader.u8()?);
            let Some(bytes) = value::length(data_type, request.reader.rest()) else {
                return Err(ParseError::UnknownDataType {
                    offset: request.reader.offset(),
                    data_type: data_type.0,
                });
            };
            let bytes = request.reader.take(bytes)?.to_vec();
            let path = request.path(attribute);
            let status = match request.find(&self.node, attribute) {
                None => Some(Status::UNSUPPORTED_ATTRIBUTE),
                Some(known) if !known.writable => Some(Status::READ_ONLY),
                Some(known) if known.data_type != data_type => Some(Status::INVALID_DATA_TYPE),
                Some(_) => self.rules.check_write(&self.node, path, &bytes).err(),
            };
            match status {
                Some(status) => {
                    failures.u8(status.0).u16(attribute);
                }
                None => writes.push((path, bytes)),
            }
        }
        let failures = failures.into_bytes();
        if !undivided || failures.is_empty() {
            for (path, bytes) in writes {
                self.node.set(path, &bytes, io);
                self.rules.written(&mut self.node, path, io);
            }
        }
        Ok(if failures.is_empty() {
            vec![Status::SUCCESS.0]
        } else {
            failures
        })
    }
}

/// What a foundation command is about.
struct Request<'a> {
    endpoint: u8,
    cluster: u16,
    manufacturer: Option<u16>,
    reader: Reader<'a>,
}

impl Request<'_> {
    const fn path(&self, attribute: u16) -> Path {
        Path {
            endpoint: self.endpoint,
            cluster: self.cluster,
            attribute,
        }
    }

    fn find<'n>(&self, node: &'n Node, attribute: u16) -> Option<&'n Attribute> {
        node.attributes
            .get(&self.path(attribute))
            .filter(|found| found.manufacturer == self.manufacturer)
    }

    fn read(&mut self, node: &Node) -> Result<Vec<u8>, ParseError> {
        let mut answer = Writer::new();
        while !self.reader.is_empty() {
            let attribute = self.reader.u16()?;
            answer.u16(attribute);
            match self.find(node, attribute) {
                Some(found) => answer.u8(0).u8(found.data_type.0).bytes(&found.bytes),
                None => answer.u8(Status::UNSUPPORTED_ATTRIBUTE.0),
            };
        }
        Ok(answer.into_bytes())
    }

    fn configure_reporting(&mut self, node: &mut Node, io: &mut Io) -> Result<Vec<u8>, ParseError> {
        let mut failures = Writer::new();
        while !self.reader.is_empty() {
            let direction = self.reader.u8()?;
            let attribute = self.reader.u16()?;
            let path = self.path(attribute);
            if direction != 0 {
                self.reader.u16()?;
                failures
                    .u8(Status::UNREPORTABLE_ATTRIBUTE.0)
                    .u8(direction)
                    .u16(attribute);
                continue;
            }
            let data_type = DataType(self.reader.u8()?);
            let minimum = self.reader.u16()?;
            let maximum = self.reader.u16()?;
            let mut change = Vec::new();
            if value::is_analog(data_type) {
                let length =
                    value::length(data_type, self.reader.rest()).ok_or(ParseError::Invalid {
                        offset: self.reader.offset(),
                        field: "reportable change",
                    })?;
                change = self.reader.take(length)?.to_vec();
            }
            let status = match self.find(node, attribute) {
                None => Status::UNSUPPORTED_ATTRIBUTE,
                Some(known) if known.data_type != data_type => Status::INVALID_DATA_TYPE,
                Some(_) if maximum != 0 && maximum < minimum => Status::INVALID_VALUE,
                Some(known) => {
                    let reporting = Reporting::new(minimum, maximum, change, io.now, &known.bytes);
                    if maximum == 0xffff {
                        node.reporting.remove(&path);
                    } else {
                        node.reporting.insert(path, reporting);
                    }
                    continue;
                }
            };
            failures.u8(status.0).u8(direction).u16(attribute);
        }
        let failures = failures.into_bytes();
        Ok(if failures.is_empty() {
            vec![Status::SUCCESS.0]
        } else {
            failures
        })
    }

    fn read_reporting(&mut self, node: &Node) -> Result<Vec<u8>, ParseError> {
        let mut answer = Writer::new();
        while !self.reader.is_empty() {
            let direction = self.reader.u8()?;
            let attribute = self.reader.u16()?;
            let configured = node.reporting.get(&self.path(attribute));
            match (direction, self.find(node, attribute), configured) {
                (0, Some(known), Some(reporting)) => answer
                    .u8(0)
                    .u8(0)
                    .u16(attribute)
                    .u8(known.data_type.0)
                    .u16(reporting.minimum)
                    .u16(reporting.maximum)
                    .bytes(&reporting.change),
                (_, None, _) => answer
                    .u8(Status::UNSUPPORTED_ATTRIBUTE.0)
                    .u8(direction)
                    .u16(attribute),
                _ => answer.u8(Status::NOT_FOUND.0).u8(direction).u16(attribute),
            };
        }
        Ok(answer.into_bytes())
    }

    fn discover(&mut self, node: &Node, extended: bool) -> Result<Vec<u8>, ParseError> {
        let start = AttributeId(self.reader.u16()?);
        let maximum = usize::from(self.reader.u8()?);
        let from = self.path(start.0);
        let to = self.path(u16::MAX);
        let mut found = node
            .attributes
            .range(from..=to)
            .filter(|(_, attribute)| attribute.manufacturer == self.manufacturer);
        let mut answer = Writer::new();
        for (path, attribute) in found.by_ref().take(maximum) {
            answer.u16(path.attribute).u8(attribute.data_type.0);
            if extended {
                answer.u8(0b101 | u8::from(attribute.writable) << 1);
            }
        }
        let mut bytes = vec![u8::from(found.next().is_none())];
        bytes.extend(answer.into_bytes());
        Ok(bytes)
    }
}
