//! What all links do.

use std::sync::Arc;

use bridge::core::{Publish, Qos};
use bridge::link::{Client, LinkError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::LinkClosed;

/// Publishes; returns at once.
pub(crate) fn publish(
    client: &Client,
    topic: &str,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
) -> PyResult<()> {
    let qos = match qos {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        2 => Qos::ExactlyOnce,
        other => {
            let text = format!("qos is {other}; there are 0, 1 and 2");
            return Err(PyValueError::new_err(text));
        }
    };
    let message = Publish::new(Arc::from(topic), payload, qos, retain);
    client.publish(message).map_err(|error| exception(&error))
}

pub(crate) fn exception(error: &LinkError) -> PyErr {
    match error {
        LinkError::Closed => LinkClosed::new_err(error.to_string()),
        LinkError::Topic(_) | LinkError::Filter(_) => PyValueError::new_err(error.to_string()),
    }
}
