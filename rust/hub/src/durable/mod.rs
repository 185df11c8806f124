//! Durable time and values: what automations must not forget when the process ends.
//!
//! A *timer* says when its owner wants to be told and what it wrote down for that moment; a *value* is
//! a JSON text under an owner's key. An owner is an automation file. [`Table`] is pure: it is given
//! both clocks, says what is due and what has to be persisted. A timer is told once in the life of a
//! process and stays until a change removes it or puts it anew, so over restarts it is told at least
//! once.
//!
//! A timer without span is a moment of the wall clock; when that clock is stepped the moment comes
//! sooner or later with it. A timer with a span follows the monotonic clock: stepping the wall clock
//! does not move it, and what remains of it after a restart is clamped to the span.

mod quota;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use quota::{MAX_BYTES, MAX_TIMERS, Quota};
pub use table::Table;

/// A moment at which an owner wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableTimer {
    /// Stable id of the automation file.
    pub owner: String,
    /// Stable id within it.
    pub id: String,
    /// Milliseconds since 1970.
    pub due_ms: i64,
    /// "So long from now", in milliseconds; `None` for a moment of the wall clock.
    pub span_ms: Option<u64>,
    /// What holds when the moment has passed unseen.
    pub missed: MissedPolicy,
    /// JSON of the owner's choice.
    pub data: String,
}

/// What holds when a timer's moment has passed unseen: the program did not run, or the clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MissedPolicy {
    /// Run however late it is.
    RunLate,
    /// Don't run.
    Skip,
    /// Run if it is at most so many seconds late.
    RunIfWithin(u32),
}

impl MissedPolicy {
    /// A timer that is told this much after its moment, in milliseconds, was not missed; somebody was
    /// busy.
    pub const GRACE_MS: u64 = 1000;

    /// Whether a timer that is told so late is not to run.
    pub fn is_missed(self, late_ms: u64) -> bool {
        match self {
            Self::RunLate => false,
            Self::Skip => late_ms > Self::GRACE_MS,
            Self::RunIfWithin(seconds) => late_ms > Self::GRACE_MS.max(u64::from(seconds) * 1000),
        }
    }
}

impl fmt::Display for MissedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunLate => f.write_str("run_late"),
            Self::Skip => f.write_str("skip"),
            Self::RunIfWithin(seconds) => write!(f, "run_if_within:{seconds}"),
        }
    }
}

impl FromStr for MissedPolicy {
    type Err = DurableError;

    fn from_str(text: &str) -> Result<Self, DurableError> {
        match text {
            "run_late" => return Ok(Self::RunLate),
            "skip" => return Ok(Self::Skip),
            _ => {}
        }
        // `parse` alone would take a sign.
        text.strip_prefix("run_if_within:")
            .filter(|seconds| seconds.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|seconds| seconds.parse().ok())
            .map(Self::RunIfWithin)
            .ok_or_else(|| DurableError::Policy(text.to_owned()))
    }
}

impl TryFrom<String> for MissedPolicy {
    type Error = DurableError;

    fn try_from(text: String) -> Result<Self, DurableError> {
        text.parse()
    }
}

impl From<MissedPolicy> for String {
    fn from(policy: MissedPolicy) -> Self {
        policy.to_string()
    }
}

/// A change of the table. Putting replaces; removing what is not there does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DurableChange {
    /// Sets a timer.
    PutTimer(DurableTimer),
    /// Removes a timer.
    RemoveTimer {
        /// Whose.
        owner: String,
        /// Which.
        id: String,
    },
    /// Sets a value.
    PutValue {
        /// Whose.
        owner: String,
        /// Which.
        key: String,
        /// JSON.
        value: String,
    },
    /// Removes a value.
    RemoveValue {
        /// Whose.
        owner: String,
        /// Which.
        key: String,
    },
}

/// A timer whose moment has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerDue {
    /// Which.
    pub timer: DurableTimer,
    /// How long ago its moment was, in milliseconds.
    pub late_ms: u64,
    /// The policy says not to run. The owner is told all the same, to set the next one.
    pub missed: bool,
}

/// All that a table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableRows {
    /// By owner and id.
    pub timers: Vec<DurableTimer>,
    /// Owner, key, JSON.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
}

impl DurableRows {
    /// Makes changes that a table gave to be persisted.
    pub fn apply(&mut self, changes: Vec<DurableChange>) {
        for change in changes {
            match change {
                DurableChange::PutTimer(timer) => match self.find(&timer.owner, &timer.id) {
                    Ok(index) => {
                        if let Some(row) = self.timers.get_mut(index) {
                            *row = timer;
                        }
                    }
                    Err(index) => self.timers.insert(index, timer),
                },
                DurableChange::RemoveTimer { owner, id } => {
                    if let Ok(index) = self.find(&owner, &id) {
                        self.timers.remove(index);
                    }
                }
                DurableChange::PutValue { owner, key, value } => {
                    self.values.entry(owner).or_default().insert(key, value);
                }
                DurableChange::RemoveValue { owner, key } => {
                    if let Some(values) = self.values.get_mut(&owner) {
                        values.remove(&key);
                        if values.is_empty() {
                            self.values.remove(&owner);
                        }
                    }
                }
            }
        }
    }

    fn find(&self, owner: &str, id: &str) -> Result<usize, usize> {
        self.timers
            .binary_search_by(|row| (row.owner.as_str(), row.id.as_str()).cmp(&(owner, id)))
    }
}

/// Why a commit is refused; nothing of it was done then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurableError {
    /// Too many timers.
    #[error("{0} would have more than {MAX_TIMERS} timers; nothing was changed")]
    TooManyTimers(String),
    /// Too much text.
    #[error("{0} would keep more than {MAX_BYTES} bytes; nothing was changed")]
    TooLarge(String),
    /// No policy.
    #[error("'{0}' is no policy for missed timers: run_late, skip or run_if_within:SECONDS")]
    Policy(String),
}
