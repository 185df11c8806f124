//! The hub's own executor: straight-line procedures, polled in the order in which they were woken.
//!
//! A procedure is an `async fn` that awaits nothing but a [`Wait`]: an answer that the core puts into a
//! slot (an exchange with a device, a reply of the coordinator, a timer). There are no wakers and no
//! threads: answering a slot puts its task on a list, and the hub polls that list until it is empty.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use adapters::{Reply, RequestError};
use devices::{FunctionError, FunctionReply, OperationError, OperationReply};
use zigbee::zdo;

use crate::Fetched;
use crate::core::Core;

/// A procedure under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskId(pub(crate) u64);

/// Where a procedure waits for one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(pub(crate) u64);

/// What a procedure can be waiting for.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A ZCL exchange ended.
    Zcl(Result<OperationReply, OperationError>),
    /// A ZDO exchange with a device ended.
    Zdo(Result<zdo::Response, OperationError>),
    /// The coordinator answered.
    Adapter(Result<Reply, RequestError>),
    /// A frame answered one of somebody else's making.
    Raw(Box<adapters::ApsIndication>),
    /// The time has come.
    Tick,
    /// The device that was waited for said something.
    Heard,
    /// A file came, or not.
    Fetched(Fetched),
    /// A function of a converter ended.
    Function(Result<FunctionReply, FunctionError>),
}

#[derive(Debug)]
struct Slot {
    task: TaskId,
    answer: Option<Answer>,
}

/// The slots and the list of tasks to poll; part of the core.
#[derive(Debug, Default)]
pub(crate) struct Board {
    slots: BTreeMap<SlotId, Slot>,
    ready: VecDeque<TaskId>,
    next_slot: u64,
    current: Option<TaskId>,
}

impl Board {
    /// Opens a slot for the task that is being polled. Outside of a task nobody would ever read it:
    /// then the answer is dropped.
    pub(crate) fn open(&mut self) -> SlotId {
        self.next_slot += 1;
        let id = SlotId(self.next_slot);
        if let Some(task) = self.current {
            self.slots.insert(id, Slot { task, answer: None });
        }
        id
    }

    /// Gives the answer; the task is polled again. A slot that is closed or has its answer is left alone.
    pub(crate) fn answer(&mut self, id: SlotId, answer: Answer) {
        if let Some(slot) = self.slots.get_mut(&id)
            && slot.answer.is_none()
        {
            slot.answer = Some(answer);
            if !self.ready.contains(&slot.task) {
                self.ready.push_back(slot.task);
            }
        }
    }

    fn take(&mut self, id: SlotId) -> Option<Answer> {
        let answer = self.slots.get_mut(&id)?.answer.take()?;
        self.slots.remove(&id);
        Some(answer)
    }

    fn close(&mut self, id: SlotId) {
        self.slots.remove(&id);
    }
}

/// A procedure's way to the core.
///
/// Between polls it leads to an empty core; the hub swaps the real one in for the time of a poll, so
/// that outside of polls the hub owns its data plainly and can lend references to it. The lock is never
/// waited for: it is there so that a hub, with all that it has under way, can move to another thread.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Core>>);

impl Shared {
    pub(crate) fn new(idle: Core) -> Self {
        Self(Arc::new(Mutex::new(idle)))
    }

    /// Works on the core. This never meets a core that is already locked: the core holds neither a
    /// `Shared` nor a future, so nothing that `work` can call leads back here.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        // A core that panicked half way ends the hub by that panic.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a slot, hands it to `work` and waits for its answer.
    pub(crate) fn wait(&self, work: impl FnOnce(&mut Core, SlotId)) -> Wait {
        let slot = self.with(|core| {
            let slot = core.board.open();
            work(core, slot);
            slot
        });
        Wait {
            shared: self.clone(),
            slot,
        }
    }
}

/// Waits for the answer in a slot.
pub(crate) struct Wait {
    shared: Shared,
    slot: SlotId,
}

impl Future for Wait {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        match self.shared.with(|core| core.board.take(self.slot)) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.shared.with(|core| core.board.close(self.slot));
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks.
pub(crate) struct Executor {
    shared: Shared,
    tasks: BTreeMap<TaskId, Task>,
    next_task: u64,
}

impl Executor {
    pub(crate) fn new(idle: Core) -> Self {
        Self {
            shared: Shared::new(idle),
            tasks: BTreeMap::new(),
            next_task: 0,
        }
    }

    /// How many procedures are under way.
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Starts what the core asked for and polls until every task waits.
    pub(crate) fn run(&mut self, core: &mut Core) {
        loop {
            while let Some(procedure) = core.procedures.pop_front() {
                self.next_task += 1;
                let id = TaskId(self.next_task);
                self.tasks.insert(id, procedure.start(self.shared.clone()));
                core.board.ready.push_back(id);
            }
            let Some(id) = core.board.ready.pop_front() else {
                return;
            };
            let Some(mut task) = self.tasks.remove(&id) else {
                continue;
            };
            core.board.current = Some(id);
            self.shared.with(|idle| std::mem::swap(idle, core));
            let poll = task
                .as_mut()
                .poll(&mut Context::from_waker(std::task::Waker::noop()));
            // A finished task is dropped while the real core is in place: its slots close there.
            if poll.is_pending() {
                self.tasks.insert(id, task);
            } else {
                drop(task);
            }
            self.shared.with(|real| std::mem::swap(real, core));
            core.board.current = None;
        }
    }
}
