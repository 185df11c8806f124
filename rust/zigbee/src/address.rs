//! Addresses of nodes, networks and groups.

use std::fmt;
use std::str::FromStr;

/// A device's 64-bit extended address (EUI-64).
///
/// Written as `0x` and 16 lower-case hexadecimal digits, the form that Zigbee2MQTT uses for device ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct IeeeAddress(pub u64);

impl IeeeAddress {
    /// The address that means "none" in Zigbee messages.
    pub const UNKNOWN: Self = Self(u64::MAX);
}

impl fmt::Display for IeeeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016x}", self.0)
    }
}

impl fmt::Debug for IeeeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an extended address (`0x` and 16 hexadecimal digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IEEE address (0x and 16 hexadecimal digits)")]
pub struct InvalidAddress;

impl FromStr for IeeeAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").ok_or(InvalidAddress)?;
        if digits.len() != 16 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidAddress);
        }
        u64::from_str_radix(digits, 16)
            .map(Self)
            .map_err(|_| InvalidAddress)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $format:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(", $format, ")"), self.0)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}
pub(crate) use number;

number!(
    /// A 16-bit network (short) address.
    NwkAddress(u16),
    "0x{:04x}"
);
number!(
    /// A 16-bit group (multicast) address.
    GroupId(u16),
    "{}"
);
number!(
    /// A network's 16-bit PAN id.
    PanId(u16),
    "0x{:04x}"
);

impl NwkAddress {
    /// The coordinator.
    pub const COORDINATOR: Self = Self(0x0000);
    /// Broadcast to every device.
    pub const BROADCAST_ALL: Self = Self(0xffff);
    /// Broadcast to every device whose receiver is on when idle.
    pub const BROADCAST_RX_ON: Self = Self(0xfffd);
    /// Broadcast to routers and the coordinator.
    pub const BROADCAST_ROUTERS: Self = Self(0xfffc);
    /// "Unknown" in Zigbee messages and coordinator tables.
    pub const UNKNOWN: Self = Self(0xfffe);

    /// True for the broadcast and reserved range 0xfff8 to 0xffff (Zigbee specification 3.6.5).
    pub fn is_broadcast(self) -> bool {
        self.0 >= 0xfff8
    }
}

/// A network's 64-bit extended PAN id, written like an [`IeeeAddress`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExtendedPanId(pub u64);

impl fmt::Display for ExtendedPanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016x}", self.0)
    }
}

impl fmt::Debug for ExtendedPanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ieee_address_text_round_trips() {
        let address = IeeeAddress(0x0012_4b00_0123_4567);
        assert_eq!(address.to_string(), "0x00124b0001234567");
        assert_eq!("0x00124b0001234567".parse(), Ok(address));
    }

    #[test]
    fn ieee_address_rejects_other_text() {
        for text in [
            "",
            "0x",
            "00124b0001234567",
            "0x00124b000123456",
            "0x+0124b0001234567",
        ] {
            assert_eq!(text.parse::<IeeeAddress>(), Err(InvalidAddress), "{text}");
        }
    }
}
