//! A pseudo terminal in place of a serial port.

use tokio_serial::{SerialPort, SerialStream};

/// Both ends of a pseudo terminal.
#[derive(Debug)]
pub struct Pty {
    master: SerialStream,
    path: String,
    /// Held open, so that the stick's end outlives a host that closes its own.
    #[expect(dead_code, reason = "closing it would hang up the line")]
    slave: SerialStream,
}

impl Pty {
    /// Opens a pseudo terminal.
    pub fn open() -> Result<Self, tokio_serial::Error> {
        // The slave is not locked here, so that the host can lock it.
        let (master, slave) = SerialStream::pair()?;
        let path = slave.name().unwrap_or_default();
        Ok(Self {
            master,
            path,
            slave,
        })
    }

    /// The path that the host opens.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The stick's end.
    pub fn stream(&mut self) -> &mut SerialStream {
        &mut self.master
    }
}
