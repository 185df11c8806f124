//! What USB tells about serial ports, and the known coordinators.

use std::fs;
use std::path::{Path, PathBuf};

use super::Kind;

/// A serial port of a USB device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbPort {
    /// The device, such as `/dev/ttyUSB0`.
    pub path: String,
    /// The link that stays the same when devices are plugged in another order.
    pub by_id: Option<String>,
    /// Vendor number.
    pub vendor: u16,
    /// Product number.
    pub product: u16,
    /// The manufacturer's name.
    pub manufacturer: Option<String>,
}

/// A coordinator recognized by its USB names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) rtscts: bool,
    /// How much agrees: 2 the manufacturer, 3 the link's name, 4 both.
    pub(super) score: u8,
}

/// One line of the table.
#[derive(Clone, Copy)]
struct Known {
    kind: Kind,
    vendor: u16,
    product: u16,
    manufacturer: &'static str,
    /// Parts of the link's name in this order, in lower case.
    name: &'static [&'static str],
    /// What the link's name must not hold.
    not: Option<&'static str>,
    rtscts: bool,
}

const fn known(
    kind: Kind,
    (vendor, product): (u16, u16),
    manufacturer: &'static str,
    name: &'static [&'static str],
) -> Known {
    Known {
        kind,
        vendor,
        product,
        manufacturer,
        name,
        not: None,
        rtscts: false,
    }
}

const fn with_flow_control(known: Known) -> Known {
    Known {
        rtscts: true,
        ..known
    }
}

const fn without(known: Known, not: &'static str) -> Known {
    Known {
        not: Some(not),
        ..known
    }
}

/// The bridge chip that most sticks have.
const CP210X: (u16, u16) = (0x10c4, 0xea60);
const CH340: (u16, u16) = (0x1a86, 0x7523);
const FTDI: (u16, u16) = (0x0403, 0x6015);

/// The facts are those of zigbee-herdsman's `adapterDiscovery.ts`.
const KNOWN: &[Known] = &[
    known(
        Kind::Deconz,
        (0x1cf1, 0x0030),
        "dresden elektronik ingenieurtechnik GmbH",
        &["conbee"],
    ),
    known(
        Kind::Deconz,
        FTDI,
        "dresden elektronik ingenieurtechnik GmbH",
        &["conbee"],
    ),
    with_flow_control(known(
        Kind::Ember,
        CP210X,
        "Nabu Casa",
        &["nabu_casa_skyconnect"],
    )),
    with_flow_control(known(
        Kind::Ember,
        (0x303a, 0x4001),
        "Nabu Casa",
        &["nabu_casa_zbt-2"],
    )),
    with_flow_control(known(
        Kind::Ember,
        (0x303a, 0x831a),
        "Nabu Casa",
        &["nabu_casa_zbt-2"],
    )),
    known(Kind::Ember, CP210X, "SMLIGHT", &["slzb-06m"]),
    with_flow_control(known(Kind::Ember, CP210X, "SMLIGHT", &["slzb-07_"])),
    with_flow_control(known(Kind::Ember, CP210X, "SMLIGHT", &["slzb-07mg24"])),
    known(Kind::Ember, (0x1a86, 0x55d4), "ITEAD", &["sonoff", "plus"]),
    known(Kind::Ember, CP210X, "ITEAD", &["sonoff", "plus", "_v2_"]),
    known(Kind::Ember, CP210X, "SONOFF", &["sonoff", "max"]),
    known(Kind::Ember, CP210X, "SONOFF", &["sonoff", "plus", "mg24"]),
    known(Kind::Ember, CP210X, "SONOFF", &["sonoff", "lite", "mg21"]),
    known(Kind::Ember, (0x10c4, 0x8a2a), "Silicon Labs", &["husbzb"]),
    known(Kind::ZStack, FTDI, "Electrolama", &["electrolama"]),
    known(Kind::ZStack, CP210X, "Silicon Labs", &["slae.sh_cc2652rb"]),
    known(
        Kind::ZStack,
        CP210X,
        "SONOFF",
        &["sonoff", "plus", "cc2674p10"],
    ),
    without(
        known(Kind::ZStack, CP210X, "ITEAD", &["sonoff", "plus"]),
        "_v2_",
    ),
    known(
        Kind::ZStack,
        (0x0451, 0x16c8),
        "Texas Instruments",
        &["cc2538"],
    ),
    known(
        Kind::ZStack,
        (0x0451, 0x16a8),
        "Texas Instruments",
        &["cc2531"],
    ),
    known(
        Kind::ZStack,
        (0x0451, 0xbef3),
        "Texas Instruments",
        &["texas_instruments"],
    ),
    known(Kind::ZStack, CP210X, "SMLIGHT", &["slzb-07p7"]),
    known(Kind::ZStack, CP210X, "SMLIGHT", &["slzb-06p7_"]),
    known(Kind::ZStack, CP210X, "SMLIGHT", &["slzb-06p10_"]),
    known(Kind::ZStack, CP210X, "", &["tubeszb"]),
    known(Kind::ZStack, CH340, "", &["tubeszb"]),
    known(Kind::ZStack, CH340, "", &["zigstar"]),
    known(Kind::Zboss, (0x2fe3, 0x0100), "ZEPHYR", &["zephyr"]),
    known(Kind::Zigate, (0x067b, 0x2303), "", &["zigate"]),
    known(Kind::Zigate, CP210X, "", &["zigate"]),
    known(Kind::Zigate, FTDI, "", &["zigate"]),
];

