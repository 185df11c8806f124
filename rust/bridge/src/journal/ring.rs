//! The files of a journal, and the thread that writes them.
//!
//! Nothing waits for the disk: what a killed process has written is there, what a power cut takes is the
//! last of what was kept to look into, nothing that is needed to go on.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::file::{self, Line};
use super::record::append;
use super::secrets::Pseudonyms;
use super::segment::Writer;
use super::start::Begin;

/// The folder in the data directory.
pub(crate) const FOLDER: &str = "journal";
/// What the names of its files end with.
const EXTENSION: &str = "fbj";
/// A journal has at most about so many files; its size is kept by deleting the oldest.
const PIECES: u64 = 16;
/// How long lines may wait.
pub const DELAY: Duration = Duration::from_secs(1);
/// After an error it is tried again in so long.
const RETRY: Duration = Duration::from_secs(10);
/// Lines that are written at once, bytes.
const BATCH: usize = 256 << 10;

/// The files of a journal with their numbers, the oldest first.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse().ok());
        let is_piece = path.extension().is_some_and(|end| end == EXTENSION);
        if let (Some(number), true) = (number, is_piece) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

/// What the thread is told.
pub(crate) enum Job {
    /// Lines, whole ones.
    Lines(Vec<u8>),
    /// A file that a line will refer to.
    File(u64, hub::Fetched),
    /// Begin a new piece with this.
    Begin(Box<Begin>),
    /// Write what there is.
    Flush,
}

/// What both sides know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Bytes that wait for the thread.
    pub(crate) waiting: AtomicUsize,
    /// The piece is full: a new one is wanted.
    pub(crate) is_full: AtomicBool,
    /// Nothing can be written: lines are let go by until a new piece begins.
    pub(crate) is_failing: AtomicBool,
    /// There is something to say of that.
    pub(crate) has_news: AtomicBool,
    pub(crate) news: Mutex<Option<String>>,
}

impl Shared {
    fn tell(&self, news: String) {
        *self.news.lock().unwrap_or_else(PoisonError::into_inner) = Some(news);
        self.has_news.store(true, Ordering::Relaxed);
    }

