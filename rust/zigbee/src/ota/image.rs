//! The file: header, optional fields, elements (11.4).

use std::ops::Range;

use super::{FileVersion, ImageId, ImageType};
use crate::wire::{ParseError, Reader, Writer};
use crate::{IeeeAddress, ManufacturerCode};

/// The first four bytes: `0x0BEEF11E`, least significant byte first.
pub const MAGIC: [u8; 4] = [0x1e, 0xf1, 0xee, 0x0b];
/// The header version that there is.
pub const HEADER_VERSION: u16 = 0x0100;
/// The element that holds the software.
pub const TAG_UPGRADE_IMAGE: u16 = 0x0000;
/// Telink's encrypted image: two bytes of flags stand between its length and its data, and the length
/// does not count them (`ota.h` of Telink's Zigbee SDK).
pub const TAG_TELINK_AES: u16 = 0xf000;
/// The most elements that are read; real images have up to about ten.
pub const MAX_ELEMENTS: usize = 256;

/// The header's length without optional fields.
const SHORTEST_HEADER: u16 = 56;

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Normally [`HEADER_VERSION`].
    pub header_version: u16,
    /// Where the elements begin.
    pub header_length: u16,
    /// Which optional fields there are; unknown bits are kept.
    pub field_control: u16,
    /// Manufacturer, type and version.
    pub id: ImageId,
    /// 2 is Zigbee PRO.
    pub stack_version: u16,
    /// A text of 32 bytes, without the zeros at its end.
    pub text: Vec<u8>,
    /// The length of the whole image, bytes.
    pub size: u32,
    /// Which kind of certificates a device needs to take it.
    pub credential_version: Option<u8>,
    /// The one device that it is for.
    pub destination: Option<IeeeAddress>,
    /// The hardware versions that it is for.
    pub hardware: Option<(u16, u16)>,
}

impl Header {
    /// The header of an image with this name and nothing special.
    pub fn new(id: ImageId) -> Self {
        Self {
            header_version: HEADER_VERSION,
            header_length: SHORTEST_HEADER,
            field_control: 0,
            id,
            stack_version: 2,
            text: Vec::new(),
            size: 0,
            credential_version: None,
            destination: None,
            hardware: None,
        }
    }

    /// Reads the header at the start of the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(ImageError::NoImage);
        }
        let mut reader = Reader::new(bytes);
        reader.take(MAGIC.len())?;
        let header_version = reader.u16()?;
        let header_length = reader.u16()?;
        let field_control = reader.u16()?;
        let id = ImageId {
            manufacturer: ManufacturerCode(reader.u16()?),
            image_type: ImageType(reader.u16()?),
            version: FileVersion(reader.u32()?),
        };
        let stack_version = reader.u16()?;
        let text = reader.take(32)?;
        let length = text
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        let text = text.get(..length).unwrap_or_default().to_vec();
        let size = reader.u32()?;
        let mut header = Self {
            header_version,
            header_length,
            field_control,
            id,
            stack_version,
            text,
            size,
            credential_version: None,
            destination: None,
            hardware: None,
        };
        if field_control & 1 != 0 {
            header.credential_version = Some(reader.u8()?);
        }
        if field_control & 2 != 0 {
            header.destination = Some(reader.ieee()?);
        }
        if field_control & 4 != 0 {
            header.hardware = Some((reader.u16()?, reader.u16()?));
        }
        if usize::from(header_length) < reader.offset() || header_length < SHORTEST_HEADER {
            return Err(ImageError::HeaderLength(header_length));
        }
        if u32::from(header_length) > size {
            return Err(ImageError::HeaderLength(header_length));
        }
        Ok(header)
    }

    /// An image with this header and these elements. The header's lengths, and which optional fields it
    /// has, follow from what it holds.
    pub fn emit(&self, elements: &[(u16, &[u8])]) -> Vec<u8> {
        let mut optional = Writer::new();
        let mut control = self.field_control & !7;
        if let Some(version) = self.credential_version {
            control |= 1;
            optional.u8(version);
        }
        if let Some(destination) = self.destination {
            control |= 2;
            optional.ieee(destination);
        }
        if let Some((minimum, maximum)) = self.hardware {
            control |= 4;
            optional.u16(minimum).u16(maximum);
        }
        let optional = optional.into_bytes();
        let mut parts = Writer::new();
        for (tag, data) in elements {
            parts
                .u16(*tag)
                .u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
            if *tag == TAG_TELINK_AES {
                parts.u16(0);
            }
            parts.bytes(data);
        }
        let parts = parts.into_bytes();
        let length = usize::from(SHORTEST_HEADER) + optional.len();
        let size = length + parts.len();
        let mut text = self.text.clone();
        text.resize(32, 0);
        let mut writer = Writer::new();
        writer
            .bytes(&MAGIC)
            .u16(self.header_version)
            .u16(u16::try_from(length).unwrap_or(u16::MAX))
            .u16(control)
            .u16(self.id.manufacturer.0)
            .u16(self.id.image_type.0)
            .u32(self.id.version.0)
            .u16(self.stack_version)
            .bytes(&text)
            .u32(u32::try_from(size).unwrap_or(u32::MAX))
            .bytes(&optional)
            .bytes(&parts);
        writer.into_bytes()
    }

    /// The text as it is shown. What is no UTF-8 in it is replaced.
    pub fn text(&self) -> String {
        let end = self.text.iter().position(|byte| *byte == 0);
        let text = self.text.get(..end.unwrap_or(self.text.len()));
        String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
    }
}

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// What it is; unknown numbers are kept.
    pub tag: u16,
    /// Where its data are in the image.
    pub range: Range<usize>,
}

