//! A stick in real time.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adapters::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::load::Load;
use crate::stick::{ImageError, Stick, StickConfig};

/// How much is generated ahead of a reader that is slow.
const AHEAD: usize = 64 * 1024;
/// The image is written at most this often.
const SAVE_EVERY: Duration = Duration::from_millis(250);

/// A stick that runs in real time, shared by whoever serves it and whoever directs it.
#[derive(Debug, Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stick: Mutex<Running>,
    /// Something was told to a device: whoever serves must look for output.
    wake: Notify,
    /// Counts connections; a newer one ends the older.
    connection: watch::Sender<Connection>,
    started: tokio::time::Instant,
    image_path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection {
    number: u64,
    plugged: bool,
}

/// What the lock protects.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) stick: Stick,
    pub(crate) load: Option<Load>,
}

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The NV image is damaged.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The NV image cannot be read.
    #[error("cannot read the NV image {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl Simulator {
    /// A simulator whose memory ends with the process. Needs a tokio runtime with time.
    pub fn new(config: StickConfig) -> Result<Self, ImageError> {
        Ok(Self::build(Stick::new(config)?, None))
    }

    /// A simulator whose non-volatile memory is a file, created when it does not exist.
    pub fn with_image(mut config: StickConfig, path: PathBuf) -> Result<Self, StartError> {
        match std::fs::read_to_string(&path) {
            Ok(image) => config.image = Some(image),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(StartError::Read { path, source }),
        }
        Ok(Self::build(Stick::new(config)?, Some(path)))
    }

    fn build(stick: Stick, image_path: Option<PathBuf>) -> Self {
        let (connection, _) = watch::channel(Connection {
            number: 0,
            plugged: true,
        });
        Self {
            shared: Arc::new(Shared {
                stick: Mutex::new(Running { stick, load: None }),
                wake: Notify::new(),
                connection,
                started: tokio::time::Instant::now(),
                image_path,
            }),
        }
    }

    /// Calls something with the stick and the current instant, and lets its output flow.
    pub fn with<R>(&self, call: impl FnOnce(&mut Stick, Instant) -> R) -> R {
        let now = self.now();
        let result = call(&mut self.lock().stick, now);
        self.shared.wake.notify_one();
        result
    }

    pub(crate) fn with_running<R>(&self, call: impl FnOnce(&mut Running, Instant) -> R) -> R {
        let now = self.now();
        let result = call(&mut self.lock(), now);
        self.shared.wake.notify_one();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        // A panic of another thread leaves the stick as it was between two calls.
        self.shared
            .stick
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual or real: tokio's clock since the simulator began.
    fn now(&self) -> Instant {
        let since = self.shared.started.elapsed();
        Instant(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// Pulls the stick out: the connection ends, new ones are refused until [`Simulator::plug`].
    pub fn unplug(&self) {
        self.shared
            .connection
            .send_modify(|connection| connection.plugged = false);
    }

    /// Puts the stick in again; it starts as after a power cut.
    pub fn plug(&self) {
        self.with(Stick::reset);
        self.shared
            .connection
            .send_modify(|connection| connection.plugged = true);
    }

    /// True while the stick is plugged in.
    pub fn is_plugged(&self) -> bool {
        self.shared.connection.borrow().plugged
    }

    /// Waits until the stick is plugged in.
    pub async fn until_plugged(&self) {
        // The sender lives as long as `self`.
        let _ = self
            .shared
            .connection
            .subscribe()
            .wait_for(|connection| connection.plugged)
            .await;
    }

    /// Serves one connection until either side ends it, the stick is unplugged, or a newer
    /// connection takes its place.
    pub async fn serve<S: AsyncRead + AsyncWrite>(&self, stream: S) -> io::Result<()> {
        let mut mine = 0;
        self.shared.connection.send_modify(|connection| {
            connection.number += 1;
            mine = connection.number;
        });
        let mut connection = self.shared.connection.subscribe();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut pending: Vec<u8> = Vec::new();
        let mut written = 0;
        let mut buffer = vec![0; 4096];
        let mut saved = tokio::time::Instant::now();
        let mut unsaved = false;
        self.lock().stick.unplugged();
        let result = loop {
            let ours = *connection.borrow_and_update();
            if !ours.plugged || ours.number != mine {
                break Ok(());
            }
            let deadline = self.step(&mut pending);
            if self.shared.image_path.is_some() {
                unsaved |= self.lock().stick.image_changed();
                if unsaved && saved.elapsed() >= SAVE_EVERY {
                    self.save()?;
                    unsaved = false;
                    saved = tokio::time::Instant::now();
                }
            }
            let mut wait = deadline.map(|at| self.shared.started + Duration::from_micros(at.0));
            if unsaved {
                let save = saved + SAVE_EVERY;
                wait = Some(wait.map_or(save, |at| at.min(save)));
            }
            tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(0) => break Ok(()),
                    Ok(count) => {
                        let now = self.now();
                        let bytes = buffer.get(..count).unwrap_or_default();
                        self.lock().stick.receive(now, bytes);
                    }
                    Err(error) => break Err(error),
                },
                write = writer.write(pending.get(written..).unwrap_or_default()),
                        if written < pending.len() => match write {
                    Ok(0) => break Ok(()),
                    Ok(count) => {
                        written += count;
                        if written >= pending.len() {
                            pending.clear();
                            written = 0;
                        }
                    }
                    Err(error) => break Err(error),
                },
                () = sleep_until(wait) => {}
                () = self.shared.wake.notified() => {}
                changed = connection.changed() => {
                    if changed.is_err() {
                        break Ok(());
                    }
                }
            }
        };
        if self.shared.image_path.is_some() {
            self.save()?;
        }
        result
    }

    /// Does what is due and collects what is to be written. Gives the next deadline.
    fn step(&self, pending: &mut Vec<u8>) -> Option<Instant> {
        let now = self.now();
        let mut running = self.lock();
        let Running { stick, load } = &mut *running;
        stick.timeout(now);
        loop {
            if let Some(bytes) = stick.output() {
                if pending.is_empty() {
                    *pending = bytes;
                } else {
                    pending.extend(bytes);
                }
            }
            let more =
                pending.len() < AHEAD && load.as_mut().is_some_and(|load| load.emit(stick, now));
            if !more {
                break;
            }
        }
        stick.deadline()
    }

    /// Writes the image beside its file and puts it in its place.
    fn save(&self) -> io::Result<()> {
        let Some(path) = &self.shared.image_path else {
            return Ok(());
        };
        let image = self.lock().stick.image();
        let mut beside = path.clone();
        beside.as_mut_os_string().push(".new");
        std::fs::write(&beside, image)?;
        std::fs::rename(&beside, path)
    }

    /// Accepts connections for ever, each taking the place of the one before.
    pub async fn serve_tcp(&self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            if !self.is_plugged() {
                continue;
            }
            stream.set_nodelay(true)?;
            let simulator = self.clone();
            tokio::spawn(async move {
                if let Err(error) = simulator.serve(stream).await {
                    tracing::debug!(%error, "connection ended");
                }
            });
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
