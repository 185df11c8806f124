//! ZCL frames (ZCL specification 2.4.1): header and the command's payload as bytes.

use crate::{CommandId, ManufacturerCode, ParseError, Reader, Writer};

/// What the command id refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// A foundation command, the same for all clusters.
    Global,
    /// A command of the cluster itself.
    Cluster,
    /// A reserved value (2 or 3).
    Reserved(u8),
}

/// Who is addressed: the cluster's server or its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From client to server.
    ToServer,
    /// From server to client.
    ToClient,
}

/// The header of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the command id refers to.
    pub frame_type: FrameType,
    /// Who is addressed.
    pub direction: Direction,
    /// The sender wants no default response when all went well.
    pub disable_default_response: bool,
    /// Set for manufacturer specific commands and attributes.
    pub manufacturer: Option<ManufacturerCode>,
    /// The transaction sequence number.
    pub sequence: u8,
    /// The command.
    pub command: CommandId,
    /// Bits 5 to 7 of the frame control byte, zero in frames that follow the specification.
    pub reserved: u8,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// The command's payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Reads a frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let control = reader.u8()?;
        let manufacturer = if control & 0x04 == 0 {
            None
        } else {
            Some(ManufacturerCode(reader.u16()?))
        };
        let header = Header {
            frame_type: match control & 0x03 {
                0 => FrameType::Global,
                1 => FrameType::Cluster,
                other => FrameType::Reserved(other),
            },
            direction: if control & 0x08 == 0 {
                Direction::ToServer
            } else {
                Direction::ToClient
            },
            disable_default_response: control & 0x10 != 0,
            manufacturer,
            sequence: reader.u8()?,
            command: CommandId(reader.u8()?),
            reserved: control >> 5,
        };
        Ok(Self {
            header,
            payload: reader.take_rest().to_vec(),
        })
    }

    /// The frame's bytes.
    pub fn emit(&self) -> Vec<u8> {
        let header = &self.header;
        let frame_type = match header.frame_type {
            FrameType::Global => 0,
            FrameType::Cluster => 1,
            FrameType::Reserved(other) => other & 0x03,
        };
        let control = frame_type
            | if header.manufacturer.is_some() {
                0x04
            } else {
                0
            }
            | if header.direction == Direction::ToClient {
                0x08
            } else {
                0
            }
            | if header.disable_default_response {
                0x10
            } else {
                0
            }
            | (header.reserved & 0x07) << 5;
        let mut writer = Writer::new();
        writer.u8(control);
        if let Some(manufacturer) = header.manufacturer {
            writer.u16(manufacturer.0);
        }
        writer
            .u8(header.sequence)
            .u8(header.command.0)
            .bytes(&self.payload);
        writer.into_bytes()
    }
}