/// An image that is as long as its header says.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    header: Header,
    elements: Vec<Element>,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("header", &self.header)
            .field("elements", &self.elements)
            .finish_non_exhaustive()
    }
}

impl Image {
    /// Reads a file. Vendors put headers or signatures of their own before the image and padding
    /// behind it; the image is where [`MAGIC`] stands first, and as long as it says.
    pub fn parse(mut file: Vec<u8>) -> Result<Self, ImageError> {
        let start = file
            .windows(MAGIC.len())
            .position(|window| window == MAGIC)
            .ok_or(ImageError::NoImage)?;
        file.drain(..start);
        let header = Header::parse(&file)?;
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        if file.len() < size {
            return Err(ImageError::Short {
                size: header.size,
                found: file.len(),
            });
        }
        file.truncate(size);
        let elements = elements(&file, usize::from(header.header_length))?;
        Ok(Self {
            header,
            elements,
            bytes: file,
        })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Manufacturer, type and version.
    pub fn id(&self) -> ImageId {
        self.header.id
    }

    /// Its parts.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The image, from its magic number to the end that its header tells.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The length of the image, bytes.
    pub fn size(&self) -> u32 {
        self.header.size
    }

    /// Up to `count` bytes from an offset; `None` beyond the end.
    pub fn block(&self, offset: u32, count: u8) -> Option<&[u8]> {
        let rest = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let count = usize::from(count).min(rest.len());
        rest.get(..count).filter(|block| !block.is_empty())
    }
}

fn elements(bytes: &[u8], start: usize) -> Result<Vec<Element>, ImageError> {
    let mut elements = Vec::new();
    let mut reader = Reader::new(bytes);
    reader.take(start)?;
    while !reader.is_empty() {
        if elements.len() >= MAX_ELEMENTS {
            return Err(ImageError::Elements);
        }
        let tag = reader.u16()?;
        let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if tag == TAG_TELINK_AES {
            reader.take(2)?;
        }
        let start = reader.offset();
        // Philips encrypts all behind its first elements: what reads like a length there is none, and
        // the last element is what is left.
        reader.take(length.min(reader.rest().len()))?;
        elements.push(Element {
            tag,
            range: start..reader.offset(),
        });
    }
    if elements.is_empty() {
        return Err(ImageError::Empty);
    }
    Ok(elements)
}

/// Why bytes are no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The magic number is nowhere.
    #[error("not a Zigbee OTA file")]
    NoImage,
    /// The file ends before the image does.
    #[error("the image should have {size} bytes, the file has {found} of them")]
    Short {
        /// What the header says.
        size: u32,
        /// What there is.
        found: usize,
    },
    /// The header's length does not fit its fields or the image.
    #[error("a header of {0} bytes does not fit")]
    HeaderLength(u16),
    /// No element: nothing to install.
    #[error("the image is empty")]
    Empty,
    /// More elements than are read.
    #[error("more than {MAX_ELEMENTS} elements")]
    Elements,
    /// A header that is cut off, or bytes behind the last element.
    #[error("the image is damaged: {0}")]
    Damaged(#[from] ParseError),
}
