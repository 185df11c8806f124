//! The session: the only part that the outside sees.

use super::core::{Core, Handle};
use super::executor::Executor;
use crate::{Event, Instant, Output, Request, RequestError, RequestId, Session, SessionConfig};

/// A driver for Z-Stack coordinators. It begins with the first call, which is usually
/// [`Session::timeout`] at the instant when the link was opened.
pub struct ZnpSession {
    handle: Handle,
    executor: Executor,
    started: bool,
}

impl ZnpSession {
    /// A session for a link that was just opened.
    pub fn new(config: SessionConfig) -> Self {
        Self {
            handle: Handle::new(Core::new(config)),
            executor: Executor::default(),
            started: false,
        }
    }

    fn enter(&mut self, now: Instant, work: impl FnOnce(&mut Core)) {
        let started = std::mem::replace(&mut self.started, true);
        self.handle.with(|core| {
            core.now = core.now.max(now);
            if !started {
                core.heard = core.now;
                let handle = self.handle.clone();
                core.spawn(Box::pin(handle.run()));
            }
            work(core);
        });
        self.run();
    }

    /// Runs the procedures until all of them wait.
    fn run(&mut self) {
        loop {
            let (spawned, cancelled, chores) = self.handle.with(|core| {
                (
                    std::mem::take(&mut core.spawned),
                    std::mem::take(&mut core.cancelled),
                    std::mem::take(&mut core.chores),
                )
            });
            let idle = spawned.is_empty() && cancelled.is_empty() && chores.is_empty();
            for (id, task) in spawned {
                self.executor.spawn(id, task);
            }
            for id in cancelled {
                self.executor.cancel(id);
            }
            for chore in chores {
                let handle = self.handle.clone();
                let id = self.handle.with(Core::next_serial);
                let task = async move { handle.chore(chore).await };
                self.executor.spawn(id, Box::pin(task));
            }
            if !self.executor.step() && idle {
                break;
            }
        }
    }
}

impl Session for ZnpSession {
    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.enter(now, |core| core.receive(bytes));
    }

    fn request(&mut self, now: Instant, id: RequestId, request: Request) {
        let handle = self.handle.clone();
        self.enter(now, move |core| {
            if core.up {
                let task = core.spawn(Box::pin(handle.carry_out(id, request)));
                core.pending.insert(id, task);
            } else {
                let reply = Event::Reply(id, Err(RequestError::NotConnected));
                core.outputs.push_back(Output::Event(reply));
            }
        });
    }

    fn timeout(&mut self, now: Instant) {
        self.enter(now, Core::timeout);
    }

    fn deadline(&self) -> Option<Instant> {
        if !self.started {
            return Some(Instant::default());
        }
        self.handle
            .with(|core| if core.failed { None } else { core.deadline() })
    }

    fn output(&mut self) -> Option<Output> {
        self.handle.with(|core| core.outputs.pop_front())
    }
}