impl UsbPort {
    /// True when a configured port means this one.
    pub(super) fn is_at(&self, port: &str) -> bool {
        self.path == port
            || self.by_id.as_deref() == Some(port)
            // Any other link, such as one of udev's.
            || fs::canonicalize(port).is_ok_and(|real| real == Path::new(&self.path))
    }

    /// The name to open: the one that stays the same.
    pub(super) fn best_path(&self) -> &str {
        self.by_id.as_deref().unwrap_or(&self.path)
    }

    /// The coordinator that this is, if its names are known.
    pub(super) fn identify(&self) -> Option<Found> {
        KNOWN
            .iter()
            .filter_map(|known| {
                let score = known.score(self)?;
                Some(Found {
                    kind: known.kind,
                    rtscts: known.rtscts,
                    score,
                })
            })
            // The first line of equals.
            .min_by_key(|found| std::cmp::Reverse(found.score))
    }
}

impl Known {
    /// `None`: not this one. The numbers alone say nothing: they are those of a bridge chip.
    fn score(&self, port: &UsbPort) -> Option<u8> {
        if (port.vendor, port.product) != (self.vendor, self.product) {
            return None;
        }
        let manufacturer = !self.manufacturer.is_empty()
            && port
                .manufacturer
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case(self.manufacturer));
        let name = port
            .by_id
            .as_deref()
            .is_some_and(|name| self.names(&name.to_ascii_lowercase()));
        match (manufacturer, name) {
            (true, true) => Some(4),
            (false, true) => Some(3),
            // A bridge chip's maker, and makers that sell several families behind one chip, say
            // nothing either.
            (true, false) if (self.vendor, self.product) != CP210X => Some(2),
            _ => None,
        }
    }

    fn names(&self, name: &str) -> bool {
        let mut rest = name;
        self.not.is_none_or(|not| !name.contains(not))
            && self.name.iter().all(|part| {
                rest.find(part).is_some_and(|at| {
                    rest = rest.get(at + part.len()..).unwrap_or_default();
                    true
                })
            })
    }
}

/// The serial ports of USB devices (Linux), in the order of their names. No port is opened.
pub fn usb_ports() -> Vec<UsbPort> {
    ports_under(Path::new("/sys/class/tty"), Path::new("/dev"))
}

fn ports_under(sys: &Path, dev: &Path) -> Vec<UsbPort> {
    let Ok(entries) = fs::read_dir(sys) else {
        return Vec::new();
    };
    let links = links(&dev.join("serial/by-id"));
    let mut ports: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let device = fs::canonicalize(entry.path().join("device")).ok()?;
            // The numbers stand at the USB device, some levels above the port.
            let usb = device
                .ancestors()
                .take(6)
                .find(|path| path.join("idVendor").is_file())?;
            let path = dev.join(entry.file_name());
            let by_id = links
                .iter()
                .find(|(_, target)| *target == path)
                .map(|(link, _)| link.clone());
            Some(UsbPort {
                by_id,
                vendor: number(&usb.join("idVendor"))?,
                product: number(&usb.join("idProduct"))?,
                manufacturer: text(&usb.join("manufacturer")),
                path: path.to_str()?.to_owned(),
            })
        })
        .collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    ports
}

