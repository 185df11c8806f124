//! Durable timers and values, for whoever runs automations: a [`Ledger`] talks to the hub of a running
//! bridge, or to a table of its own over a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hub::durable::{Quota, Table};
use hub::{DurableChange, DurableRows, TimerDue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};

use super::clock::Clock;
use crate::data::{DataError, LedgerFile, Warning};

/// What a ledger is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// Everything; timers are told from then on.
    Load(oneshot::Sender<DurableRows>),
    Commit(Vec<DurableChange>),
    Saved(oneshot::Sender<Result<(), String>>),
    Close,
}

/// Why a ledger does not do something.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The commit is refused.
    #[error(transparent)]
    Refused(#[from] hub::durable::DurableError),
    /// Commits are not on the disk.
    #[error("{0}")]
    NotSaved(String),
    /// There is nobody any more who keeps anything.
    #[error("the ledger is closed: what kept its timers has ended")]
    Closed,
}

/// What the two ends share.
#[derive(Debug, Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    news: Notify,
}

/// Timers that are due and that nobody took, and the commits on their way, which some of them are
/// older than.
#[derive(Debug, Default)]
struct Waiting {
    due: Vec<TimerDue>,
    /// Commits that were sent, and that were made.
    sent: u64,
    made: u64,
    /// Timers that commits on their way put or remove, with the number of the last such commit.
    touched: BTreeMap<(String, String), u64>,
}

impl Waiting {
    fn sent(&mut self, changes: &[DurableChange]) {
        self.sent += 1;
        for change in changes {
            let key = match change {
                DurableChange::PutTimer(timer) => (timer.owner.clone(), timer.id.clone()),
                DurableChange::RemoveTimer { owner, id } => (owner.clone(), id.clone()),
                DurableChange::PutValue { .. } | DurableChange::RemoveValue { .. } => continue,
            };
            self.due.retain(|due| !is_of(due, &key));
            self.touched.insert(key, self.sent);
        }
    }

    fn made(&mut self) {
        self.made += 1;
        let made = self.made;
        if made == self.sent {
            self.touched.clear();
        } else if self.touched.len() > 1000 {
            self.touched.retain(|_, number| *number > made);
        }
    }

    fn tell(&mut self, due: TimerDue) {
        let key = (due.timer.owner.clone(), due.timer.id.clone());
        // One that a commit on its way puts anew or removes is that no more.
        if self
            .touched
            .get(&key)
            .is_none_or(|number| *number <= self.made)
        {
            self.due.push(due);
        }
    }
}

fn is_of(due: &TimerDue, (owner, id): &(String, String)) -> bool {
    due.timer.owner == *owner && due.timer.id == *id
}

/// The way to durable timers and values. All that it is asked is done in order.
#[derive(Debug)]
pub struct Ledger {
    requests: UnboundedSender<Request>,
    inbox: Arc<Inbox>,
    /// What the table's own says too, so that a commit that will be refused is refused at once.
    quota: Mutex<Quota>,
    /// Of a ledger with a table of its own.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The other end of a [`Ledger`], for [`super::RunOptions`].
#[derive(Debug)]
pub struct LedgerPort {
    requests: UnboundedReceiver<Request>,
    inbox: Arc<Inbox>,
}

impl Ledger {
    /// A ledger for the hub of a bridge that is given the port.
    pub fn new() -> (Self, LedgerPort) {
        let (sender, requests) = unbounded_channel();
        let inbox = Arc::new(Inbox::default());
        let ledger = Self {
            requests: sender,
            inbox: Arc::clone(&inbox),
            quota: Mutex::default(),
            thread: Mutex::default(),
        };
        (ledger, LedgerPort { requests, inbox })
    }

    /// A ledger with a table and a thread of its own, over a file that nobody else may use meanwhile.
    pub fn open(path: &Path) -> Result<(Self, Vec<Warning>), DataError> {
        let mut warnings = Vec::new();
        let (file, rows) = LedgerFile::open(path, &mut warnings)?;
        let (ledger, port) = Self::new();
        // Here, so that what the system refuses is refused to whoever opens.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(DataError::io("start a thread for", path))?;
        let thread = std::thread::Builder::new()
            .name("ferrobee-ledger".to_owned())
            .spawn(move || runtime.block_on(keep(port, file, rows)))
            .map_err(DataError::io("start a thread for", path))?;
        *lock(&ledger.thread) = Some(thread);
        Ok((ledger, warnings))
    }

