//! What `receive()` of a link gives to be awaited.

use std::sync::Arc;

use bridge::link::{Batch, Client, Told};
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::errors::LinkClosed;
use crate::executor::awaitable;

/// A coroutine, as asyncio knows them by their methods. Messages are taken in the step that returns
/// them, never before: however it ends otherwise, they are there for the next one.
#[pyclass(module = "ferrobee._core")]
pub(crate) struct Receiving {
    client: Arc<Client>,
    state: State,
}

enum State {
    Fresh,
    /// There was something at once: the loop's other work has its turn first.
    Passed,
    /// Waits on an asyncio future, whose iterator this is.
    Waiting(Py<PyIterator>),
    Done,
}

impl Receiving {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            state: State::Fresh,
        }
    }

    /// Goes on until there is something to wait for; what it returns is an exception, as for iterators.
    fn step(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Fresh if self.client.is_ready() => {
                    self.state = State::Passed;
                    return Ok(py.None());
                }
                State::Fresh => {}
                State::Passed => self.finish(py)?,
                State::Waiting(iterator) => match iterator.bind(py).clone().next() {
                    Some(yielded) => {
                        let yielded = yielded?;
                        self.state = State::Waiting(iterator);
                        return Ok(yielded.unbind());
                    }
                    None => self.finish(py)?,
                },
                State::Done => {
                    return Err(PyRuntimeError::new_err("this was awaited before"));
                }
            }
            // Nothing yet, or somebody else took it.
            let client = Arc::clone(&self.client);
            let future = awaitable(py, async move {
                client.ready().await;
                Ok(())
            })?;
            let iterator = future.call_method0("__await__")?;
            self.state = State::Waiting(iterator.cast_into::<PyIterator>()?.unbind());
        }
    }

    /// Returns what is there, by the exception that ends an iterator.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        match self.client.take() {
            Batch::Messages(messages) => {
                let messages = messages.iter().map(|message| tuple(py, message));
                let list = PyList::new(py, messages.collect::<Vec<_>>())?;
                Err(PyStopIteration::new_err((list.unbind(),)))
            }
            Batch::Nothing => Ok(()),
            Batch::Ended => Err(LinkClosed::new_err("the link to the bridge was closed")),
        }
    }
}

fn tuple<'py>(py: Python<'py>, message: &'py Told) -> (&'py str, Bound<'py, PyBytes>, bool) {
    let payload = PyBytes::new(py, &message.payload);
    (&message.topic, payload, message.stored)
}

#[pymethods]
impl Receiving {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.step(py)
    }

    #[expect(unused_variables, reason = "nothing is ever sent but None")]
    fn send(&mut self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.step(py)
    }

    /// Ends it with an exception: the way in which asyncio cancels.
    #[pyo3(signature = (kind, value = None, trace = None))]
    #[expect(
        unused_variables,
        clippy::needless_pass_by_value,
        reason = "the exception has its trace; Python hands over references"
    )]
    fn throw(
        &mut self,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        trace: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.state = State::Done;
        Err(PyErr::from_value(value.unwrap_or(kind)))
    }

    fn close(&mut self) {
        self.state = State::Done;
    }

    /// The future that it waits on knows the task that runs it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.state {
            State::Waiting(iterator) => visit.call(iterator),
            State::Fresh | State::Passed | State::Done => Ok(()),
        }
    }

    fn __clear__(&mut self) {
        self.state = State::Done;
    }
}
