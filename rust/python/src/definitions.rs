//! Definitions on a bench: checks of converters without a bridge.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::devices::{Bench, BenchFrame, Definition};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

/// What is wrong with the data of a definition: a list of `{"path", "text"}`, empty for nothing.
#[pyfunction]
pub(crate) fn check_definition(
    py: Python<'_>,
    definition: &str,
) -> Vec<BTreeMap<&'static str, String>> {
    py.detach(|| {
        ::devices::check(definition)
            .into_iter()
            .map(|error| BTreeMap::from([("path", error.path), ("text", error.reason)]))
            .collect()
    })
}

/// What a definition makes of frames, one after the other, as JSON.
#[pyfunction]
#[pyo3(signature = (definition, frames, setup = "null"))]
pub(crate) fn decode(
    py: Python<'_>,
    definition: &str,
    frames: &str,
    setup: &str,
) -> PyResult<String> {
    py.detach(|| {
        let bench = bench(definition, setup)?;
        let frames: Vec<BenchFrame> = parse("frames", frames)?;
        let decoded: Vec<Json> = frames
            .iter()
            .map(|frame| {
                let decoded = bench.decode(frame);
                decoded.unwrap_or_else(|error| serde_json::json!({ "error": error }))
            })
            .collect();
        Ok(Json::from(decoded).to_string())
    })
    .map_err(PyValueError::new_err::<String>)
}

/// What a definition does with a request, as JSON: `{"set": {...}}`, `{"get": {...}}` (with an
/// `endpoint`, where the topic names one) or `{"configure": true}`.
#[pyfunction]
#[pyo3(signature = (definition, request, setup = "null"))]
pub(crate) fn encode(
    py: Python<'_>,
    definition: &str,
    request: &str,
    setup: &str,
) -> PyResult<String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        #[serde(default)]
        set: Option<::devices::Payload>,
        #[serde(default)]
        get: Option<::devices::Payload>,
        #[serde(default)]
        configure: bool,
        #[serde(default)]
        endpoint: Option<String>,
    }
    py.detach(|| {
        let bench = bench(definition, setup)?;
        let request: Request = parse("the request", request)?;
        let done = match (request.set, request.get, request.configure) {
            (Some(payload), None, false) => bench.set(payload, request.endpoint),
            (None, Some(payload), false) => bench.get(payload, request.endpoint),
            (None, None, true) => bench.configure(),
            _ => return Err("the request needs one of set, get, configure".to_owned()),
        };
        Ok(done.to_string())
    })
    .map_err(PyValueError::new_err::<String>)
}

fn bench(definition: &str, setup: &str) -> Result<Bench, String> {
    let definition = Definition::from_json(definition).map_err(|error| error.to_string())?;
    let setup: Json = parse("the setup", setup)?;
    Bench::new(Arc::new(definition), &setup).map_err(|error| format!("the setup: {error}"))
}

fn parse<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{what}: {error}"))
}
