//! Durable timers and values of whoever has no file: the hub's table, on Python's clocks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use adapters::Instant;
use hub::durable::{DurableError, Table};
use hub::{DurableRows, Now};
use pyo3::prelude::*;

use crate::errors::LedgerError;
use crate::ledger::{self, Change, Due, Rows};

/// Both clocks: monotonic microseconds, and milliseconds since 1970.
type Clocks = (u64, i64);

/// The native half of `ferrobee._ledgers.MemoryLedger`. Every call says what time it is.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct DurableTable {
    table: Mutex<Table>,
}

#[pymethods]
impl DurableTable {
    /// A table that begins with what these changes make.
    #[new]
    fn new(clocks: Clocks, changes: Vec<Change>) -> PyResult<Self> {
        let mut rows = DurableRows::default();
        rows.apply(ledger::changes(changes).map_err(|e| refused(&e))?);
        let mut table = Table::new(rows);
        // What it would have persisted is in its rows.
        table.look(now(clocks));
        Ok(Self {
            table: Mutex::new(table),
        })
    }

    /// Timers are told from now on.
    fn open(&self, clocks: Clocks) {
        self.look(clocks).open();
    }

    /// Everything: timers, and values as owner, key, value.
    fn rows(&self, clocks: Clocks) -> Rows {
        ledger::rows(self.look(clocks).rows())
    }

    /// Makes changes, in order, all of them or none.
    fn commit(&self, clocks: Clocks, changes: Vec<Change>) -> PyResult<()> {
        let changes = ledger::changes(changes).map_err(|e| refused(&e))?;
        let done = self.look(clocks).commit(now(clocks), changes);
        done.map(drop).map_err(|e| refused(&e))
    }

    /// The timers whose moment has come, each with how many milliseconds it is late, and whether it
    /// was missed. Each once.
    fn due(&self, clocks: Clocks) -> Vec<Due> {
        let due = self.look(clocks).due(now(clocks));
        due.into_iter().map(ledger::due).collect()
    }

    /// When to ask again, by the monotonic clock in microseconds.
    fn deadline(&self, clocks: Clocks) -> Option<u64> {
        let deadline = self.look(clocks).next_deadline(now(clocks));
        deadline.map(|Instant(us)| us)
    }
}

impl DurableTable {
    /// The table, which has looked at the clocks.
    fn look(&self, clocks: Clocks) -> MutexGuard<'_, Table> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.look(now(clocks));
        table
    }
}

fn now((monotonic_us, unix_ms): Clocks) -> Now {
    Now {
        instant: Instant(monotonic_us),
        unix_ms,
    }
}

fn refused(error: &DurableError) -> PyErr {
    LedgerError::new_err(error.to_string())
}
