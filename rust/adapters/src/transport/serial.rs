//! Coordinators on a serial port.

use std::io;

use tokio_serial::{FlowControl, SerialPort, SerialPortBuilderExt, SerialStream};

use super::{BoxFuture, Connector, Link, PortSettings, Stream};

/// Opens a serial port: 8 data bits, no parity, one stop bit, locked against other programs.
#[derive(Debug)]
pub struct SerialConnector {
    settings: PortSettings,
}

impl SerialConnector {
    /// A connector for a device path.
    pub fn new(settings: PortSettings) -> Self {
        Self { settings }
    }

    fn open(&self) -> io::Result<Link> {
        let PortSettings {
            port,
            baud_rate,
            rtscts,
        } = &self.settings;
        let flow_control = if *rtscts {
            FlowControl::Hardware
        } else {
            FlowControl::None
        };
        let mut stream = tokio_serial::new(port, *baud_rate)
            .flow_control(flow_control)
            // Exclusive is the default on Unix: TIOCEXCL and flock.
            .dtr_on_open(false)
            .open_native_async()
            .map_err(|error| describe(port, error))?;
        // Opening raises both lines, and on some sticks they are wired to reset and bootloader. A
        // pseudo-terminal has none and refuses.
        let _ = stream.write_data_terminal_ready(false);
        if !rtscts {
            let _ = stream.write_request_to_send(false);
        }
        Ok(Link::new(stream))
    }
}

/// The error with the port's name and what to do.
fn describe(port: &str, error: tokio_serial::Error) -> io::Error {
    let text = error.to_string();
    let kind = io::Error::from(error).kind();
    // serialport reports a lock that another program holds as a missing device.
    let busy = text.contains("exclusive lock") || kind == io::ErrorKind::ResourceBusy;
    let (kind, hint) = match kind {
        _ if busy => (
            io::ErrorKind::ResourceBusy,
            " (another program is using the port)",
        ),
        io::ErrorKind::PermissionDenied => (
            kind,
            " (is this user in the group that owns the port, such as dialout?)",
        ),
        _ => (kind, ""),
    };
    io::Error::new(kind, format!("{port}: {text}{hint}"))
}

impl Connector for SerialConnector {
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        Box::pin(async { self.open() })
    }

    fn name(&self) -> String {
        self.settings.port.clone()
    }
}

impl Stream for SerialStream {
    fn has_lines(&self) -> bool {
        true
    }

    fn set_lines(&mut self, dtr: bool, rts: bool) -> io::Result<()> {
        self.write_data_terminal_ready(dtr)?;
        self.write_request_to_send(rts)?;
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_pseudo_terminal_opens_and_carries_raw_bytes() {
        let (mut master, slave) = SerialStream::pair().unwrap();
        let path = slave.name().unwrap();
        // The pair holds its own lock on the slave's end.
        drop(slave);
        let mut connector = PortSettings::new(path).connector().unwrap();
        let mut link = connector.connect().await.unwrap();
        assert!(link.has_lines());
        let sent: Vec<u8> = (0..=255).collect();
        link.write_all(&sent).await.unwrap();
        let mut received = vec![0; 256];
        master.read_exact(&mut received).await.unwrap();
        assert_eq!(received, sent);
        master.write_all(&sent).await.unwrap();
        link.read_exact(&mut received).await.unwrap();
        assert_eq!(received, sent);
    }

    #[tokio::test]
    async fn a_port_in_use_is_refused() {
        let (_master, slave) = SerialStream::pair().unwrap();
        let path = slave.name().unwrap();
        drop(slave);
        let mut connector = PortSettings::new(path).connector().unwrap();
        let _held = connector.connect().await.unwrap();
        let error = connector.connect().await.unwrap_err().to_string();
        assert!(
            error.contains("another program is using the port") || error.contains("busy"),
            "{error}"
        );
    }
}
