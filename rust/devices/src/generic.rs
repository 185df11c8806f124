//! Keys that work on every device (shared/facts/mqtt-api.md §6.7 and §9).

use crate::encode::{Call, Failure};
use crate::{JsonMap, LocalFuture};

/// A key that works on every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generic {}

impl Generic {
    /// The generic key of this name.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let _ = key;
        None
    }

    /// Tells generic keys apart.
    pub(crate) fn identity(self) -> *const () {
        match self {}
    }

    pub(crate) fn set<'a>(self, call: &'a Call<'a>) -> LocalFuture<'a, Result<JsonMap, Failure>> {
        let _ = call;
        match self {}
    }
}
