//! Which coordinator is on which port.
//!
//! First by what USB tells, without opening a port ([`usb_ports`], [`choose`]). What that leaves open
//! (TCP, unknown names) is asked by the session that starts: when nothing speaks its protocol, it tries
//! the others' greetings and names what answers ([`recognize`]).

mod foreign;
mod usb;

use std::fmt;

use crate::transport::PortSettings;

pub(crate) use foreign::GREETINGS;
pub use foreign::recognize;
pub use usb::{UsbPort, usb_ports};

/// A family of coordinators. The names are the values of `serial.adapter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Texas Instruments Z-Stack.
    ZStack,
    /// Silicon Labs `EmberZNet`.
    Ember,
    /// dresden elektronik deCONZ.
    Deconz,
    /// ZBOSS (nRF52840, ESP32).
    Zboss,
    /// NXP `ZiGate`.
    Zigate,
    /// Spinel: a bare radio with the stack on the host.
    Spinel,
}

impl Kind {
    /// Reads a value of `serial.adapter`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "zstack" => Self::ZStack,
            "ember" | "ezsp" => Self::Ember,
            "deconz" => Self::Deconz,
            "zboss" => Self::Zboss,
            "zigate" => Self::Zigate,
            "zoh" => Self::Spinel,
            _ => return None,
        })
    }

    /// The value of `serial.adapter`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZStack => "zstack",
            Self::Ember => "ember",
            Self::Deconz => "deconz",
            Self::Zboss => "zboss",
            Self::Zigate => "zigate",
            Self::Spinel => "zoh",
        }
    }

    /// True when there is a driver for it.
    pub fn is_supported(self) -> bool {
        self == Self::ZStack
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZStack => "Z-Stack (Texas Instruments)",
            Self::Ember => "EZSP (Silicon Labs)",
            Self::Deconz => "deCONZ (dresden elektronik)",
            Self::Zboss => "ZBOSS",
            Self::Zigate => "ZiGate (NXP)",
            Self::Spinel => "Spinel (OpenThread)",
        })
    }
}

/// `serial.*` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SerialSettings {
    /// `serial.port`.
    pub port: Option<String>,
    /// `serial.adapter`.
    pub adapter: Option<String>,
    /// `serial.baudrate`.
    pub baud_rate: Option<u32>,
    /// `serial.rtscts`.
    pub rtscts: Option<bool>,
}

/// The port to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// How to open it.
    pub port: PortSettings,
    /// What is there. `None`: only asking will tell.
    pub kind: Option<Kind>,
}

/// Why no port can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// `serial.adapter` has a value that means nothing.
    #[error("serial.adapter is '{0}'; it must be zstack, or left out to find out")]
    UnknownAdapter(String),
    /// There is a coordinator, but no driver for it.
    #[error("{port} looks like a coordinator with {kind} firmware, which is not supported yet")]
    Unsupported {
        /// The port.
        port: String,
        /// What it is.
        kind: Kind,
    },
    /// `serial.port` is not set and no USB device is a known coordinator.
    #[error(
        "no coordinator found: set serial.port to a device such as /dev/serial/by-id/... or to \
         tcp://host:port (USB serial ports seen: {})",
        if .0.is_empty() { "none".to_owned() } else { .0.join(", ") }
    )]
    NotFound(Vec<String>),
}

