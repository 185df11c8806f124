//! The coordinator's port, looked for anew for every link.

use std::io;

use adapters::detect::{self, DetectError, Kind, SerialSettings};
use adapters::transport::{BoxFuture, Connector, InvalidPort, Link};
use bridge::data::Serial;

/// Connects to where the coordinator is now: a stick that is plugged in late, or comes back under
/// another name, is found then. Until it is there the link is down and all else goes on.
#[derive(Debug)]
pub(crate) struct FoundPort {
    settings: SerialSettings,
}

/// Why looking again would not help.
#[derive(Debug)]
pub(crate) enum PortError {
    /// `serial.port` can't be a port.
    Invalid(InvalidPort),
    /// There is no driver for what `serial.adapter` names.
    NoDriver(Kind),
    /// Anything but [`DetectError::NotFound`].
    Detect(DetectError),
}

impl FoundPort {
    /// Refuses what only the owner can change: a port or an adapter that can't be, and a coordinator
    /// without a driver. Later such a coordinator is not fatal: ours may just be unplugged.
    pub(crate) fn new(serial: &Serial) -> Result<Self, PortError> {
        let settings = SerialSettings {
            port: serial.port.clone(),
            adapter: serial.adapter.clone(),
            baud_rate: serial.baudrate,
            rtscts: serial.rtscts,
        };
        match detect::choose(&settings, &detect::usb_ports()) {
            Ok(choice) => drop(choice.port.connector().map_err(PortError::Invalid)?),
            Err(DetectError::NotFound(_)) => {
                let wanted = settings.adapter.as_deref().and_then(Kind::from_name);
                if let Some(kind) = wanted.filter(|kind| !kind.is_supported()) {
                    return Err(PortError::NoDriver(kind));
                }
            }
            Err(error) => return Err(PortError::Detect(error)),
        }
        Ok(Self { settings })
    }

    fn find(&self) -> io::Result<Box<dyn Connector>> {
        let choice = detect::choose(&self.settings, &detect::usb_ports())
            .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error.to_string()))?;
        choice.port.connector().map_err(io::Error::other)
    }
}

impl Connector for FoundPort {
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        let found = self.find();
        Box::pin(async move { found?.connect().await })
    }

    fn name(&self) -> String {
        let port = self.settings.port.clone();
        port.unwrap_or_else(|| "USB (serial.port is not set)".to_owned())
    }
}
