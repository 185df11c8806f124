//! Things to do at instants, in order of time and then of insertion.

use std::collections::BTreeMap;

use adapters::Instant;

/// A queue ordered by time; what was added first comes first among equals.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    entries: BTreeMap<(Instant, u64), T>,
    added: u64,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            added: 0,
        }
    }
}

impl<T> Schedule<T> {
    pub(crate) fn add(&mut self, at: Instant, what: T) {
        self.entries.insert((at, self.added), what);
        self.added += 1;
    }

    /// When the first thing is to be done.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Takes the first thing if its time has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(Instant, T)> {
        let entry = self.entries.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let ((at, _), what) = entry.remove_entry();
        Some((at, what))
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.entries.retain(|_, what| keep(what));
    }
}
