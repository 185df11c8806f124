//! The table of timers and values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use adapters::Instant;

use super::{DurableChange, DurableError, DurableRows, DurableTimer, Quota, TimerDue};
use crate::Now;

/// A wall clock that was set is noticed after this time at the latest, while a timer waits for it.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// By how much the wall clock must leave the monotonic one to be called stepped, in microseconds.
const STEP_US: u64 = 1_000_000;

/// Owner and id.
type Key = (String, String);

/// Timers and values, and which timers wait to be told.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<Key, Row>,
    values: BTreeMap<String, BTreeMap<String, String>>,
    quota: Quota,
    /// Moments of the wall clock that wait, in milliseconds since 1970.
    moments: BTreeSet<(i64, String, String)>,
    /// Ends of spans that wait, by the monotonic clock in microseconds. Those that were due before the
    /// clock began are negative.
    ends: BTreeSet<(i64, String, String)>,
    /// Somebody listens. Before, nothing is due.
    is_open: bool,
    /// How far the wall clock was ahead of the monotonic one, in microseconds; `None` before the first
    /// look at both.
    ahead_us: Option<i64>,
}

#[derive(Debug)]
struct Row {
    timer: DurableTimer,
    /// The end of a span.
    end_us: i64,
    told: bool,
}

impl Row {
    fn is_moment(&self) -> bool {
        self.timer.span_ms.is_none()
    }
}

impl Table {
    /// A table as it was kept. Whatever it kept is to be told (again).
    pub fn new(rows: DurableRows) -> Self {
        let mut table = Self {
            quota: Quota::of(&rows),
            ..Self::default()
        };
        table.values = rows.values;
        for timer in rows.timers {
            let row = Row {
                timer,
                end_us: 0,
                told: false,
            };
            table.rows.insert(row_key(&row.timer), row);
        }
        table
    }

    /// Looks at the clocks: what remains of spans after a restart is clamped, and a wall clock that was
    /// set moves their `due_ms`. Gives what has to be persisted. To be called with each new time before
    /// anything else.
    pub fn look(&mut self, now: Now) -> Vec<DurableChange> {
        let ahead_us = now
            .unix_ms
            .saturating_mul(1000)
            .saturating_sub(monotonic_us(now));
        let Some(before_us) = self.ahead_us else {
            self.ahead_us = Some(ahead_us);
            return self.start(now);
        };
        let step_us = ahead_us.saturating_sub(before_us);
        if step_us.unsigned_abs() <= STEP_US {
            return Vec::new();
        }
        self.ahead_us = Some(ahead_us);
        let mut changes = Vec::new();
        for row in self.rows.values_mut() {
            if !row.is_moment() {
                row.timer.due_ms = row.timer.due_ms.saturating_add(step_us / 1000);
                changes.push(DurableChange::PutTimer(row.timer.clone()));
            }
        }
        changes
    }

    /// The first look: all rows begin to wait.
    fn start(&mut self, now: Now) -> Vec<DurableChange> {
        let mut changes = Vec::new();
        let rows: Vec<_> = std::mem::take(&mut self.rows).into_values().collect();
        for row in rows {
            let due_ms = row.timer.due_ms;
            let timer = self.put(now, row.timer);
            if timer.due_ms != due_ms {
                changes.push(DurableChange::PutTimer(timer));
            }
        }
        changes
    }

    /// Somebody listens from now on, and has heard nothing yet.
    pub fn open(&mut self) {
        self.is_open = true;
        for (key, row) in &mut self.rows {
            if std::mem::take(&mut row.told) {
                let (owner, id) = key.clone();
                if row.is_moment() {
                    self.moments.insert((row.timer.due_ms, owner, id));
                } else {
                    self.ends.insert((row.end_us, owner, id));
                }
            }
        }
    }

    /// Makes changes, in order, all of them or none. Gives what has to be persisted, in one
    /// transaction.
    pub fn commit(
        &mut self,
        now: Now,
        changes: Vec<DurableChange>,
    ) -> Result<Vec<DurableChange>, DurableError> {
        self.quota.admit(&changes)?;
        let made = changes
            .into_iter()
            .map(|change| match change {
                DurableChange::PutTimer(timer) => DurableChange::PutTimer(self.put(now, timer)),
                DurableChange::RemoveTimer { owner, id } => {
                    self.forget(&(owner.clone(), id.clone()));
                    DurableChange::RemoveTimer { owner, id }
                }
                DurableChange::PutValue { owner, key, value } => {
                    let values = self.values.entry(owner.clone()).or_default();
                    values.insert(key.clone(), value.clone());
                    DurableChange::PutValue { owner, key, value }
                }
                DurableChange::RemoveValue { owner, key } => {
                    if let Some(values) = self.values.get_mut(&owner) {
                        values.remove(&key);
                        if values.is_empty() {
                            self.values.remove(&owner);
                        }
                    }
                    DurableChange::RemoveValue { owner, key }
                }
            })
            .collect();
        Ok(made)
    }