fn links(directory: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let target = fs::canonicalize(entry.path()).ok()?;
            Some((entry.path().to_str()?.to_owned(), target))
        })
        .collect()
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn number(path: &Path) -> Option<u16> {
    u16::from_str_radix(&text(path)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ids: (u16, u16), manufacturer: &str, name: &str) -> UsbPort {
        UsbPort {
            path: "/dev/ttyUSB0".into(),
            by_id: Some(format!("/dev/serial/by-id/{name}")),
            vendor: ids.0,
            product: ids.1,
            manufacturer: Some(manufacturer.into()),
        }
    }

    #[test]
    fn sticks_of_one_maker_are_told_apart_by_their_names() {
        for (ids, manufacturer, name, kind) in [
            (
                CP210X,
                "ITEAD",
                "usb-ITEAD_SONOFF_Zigbee_3.0_USB_Dongle_Plus_V2_2022-if00",
                Some(Kind::Ember),
            ),
            (
                CP210X,
                "ITEAD",
                "usb-ITEAD_SONOFF_Zigbee_3.0_USB_Dongle_Plus_2022-if00",
                Some(Kind::ZStack),
            ),
            (CP210X, "ITEAD", "usb-something", None),
            (
                CP210X,
                "SMLIGHT",
                "usb-SMLIGHT_SLZB-07p7_01-if00",
                Some(Kind::ZStack),
            ),
            (
                CP210X,
                "SMLIGHT",
                "usb-SMLIGHT_SLZB-07_01-if00",
                Some(Kind::Ember),
            ),
            (
                CP210X,
                "SMLIGHT",
                "usb-SMLIGHT_SLZB-06M_01-if00",
                Some(Kind::Ember),
            ),
            (
                CP210X,
                "Silicon Labs",
                "usb-Silicon_Labs_CP2102_USB_to_UART-if00",
                None,
            ),
            (
                CP210X,
                "Silicon Labs",
                "usb-Silicon_Labs_slae.sh_cc2652rb_stick-if00",
                Some(Kind::ZStack),
            ),
            (
                (0x0451, 0x16a8),
                "Texas Instruments",
                "usb-Texas_Instruments_TI_CC2531-if00",
                Some(Kind::ZStack),
            ),
            (
                (0x0451, 0x16a8),
                "Texas Instruments",
                "no link",
                Some(Kind::ZStack),
            ),
            (
                (0x1cf1, 0x0030),
                "dresden elektronik ingenieurtechnik GmbH",
                "usb-ConBee_II-if00",
                Some(Kind::Deconz),
            ),
            ((0x0658, 0x0200), "", "usb-0658_0200-if00", None),
        ] {
            let found = port(ids, manufacturer, name).identify();
            assert_eq!(found.map(|found| found.kind), kind, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn ports_are_read_from_sysfs() {
        use std::os::unix::fs::symlink;

        let root = std::env::temp_dir().join(format!("ferrobee-usb-{}", std::process::id()));
        let usb = root.join("devices/usb1/1-2");
        let interface = usb.join("1-2:1.0/ttyUSB0");
        let (class, dev) = (root.join("class/tty"), root.join("dev"));
        for path in [
            &interface,
            &class.join("ttyUSB0"),
            &class.join("tty0"),
            &dev.join("serial/by-id"),
        ] {
            fs::create_dir_all(path).unwrap();
        }
        for (name, value) in [
            ("idVendor", "0451\n"),
            ("idProduct", "16a8\n"),
            ("manufacturer", "Texas Instruments\n"),
        ] {
            fs::write(usb.join(name), value).unwrap();
        }
        fs::write(dev.join("ttyUSB0"), "").unwrap();
        symlink(&interface, class.join("ttyUSB0/device")).unwrap();
        symlink("../../ttyUSB0", dev.join("serial/by-id/usb-TI-if00")).unwrap();
        let dev = fs::canonicalize(&dev).unwrap();
        let ports = ports_under(&class, &dev);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            ports,
            [UsbPort {
                path: dev.join("ttyUSB0").to_str().unwrap().into(),
                by_id: Some(
                    dev.join("serial/by-id/usb-TI-if00")
                        .to_str()
                        .unwrap()
                        .into()
                ),
                vendor: 0x0451,
                product: 0x16a8,
                manufacturer: Some("Texas Instruments".into()),
            }]
        );
        assert!(ports_under(Path::new("/nowhere"), &dev).is_empty());
    }
}
