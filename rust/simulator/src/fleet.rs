//! Many devices at once: what benchmarks and demos start with.

use std::sync::Arc;

use zigbee::{IeeeAddress, NwkAddress};

use crate::device::{Device, Model, ModelError};
use crate::stick::Stick;

/// One device of a fleet.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its address.
    pub ieee: IeeeAddress,
    /// Its address on the network.
    pub nwk: NwkAddress,
    /// What it is.
    pub model: Arc<Model>,
}

/// The text is not `MODEL[:COUNT],...`.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A count is not a number.
    #[error("`{0}` is not MODEL or MODEL:COUNT")]
    Count(String),
    /// An unknown model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Devices for `MODEL[:COUNT],...`, with addresses that follow from their place in the list: device
/// 0 is `0x00158d0001000000` at network address 0x1000.
pub fn plan(text: &str, first: u16) -> Result<Vec<Planned>, FleetError> {
    let mut fleet = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, count) = match part.split_once(':') {
            None => (part, 1),
            Some((name, count)) => {
                let count = count
                    .parse()
                    .map_err(|_| FleetError::Count(part.to_owned()))?;
                (name, count)
            }
        };
        let model = Model::built_in(name)?;
        for _ in 0..count {
            let place = first.saturating_add(u16::try_from(fleet.len()).unwrap_or(u16::MAX));
            fleet.push(Planned {
                ieee: IeeeAddress(0x0015_8d00_0100_0000 + u64::from(place)),
                nwk: NwkAddress(0x1000_u16.saturating_add(place)),
                model: Arc::clone(&model),
            });
        }
    }
    Ok(fleet)
}

impl Stick {
    /// Adds devices that have been on the network for long.
    pub fn add_fleet(&mut self, fleet: &[Planned]) {
        for planned in fleet {
            self.add_known(planned.ieee, planned.nwk, Arc::clone(&planned.model));
        }
    }

    /// Adds devices that are in their boxes yet.
    pub fn add_boxed(&mut self, fleet: &[Planned]) {
        for planned in fleet {
            let mut device = Device::new(planned.ieee, Arc::clone(&planned.model));
            device.node.nwk = planned.nwk;
            self.add(device);
        }
    }
}
