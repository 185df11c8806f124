//! Many reports with numbered values, for benchmarks.

use adapters::Instant;
use zigbee::IeeeAddress;
use zigbee::zcl::DataType;

use crate::device::Path;
use crate::stick::Stick;

/// Reports from the devices in turn: the value counts up from 1 for each device.
#[derive(Debug, Clone)]
pub struct Load {
    devices: Vec<IeeeAddress>,
    path: Path,
    data_type: DataType,
    left: u64,
    next: usize,
    value: u32,
    /// How many may be on their way; `None`: as many as the reader takes.
    window: Option<u64>,
    in_flight: u64,
    emitted: u64,
}

impl Load {
    /// `count` reports of an attribute from the devices in turn.
    pub fn new(
        devices: Vec<IeeeAddress>,
        path: Path,
        data_type: DataType,
        count: u64,
        window: Option<u64>,
    ) -> Self {
        Self {
            left: if devices.is_empty() { 0 } else { count },
            devices,
            path,
            data_type,
            next: 0,
            value: 1,
            window,
            in_flight: 0,
            emitted: 0,
        }
    }

    /// The receiver has seen so many reports: as many more may be sent.
    pub fn credit(&mut self, count: u64) {
        self.in_flight = self.in_flight.saturating_sub(count);
    }

    /// How many reports were sent, and how many are to come.
    pub fn progress(&self) -> (u64, u64) {
        (self.emitted, self.left)
    }

    /// Sends the next report if there is one and the window has room.
    pub(crate) fn emit(&mut self, stick: &mut Stick, now: Instant) -> bool {
        if self.left == 0 || self.window.is_some_and(|window| self.in_flight >= window) {
            return false;
        }
        let Some(ieee) = self.devices.get(self.next).copied() else {
            return false;
        };
        let bytes =
            crate::device::number(self.data_type, f64::from(self.value)).unwrap_or_default();
        stick.report_now(now, ieee, self.path, self.data_type, &bytes);
        self.left -= 1;
        self.emitted += 1;
        self.in_flight += 1;
        self.next += 1;
        if self.next == self.devices.len() {
            self.next = 0;
            self.value = self.value.wrapping_add(1);
        }
        true
    }
}
