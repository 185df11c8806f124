//! Log lines to a syslog server (`advanced.log_syslog`; shared/facts/config.md §2.4), in the forms of
//! RFC 5424 and RFC 3164. Runs on the log's thread: a slow server delays no radio.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use chrono::{DateTime, Local, SecondsFormat, Utc};
use hub::LogLevel;

use crate::data::{Syslog as Settings, SyslogForm, SyslogProtocol};
use crate::mqtt::TlsStream;

/// For a connection, and for each line on one.
const LIMIT: Duration = Duration::from_secs(5);
/// After a failure lines are lost for this long.
const PAUSE: Duration = Duration::from_secs(30);
/// The facility `local0`.
const FACILITY: u8 = 16;

/// A syslog server.
pub(super) struct Syslog {
    settings: Settings,
    link: Option<Link>,
    /// Set after a failure.
    not_before: Option<Instant>,
}

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
    #[cfg(unix)]
    Unix(UnixDatagram),
}

impl Syslog {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            link: None,
            not_before: None,
        }
    }

    /// Sends a line. An error is told once for each pause; what is sent in a pause is lost.
    pub(super) fn send(
        &mut self,
        level: LogLevel,
        time: DateTime<Local>,
        message: &str,
    ) -> io::Result<()> {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.not_before = None;
        let line = self.line(level, time, message);
        // A server that was restarted shows at the first line only.
        let again = self.link.is_some();
        let mut result = self.try_send(line.as_bytes());
        if result.is_err() && again {
            self.link = None;
            result = self.try_send(line.as_bytes());
        }
        if result.is_err() {
            self.link = None;
            self.not_before = Some(Instant::now() + PAUSE);
        }
        result
    }

    /// Where lines go, for messages.
    pub(super) fn place(&self) -> String {
        let settings = &self.settings;
        match settings.protocol {
            SyslogProtocol::Unix => settings.path.clone(),
            _ => format!("{}:{}", settings.host, settings.port),
        }
    }

    fn try_send(&mut self, line: &[u8]) -> io::Result<()> {
        let to = match &mut self.link {
            Some(open) => open,
            none => none.insert(Link::open(&self.settings)?),
        };
        match to {
            Link::Udp(socket) => socket.send(line).map(drop),
            Link::Tcp(stream) => stream.write_all(line),
            Link::Tls(stream) => stream.write_all(line).and_then(|()| stream.flush()),
            #[cfg(unix)]
            Link::Unix(socket) => socket.send(line).map(drop),
        }
    }

    fn line(&self, level: LogLevel, time: DateTime<Local>, message: &str) -> String {
        let Settings {
            app_name,
            pid,
            localhost: host,
            ..
        } = &self.settings;
        let eol = self.settings.line_end();
        let severity = match level {
            LogLevel::Error => 3,
            LogLevel::Warning => 4,
            LogLevel::Info => 6,
            LogLevel::Debug => 7,
        };
        let priority = FACILITY * 8 + severity;
        // A line is one message, whatever a device calls itself.
        let message = message.replace(['\n', '\r'], " ");
        match self.settings.form {
            SyslogForm::Rfc5424 => {
                let time = time
                    .with_timezone(&Utc)
                    .to_rfc3339_opts(SecondsFormat::Millis, true);
                format!("<{priority}>1 {time} {host} {app_name} {pid} - - {message}{eol}")
            }
            SyslogForm::Bsd => {
                let time = time.format("%b %e %H:%M:%S");
                format!("<{priority}>{time} {host} {app_name}[{pid}]: {message}{eol}")
            }
        }
    }
}

