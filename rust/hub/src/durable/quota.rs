//! How much an owner may keep.

use std::collections::BTreeMap;

use super::{DurableChange, DurableError, DurableRows};

/// More timers of one owner and the commit is refused: an automation that sets timers in a loop.
pub const MAX_TIMERS: usize = 10_000;
/// Ids, keys, data and values of one owner together, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// What is kept, by size. Whoever commits at a distance keeps one of its own, so that a commit that
/// will be refused is refused at once.
#[derive(Debug, Clone, Default)]
pub struct Quota {
    owners: BTreeMap<String, Owner>,
}

#[derive(Debug, Clone, Default)]
struct Owner {
    timers: BTreeMap<String, usize>,
    values: BTreeMap<String, usize>,
    bytes: usize,
}

/// A change, as far as sizes go.
struct Step<'a> {
    owner: &'a str,
    is_timer: bool,
    name: &'a str,
    /// `None`: it is removed.
    size: Option<usize>,
}

impl Quota {
    /// What rows use that are there already, be it too much.
    pub fn of(rows: &DurableRows) -> Self {
        let mut quota = Self::default();
        for timer in &rows.timers {
            quota.take(&Step {
                owner: &timer.owner,
                is_timer: true,
                name: &timer.id,
                size: Some(timer.id.len() + timer.data.len()),
            });
        }
        for (owner, values) in &rows.values {
            for (key, value) in values {
                quota.take(&Step {
                    owner,
                    is_timer: false,
                    name: key,
                    size: Some(key.len() + value.len()),
                });
            }
        }
        quota
    }

    /// Counts a commit in, or refuses all of it. An owner that keeps too much already may keep less.
    pub fn admit(&mut self, changes: &[DurableChange]) -> Result<(), DurableError> {
        // What each owner that is touched had before, to put back.
        let mut before: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let mut undo = Vec::with_capacity(changes.len());
        for change in changes {
            let step = step(change);
            before
                .entry(step.owner)
                .or_insert_with(|| self.figures(step.owner));
            undo.push(self.take(&step));
        }
        let refused = before.iter().find_map(|(&owner, &(timers, bytes))| {
            let (timers_now, bytes_now) = self.figures(owner);
            if timers_now > MAX_TIMERS.max(timers) {
                Some(DurableError::TooManyTimers(owner.to_owned()))
            } else if bytes_now > MAX_BYTES.max(bytes) {
                Some(DurableError::TooLarge(owner.to_owned()))
            } else {
                None
            }
        });
        let Some(error) = refused else {
            return Ok(());
        };
        for (change, size) in changes.iter().zip(undo).rev() {
            self.take(&Step {
                size,
                ..step(change)
            });
        }
        Err(error)
    }

    /// Timers and bytes of an owner.
    fn figures(&self, owner: &str) -> (usize, usize) {
        self.owners
            .get(owner)
            .map_or((0, 0), |owner| (owner.timers.len(), owner.bytes))
    }

    /// Counts a change in; gives the size that was there before.
    fn take(&mut self, step: &Step<'_>) -> Option<usize> {
        let owner = self.owners.entry(step.owner.to_owned()).or_default();
        let sizes = if step.is_timer {
            &mut owner.timers
        } else {
            &mut owner.values
        };
        let before = match step.size {
            Some(size) => sizes.insert(step.name.to_owned(), size),
            None => sizes.remove(step.name),
        };
        // What goes was added when it came: the sum is that of the sizes that are known.
        owner.bytes += step.size.unwrap_or(0);
        owner.bytes -= before.unwrap_or(0);
        if owner.timers.is_empty() && owner.values.is_empty() {
            self.owners.remove(step.owner);
        }
        before
    }
}

fn step(change: &DurableChange) -> Step<'_> {
    match change {
        DurableChange::PutTimer(timer) => Step {
            owner: &timer.owner,
            is_timer: true,
            name: &timer.id,
            size: Some(timer.id.len() + timer.data.len()),
        },
        DurableChange::RemoveTimer { owner, id } => Step {
            owner,
            is_timer: true,
            name: id,
            size: None,
        },
        DurableChange::PutValue { owner, key, value } => Step {
            owner,
            is_timer: false,
            name: key,
            size: Some(key.len() + value.len()),
        },
        DurableChange::RemoveValue { owner, key } => Step {
            owner,
            is_timer: false,
            name: key,
            size: None,
        },
    }
}
