//! Programs that run functions of converters: one for each file, on a thread of its own.
//!
//! A program gets a call as a line of JSON and answers with one. It is started at the first call, killed
//! when a call does not end in time or answers nonsense, and started again at the next. Whatever it does
//! costs those who wait for it, and nobody else: no other thread waits for it.

mod lines;
mod process;
mod waiting;

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use devices::{FunctionError, Origin, OriginKind};
use hub::{CallId, ConverterCall, LogLevel};
use serde_json::{Value as Json, json};

use crate::core::Worker;
use process::{Ended, Process};

pub use waiting::WaitingWorkers;

/// How long a call may take.
pub const CALL_LIMIT: Duration = Duration::from_secs(1);
/// How long a program may take until it answers its first line.
const START_LIMIT: Duration = Duration::from_secs(10);
/// The first pause after a start that failed; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What comes of programs.
#[derive(Debug)]
pub enum WorkerEvent {
    /// A call ended: what [`crate::core::CoreInput::ConverterReply`] takes.
    Reply(CallId, Result<Json, FunctionError>),
    /// Something for the log.
    Log(LogLevel, String),
}

/// Where events go. Called on the programs' threads; must not wait.
pub type WorkerEvents = Arc<dyn Fn(WorkerEvent) + Send + Sync>;

/// The programs.
pub struct Workers {
    events: WorkerEvents,
    limit: Duration,
    /// Those that are in use, by kind and name of their converter.
    programs: BTreeMap<(OriginKind, String), Program>,
    /// Threads of those that are not any more.
    ending: Vec<Program>,
}

struct Program {
    worker: Worker,
    /// `None` once it was told to end.
    jobs: Option<Sender<Job>>,
    keeper: Option<Keeper>,
}

/// The thread of a program.
struct Keeper {
    thread: JoinHandle<()>,
    process: Shared,
}

/// What a program's thread and its owner share.
type Shared = Arc<Mutex<Slot>>;

#[derive(Default)]
struct Slot {
    process: Option<Process>,
    /// Nothing is started any more.
    over: bool,
}

type Job = (CallId, Box<ConverterCall>);

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers")
            .field("programs", &self.programs.len())
            .finish_non_exhaustive()
    }
}

impl Workers {
    /// No programs yet. `limit` is how long a call may take, [`CALL_LIMIT`] as a rule.
    pub fn new(limit: Duration, events: WorkerEvents) -> Self {
        Self {
            events,
            limit,
            programs: BTreeMap::new(),
            ending: Vec::new(),
        }
    }

    /// The programs that there are now: others end when they have answered what they were asked.
    pub fn set(&mut self, workers: Vec<Worker>) {
        let mut before = std::mem::take(&mut self.programs);
        for worker in workers {
            let key = key(&worker.origin);
            let program = match before.remove(&key) {
                Some(program) if program.worker == worker => program,
                other => {
                    self.ending.extend(other);
                    Program {
                        worker,
                        jobs: None,
                        keeper: None,
                    }
                }
            };
            self.programs.insert(key, program);
        }
        self.ending.extend(before.into_values());
        for program in &mut self.ending {
            program.jobs = None;
        }
        self.ending.retain(|program| {
            let keeper = program.keeper.as_ref();
            keeper.is_some_and(|keeper| !keeper.thread.is_finished())
        });
    }

    /// Calls a function; its answer is an event.
    pub fn call(&mut self, id: CallId, call: ConverterCall) {
        let limit = self.limit;
        let events = &self.events;
        let unavailable = |why: String| {
            let error = FunctionError::new("unavailable", why);
            events(WorkerEvent::Reply(id, Err(error)));
        };
        let Some(program) = self.programs.get_mut(&key(&call.origin)) else {
            unavailable("no program runs this converter".to_owned());
            return;
        };
        if program.jobs.is_none() {
            match Keeper::start(program.worker.clone(), limit, Arc::clone(events)) {
                Ok((keeper, jobs)) => {
                    program.keeper = Some(keeper);
                    program.jobs = Some(jobs);
                }
                Err(error) => {
                    unavailable(format!("no thread for its program: {error}"));
                    return;
                }
            }
        }
        if let Some(jobs) = &program.jobs
            && let Err(mpsc::SendError((id, _))) = jobs.send((id, Box::new(call)))
        {
            let error = FunctionError::new("unavailable", "its thread has ended");
            events(WorkerEvent::Reply(id, Err(error)));
        }
    }

