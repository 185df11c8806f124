//! A journal is read, and its inputs are given to a new core.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use adapters::Event;
use devices::Catalogue;
use hub::{Now, Watched};
use zigbee::IeeeAddress;

use super::asked;
use super::capture::Capture;
use super::capturing::Capturing;
use super::digest::digest;
use super::file;
use super::input::{Context, Recorded};
use super::record::{Record, Times};
use super::ring::{FOLDER, files};
use super::segment::{BadSegment, Reader};
use super::start::{Head, VERSION};
use crate::core::{Core, CoreInput, CoreOutput};

/// Why a journal can not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is none.
    #[error("there is no journal in {0}")]
    Missing(PathBuf),
    /// It is something else, or damaged at its beginning.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl JournalError {
    pub(crate) fn new(path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// What a replay comes to.
#[derive(Debug)]
pub enum Step {
    /// A core begins anew.
    Begin(Beginning),
    /// A core that begins within a run was told again what it has to know; what came of that.
    Again(Now, Vec<CoreOutput>),
    /// An input was given to the core.
    Input(Box<Given>),
    /// A line makes no sense here, such as one of a later version. What follows may differ.
    Skipped(Skip),
    /// The last bytes of a file are no whole chunk: it was being written when the program ended, or is.
    Torn {
        /// The file.
        path: PathBuf,
        /// How many.
        bytes: u64,
    },
}

/// Where a replay begins, or begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The file.
    pub path: PathBuf,
    /// Names the run.
    pub run: String,
    /// The version that wrote it.
    pub version: String,
    /// True at the beginning of a run: then all outputs are to be the same. Otherwise the core has
    /// settings, devices and states as they were, but nothing of what was under way.
    pub is_whole: bool,
    /// The number of the first input.
    pub first: u64,
    /// When.
    pub now: Now,
}

/// An input and what it led to.
#[derive(Debug)]
pub struct Given {
    /// Its number in the run.
    pub number: u64,
    /// When.
    pub now: Now,
    /// The input as it stands in the journal, JSON.
    pub input: String,
    /// Somebody came who is told what is: what it led to is no news.
    pub greets: bool,
    /// What it led to.
    pub outputs: Vec<CoreOutput>,
    /// What it led to then; none if the program ended meanwhile.
    pub recorded: Option<u32>,
    /// What it led to now.
    pub digest: u32,
    /// False where a difference has to be expected.
    pub is_exact: bool,
}

impl Given {
    /// True when it led to something else than then.
    pub fn differs(&self) -> bool {
        self.recorded
            .is_some_and(|recorded| recorded != self.digest)
    }
}

/// A line that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Where pieces come from.
#[derive(Debug)]
struct Source {
    folder: Option<PathBuf>,
    waiting: VecDeque<PathBuf>,
    last: u64,
}

impl Source {
    fn next(&mut self) -> io::Result<Option<PathBuf>> {
        if let (None, Some(folder)) = (self.waiting.front(), &self.folder) {
            for (number, path) in files(folder)? {
                if number > self.last {
                    self.last = number;
                    self.waiting.push_back(path);
                }
            }
        }
        Ok(self.waiting.pop_front())
    }
}

/// The folder of the journal in a data directory, or the folder itself.
fn folder(path: &Path) -> PathBuf {
    let inner = path.join(FOLDER);
    if inner.is_dir() {
        inner
    } else {
        path.to_owned()
    }
}

/// The files of a journal in a data directory or a folder, the oldest first.
pub fn pieces(path: &Path) -> Vec<PathBuf> {
    let files = files(&folder(path)).unwrap_or_default();
    files.into_iter().map(|(_, path)| path).collect()
}

/// The file that a running bridge writes now: it holds a lock on it.
pub fn live(data: &Path) -> Option<PathBuf> {
    let (_, path) = files(&folder(data)).ok()?.pop()?;
    let is_locked = matches!(
        File::open(&path).ok()?.try_lock_shared(),
        Err(TryLockError::WouldBlock)
    );
    is_locked.then_some(path)
}

/// Gives the inputs of a journal to a core.
pub struct Replay {
    source: Source,
    piece: Option<(PathBuf, Reader)>,
    catalogue: Arc<Catalogue>,
    house: Option<House>,
    told_torn: bool,
    watch: Option<Capturing>,
}

/// A core and where it is.
struct House {
    core: Core,
    run: String,
    next: u64,
    is_exact: bool,
    times: Times,
    /// When the last input was.
    now: Now,
    context: Context,
    /// Inputs that it has to be told again.
    again: VecDeque<Recorded<'static>>,
    answers: asked::Answers,
    /// What it goes on with after that.
    watched: Vec<Watched>,
}

