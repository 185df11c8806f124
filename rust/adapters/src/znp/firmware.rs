//! What runs on the stick, and what it therefore can do.

use serde_json::{Value as Json, json};
use zigbee::{ParseError, Reader};

/// The three families of Z-Stack coordinator firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Z-Stack Home 1.2: CC2530, CC2531.
    Home12,
    /// Z-Stack 3.0.x: CC2530, CC2531, CC2538.
    V30x,
    /// Z-Stack 3.x.0: CC1352, CC2652, CC2674.
    V3x0,
}

/// The answer to `SYS.version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Firmware {
    pub(super) generation: Generation,
    transport: u8,
    product: u8,
    major: u8,
    minor: u8,
    maintenance: u8,
    /// Decimal yyyymmdd; builds before 2019 don't tell.
    revision: Option<u32>,
}

impl Default for Firmware {
    /// What is assumed of firmware that doesn't know `SYS.version`.
    fn default() -> Self {
        Self {
            generation: Generation::Home12,
            transport: 2,
            product: 0,
            major: 2,
            minor: 0,
            maintenance: 0,
            revision: None,
        }
    }
}

impl Firmware {
    pub(super) fn parse(data: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        let (transport, product) = (reader.u8()?, reader.u8()?);
        Ok(Self {
            generation: match product {
                0 => Generation::Home12,
                2 => Generation::V30x,
                _ => Generation::V3x0,
            },
            transport,
            product,
            major: reader.u8()?,
            minor: reader.u8()?,
            maintenance: reader.u8()?,
            revision: reader.u32().ok(),
        })
    }

    /// The name that Zigbee2MQTT shows.
    pub(super) fn kind(&self) -> &'static str {
        match self.generation {
            Generation::Home12 => "zStack12",
            Generation::V30x => "zStack30x",
            Generation::V3x0 => "zStack3x0",
        }
    }

    /// The fields that Zigbee2MQTT shows.
    pub(super) fn meta(&self) -> Json {
        json!({
            "transportrev": self.transport,
            "product": self.product,
            "majorrel": self.major,
            "minorrel": self.minor,
            "maintrel": self.maintenance,
            "revision": self.revision,
        })
    }

    /// Z-Stack 3: base device behaviour, key tables, `APP_CNF`.
    pub(super) fn is_v3(&self) -> bool {
        self.generation != Generation::Home12
    }

    /// How many messages may be under way.
    pub(super) fn slots(&self) -> usize {
        match self.generation {
            Generation::V3x0 => 16,
            Generation::Home12 | Generation::V30x => 2,
        }
    }

    /// A build of Z-Stack 3.x.0 that is not older than a day.
    fn since(&self, year: u32, month: u32, day: u32) -> bool {
        let date = (year * 100 + month) * 100 + day;
        self.generation == Generation::V3x0 && self.revision.is_some_and(|own| own >= date)
    }

    /// Knows `UTIL.assocRemove` and `UTIL.assocAdd`.
    pub(super) fn can_edit_associations(&self) -> bool {
        // assocRemove alone came earlier, but an association must never be removed that can't be put
        // back.
        self.since(2020, 10, 26)
    }

    /// Route discovery helps on this firmware; on a CC2531 it makes things worse.
    pub(super) fn discovers_routes(&self) -> bool {
        self.generation == Generation::V3x0
    }

    /// To join through a router, the coordinator must be open too.
    pub(super) fn opens_with_routers(&self) -> bool {
        !self.since(2021, 7, 8)
    }

    /// `UTIL.ledControl` works, or is worth a try.
    pub(super) fn has_led(&self) -> bool {
        self.generation != Generation::V3x0 || self.since(2021, 4, 30)
    }

    /// The firmware shows by itself that the network is open.
    pub(super) fn drives_led(&self) -> bool {
        self.since(2021, 10, 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_names_the_generation() {
        let old = Firmware::parse(&[2, 0, 2, 6, 3]).unwrap();
        assert_eq!(
            (old.kind(), old.slots(), old.is_v3()),
            ("zStack12", 2, false)
        );
        assert_eq!(old.meta()["revision"], Json::Null);
        let mut data = vec![2, 1, 2, 7, 1];
        data.extend(20_210_708_u32.to_le_bytes());
        let new = Firmware::parse(&data).unwrap();
        assert_eq!(
            (new.kind(), new.slots(), new.is_v3()),
            ("zStack3x0", 16, true)
        );
        assert_eq!(new.meta()["revision"], 20_210_708);
        assert!(new.can_edit_associations() && new.has_led() && !new.drives_led());
        assert!(!new.opens_with_routers() && old.opens_with_routers());
        assert!(Firmware::parse(&[2, 1]).is_err());
    }
}
