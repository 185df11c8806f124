//! Software over the air: the OTA upgrade cluster (ZCL specification chapter 11).
//!
//! [`Image`] is the file, [`Request`] what a device asks, and the functions of [`response`] are what
//! the server says. What follows from them is the hub's affair.

mod image;
mod message;

pub use image::{
    Element, HEADER_VERSION, Header, Image, ImageError, MAGIC, MAX_ELEMENTS, TAG_TELINK_AES,
    TAG_UPGRADE_IMAGE,
};
pub use message::{BlockRequest, PageRequest, Request, response};

use std::fmt;

use crate::address::number;
use crate::{ClusterId, ManufacturerCode};

/// The cluster.
pub const CLUSTER: ClusterId = ClusterId(0x0019);

number!(
    /// What a manufacturer's image is for; the manufacturer gives the numbers (11.4.2.7).
    ImageType(u16),
    "0x{:04x}"
);
number!(
    /// The version of an image's software: of two, the greater number is the newer (11.4.2.8).
    FileVersion(u32),
    "0x{:08x}"
);

impl ManufacturerCode {
    /// In an OTA header: for devices of any manufacturer (11.4.2.6).
    pub const ANY: Self = Self(0xffff);
}

impl ImageType {
    /// For any type (11.4.2.7).
    pub const ANY: Self = Self(0xffff);
}

/// Which image: all three together name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId {
    /// Who made it.
    pub manufacturer: ManufacturerCode,
    /// What it is for.
    pub image_type: ImageType,
    /// Its version.
    pub version: FileVersion,
}

impl ImageId {
    /// True when an image of this name is for a device that says that it has `installed`: of the same
    /// manufacturer and type, or for all.
    pub fn is_for(self, installed: Self) -> bool {
        (self.manufacturer == installed.manufacturer || self.manufacturer == ManufacturerCode::ANY)
            && (self.image_type == installed.image_type || self.image_type == ImageType::ANY)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "manufacturer {}, type {}, version {}",
            self.manufacturer, self.image_type, self.version
        )
    }
}
