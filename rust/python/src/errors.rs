//! Rust errors as Python exceptions.
//!
//! The classes are declared in `ferrobee.errors`; each is looked up once.

use pyo3::import_exception;

import_exception!(ferrobee.errors, BrokerError);
import_exception!(ferrobee.errors, ConfigurationError);
import_exception!(ferrobee.errors, CoordinatorError);
import_exception!(ferrobee.errors, DataError);
import_exception!(ferrobee.errors, FerrobeeError);
import_exception!(ferrobee.errors, LedgerError);
import_exception!(ferrobee.errors, LinkClosed);
