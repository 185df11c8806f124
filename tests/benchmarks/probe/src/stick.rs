//! The simulated stick: on the network of `tests/benchmarks/data.py`, with its relays.

use std::io;
use std::time::{Duration, Instant};

use adapters::Instant as Clock;
use simulator::{Model, Network, Stick as Simulated, StickConfig, Timing};
use zigbee::{IeeeAddress, NwkAddress};

use crate::load;

const COORDINATOR: IeeeAddress = IeeeAddress(0x0012_4B00_1234_5678);
const FIRST_IEEE: u64 = 0x0015_8D00_0100_0000;

/// A CC2652 that answers at once.
pub(crate) struct Stick {
    simulated: Simulated,
    begin: Instant,
}

impl Stick {
    pub(crate) fn new(devices: usize) -> io::Result<Self> {
        let mut simulated = Simulated::new(StickConfig {
            ieee: COORDINATOR,
            timing: Timing::INSTANT,
            table_size: 256,
            ..StickConfig::default()
        })
        .map_err(io::Error::other)?;
        // Zigbee2MQTT's default parameters.
        simulated.preform(&Network::default());
        let model = Model::built_in("LLKZMK11LM").map_err(io::Error::other)?;
        for (device, ieee) in (0..devices).zip(FIRST_IEEE..) {
            let nwk = NwkAddress(load::address(device));
            simulated.add_known(IeeeAddress(ieee), nwk, model.clone());
        }
        Ok(Self {
            simulated,
            begin: Instant::now(),
        })
    }

    /// Takes what the bridge wrote.
    pub(crate) fn input(&mut self, now: Instant, bytes: &[u8]) {
        self.simulated.receive(self.clock(now), bytes);
    }

    /// What the bridge is to read now.
    pub(crate) fn output(&mut self, now: Instant) -> Vec<u8> {
        self.simulated.timeout(self.clock(now));
        self.simulated.output().unwrap_or_default()
    }

    /// When there may be more without any input.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.begin + Duration::from_micros(self.simulated.deadline()?.0))
    }

    fn clock(&self, now: Instant) -> Clock {
        let micros = now.saturating_duration_since(self.begin).as_micros();
        Clock(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}
