//! Time and the machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adapters::Instant;
use hub::Now;

use crate::core::{HostInfo, HostUsage};

/// Tells the time in the form that the core wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            instant: self.instant(),
            unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn instant(&self) -> Instant {
        let micros = self.start.elapsed().as_micros();
        Instant(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// When a deadline is in the runtime's terms.
    pub(super) fn deadline(&self, at: Instant) -> tokio::time::Instant {
        // Far deadlines are looked at again sooner.
        let micros = at.0.min(self.instant().0 + 3_600_000_000);
        self.start + Duration::from_micros(micros)
    }

    /// Minutes that local time is ahead of UTC now.
    #[expect(clippy::unused_self, reason = "a property of the clock")]
    pub(super) fn utc_offset_minutes(&self) -> i32 {
        chrono::Local::now().offset().local_minus_utc() / 60
    }
}

impl Clock {
    /// How machine and process are. What the system does not tell is 0.
    pub(super) fn host_usage(&self, mqtt_queued: usize) -> HostUsage {
        let memory = |key| proc_kilobytes("/proc/meminfo", key).unwrap_or_default();
        HostUsage {
            load_average: load_average().unwrap_or_default(),
            memory_total_kb: memory("MemTotal:"),
            memory_free_kb: memory("MemAvailable:"),
            process_memory_kb: proc_kilobytes("/proc/self/status", "VmRSS:").unwrap_or_default(),
            process_uptime_s: self.start.elapsed().as_secs(),
            mqtt_queued,
        }
    }
}

fn load_average() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some([
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ])
}

/// The machine for `os` on `bridge/info`.
pub(super) fn host() -> HostInfo {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    HostInfo {
        os: operating_system(),
        cpus: format!("{} (x{processors})", processor_name()),
        memory_mb: memory_mb().unwrap_or_default(),
    }
}

fn operating_system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let text = format!(
        "{} - {} - {}",
        std::env::consts::OS,
        release.trim(),
        std::env::consts::ARCH
    );
    text.replace(" -  - ", " - ")
}

fn processor_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(": "))
        .map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn memory_mb() -> Option<u64> {
    Some(proc_kilobytes("/proc/meminfo", "MemTotal:")? / 1024)
}

/// A line `Key:   1234 kB`.
fn proc_kilobytes(path: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
