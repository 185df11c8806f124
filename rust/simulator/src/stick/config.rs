//! What a stick is made of.

use std::time::Duration;

use zigbee::IeeeAddress;

use super::firmware::Firmware;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From a request to its answer.
    pub reply: Duration,
    /// From a reset to the reset indication.
    pub reset: Duration,
    /// From a start command to "coordinator".
    pub start: Duration,
    /// One way between coordinator and device.
    pub air: Duration,
    /// From a request to the message that it was not delivered.
    pub failure: Duration,
}

impl Timing {
    /// As fast as a machine can go: for benchmarks.
    pub const INSTANT: Self = Self {
        reply: Duration::ZERO,
        reset: Duration::ZERO,
        start: Duration::ZERO,
        air: Duration::ZERO,
        failure: Duration::ZERO,
    };
    /// Quick, but with everything in a realistic order: for demos and tests.
    pub const QUICK: Self = Self {
        reply: Duration::ZERO,
        reset: Duration::from_millis(20),
        start: Duration::from_millis(20),
        air: Duration::from_millis(3),
        failure: Duration::from_millis(50),
    };
    /// About what a CC2652 in a house takes.
    pub const REAL: Self = Self {
        reply: Duration::from_millis(2),
        reset: Duration::from_millis(900),
        start: Duration::from_millis(500),
        air: Duration::from_millis(15),
        failure: Duration::from_millis(800),
    };
}

/// What a stick is made of.
#[derive(Debug, Clone)]
pub struct StickConfig {
    /// The chip and its Z-Stack.
    pub firmware: Firmware,
    /// The address burnt into the chip.
    pub ieee: IeeeAddress,
    /// The seed of everything random.
    pub seed: u64,
    /// How long things take.
    pub timing: Timing,
    /// Entries in the address and link key tables.
    pub table_size: u16,
    /// The non-volatile memory of an earlier life ([`super::Stick::image`]).
    pub image: Option<String>,
}

impl Default for StickConfig {
    fn default() -> Self {
        Self {
            firmware: Firmware::Stack3x0,
            ieee: IeeeAddress(0x0012_4b00_2a3b_4c5d),
            seed: 1,
            timing: Timing::QUICK,
            table_size: 120,
            image: None,
        }
    }
}

/// Damage on the line between stick and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SerialFaults {
    /// How many of 1000 frames to the host vanish.
    pub lose_permille: u16,
    /// How many of 1000 frames to the host get a bit flipped.
    pub corrupt_permille: u16,
    /// The stick hangs: it takes everything and answers nothing.
    pub mute: bool,
}