impl House {
    /// Something was asked that nobody asked then: an answer is made up.
    fn overdue(&mut self) -> Option<Step> {
        let now = self.now;
        let answer = self.answers.overdue(now.instant)?;
        let outputs = self.core.handle(now, answer);
        self.answers.asked(now.instant, &outputs);
        Some(Step::Again(now, outputs))
    }
}

impl Replay {
    /// A file, or all files of a data directory or of a folder.
    pub fn open(path: &Path, catalogue: Arc<Catalogue>) -> Result<Self, JournalError> {
        let source = if path.is_file() {
            Source {
                folder: None,
                waiting: VecDeque::from([path.to_owned()]),
                last: 0,
            }
        } else {
            Source {
                folder: Some(folder(path)),
                waiting: VecDeque::new(),
                last: 0,
            }
        };
        Self::of(source, path, catalogue)
    }

    /// What is in the last file of a data directory's journal, and what follows.
    pub fn follow(data: &Path, catalogue: Arc<Catalogue>) -> Result<Self, JournalError> {
        let folder = folder(data);
        let last = files(&folder).ok().and_then(|mut all| all.pop());
        let last = last
            .ok_or_else(|| JournalError::Missing(data.to_owned()))?
            .0;
        let source = Source {
            folder: Some(folder),
            waiting: VecDeque::new(),
            last: last.saturating_sub(1),
        };
        Self::of(source, data, catalogue)
    }

    fn of(source: Source, path: &Path, catalogue: Arc<Catalogue>) -> Result<Self, JournalError> {
        let mut replay = Self {
            source,
            piece: None,
            catalogue,
            house: None,
            told_torn: false,
            watch: None,
        };
        if replay.next_piece()? {
            Ok(replay)
        } else {
            Err(JournalError::Missing(path.to_owned()))
        }
    }

    /// Makes captures of a device from now on.
    pub fn capture(&mut self, device: IeeeAddress) -> Receiver<Capture> {
        let (sender, receiver) = channel();
        self.watch = Some(Capturing::new(device, sender));
        receiver
    }

    /// The core as it is now; none before the first step.
    pub fn core(&self) -> Option<&Core> {
        self.house.as_ref().map(|house| &house.core)
    }

    /// The next step. `None`: there is no more, or while the journal is being written not yet.
    pub fn step(&mut self) -> Result<Option<Step>, JournalError> {
        loop {
            if let Some(again) = self
                .house
                .as_mut()
                .and_then(|house| house.again.pop_front())
            {
                if let Some(step) = self.tell_again(again) {
                    return Ok(Some(step));
                }
                continue;
            }
            if let Some(house) = &mut self.house {
                let watched = std::mem::take(&mut house.watched);
                house.core.go_on_watching(&watched);
            }
            if let Some(step) = self.house.as_mut().and_then(House::overdue) {
                return Ok(Some(step));
            }
            let Some((path, reader)) = &mut self.piece else {
                if self.next_piece()? {
                    continue;
                }
                return Ok(None);
            };
            let path = path.clone();
            let line = reader.line().map_err(|e| JournalError::new(&path, &e))?;
            if let Some(line) = line {
                let line = line.to_vec();
                if let Some(step) = self.line(&path, &line)? {
                    return Ok(Some(step));
                }
                continue;
            }
            let torn = reader.torn().map_err(|e| JournalError::new(&path, &e))?;
            let next = self
                .source
                .next()
                .map_err(|error| JournalError::new(&path, &error))?;
            if torn > 0 && !std::mem::replace(&mut self.told_torn, true) {
                self.source.waiting.extend(next);
                return Ok(Some(Step::Torn { path, bytes: torn }));
            }
            match next {
                // Written while we looked: once more what is in the old one.
                Some(next) if self.source.folder.is_some() => {
                    if let Some((_, reader)) = &mut self.piece
                        && let Some(line) =
                            reader.line().map_err(|e| JournalError::new(&path, &e))?
                    {
                        let line = line.to_vec();
                        self.source.waiting.push_front(next);
                        if let Some(step) = self.line(&path, &line)? {
                            return Ok(Some(step));
                        }
                        continue;
                    }
                    self.source.waiting.push_front(next);
                    self.piece = None;
                }
                Some(_) | None => return Ok(None),
            }
        }
    }

    /// Opens the next piece; false if there is none.
    fn next_piece(&mut self) -> Result<bool, JournalError> {
        let folder = self.source.folder.clone().unwrap_or_default();
        let next = self
            .source
            .next()
            .map_err(|_| JournalError::Missing(folder))?;
        let Some(path) = next else {
            return Ok(false);
        };
        let reader = match Reader::open(&path) {
            Ok(reader) => reader,
            Err(error @ BadSegment::Magic) if self.source.folder.is_none() => {
                return Err(JournalError::new(&path, &error));
            }
            // Cut short by a crash, or deleted by now.
            Err(BadSegment::Magic) => return self.next_piece(),
            Err(BadSegment::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return self.next_piece();
            }
            Err(error) => return Err(JournalError::new(&path, &error)),
        };
        self.told_torn = false;
        self.piece = Some((path, reader));
        Ok(true)
    }

