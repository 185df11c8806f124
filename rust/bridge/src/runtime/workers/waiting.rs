//! Programs for somebody who waits for each answer.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use devices::FunctionError;
use hub::{CallId, ConverterCall, LogLevel};
use serde_json::Value as Json;

use super::{WorkerEvent, Workers};
use crate::core::Worker;

/// Calls functions one after the other.
#[derive(Debug)]
pub struct WaitingWorkers {
    workers: Workers,
    events: Receiver<WorkerEvent>,
}

impl WaitingWorkers {
    /// No programs yet. `limit` is how long a call may take.
    pub fn new(limit: Duration) -> Self {
        let (sender, events) = mpsc::channel();
        let told = move |event| {
            // Nobody listens once its owner is gone.
            let _ = sender.send(event);
        };
        Self {
            workers: Workers::new(limit, Arc::new(told)),
            events,
        }
    }

    /// The programs that there are now.
    pub fn set(&mut self, workers: Vec<Worker>) {
        self.workers.set(workers);
    }

    /// Calls a function and waits; `log` is told what its program prints.
    pub fn call(
        &mut self,
        id: CallId,
        call: ConverterCall,
        log: &mut dyn FnMut(LogLevel, String),
    ) -> Result<Json, FunctionError> {
        self.workers.call(id, call);
        // Every call is answered, and the sender lives as long as we do.
        while let Ok(event) = self.events.recv() {
            match event {
                WorkerEvent::Reply(known, result) if known == id => return result,
                WorkerEvent::Reply(..) => {}
                WorkerEvent::Log(level, text) => log(level, text),
            }
        }
        Err(FunctionError::new("unavailable", "its program is gone"))
    }
}