    /// Ends all programs, whatever they are doing.
    pub fn finish(&mut self) {
        let programs = std::mem::take(&mut self.programs).into_values();
        let mut all: Vec<Program> = programs.chain(self.ending.drain(..)).collect();
        for program in &mut all {
            program.jobs = None;
            if let Some(keeper) = &program.keeper {
                let mut slot = lock(&keeper.process);
                slot.over = true;
                if let Some(process) = slot.process.take() {
                    process.kill();
                }
            }
        }
        for keeper in all.into_iter().filter_map(|program| program.keeper) {
            // A panic over there was printed there.
            let _ = keeper.thread.join();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.finish();
    }
}

fn key(origin: &Origin) -> (OriginKind, String) {
    (origin.kind, origin.name.clone())
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    fn start(
        worker: Worker,
        limit: Duration,
        events: WorkerEvents,
    ) -> std::io::Result<(Self, Sender<Job>)> {
        let (jobs, waiting) = mpsc::channel();
        let process = Shared::default();
        let shared = Arc::clone(&process);
        let thread = std::thread::Builder::new()
            .name("ferrobee-converter".to_owned())
            .spawn(move || {
                let mut work = Work {
                    worker,
                    limit,
                    events,
                    process: shared,
                    failures: 0,
                    not_before: None,
                };
                work.run(&waiting);
            })?;
        Ok((Self { thread, process }, jobs))
    }
}

/// What a program's thread does.
struct Work {
    worker: Worker,
    limit: Duration,
    events: WorkerEvents,
    process: Shared,
    /// Starts in a row that failed.
    failures: u32,
    not_before: Option<Instant>,
}

impl Work {
    fn run(&mut self, jobs: &Receiver<Job>) {
        // Ends when the other side is dropped, after the jobs that were given before.
        while let Ok((id, call)) = jobs.recv() {
            let reply = self.answer(id, &call);
            (self.events)(WorkerEvent::Reply(id, reply));
        }
        let process = lock(&self.process).process.take();
        if let Some(process) = process {
            process.end();
        }
    }

    fn answer(&mut self, id: CallId, call: &ConverterCall) -> Result<Json, FunctionError> {
        if lock(&self.process).process.is_none() {
            self.start()?;
        }
        let mut line = json!(call.call);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("id".to_owned(), id.0.into());
            fields.insert("definition".to_owned(), call.definition.clone().into());
            fields.insert("state".to_owned(), Json::Object(call.state.clone()));
            fields.insert("options".to_owned(), json!(call.options.as_ref()));
        }
        let answer = self.exchange(id.0, &line, self.limit);
        let answer = match answer {
            Ok(answer) => answer,
            Err(ended) => {
                self.kill();
                return Err(ended.error(&call.call.function, self.limit));
            }
        };
        match answer.get("error") {
            None | Some(Json::Null) => Ok(answer),
            Some(error) => {
                let error: FunctionError = serde_json::from_value(error.clone())
                    .unwrap_or_else(|_| FunctionError::new("nonsense", error.to_string()));
                // What it still holds would be missing for the next calls.
                if error.kind == "MemoryError" {
                    self.kill();
                }
                Err(error)
            }
        }
    }

    /// Starts the program and waits until it answers.
    fn start(&mut self) -> Result<(), FunctionError> {
        let unavailable = |why: String| Err(FunctionError::new("unavailable", why));
        if lock(&self.process).over {
            return unavailable("the bridge ends".to_owned());
        }
        if let Some(pause) = self
            .not_before
            .and_then(|at| at.checked_duration_since(Instant::now()))
        {
            return unavailable(format!(
                "its program could not be started; tried again in {:.1} s",
                pause.as_secs_f64()
            ));
        }
        let name = self.worker.origin.to_string();
        let why = match Process::start(&self.worker.command, &name, &self.events) {
            Ok(process) => {
                let mut slot = lock(&self.process);
                if slot.over {
                    process.kill();
                    return unavailable("the bridge ends".to_owned());
                }
                slot.process = Some(process);
                drop(slot);
                // Any answer to a call of nothing says that the file is loaded.
                let hello = json!({"id": 0, "call": "hello", "definition": "", "function": ""});
                match self.exchange(0, &hello, START_LIMIT) {
                    Ok(_) => {
                        self.failures = 0;
                        self.not_before = None;
                        return Ok(());
                    }
                    Err(ended) => {
                        self.kill();
                        ended.error("its start", START_LIMIT).reason
                    }
                }
            }
            Err(error) => {
                let program = self.worker.command.first().map_or("", String::as_str);
                format!("{program} can't be started: {error}")
            }
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + pause.min(LONGEST_PAUSE));
        unavailable(why)
    }

    fn exchange(&self, id: u64, line: &Json, limit: Duration) -> Result<Json, Ended> {
        let answers = {
            let mut slot = lock(&self.process);
            let process = slot.process.as_mut().ok_or(Ended::Closed(None))?;
            process.say(line)?;
            Arc::clone(&process.answers)
        };
        // Without the lock, so that the program can be killed meanwhile.
        match process::hear(&answers, id, limit) {
            // How it ended is known only now.
            Err(Ended::Closed(_)) => Err(Ended::Closed(
                lock(&self.process)
                    .process
                    .as_mut()
                    .and_then(Process::status),
            )),
            other => other,
        }
    }

    fn kill(&self) {
        let process = lock(&self.process).process.take();
        if let Some(process) = process {
            process.kill();
        }
    }
}
