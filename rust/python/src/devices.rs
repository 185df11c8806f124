//! What a data directory knows, without running anything.

use std::path::PathBuf;
use std::sync::Arc;

use ::devices::{Catalogue, ConverterSet, Definition};
use adapters::Instant;
use bridge::core::{Core, CoreConfig, HostInfo};
use bridge::data::{DataDirectory, OpenOptions};
use hub::Now;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};

use crate::bridge::data_exception;

/// The devices of a data directory in the form of `bridge/devices`, as JSON; with the definitions of
/// `converters`, in the form of `Bridge.set_converters`. Writes nothing.
#[pyfunction]
#[pyo3(signature = (data, converters = "[]"))]
pub(crate) fn devices(py: Python<'_>, data: PathBuf, converters: &str) -> PyResult<String> {
    py.detach(|| {
        let set = ConverterSet::read(converters, &ConverterSet::default())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let catalogue = set.over(&Catalogue::builtin());
        Ok(open_with(data, Arc::new(catalogue))?
            .device_list()
            .to_string())
    })
}

/// The groups of a data directory in the form of `bridge/groups`, as JSON. Writes nothing.
#[pyfunction]
pub(crate) fn groups(py: Python<'_>, data: PathBuf) -> PyResult<String> {
    py.detach(|| Ok(open(data)?.group_list().to_string()))
}

/// The definitions that follow from the interviews of a data directory's devices, in the catalogue's
/// form, by address: what a converter can be drafted from. Writes nothing.
#[pyfunction]
pub(crate) fn drafts(py: Python<'_>, data: PathBuf) -> PyResult<String> {
    py.detach(|| {
        let core = open(data)?;
        let drafts: serde_json::Map<String, Json> = core
            .hub()
            .devices()
            .filter_map(|device| {
                let draft = Definition::draft(&device.info)?;
                Some((device.info.ieee.to_string(), draft))
            })
            .collect();
        Ok(Json::from(drafts).to_string())
    })
}

/// What a data directory knows, as the bridge would begin with it.
fn open(data: PathBuf) -> PyResult<Core> {
    open_with(data, Catalogue::builtin())
}

fn open_with(data: PathBuf, catalogue: Arc<Catalogue>) -> PyResult<Core> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let loaded = DataDirectory::open_with(data, &options).map_err(|e| data_exception(&e))?;
    let host = HostInfo {
        os: String::new(),
        cpus: String::new(),
        memory_mb: 0,
    };
    Ok(Core::new(
        CoreConfig {
            settings: loaded.settings,
            registry: loaded.registry,
            catalogue,
            seed: 0,
            host,
            utc_offset_minutes: 0,
            has_backup: loaded.backup.is_some(),
        },
        Now {
            instant: Instant::default(),
            unix_ms: 0,
        },
    ))
}

/// The built-in definitions as `bridge/devices` would describe them, as JSON: one `definition`
/// object each, with `model_ids` and `also` (`vendor` and `description` of other names).
#[pyfunction]
pub(crate) fn catalogue(py: Python<'_>) -> String {
    py.detach(|| {
        let described: Vec<_> = Catalogue::builtin()
            .all()
            .map(|definition| {
                let mut described = definition.describe();
                let also: Vec<_> = definition
                    .aliases()
                    .map(|(vendor, text)| json!({"vendor": vendor, "description": text}))
                    .collect();
                if let Some(map) = described.as_object_mut() {
                    map.insert("model_ids".to_owned(), definition.model_ids().collect());
                    map.insert("also".to_owned(), also.into());
                }
                described
            })
            .collect();
        Json::from(described).to_string()
    })
}
