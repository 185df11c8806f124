//! What is said while an image is transferred (11.13).

use super::{FileVersion, ImageId, ImageType};
use crate::wire::{ParseError, Reader};
use crate::zcl::Status;
use crate::{CommandId, IeeeAddress, ManufacturerCode};

/// What a device asks of its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Is there an image for me?
    QueryNextImage {
        /// What it has.
        installed: ImageId,
        /// Its hardware, where it tells.
        hardware: Option<u16>,
    },
    /// Give me a piece.
    Block(BlockRequest),
    /// Give me many pieces.
    Page(PageRequest),
    /// I have it all, or do not want it.
    UpgradeEnd {
        /// `SUCCESS` when it has it all.
        status: Status,
        /// Which image; some devices leave it out when they refuse.
        image: Option<ImageId>,
    },
}

/// A piece of an image is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRequest {
    /// Of which image.
    pub image: ImageId,
    /// From where, bytes.
    pub offset: u32,
    /// The most bytes that the device takes at once.
    pub maximum: u8,
    /// The device itself, where it says so.
    pub node: Option<IeeeAddress>,
    /// The least time between two requests of this device, milliseconds.
    pub period: Option<u16>,
}

/// Pieces of an image are wanted, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The first piece; without a period.
    pub first: BlockRequest,
    /// How many bytes together.
    pub size: u16,
    /// Time between two pieces, milliseconds.
    pub spacing: u16,
}

impl Request {
    /// Reads a command from client to server; `None` for commands that are not about images for all
    /// devices of a kind. Bytes behind what is known are ignored.
    pub fn parse(command: CommandId, payload: &[u8]) -> Option<Result<Self, ParseError>> {
        let reader = Reader::new(payload);
        Some(match command.0 {
            0x01 => query(reader),
            0x03 => block(reader).map(Self::Block),
            0x04 => page(reader).map(Self::Page),
            0x06 => end(reader),
            _ => return None,
        })
    }
}

fn image(reader: &mut Reader<'_>) -> Result<ImageId, ParseError> {
    Ok(ImageId {
        manufacturer: ManufacturerCode(reader.u16()?),
        image_type: ImageType(reader.u16()?),
        version: FileVersion(reader.u32()?),
    })
}

fn query(mut reader: Reader<'_>) -> Result<Request, ParseError> {
    let control = reader.u8()?;
    let installed = image(&mut reader)?;
    let hardware = (control & 1 != 0).then(|| reader.u16()).transpose()?;
    Ok(Request::QueryNextImage {
        installed,
        hardware,
    })
}

fn block(mut reader: Reader<'_>) -> Result<BlockRequest, ParseError> {
    let control = reader.u8()?;
    let image = image(&mut reader)?;
    let offset = reader.u32()?;
    let maximum = reader.u8()?;
    let node = (control & 1 != 0).then(|| reader.ieee()).transpose()?;
    // Some devices announce the field and leave it out.
    let period = if control & 2 != 0 {
        reader.u16().ok()
    } else {
        None
    };
    Ok(BlockRequest {
        image,
        offset,
        maximum,
        node,
        period,
    })
}

fn page(mut reader: Reader<'_>) -> Result<PageRequest, ParseError> {
    let control = reader.u8()?;
    let image = image(&mut reader)?;
    let offset = reader.u32()?;
    let maximum = reader.u8()?;
    let size = reader.u16()?;
    let spacing = reader.u16()?;
    let node = (control & 1 != 0).then(|| reader.ieee()).transpose()?;
    Ok(PageRequest {
        first: BlockRequest {
            image,
            offset,
            maximum,
            node,
            period: None,
        },
        size,
        spacing,
    })
}

fn end(mut reader: Reader<'_>) -> Result<Request, ParseError> {
    let status = Status(reader.u8()?);
    let named = if reader.is_empty() {
        None
    } else {
        Some(image(&mut reader)?)
    };
    if named.is_none() && status == Status::SUCCESS {
        return Err(ParseError::Truncated {
            offset: 1,
            needed: 8,
        });
    }
    Ok(Request::UpgradeEnd {
        status,
        image: named,
    })
}

/// What the server says: number and payload of a command from server to client.
pub mod response {
    use super::{CommandId, ImageId, Status};
    use crate::wire::Writer;

    fn image(writer: &mut Writer, image: ImageId) {
        writer
            .u16(image.manufacturer.0)
            .u16(image.image_type.0)
            .u32(image.version.0);
    }

    /// Ask me for an image. Every device that hears it with a random number up to `jitter` (1 to 100)
    /// does: with 100, every one.
    pub fn image_notify(jitter: u8) -> (CommandId, Vec<u8>) {
        (CommandId(0x00), vec![0x00, jitter])
    }

    /// There is this image, so many bytes long.
    pub fn next_image(found: ImageId, size: u32) -> (CommandId, Vec<u8>) {
        let mut writer = Writer::new();
        writer.u8(Status::SUCCESS.0);
        image(&mut writer, found);
        writer.u32(size);
        (CommandId(0x02), writer.into_bytes())
    }

    /// There is no image.
    pub fn no_image() -> (CommandId, Vec<u8>) {
        (CommandId(0x02), vec![Status::NO_IMAGE_AVAILABLE.0])
    }

    /// A piece. Of more than 255 bytes only the first 255.
    pub fn block(of: ImageId, offset: u32, data: &[u8]) -> (CommandId, Vec<u8>) {
        let data = data.get(..255).unwrap_or(data);
        let mut writer = Writer::new();
        writer.u8(Status::SUCCESS.0);
        image(&mut writer, of);
        writer
            .u32(offset)
            .u8(u8::try_from(data.len()).unwrap_or(u8::MAX))
            .bytes(data);
        (CommandId(0x05), writer.into_bytes())
    }

    /// The transfer is over.
    pub fn abort() -> (CommandId, Vec<u8>) {
        (CommandId(0x05), vec![Status::ABORT.0])
    }

    /// Install it, `seconds` from now.
    pub fn upgrade(to: ImageId, seconds: u32) -> (CommandId, Vec<u8>) {
        let mut writer = Writer::new();
        image(&mut writer, to);
        // A current time of 0 makes the other time a delay (11.13.9.2.4).
        writer.u32(0).u32(seconds);
        (CommandId(0x07), writer.into_bytes())
    }
}
