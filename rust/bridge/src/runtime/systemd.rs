//! What systemd wants to know of a service with `Type=notify` and `WatchdogSec` (shared/facts/config.md
//! §6). Without systemd nothing of this does anything.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;

/// The least time between two signs of life.
const SHORTEST: Duration = Duration::from_millis(10);

/// Everything is there that others may wait for.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The goodbye begins.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Says again and again that the bridge's thread is not stuck.
pub(super) async fn keep_alive() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    // An interval of nothing panics, and the limit is what the environment says.
    let mut ticks = tokio::time::interval((limit / 2).max(SHORTEST));
    loop {
        ticks.tick().await;
        tell(NotifyState::Watchdog);
    }
}

/// A service manager that cannot be told will do what it does with the silent.
fn tell(state: NotifyState<'_>) {
    let _ = sd_notify::notify(&[state]);
}
