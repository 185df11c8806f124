//! Durable timers and values, as Python reaches them.

use std::path::PathBuf;
use std::sync::Arc;

use bridge::runtime::{self, LedgerError as Error};
use hub::durable::DurableError;
use hub::{DurableChange, DurableRows, DurableTimer, TimerDue};
use pyo3::prelude::*;

use crate::errors::LedgerError;
use crate::executor::awaitable;

/// A timer: owner, id, milliseconds since 1970, milliseconds of a span, policy, data.
pub(crate) type Timer = (String, String, i64, Option<u64>, String, String);
/// Timers, and values as owner, key, value.
pub(crate) type Rows = (Vec<Timer>, Vec<(String, String, String)>);
/// A timer that is due: with how many milliseconds it is late, and whether it was missed.
pub(crate) type Due = (Timer, u64, bool);

/// The native half of `ferrobee._ledgers`: of a bridge (`Bridge.ledger()`), or with a file of its own.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Ledger {
    ledger: Arc<runtime::Ledger>,
    warnings: Vec<String>,
}

impl Ledger {
    /// The ledger of a bridge.
    pub(crate) fn of_bridge(ledger: Arc<runtime::Ledger>) -> Self {
        Self {
            ledger,
            warnings: Vec::new(),
        }
    }
}

/// A change, as Python hands it over.
#[derive(FromPyObject)]
pub(crate) enum Change {
    PutTimer(String, String, i64, Option<u64>, String, String),
    /// Of timers or not, owner, id or key, what is put.
    Other(bool, String, String, Option<String>),
}

#[pymethods]
impl Ledger {
    /// Opens a file that nobody else may use meanwhile.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "what pyo3 makes of a path")]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| runtime::Ledger::open(&path));
        let (ledger, warnings) = opened.map_err(|error| LedgerError::new_err(error.to_string()))?;
        Ok(Self {
            ledger: Arc::new(ledger),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }

    /// What was odd about the file.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// To be awaited: timers, and values as owner, key, value. Timers are told from then on.
    fn load<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ledger = Arc::clone(&self.ledger);
        awaitable(py, async move {
            ledger.load().await.map(rows).map_err(exception)
        })
    }

    fn commit(&self, changes: Vec<Change>) -> PyResult<()> {
        let changes = self::changes(changes).map_err(|error| exception(error.into()))?;
        self.ledger.commit(changes).map_err(exception)
    }

    /// To be awaited.
    fn saved<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ledger = Arc::clone(&self.ledger);
        awaitable(py, async move { ledger.saved().await.map_err(exception) })
    }

    /// To be awaited: there is something to take.
    fn ready<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ledger = Arc::clone(&self.ledger);
        awaitable(py, async move { ledger.ready().await.map_err(exception) })
    }

    /// The timers that are due: each with how many milliseconds it is late, and whether it was missed.
    fn take(&self) -> Vec<Due> {
        self.ledger.take().into_iter().map(due).collect()
    }

    /// Waits until everything is written, and gives the file free.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.ledger.close());
    }
}

/// Rows, as Python gets them.
pub(crate) fn rows(DurableRows { timers, values }: DurableRows) -> Rows {
    let mut rows = Vec::new();
    for (owner, values) in values {
        let values = values.into_iter();
        rows.extend(values.map(|(key, value)| (owner.clone(), key, value)));
    }
    (timers.into_iter().map(tuple).collect(), rows)
}

/// A timer that is due, as Python gets it.
pub(crate) fn due(due: TimerDue) -> Due {
    (tuple(due.timer), due.late_ms, due.missed)
}

fn tuple(timer: DurableTimer) -> Timer {
    let missed = timer.missed.to_string();
    (
        timer.owner,
        timer.id,
        timer.due_ms,
        timer.span_ms,
        missed,
        timer.data,
    )
}

/// The changes of a commit.
pub(crate) fn changes(changes: Vec<Change>) -> Result<Vec<DurableChange>, DurableError> {
    changes.into_iter().map(change).collect()
}

fn change(change: Change) -> Result<DurableChange, DurableError> {
    Ok(match change {
        Change::PutTimer(owner, id, due_ms, span_ms, missed, data) => {
            DurableChange::PutTimer(DurableTimer {
                owner,
                id,
                due_ms,
                span_ms,
                missed: missed.parse()?,
                data,
            })
        }
        Change::Other(false, owner, key, Some(value)) => {
            DurableChange::PutValue { owner, key, value }
        }
        Change::Other(false, owner, key, None) => DurableChange::RemoveValue { owner, key },
        Change::Other(true, owner, id, _) => DurableChange::RemoveTimer { owner, id },
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn exception(error: Error) -> PyErr {
    LedgerError::new_err(error.to_string())
}
