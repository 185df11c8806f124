//! The wire: a TCP listener or a pseudo-terminal with a simulated stick behind it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;

use crate::stick::Stick;

/// The stick's side of the wire.
pub(crate) struct Link {
    /// What to write as `serial.port`.
    pub(crate) serial: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Where the bridge reads from, while it is connected.
    writer: Mutex<Option<File>>,
    /// The data requests of the bridge: when each was read from the wire, and for whom.
    requests: Mutex<Vec<(Instant, u16)>>,
    requested: Condvar,
}

impl Link {
    /// Listens on TCP or opens a pseudo-terminal, and runs the stick behind it.
    pub(crate) fn open(kind: &str, mut stick: Stick) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let serial = if kind == "pty" {
            let (pty, path, other) = pseudo_terminal()?;
            thread::spawn(move || {
                // Held open, so that the terminal survives the bridge's closing of it.
                let _other = other;
                served.serve(&pty, &mut stick)
            });
            path
        } else {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let serial = format!("tcp://{}", listener.local_addr()?);
            thread::spawn(move || -> io::Result<()> {
                for stream in listener.incoming() {
                    let stream: TcpStream = stream?;
                    stream.set_nodelay(true)?;
                    // A bridge that goes away ends its connection, not the listener.
                    let _ = served.serve(&File::from(OwnedFd::from(stream)), &mut stick);
                }
                Ok(())
            });
            serial
        };
        Ok(Self { serial, shared })
    }

    /// Where frames for the bridge go.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match lock(&self.shared.writer).as_mut() {
            Some(writer) => writer.write_all(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Forgets the requests so far.
    pub(crate) fn forget_requests(&self) {
        lock(&self.shared.requests).clear();
    }

    /// The requests since they were last forgotten: when each was read from the wire, and for whom.
    pub(crate) fn requests(&self) -> Vec<(Instant, u16)> {
        lock(&self.shared.requests).clone()
    }

    /// Waits for a data request to a device and tells when it was on the wire.
    pub(crate) fn wait_for_request(&self, address: u16, time: Duration) -> Option<Instant> {
        let deadline = Instant::now() + time;
        let mut requests = lock(&self.shared.requests);
        loop {
            let found = requests
                .iter()
                .find(|(_, to)| *to == address)
                .map(|(at, _)| *at);
            if found.is_some() {
                requests.clear();
                return found;
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            (requests, _) = self
                .shared
                .requested
                .wait_timeout(requests, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    /// Carries bytes between the bridge and the stick until the bridge goes away.
    fn serve(&self, wire: &File, stick: &mut Stick) -> io::Result<()> {
        *lock(&self.writer) = Some(wire.try_clone()?);
        let result = self.pump(wire, stick);
        *lock(&self.writer) = None;
        result
    }

    fn pump(&self, mut wire: &File, stick: &mut Stick) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        let mut frames = Frames::default();
        loop {
            let output = stick.output(Instant::now());
            if !output.is_empty()
                && let Some(writer) = lock(&self.writer).as_mut()
            {
                writer.write_all(&output)?;
            }
            let wait = stick
                .deadline()
                .map(|at| at.saturating_duration_since(Instant::now()));
            if !readable(wire, wait)? {
                continue;
            }
            let length = wire.read(&mut buffer)?;
            let now = Instant::now();
            let bytes = buffer.get(..length).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            for address in frames.data_requests(bytes) {
                lock(&self.requests).push((now, address));
                self.requested.notify_all();
            }
            stick.input(now, bytes);
        }
    }
}

/// Waits until there is something to read; false when the time is over.
pub(crate) fn readable(wire: impl AsFd, wait: Option<Duration>) -> io::Result<bool> {
    let time = wait.map(|wait| Timespec {
        tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    });
    let mut fds = [PollFd::new(&wire, PollFlags::IN)];
    Ok(poll(&mut fds, time.as_ref())? > 0)
}

/// Master, path of the slave, and the slave held open.
fn pseudo_terminal() -> io::Result<(File, String, OwnedFd)> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let path = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    let mut modes = rustix::termios::tcgetattr(&slave)?;
    modes.make_raw();
    rustix::termios::tcsetattr(&slave, OptionalActions::Now, &modes)?;
    let path = path.into_string().map_err(io::Error::other)?;
    Ok((File::from(master), path, slave))
}

/// Finds the frames of the MT protocol in a stream of well-formed bytes.
#[derive(Default)]
pub(crate) struct Frames(Vec<u8>);

impl Frames {
    /// The destinations of the data requests (`AF_DATA_REQUEST`, `AF_DATA_REQUEST_EXT`) in `bytes`.
    fn data_requests(&mut self, bytes: &[u8]) -> Vec<u16> {
        let mut found = Vec::new();
        self.each(bytes, |frame| match frame {
            [0x24, 0x01, low, high, ..] | [0x24, 0x02, 0x02, low, high, ..] => {
                found.push(u16::from_le_bytes([*low, *high]));
            }
            _ => {}
        });
        found
    }

    /// Calls `act` with the command and data of each frame that `bytes` complete.
    pub(crate) fn each(&mut self, bytes: &[u8], mut act: impl FnMut(&[u8])) {
        self.0.extend_from_slice(bytes);
        let mut begin = 0;
        while let Some(&[start, length]) = self.0.get(begin..).and_then(<[u8]>::first_chunk) {
            if start != 0xFE {
                begin += 1;
                continue;
            }
            // Start, length, two bytes of command, data, checksum.
            let end = begin + usize::from(length) + 5;
            let Some(frame) = self
                .0
                .get(begin + 2..end - 1)
                .filter(|_| self.0.len() >= end)
            else {
                break;
            };
            act(frame);
            begin = end;
        }
        self.0.drain(..begin);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
