//! What is known of automations: whoever runs them in this process tells it on `bridge/automations`.

use serde::Deserialize;

use super::Core;

/// Automations as they were told last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Automations {
    /// Files, those that can't be loaded included.
    pub(super) files: usize,
    /// Files that can't be loaded in their present version.
    pub(super) failed: usize,
    pub(super) handlers: usize,
    /// Runs of handlers.
    pub(super) runs: u64,
    /// Runs that failed.
    pub(super) errors: u64,
}

#[derive(Deserialize)]
struct Report {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    error: Option<String>,
    handlers: Vec<Handler>,
}

#[derive(Deserialize)]
struct Handler {
    runs: u64,
    errors: u64,
}

impl Automations {
    fn of(report: &Report) -> Self {
        let handlers = || report.files.iter().flat_map(|file| &file.handlers);
        let sum = |count: fn(&Handler) -> u64| {
            handlers().fold(0, |sum: u64, handler| sum.saturating_add(count(handler)))
        };
        let failed = report.files.iter().filter(|file| file.error.is_some());
        Self {
            files: report.files.len(),
            failed: failed.count(),
            handlers: handlers().count(),
            runs: sum(|handler| handler.runs),
            errors: sum(|handler| handler.errors),
        }
    }
}

impl Core {
    /// Looks whether a message of a client in this process tells of automations.
    pub(super) fn learn_automations(&mut self, topic: &str, payload: &[u8]) {
        let below = topic.strip_prefix(&*self.view.base);
        if below != Some("/bridge/automations") {
            return;
        }
        let Ok(report) = serde_json::from_slice::<Report>(payload) else {
            return;
        };
        let before = std::mem::replace(&mut self.automations, Automations::of(&report));
        self.dirty.info |= before.files != self.automations.files;
    }
}