    /// All that is kept. Timers are told from then on, those told before again. Called first.
    pub async fn load(&self) -> Result<DurableRows, LedgerError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Request::Load(sender))?;
        let rows = answer.await.map_err(|_| LedgerError::Closed)?;
        *lock(&self.quota) = Quota::of(&rows);
        Ok(rows)
    }

    /// Makes changes, in order, all of them or none, in one transaction. Returns at once.
    pub fn commit(&self, changes: Vec<DurableChange>) -> Result<(), LedgerError> {
        // Held until they are sent: the table counts in the same order.
        let mut quota = lock(&self.quota);
        quota.admit(&changes)?;
        lock(&self.inbox.waiting).sent(&changes);
        self.ask(Request::Commit(changes))
    }

    /// Returns when all commits so far are on the disk.
    pub async fn saved(&self) -> Result<(), LedgerError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Request::Saved(sender))?;
        let result = answer.await.map_err(|_| LedgerError::Closed)?;
        result.map_err(LedgerError::NotSaved)
    }

    /// Returns when there is something to take.
    pub async fn ready(&self) -> Result<(), LedgerError> {
        loop {
            let mut news = pin!(self.inbox.news.notified());
            // From here on nothing is missed.
            news.as_mut().enable();
            if !lock(&self.inbox.waiting).due.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = news => {}
                () = self.requests.closed() => return Err(LedgerError::Closed),
            }
        }
    }

    /// The timers that are due and were not taken.
    pub fn take(&self) -> Vec<TimerDue> {
        std::mem::take(&mut lock(&self.inbox.waiting).due)
    }

    /// Ends: what was committed is written first. A file is free for others then.
    pub fn close(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // Fails if it has ended, which is what is wanted.
            let _ = self.requests.send(Request::Close);
            // A panic over there was printed there.
            let _ = thread.join();
        }
    }

    fn ask(&self, request: Request) -> Result<(), LedgerError> {
        self.requests.send(request).map_err(|_| LedgerError::Closed)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}

impl LedgerPort {
    /// The next request; `None` when the ledger is gone.
    pub(super) async fn next(port: Option<&mut Self>) -> Option<Request> {
        port?.requests.recv().await
    }

    /// What was asked meanwhile.
    pub(super) fn waiting(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// A commit is about to be made; what is told from now on knows of it.
    pub(super) fn made(&self) {
        lock(&self.inbox.waiting).made();
    }

    /// Tells of a timer.
    pub(super) fn tell(&self, due: TimerDue) {
        lock(&self.inbox.waiting).tell(due);
        self.inbox.news.notify_one();
    }

    /// What nobody took will be told again.
    pub(super) fn forget(&self) {
        lock(&self.inbox.waiting).due.clear();
    }
}

/// Keeps a table over a file until told to end.
async fn keep(mut port: LedgerPort, mut file: LedgerFile, rows: DurableRows) {
    let clock = Clock::new();
    let mut table = Table::new(rows);
    // What is wrong with the disk is said by `saved`; what could not be written is tried again.
    let mut trouble = file.commit(&table.look(clock.now())).err();
    loop {
        let request = {
            let deadline = table.next_deadline(clock.now());
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(clock.deadline(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                request = port.requests.recv() => match request {
                    Some(request) => Some(request),
                    None => break,
                },
                () = timer => None,
            }
        };
        let mut changes = table.look(clock.now());
        let mut answers = Vec::new();
        let mut ends = false;
        // Commits that came while the disk was busy share a transaction, each whole.
        let mut next = request;
        while let Some(request) = next {
            match request {
                Request::Load(answer) => {
                    table.open();
                    port.forget();
                    let _ = answer.send(table.rows());
                }
                Request::Commit(commit) => {
                    port.made();
                    // Refused ones were refused by the other side.
                    changes.extend(table.commit(clock.now(), commit).unwrap_or_default());
                }
                Request::Saved(answer) => {
                    answers.push(answer);
                    break;
                }
                Request::Close => {
                    ends = true;
                    break;
                }
            }
            next = port.waiting();
        }
        if !changes.is_empty() || !answers.is_empty() || ends {
            trouble = file.commit(&changes).err();
        }
        for answer in answers {
            let result = trouble
                .as_ref()
                .map_or(Ok(()), |error| Err(error.to_string()));
            let _ = answer.send(result);
        }
        if ends {
            break;
        }
        for due in table.due(clock.now()) {
            port.tell(due);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds one of these can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
