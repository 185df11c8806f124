//! A clock that loses time: it is set anew every day.

use std::time::Duration;

use serde::Deserialize;

use super::Primitive;
use crate::configure::{Step, TimeStep};
use crate::definition::{Data, EndpointNumber};
use crate::{Io, JsonMap, LocalFuture};

/// How often it is set.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The device's clock. When it is configured, the step `write_time` sets it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clock {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
}

impl Primitive for Clock {
    fn poll_interval(&self, _options: &JsonMap) -> Option<Duration> {
        Some(DAY)
    }

    fn poll<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        _options: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let step = Step::WriteTime(TimeStep::new(self.endpoint));
            // Tomorrow is another day.
            let _ = step.run(data, io).await;
        })
    }
}
