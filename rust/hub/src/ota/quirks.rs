//! What makes of devices need that the settings do not give (facts: zigbee-herdsman, MIT).

use std::time::Duration;

use zigbee::ManufacturerCode;
use zigbee::ota::ImageId;

use super::OtaPacing;

/// What is different for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// Blocks of more bytes end the transfer.
    SmallBlocks(u8),
    /// The device says how long blocks are, and must get them so.
    DeviceDecides,
    /// It asks rarely: this silence is normal.
    Slow(Duration),
}

const HOUR: Duration = Duration::from_secs(3600);

/// Manufacturer, image type where it matters, quirk.
const QUIRKS: &[(u16, Option<u16>, Quirk)] = &[
    // dresden elektronik; Insta.
    (0x1135, None, Quirk::SmallBlocks(40)),
    (0x117a, None, Quirk::SmallBlocks(40)),
    // Legrand.
    (0x1021, None, Quirk::DeviceDecides),
    (0x1021, None, Quirk::Slow(Duration::from_secs(1800))),
    // Bosch transfers in the background for up to two days.
    (0x1209, None, Quirk::Slow(HOUR)),
    // SONOFF's end comes late.
    (0x1286, Some(0x2007), Quirk::Slow(HOUR)),
];

impl Quirk {
    fn of(image: ImageId) -> impl Iterator<Item = Self> {
        QUIRKS
            .iter()
            .filter(move |(manufacturer, kind, _)| {
                ManufacturerCode(*manufacturer) == image.manufacturer
                    && kind.is_none_or(|kind| kind == image.image_type.0)
            })
            .map(|(_, _, quirk)| *quirk)
    }

    /// The silence after which the transfer of an image counts as failed.
    pub(crate) fn timeout(image: ImageId, pacing: &OtaPacing) -> Duration {
        Self::of(image)
            .filter_map(|quirk| match quirk {
                Self::Slow(time) => Some(time),
                _ => None,
            })
            .fold(pacing.block_timeout, Duration::max)
    }

    /// How many bytes a device gets that takes `maximum` at once.
    pub(crate) fn block_size(image: ImageId, pacing: &OtaPacing, maximum: u8) -> u8 {
        let mut size = pacing.data_size;
        for quirk in Self::of(image) {
            match quirk {
                Self::SmallBlocks(most) => size = size.min(most),
                // What a frame holds at most.
                Self::DeviceDecides => size = maximum.min(64),
                Self::Slow(_) => {}
            }
        }
        // A device that takes nothing at all is not understood.
        size.min(if maximum == 0 { size } else { maximum }).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zigbee::ota::{FileVersion, ImageType};

    fn of(manufacturer: u16, image_type: u16) -> ImageId {
        ImageId {
            manufacturer: ManufacturerCode(manufacturer),
            image_type: ImageType(image_type),
            version: FileVersion(1),
        }
    }

    #[test]
    fn blocks_are_as_long_as_settings_device_and_make_allow() {
        let pacing = OtaPacing::default();
        let size = |manufacturer, maximum| Quirk::block_size(of(manufacturer, 0), &pacing, maximum);
        assert_eq!(
            (size(0x115f, 63), size(0x115f, 48), size(0x115f, 0)),
            (50, 48, 50)
        );
        assert_eq!((size(0x117a, 63), size(0x1135, 20)), (40, 20));
        assert_eq!(
            (size(0x1021, 12), size(0x1021, 64), size(0x1021, 255)),
            (12, 64, 64)
        );
    }

    #[test]
    fn slow_makes_are_waited_for_but_never_less_than_the_settings_say() {
        let pacing = OtaPacing::default();
        let timeout = |id| Quirk::timeout(id, &pacing).as_secs();
        assert_eq!(timeout(of(0x115f, 0)), 150);
        assert_eq!(timeout(of(0x1209, 0)), 3600);
        assert_eq!(
            (timeout(of(0x1286, 0x2007)), timeout(of(0x1286, 1))),
            (3600, 150)
        );
        let long = OtaPacing {
            block_timeout: Duration::from_secs(9000),
            ..pacing
        };
        assert_eq!(Quirk::timeout(of(0x1021, 0), &long).as_secs(), 9000);
    }
}