    /// What there is to say, once.
    pub(crate) fn take_news(&self) -> Option<String> {
        if !self.has_news.swap(false, Ordering::Relaxed) {
            return None;
        }
        self.news
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The files that are written.
pub(crate) struct Ring {
    folder: PathBuf,
    /// The most bytes of all files together.
    limit: u64,
    piece: Option<Writer<File>>,
    path: PathBuf,
    number: u64,
    shared: Arc<Shared>,
    hidden: Arc<Pseudonyms>,
    /// Files in this piece, by what they hold.
    known: BTreeMap<[u8; 32], u64>,
    /// When it is tried again after an error.
    retry_at: Option<Instant>,
    /// A new piece was asked for.
    has_asked: bool,
}

impl Ring {
    /// Files in a folder, which is made where it is not there.
    pub(crate) fn new(
        folder: PathBuf,
        limit: u64,
        shared: Arc<Shared>,
        hidden: Arc<Pseudonyms>,
    ) -> Self {
        Self {
            path: folder.clone(),
            folder,
            limit,
            piece: None,
            number: 0,
            shared,
            hidden,
            known: BTreeMap::new(),
            retry_at: None,
            has_asked: false,
        }
    }

    /// Writes until the other side is gone. What can't be written is missing.
    pub(crate) fn work(mut self, jobs: &Receiver<Job>) {
        let mut lines = Vec::new();
        loop {
            let job = match self.retry_at {
                None => jobs.recv().map_err(RecvTimeoutError::from),
                Some(at) => jobs.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match job {
                Ok(job) => {
                    if let Err(error) = self.round(job, jobs, &mut lines) {
                        self.fail(&error, &mut lines);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    // A new piece is asked for.
                    self.retry_at = None;
                    self.shared.is_full.store(true, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn round(&mut self, job: Job, jobs: &Receiver<Job>, lines: &mut Vec<u8>) -> io::Result<()> {
        let is_urgent = matches!(job, Job::Begin(_));
        self.take(job, lines)?;
        if !is_urgent {
            // Nobody wakes this thread for each line: the core's thread would pay for it.
            std::thread::park_timeout(DELAY);
        }
        while let Ok(job) = jobs.try_recv() {
            self.take(job, lines)?;
        }
        self.write(lines)
    }

    /// The disk is full, or something like that: a new piece is begun when it can be.
    fn fail(&mut self, error: &io::Error, lines: &mut Vec<u8>) {
        self.shared
            .waiting
            .fetch_sub(lines.len(), Ordering::Relaxed);
        lines.clear();
        if let Some(piece) = self.piece.take() {
            // What is not whole takes room, and is of no use.
            let length = piece.length();
            let _ = piece.into_inner().set_len(length);
        }
        self.retry_at = Some(Instant::now() + RETRY);
        if !self.shared.is_failing.swap(true, Ordering::Relaxed) {
            self.shared.tell(format!(
                "The journal can't be written in {}: {error}. It goes on when it can; what happens until \
                 then is not in it",
                self.folder.display()
            ));
        }
    }

    fn take(&mut self, job: Job, lines: &mut Vec<u8>) -> io::Result<()> {
        match job {
            Job::Lines(more) => lines.extend(more),
            Job::Flush => self.write(lines)?,
            Job::File(number, file) => self.file(number, &file, lines),
            Job::Begin(begin) => {
                self.write(lines)?;
                let mut head = Vec::new();
                append(&mut head, &begin.head(&self.hidden));
                self.begin(&head)?;
            }
        }
        if lines.len() >= BATCH {
            self.write(lines)?;
        }
        Ok(())
    }

    fn write(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let result = self.append(lines);
        self.shared
            .waiting
            .fetch_sub(lines.len(), Ordering::Relaxed);
        lines.clear();
        result?;
        let length = self.piece.as_ref().map_or(0, Writer::length);
        // Once: what is still on its way belongs to this one.
        if length >= self.limit / PIECES && !std::mem::replace(&mut self.has_asked, true) {
            self.shared.is_full.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let Some(length) = self.piece.as_ref().map(Writer::length) else {
            return Ok(());
        };
        // At most: what can't be made shorter gets a little longer.
        let most = lines.len() as u64 + 1024;
        if length + most >= self.limit / PIECES {
            // More than was kept free for it.
            self.prune(most)?;
        }
        match &mut self.piece {
            Some(piece) => piece.write(lines),
            None => Ok(()),
        }
    }

    fn begin(&mut self, head: &[u8]) -> io::Result<()> {
        self.piece = None;
        fs::create_dir_all(&self.folder)?;
        // Room for a piece of the usual length.
        self.prune(self.limit / PIECES)?;
        let last = files(&self.folder)?.last().map_or(0, |(number, _)| *number);
        self.number = self.number.max(last) + 1;
        self.known.clear();
        self.path = self.folder.join(format!("{:08}.{EXTENSION}", self.number));
        match new_piece(&self.path, head) {
            Ok(piece) => self.piece = Some(piece),
            Err(error) => {
                // Of no use to anybody.
                let _ = fs::remove_file(&self.path);
                return Err(error);
            }
        }
        self.retry_at = None;
        self.has_asked = false;
        self.shared.is_full.store(false, Ordering::Relaxed);
        if self.shared.is_failing.swap(false, Ordering::Relaxed) {
            self.shared.tell("The journal is written again".to_owned());
        }
        Ok(())
    }

    /// Deletes the oldest until there is room for so many bytes more.
    fn prune(&self, room: u64) -> io::Result<()> {
        let mut all = Vec::new();
        for (_, path) in files(&self.folder)? {
            // Somebody else may have deleted it.
            if let Ok(found) = fs::metadata(&path) {
                all.push((path, found.len()));
            }
        }
        let mut size: u64 = all.iter().map(|(_, length)| length).sum();
        for (path, length) in all {
            if size + room <= self.limit {
                break;
            }
            if self.piece.is_some() && path == self.path {
                continue;
            }
            match fs::remove_file(&path) {
                // Each is part of the sum.
                Ok(()) => size -= length,
                Err(error) if error.kind() == io::ErrorKind::NotFound => size -= length,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes a line of a file; one that is there already is referred to.
    fn file(&mut self, number: u64, fetched: &hub::Fetched, lines: &mut Vec<u8>) {
        let content = file::content(fetched);
        let digest = ring::digest::digest(&ring::digest::SHA256, content.to_string().as_bytes());
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        let line = if let Some(known) = self.known.get(&key) {
            Line::same(number, *known)
        } else {
            self.known.insert(key, number);
            Line::new(number, content)
        };
        let begin = lines.len();
        append(lines, &line);
        self.shared
            .waiting
            .fetch_add(lines.len() - begin, Ordering::Relaxed);
    }
}

fn new_piece(path: &Path, head: &[u8]) -> io::Result<Writer<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // Says that somebody writes it. Where files can't be locked nobody is told.
    let _ = file.try_lock();
    let mut piece = Writer::new(file)?;
    piece.write(head)?;
    Ok(piece)
}
