//! `ferrobee._core`: the native half of the Python package `ferrobee`.
//!
//! Thin on purpose. Users never import it; names, types and docstrings for them are declared in
//! Python source. Nothing here decides anything about Zigbee or MQTT.
//!
//! One rule matters more than all others: only the bridge thread ([`bridge_thread`]) and threads
//! that Python itself started ever attach to the interpreter. The threads of the runtime report
//! to Python through a pipe or through a bounded queue.

mod background;
mod bridge;
mod bridge_link;
mod bridge_thread;
mod broker;
mod definitions;
mod devices;
mod errors;
mod executor;
mod journal;
mod ledger;
mod link;
mod logs;
mod mqtt_link;
mod port;
mod receiving;
mod simulator;
mod table;
mod virtual_bridge;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
mod _core {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use super::bridge::Bridge;
    #[pymodule_export]
    use super::bridge_link::BridgeLink;
    #[pymodule_export]
    use super::bridge_thread::BridgeThread;
    #[pymodule_export]
    use super::broker::Broker;
    #[pymodule_export]
    use super::definitions::{check_definition, decode, encode};
    #[pymodule_export]
    use super::devices::{catalogue, devices, drafts, groups};
    #[pymodule_export]
    use super::journal::{Redactor, Replay, decode_captures, journal_files, live_journal};
    #[pymodule_export]
    use super::ledger::Ledger;
    #[pymodule_export]
    use super::mqtt_link::MqttLink;
    #[pymodule_export]
    use super::simulator::Simulator;
    #[pymodule_export]
    use super::table::DurableTable;
    #[pymodule_export]
    use super::virtual_bridge::VirtualBridge;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
