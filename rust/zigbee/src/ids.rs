//! The numbers that name endpoints, clusters, attributes and commands.

use std::fmt;

use crate::address::number;

number!(
    /// An endpoint of a device: 0 is ZDO, 1 to 240 applications, 242 Green Power, 255 broadcast.
    EndpointId(u8),
    "{}"
);
number!(
    /// A cluster.
    ClusterId(u16),
    "0x{:04x}"
);
number!(
    /// An attribute of a cluster.
    AttributeId(u16),
    "0x{:04x}"
);
number!(
    /// A command of a cluster, or a foundation command.
    CommandId(u8),
    "0x{:02x}"
);
number!(
    /// An application profile.
    ProfileId(u16),
    "0x{:04x}"
);
number!(
    /// A device type within a profile.
    DeviceId(u16),
    "0x{:04x}"
);
number!(
    /// A manufacturer code assigned by the Connectivity Standards Alliance.
    ManufacturerCode(u16),
    "0x{:04x}"
);

impl EndpointId {
    /// The Zigbee Device Object.
    pub const ZDO: Self = Self(0);
    /// All application endpoints of the destination.
    pub const BROADCAST: Self = Self(0xff);
}

impl ProfileId {
    /// The Zigbee Device Profile (ZDO).
    pub const ZDP: Self = Self(0x0000);
    /// Home Automation, also used by Zigbee 3.0.
    pub const HOME_AUTOMATION: Self = Self(0x0104);
    /// ZLL and touchlink.
    pub const LIGHT_LINK: Self = Self(0xc05e);
    /// Green Power.
    pub const GREEN_POWER: Self = Self(0xa1e0);
}