    /// The timers whose moment has come and that were not told, by moment, owner and id. They count as
    /// told then.
    pub fn due(&mut self, now: Now) -> Vec<TimerDue> {
        if !self.is_open {
            return Vec::new();
        }
        let mut due = Vec::new();
        let now_us = monotonic_us(now);
        while let Some((at_ms, owner, id)) = self.moments.pop_first() {
            if at_ms > now.unix_ms {
                self.moments.insert((at_ms, owner, id));
                break;
            }
            due.extend(self.tell(&(owner, id), now.unix_ms.abs_diff(at_ms)));
        }
        while let Some((end_us, owner, id)) = self.ends.pop_first() {
            if end_us > now_us {
                self.ends.insert((end_us, owner, id));
                break;
            }
            due.extend(self.tell(&(owner, id), now_us.abs_diff(end_us) / 1000));
        }
        due.sort_by(|a, b| {
            let key = |due: &TimerDue| due.timer.due_ms;
            key(a)
                .cmp(&key(b))
                .then_with(|| a.timer.owner.cmp(&b.timer.owner))
                .then_with(|| a.timer.id.cmp(&b.timer.id))
        });
        due
    }

    fn tell(&mut self, key: &Key, late_ms: u64) -> Option<TimerDue> {
        let row = self.rows.get_mut(key)?;
        row.told = true;
        Some(TimerDue {
            missed: row.timer.missed.is_missed(late_ms),
            timer: row.timer.clone(),
            late_ms,
        })
    }

    /// When to look and ask for what is due.
    pub fn next_deadline(&self, now: Now) -> Option<Instant> {
        if !self.is_open {
            return None;
        }
        let moment = self.moments.first().map(|(at_ms, ..)| {
            let wait_ms = u64::try_from(at_ms.saturating_sub(now.unix_ms)).unwrap_or(0);
            // The wall clock counts whole milliseconds. Where those of the monotonic one begin with them
            // this is the moment itself, elsewhere up to one too early: then it is looked once more.
            let begun = Instant(now.instant.0 - now.instant.0 % 1000);
            (begun + Duration::from_millis(wait_ms).min(LOOK_AGAIN)).max(now.instant)
        });
        let end = self
            .ends
            .first()
            .map(|(end_us, ..)| Instant(u64::try_from(*end_us).unwrap_or(0)));
        moment.into_iter().chain(end).min()
    }

    /// A copy of everything.
    pub fn rows(&self) -> DurableRows {
        DurableRows {
            timers: self.rows.values().map(|row| row.timer.clone()).collect(),
            values: self.values.clone(),
        }
    }

    /// Puts a timer; gives it as it is kept.
    fn put(&mut self, now: Now, mut timer: DurableTimer) -> DurableTimer {
        let key = row_key(&timer);
        self.forget(&key);
        let (owner, id) = key.clone();
        let mut end_us = 0;
        if let Some(span_ms) = timer.span_ms {
            let span_ms = i64::try_from(span_ms).unwrap_or(i64::MAX);
            // One whose moment has passed keeps it: that is how late it is.
            let left_ms = timer.due_ms.saturating_sub(now.unix_ms).min(span_ms);
            timer.due_ms = now.unix_ms.saturating_add(left_ms);
            end_us = monotonic_us(now).saturating_add(left_ms.saturating_mul(1000));
            self.ends.insert((end_us, owner, id));
        } else {
            self.moments.insert((timer.due_ms, owner, id));
        }
        let row = Row {
            timer: timer.clone(),
            end_us,
            told: false,
        };
        self.rows.insert(key, row);
        timer
    }

    fn forget(&mut self, key: &Key) {
        if let Some(row) = self.rows.remove(key) {
            let (owner, id) = key.clone();
            if row.is_moment() {
                self.moments.remove(&(row.timer.due_ms, owner, id));
            } else {
                self.ends.remove(&(row.end_us, owner, id));
            }
        }
    }
}

fn row_key(timer: &DurableTimer) -> Key {
    (timer.owner.clone(), timer.id.clone())
}

fn monotonic_us(now: Now) -> i64 {
    i64::try_from(now.instant.0).unwrap_or(i64::MAX)
}