impl Link {
    fn open(settings: &Settings) -> io::Result<Self> {
        match settings.protocol {
            SyslogProtocol::Udp4 => {
                let socket = UdpSocket::bind(("0.0.0.0", 0))?;
                socket.connect(address(settings)?)?;
                Ok(Self::Udp(socket))
            }
            SyslogProtocol::Tcp4 => Ok(Self::Tcp(tcp(settings)?)),
            SyslogProtocol::Tls4 => {
                let stream = TlsStream::open(&settings.host, tcp(settings)?)?;
                Ok(Self::Tls(Box::new(stream)))
            }
            #[cfg(unix)]
            SyslogProtocol::Unix => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&settings.path)?;
                socket.set_write_timeout(Some(LIMIT))?;
                Ok(Self::Unix(socket))
            }
            #[cfg(not(unix))]
            SyslogProtocol::Unix => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

fn address(settings: &Settings) -> io::Result<std::net::SocketAddr> {
    (settings.host.as_str(), settings.port)
        .to_socket_addrs()?
        .find(std::net::SocketAddr::is_ipv4)
        .ok_or_else(|| io::Error::other("no IPv4 address"))
}

fn tcp(settings: &Settings) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address(settings)?, LIMIT)?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use chrono::TimeZone;
    use serde_json::json;

    use super::*;

    fn settings(value: serde_json::Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    fn noon() -> DateTime<Local> {
        Local.with_ymd_and_hms(2026, 11, 2, 12, 0, 0).unwrap()
    }

    #[test]
    fn a_line_has_the_form_of_its_rfc() {
        let given = json!({"localhost": "pi", "pid": "7", "app_name": "z2m"});
        let new = Syslog::new(settings(given));
        let time = noon().with_timezone(&Utc).format("%Y-%m-%dT%H:%M:%S");
        assert_eq!(
            new.line(LogLevel::Error, noon(), "z2m: two\nlines"),
            format!("<131>1 {time}.000Z pi z2m 7 - - z2m: two lines")
        );
        let given = json!({"localhost": "pi", "pid": "7", "type": "BSD", "eol": "\n"});
        let old = Syslog::new(settings(given));
        assert_eq!(
            old.line(LogLevel::Debug, noon(), "x"),
            "<135>Nov  2 12:00:00 pi Zigbee2MQTT[7]: x\n"
        );
    }

    #[test]
    fn a_line_arrives_as_a_datagram() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut syslog = Syslog::new(settings(json!({"host": "127.0.0.1", "port": port})));
        syslog.send(LogLevel::Info, noon(), "hello").unwrap();
        let mut buffer = [0; 1000];
        let length = server.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(
            text.starts_with("<134>1 ") && text.ends_with(" - - hello"),
            "{text}"
        );
        assert!(text.contains(" Zigbee2MQTT "), "{text}");
    }

    #[test]
    fn a_server_that_comes_back_gets_lines_again() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let given = json!({"host": "127.0.0.1", "port": port, "protocol": "tcp4"});
        let mut syslog = Syslog::new(settings(given));
        for text in ["one", "two"] {
            // The first line into a connection that is gone is taken by the system; the next is not.
            while syslog.link.is_some() && syslog.try_send(b"").is_ok() {
                if syslog.try_send(b"\n").is_err() {
                    break;
                }
                std::thread::yield_now();
            }
            syslog.send(LogLevel::Info, noon(), text).unwrap();
            let (stream, _) = server.accept().unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            assert!(line.ends_with(&format!(" {text}\n")), "{line}");
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }

    #[test]
    fn a_server_that_is_away_is_told_once_and_left_alone_for_a_while() {
        let port = {
            let gone = TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap().port()
        };
        let given = json!({"host": "127.0.0.1", "port": port, "protocol": "tcp4"});
        let mut syslog = Syslog::new(settings(given));
        assert!(syslog.send(LogLevel::Info, noon(), "a").is_err());
        assert!(syslog.send(LogLevel::Info, noon(), "b").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_line_arrives_at_a_socket_in_the_file_system() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::new(settings(json!({"protocol": "unix", "path": path})));
        syslog.send(LogLevel::Warning, noon(), "hello").unwrap();
        let mut buffer = [0; 1000];
        let length = server.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"<132>1 "));
    }
}