/// Chooses the port and what is on it, from the configuration and the USB devices that are present.
pub fn choose(settings: &SerialSettings, usb: &[UsbPort]) -> Result<Choice, DetectError> {
    let wanted = match settings.adapter.as_deref() {
        // Zigbee2MQTT's way to say "find out".
        None | Some("auto" | "") => None,
        Some(name) => Some(
            Kind::from_name(name).ok_or_else(|| DetectError::UnknownAdapter(name.to_owned()))?,
        ),
    };
    let (port, found) = if let Some(port) = &settings.port {
        let device = usb.iter().find(|device| device.is_at(port));
        (port.clone(), device.and_then(UsbPort::identify))
    } else {
        let (device, found) = usb
            .iter()
            .filter_map(|device| Some((device, device.identify()?)))
            .filter(|(_, found)| wanted.is_none_or(|kind| kind == found.kind))
            // The first of equals: launchpads have two ports, and the second is for debugging.
            .min_by_key(|(_, found)| (!found.kind.is_supported(), std::cmp::Reverse(found.score)))
            .ok_or_else(|| {
                let seen = usb.iter().map(|device| device.best_path().to_owned());
                DetectError::NotFound(seen.collect())
            })?;
        (device.best_path().to_owned(), Some(found))
    };
    // What the owner says counts more than what USB says.
    let kind = wanted.or(found.as_ref().map(|found| found.kind));
    if let Some(kind) = kind.filter(|kind| !kind.is_supported()) {
        return Err(DetectError::Unsupported { port, kind });
    }
    Ok(Choice {
        port: PortSettings {
            port,
            baud_rate: settings.baud_rate.unwrap_or(115_200),
            rtscts: settings
                .rtscts
                .unwrap_or_else(|| found.is_some_and(|found| found.rtscts)),
        },
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usb(path: &str, by_id: &str, vendor: u16, product: u16, manufacturer: &str) -> UsbPort {
        UsbPort {
            path: path.into(),
            by_id: Some(format!("/dev/serial/by-id/{by_id}")),
            vendor,
            product,
            manufacturer: Some(manufacturer.into()),
        }
    }

    fn sticks() -> Vec<UsbPort> {
        vec![
            usb(
                "/dev/ttyUSB3",
                "usb-Zooz_800_Z-Wave_Stick-if00",
                0x10c4,
                0xea60,
                "Zooz",
            ),
            usb(
                "/dev/ttyUSB0",
                "usb-Nabu_Casa_SkyConnect_v1.0_3c0e-if00-port0",
                0x10c4,
                0xea60,
                "Nabu Casa",
            ),
            usb(
                "/dev/ttyUSB1",
                "usb-ITead_Sonoff_Zigbee_3.0_USB_Dongle_Plus_1234-if00-port0",
                0x10c4,
                0xea60,
                "ITead",
            ),
        ]
    }

    #[test]
    fn the_supported_stick_is_found_among_others() {
        let choice = choose(&SerialSettings::default(), &sticks()).unwrap();
        assert!(choice.port.port.contains("Sonoff"));
        assert_eq!(
            (choice.kind, choice.port.rtscts),
            (Some(Kind::ZStack), false)
        );
    }

    #[test]
    fn a_named_port_is_taken_and_recognized_by_either_name() {
        for (port, kind) in [
            ("/dev/ttyUSB1", Some(Kind::ZStack)),
            (
                "/dev/serial/by-id/usb-ITead_Sonoff_Zigbee_3.0_USB_Dongle_Plus_1234-if00-port0",
                Some(Kind::ZStack),
            ),
            ("/dev/ttyUSB3", None),
            ("/dev/ttyAMA0", None),
            ("tcp://1.2.3.4:6638", None),
        ] {
            let settings = SerialSettings {
                port: Some(port.into()),
                ..SerialSettings::default()
            };
            let choice = choose(&settings, &sticks()).unwrap();
            assert_eq!((choice.port.port.as_str(), choice.kind), (port, kind));
        }
    }

    #[test]
    fn what_has_no_driver_is_named() {
        let settings = SerialSettings {
            port: Some("/dev/ttyUSB0".into()),
            ..SerialSettings::default()
        };
        let error = choose(&settings, &sticks()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("/dev/ttyUSB0 looks like a coordinator with EZSP"),
            "{error}"
        );
        // The owner knows better.
        let settings = SerialSettings {
            adapter: Some("zstack".into()),
            ..settings
        };
        assert!(choose(&settings, &sticks()).is_ok());
        let settings = SerialSettings {
            adapter: Some("ember".into()),
            ..settings
        };
        assert!(choose(&settings, &[]).is_err());
        let settings = SerialSettings {
            adapter: Some("zstak".into()),
            ..settings
        };
        assert_eq!(
            choose(&settings, &[]),
            Err(DetectError::UnknownAdapter("zstak".into()))
        );
    }

    #[test]
    fn without_a_known_stick_the_ports_are_listed() {
        let error = choose(&SerialSettings::default(), &sticks()[..1]).unwrap_err();
        assert!(error.to_string().contains("Zooz"), "{error}");
        let error = choose(&SerialSettings::default(), &[]).unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }
}
