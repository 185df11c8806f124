//! The core's side of the journal: a line for each input, handed over in batches.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use hub::{Fetched, Now};

use super::asked;
use super::digest::digest;
use super::input::Recorded;
use super::record::{Record, Times, append};
use super::ring::{FOLDER, Job, Ring, Shared};
use super::secrets::Pseudonyms;
use super::start::{Begin, Snapshot};
use crate::core::{Core, CoreConfig, CoreInput, CoreOutput, HostInfo};

/// Lines that are handed over at once, bytes.
const BATCH: usize = 64 << 10;
/// Bytes that may wait for a slow disk. More are not kept: the journal has a gap then.
const WAITING: usize = 16 << 20;

/// Writes the journal of a run.
pub struct Recorder {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    hidden: Arc<Pseudonyms>,
    run: String,
    host: HostInfo,
    utc_offset_minutes: i32,
    /// The run's own.
    seed: u64,
    lines: Vec<u8>,
    times: Times,
    /// The number of the next input.
    next: u64,
    files: u64,
    /// A line waits for what its input led to.
    is_open: bool,
    /// Lines were lost.
    has_gap: bool,
    /// What a replay that begins later has to be told first, by kind.
    again: BTreeMap<&'static str, Recorded<'static>>,
}

impl Recorder {
    /// Begins a run in the folder of a data directory. `limit` is in bytes; `salt` has to be random.
    pub fn start(
        data: &Path,
        limit: u64,
        salt: &[u8; 32],
        config: &CoreConfig,
        now: Now,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let hidden = Arc::new(Pseudonyms::new(salt));
        let folder = data.join(FOLDER);
        let ring = Ring::new(folder, limit, Arc::clone(&shared), Arc::clone(&hidden));
        let (jobs, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("ferrobee-journal".to_owned())
            .spawn(move || ring.work(&receiver))?;
        let mut recorder = Self {
            jobs: Some(jobs),
            thread: Some(thread),
            shared,
            run: hidden.word(&now.unix_ms.to_string()),
            hidden,
            host: config.host.clone(),
            utc_offset_minutes: config.utc_offset_minutes,
            seed: config.seed,
            lines: Vec::new(),
            times: Times::new(now),
            next: 0,
            files: 0,
            is_open: false,
            has_gap: false,
            again: BTreeMap::new(),
        };
        recorder.begin(Snapshot::of_config(config), true, now);
        Ok(recorder)
    }

    fn begin(&mut self, snapshot: Snapshot, is_begin: bool, now: Now) {
        self.hand_over();
        self.times = Times::new(now);
        self.send(Job::Begin(Box::new(Begin {
            run: self.run.clone(),
            first: self.next,
            is_begin,
            now,
            again: self.again.values().cloned().collect(),
            snapshot,
        })));
    }

    /// An input that the core is about to take.
    pub fn input(&mut self, now: Now, input: &CoreInput) {
        self.close(None);
        let number = self.next;
        self.next += 1;
        self.remember(input);
        if self.has_gap {
            return;
        }
        if let CoreInput::Fetched(_, fetched) = input
            && has_content(fetched)
        {
            self.hand_over();
            self.files += 1;
            self.send(Job::File(self.files, fetched.clone()));
        }
        let (d, u) = self.times.shorten(now);
        let record = Record {
            n: number,
            d,
            u,
            m: Recorded::new(input, &self.hidden, self.files),
            h: None,
        };
        record.append(&mut self.lines);
        self.is_open = true;
    }

    /// Keeps what a replay that begins later has to be told.
    fn remember(&mut self, input: &CoreInput) {
        match input {
            CoreInput::MqttConnected => {
                self.again.insert("broker", Recorded::MqttConnected);
            }
            CoreInput::MqttDisconnected => {
                self.again.remove("broker");
            }
            CoreInput::ListenToTimers => {
                self.again.insert("timers", Recorded::ListenToTimers);
            }
            CoreInput::Converters(set) => {
                let set = self.hidden.replace(set).into_owned();
                self.again.insert("converters", Recorded::Converters(set));
            }
            CoreInput::UtcOffset(minutes) => self.utc_offset_minutes = *minutes,
            _ => {}
        }
    }

    /// What the input led to.
    pub fn outputs(&mut self, outputs: &[CoreOutput]) {
        if self.is_open {
            self.close(Some(digest(outputs)));
            if let Some(asked) = asked::Line::new(outputs) {
                append(&mut self.lines, &asked);
            }
        }
    }

    fn close(&mut self, digest: Option<u32>) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        if let Some(digest) = digest {
            Record::add_digest(&mut self.lines, digest);
        }
        if self.lines.len() >= BATCH {
            self.hand_over();
        }
    }

    /// Hands over what there is. Call it when a batch of inputs is done; `core` is the core after them.
    pub fn end_batch(&mut self, core: &Core, now: Now) {
        self.close(None);
        self.hand_over();
        // Nothing is made for a disk that takes nothing.
        let is_failing = self.shared.is_failing.load(Ordering::Relaxed);
        self.has_gap |= is_failing;
        if self.has_gap && self.shared.waiting.load(Ordering::Relaxed) > WAITING / 2 {
            return;
        }
        if self.shared.is_full.swap(false, Ordering::Relaxed) || self.has_gap && !is_failing {
            self.has_gap = false;
            let snapshot = Snapshot::of_core(core, self.seed, &self.host, self.utc_offset_minutes);
            self.begin(snapshot, false, now);
        }
    }

    /// Has what there is written now, and waits until not much waits: for a house whose time runs faster
    /// than ours, after each [`DELAY`] of its time.
    pub fn flush(&mut self) {
        self.send(Job::Flush);
        while self.shared.waiting.load(Ordering::Relaxed) > BATCH {
            match &self.thread {
                Some(writer) if !writer.is_finished() => writer.thread().unpark(),
                _ => return,
            }
            std::thread::yield_now();
        }
    }

    /// Something for the log: why nothing is written at the moment, or that it is again.
    pub fn trouble(&mut self) -> Option<String> {
        self.shared.take_news()
    }

    fn hand_over(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        if self.shared.waiting.load(Ordering::Relaxed) > WAITING {
            self.lines.clear();
            self.has_gap = true;
            return;
        }
        // The next batch is likely to be as long.
        let room = Vec::with_capacity(self.lines.len());
        let lines = std::mem::replace(&mut self.lines, room);
        self.shared
            .waiting
            .fetch_add(lines.len(), Ordering::Relaxed);
        self.send(Job::Lines(lines));
    }

    fn send(&mut self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // Fails without the thread, which says so through what is shared.
            if jobs.send(job).is_err() {
                self.jobs = None;
            }
        }
    }
}

fn has_content(file: &Fetched) -> bool {
    match file {
        Fetched::Index(result) => result.is_ok(),
        Fetched::Image(result) => result.is_ok(),
    }
}

impl Drop for Recorder {
    /// Waits until everything is written. Also while a panic unwinds: its input is in the journal then.
    fn drop(&mut self) {
        self.close(None);
        self.hand_over();
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("run", &self.run)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
