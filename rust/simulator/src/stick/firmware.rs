//! Which Z-Stack the stick runs, and how the generations differ.

use std::str::FromStr;

/// A generation of Z-Stack with the chip it is typical of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Firmware {
    /// Z-Stack Home 1.2 on a CC2531.
    Home12,
    /// Z-Stack 3.0.x on a CC2531.
    Stack30x,
    /// Z-Stack 3.x.0 on a CC2652.
    Stack3x0,
}

/// The text names no firmware.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown firmware `{0}`: use cc2652 (Z-Stack 3.x.0), cc2531 (Home 1.2) or cc2531-3.0")]
pub struct UnknownFirmware(String);

impl FromStr for Firmware {
    type Err = UnknownFirmware;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cc2652" | "zstack3x0" => Ok(Self::Stack3x0),
            "cc2531" | "zstack12" => Ok(Self::Home12),
            "cc2531-3.0" | "zstack30x" => Ok(Self::Stack30x),
            _ => Err(UnknownFirmware(text.to_owned())),
        }
    }
}

impl Firmware {
    /// `SYS.version`'s product byte.
    pub(crate) const fn product(self) -> u8 {
        match self {
            Self::Home12 => 0,
            Self::Stack3x0 => 1,
            Self::Stack30x => 2,
        }
    }

    /// Major, minor and maintenance release.
    pub(crate) const fn release(self) -> [u8; 3] {
        match self {
            Self::Home12 => [2, 6, 3],
            Self::Stack30x => [2, 7, 2],
            Self::Stack3x0 => [2, 7, 1],
        }
    }

    /// The build date of the firmware as a decimal number.
    pub(crate) const fn revision(self) -> u32 {
        match self {
            Self::Home12 => 20_190_608,
            Self::Stack30x => 20_190_425,
            Self::Stack3x0 => 20_230_507,
        }
    }

    /// `SYS.ping`'s answer.
    pub(crate) const fn capabilities(self) -> u16 {
        match self {
            Self::Home12 => 0x0179,
            Self::Stack30x => 0x0679,
            Self::Stack3x0 => 0x0659,
        }
    }

    /// 8051 chips pack structures, ARM chips align them.
    pub(crate) const fn aligned(self) -> bool {
        matches!(self, Self::Stack3x0)
    }

    /// Items with subsystem, item and sub id (`SYS.nvRead` and its family).
    pub(crate) const fn extended_nv(self) -> bool {
        matches!(self, Self::Stack3x0)
    }

    /// The base device behaviour commands (`APP_CNF`).
    pub(crate) const fn bdb(self) -> bool {
        !matches!(self, Self::Home12)
    }

    /// The simple API.
    pub(crate) const fn sapi(self) -> bool {
        !matches!(self, Self::Stack3x0)
    }

    /// How many messages of the host may wait for their confirmation; more find no memory.
    pub(crate) const fn buffers(self) -> usize {
        match self {
            Self::Home12 | Self::Stack30x => 6,
            Self::Stack3x0 => 40,
        }
    }

    /// The filler of an unused address manager entry's first byte (a wrong one breaks `CC253x`).
    pub(crate) const fn unused_address(self) -> u8 {
        match self {
            Self::Stack3x0 => 0xff,
            Self::Home12 | Self::Stack30x => 0x00,
        }
    }
}