    fn line(&mut self, path: &Path, line: &[u8]) -> Result<Option<Step>, JournalError> {
        if line.starts_with(b"{\"journal\"") {
            return self.head(path, line);
        }
        let Some(house) = &mut self.house else {
            return Err(JournalError::new(path, &"its beginning is missing"));
        };
        let skipped = |house: &mut House, reason: String| {
            house.is_exact = false;
            Some(Step::Skipped(Skip {
                path: path.to_owned(),
                reason,
            }))
        };
        if line.starts_with(b"{\"file\"") {
            let read: Result<file::Line, _> = serde_json::from_slice(line);
            let content = read.as_ref().ok().and_then(|line| match line.same {
                Some(same) => house.context.files.get(&same).cloned(),
                None => line.fetched(),
            });
            return Ok(match (read, content) {
                (Ok(line), Some(content)) => {
                    house.context.files.insert(line.file, content);
                    None
                }
                (Err(error), _) => skipped(house, error.to_string()),
                (Ok(_), None) => skipped(house, "a file in it can't be read".to_owned()),
            });
        }
        if line.starts_with(asked::Line::BEGIN) {
            return Ok(match serde_json::from_slice(line) {
                Ok(line) => {
                    house.answers.recorded(line);
                    None
                }
                Err(error) => skipped(house, error.to_string()),
            });
        }
        let record = match Record::read(line, house.next) {
            Ok(record) => record,
            Err(error) => {
                house.next += 1;
                return Ok(skipped(house, format!("a line is not understood: {error}")));
            }
        };
        let now = house.times.lengthen(record.d, record.u);
        house.now = now;
        let number = record.n;
        // Renders as it was read.
        let text = serde_json::to_string(&record.m).unwrap_or_default();
        let recorded = record.h;
        let expected = std::mem::replace(&mut house.next, number.saturating_add(1));
        let input = match record.m.into_input(&mut house.context) {
            Ok(input) => input,
            Err(error) => return Ok(skipped(house, format!("input {number}: {error}"))),
        };
        if number != expected {
            house.is_exact = false;
        }
        let input = if house.is_exact {
            input
        } else {
            house.answers.input(now.instant, input)
        };
        let greets = matches!(
            input,
            CoreInput::MqttConnected | CoreInput::Adapter(Event::Up(_))
        );
        if let Some(watch) = &mut self.watch {
            watch.before(&house.core, now, &input);
        }
        let outputs = house.core.handle(now, input);
        if !house.is_exact {
            house.answers.asked(now.instant, &outputs);
        }
        if let Some(watch) = &mut self.watch {
            watch.after(&house.core, &outputs);
        }
        Ok(Some(Step::Input(Box::new(Given {
            number,
            now,
            input: text,
            greets,
            digest: digest(&outputs),
            outputs,
            recorded,
            is_exact: house.is_exact,
        }))))
    }

    fn head(&mut self, path: &Path, line: &[u8]) -> Result<Option<Step>, JournalError> {
        let head: Head =
            serde_json::from_slice(line).map_err(|error| JournalError::new(path, &error))?;
        if head.journal != VERSION {
            let reason = format!(
                "its format is {}; this version of ferrobee reads {VERSION}",
                head.journal
            );
            return Err(JournalError::new(path, &reason));
        }
        if let Some(house) = &mut self.house
            && house.run == head.run
            && house.next == head.first
        {
            house.times = Times::new(head.now());
            house.context.files.clear();
            return Ok(None);
        }
        let config = head
            .start
            .config(Arc::clone(&self.catalogue))
            .map_err(|error| JournalError::new(path, &error))?;
        let now = head.now();
        self.house = Some(House {
            core: Core::new(config, now),
            run: head.run.clone(),
            next: head.first,
            is_exact: head.is_begin,
            times: Times::new(now),
            now,
            context: Context::default(),
            again: head.again.into(),
            answers: asked::Answers::default(),
            watched: head.start.watched,
        });
        Ok(Some(Step::Begin(Beginning {
            path: path.to_owned(),
            run: head.run,
            version: head.ferrobee,
            is_whole: head.is_begin,
            first: head.first,
            now,
        })))
    }

    /// What a core is told that begins within a run; what comes of it happened before.
    fn tell_again(&mut self, again: Recorded<'static>) -> Option<Step> {
        let house = self.house.as_mut()?;
        let input = again.into_input(&mut house.context).ok()?;
        let now = house.times.lengthen(0, 0);
        Some(Step::Again(now, house.core.handle(now, input)))
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
