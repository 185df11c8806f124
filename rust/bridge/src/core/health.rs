//! `bridge/health` (§11.9): every so many minutes, how machine, process, broker and devices are.
//!
//! The machine is the edge's to look at: the core asks for its figures when they are due.

use std::fmt::Write as _;
use std::time::Duration;

use adapters::Instant;
use hub::{Command, FunctionCounters, Traffic};
use serde_json::Value as Json;

use super::{Core, CoreOutput, HostUsage, Qos};
use crate::json;

/// What is counted, and when it is told.
#[derive(Debug)]
pub(super) struct Health {
    due: Instant,
    /// Messages that the broker was given and that it gave, since the start or the last reset.
    pub(super) published: u64,
    pub(super) received: u64,
    /// What was told last: a broker may lose it.
    last: Option<Vec<u8>>,
}

impl Health {
    pub(super) fn new(now: Instant, minutes: f64) -> Self {
        Self {
            due: now + interval(minutes),
            published: 0,
            received: 0,
            last: None,
        }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.due
    }
}

/// The schema bounds it below; what no duration can hold is as good as never.
fn interval(minutes: f64) -> Duration {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    Duration::try_from_secs_f64(minutes * 60.0).map_or(CENTURY, |time| time.min(CENTURY))
}

impl Core {
    /// Asks for the figures when they are due.
    pub(super) fn health_due(&mut self) {
        let now = self.now.instant;
        if self.health.due <= now {
            self.health.due = now + interval(self.settings.health().interval);
            self.out.push(CoreOutput::MeasureHost);
        }
    }

    /// The figures are here.
    pub(super) fn host_measured(&mut self, usage: &HostUsage) {
        let payload = self.render_health(usage);
        if self.settings.health().reset_on_check {
            self.command(Command::ResetTraffic);
            self.health.published = 0;
            self.health.received = 0;
        }
        self.health.last = Some(payload.clone());
        if self.has_audience() {
            let topic = self.bridge_topic("health");
            self.publish(topic, payload, Qos::AtLeastOnce, true);
        }
    }

    /// What was told last, for a broker that may have lost it.
    pub(super) fn repeat_health(&mut self) {
        if let Some(payload) = self.health.last.clone() {
            let topic = self.bridge_topic("health");
            self.publish_quietly(topic, payload, Qos::AtLeastOnce, true);
        }
    }

    /// What Zigbee2MQTT has no word for: converters and automations, under a key of our own.
    fn render_python(&self, text: &mut String) {
        let functions = |count: fn(&FunctionCounters) -> u64| {
            let all = self.hub.devices();
            let all = all.filter_map(|device| self.hub.functions(device.info.ieee));
            all.fold(0, |sum: u64, counters| sum.saturating_add(count(counters)))
        };
        let automations = self.automations;
        // Writing into a string does not fail.
        let _ = write!(
            text,
            ",\"ferrobee\":{{\"converters\":{{\"files\":{},\"failed\":{},\"calls\":{},\
             \"failures\":{},\"dropped\":{}}},\"automations\":{{\"files\":{},\"failed\":{},\
             \"handlers\":{},\"runs\":{},\"errors\":{}}}}}",
            self.converters.files(),
            self.converters.errors.len(),
            functions(|counters| counters.calls),
            functions(|counters| counters.failures),
            functions(|counters| counters.dropped),
            automations.files,
            automations.failed,
            automations.handlers,
            automations.runs,
            automations.errors,
        );
    }

    /// The keys stand in the order of §11.9: this message is one of the few that are not sorted.
    fn render_health(&self, usage: &HostUsage) -> Vec<u8> {
        let percent = |kilobytes: u64| match usage.memory_total_kb {
            0 => 0.0,
            total => rounded(float(kilobytes) / float(total) * 100.0, 4),
        };
        let megabytes = |kilobytes: u64| rounded(float(kilobytes) / 1024.0, 2);
        let load: Vec<_> = usage.load_average.map(number).into();
        let used = usage.memory_total_kb.saturating_sub(usage.memory_free_kb);
        let mut text = format!(
            "{{\"response_time\":{},\
             \"os\":{{\"load_average\":[{}],\"memory_used_mb\":{},\"memory_percent\":{}}},\
             \"process\":{{\"uptime_sec\":{},\"memory_used_mb\":{},\"memory_percent\":{}}},\
             \"mqtt\":{{\"connected\":{},\"queued\":{},\"published\":{},\"received\":{}}},\
             \"devices\":{{",
            self.now.unix_ms,
            load.join(","),
            number(megabytes(used)),
            number(percent(used)),
            usage.process_uptime_s,
            number(megabytes(usage.process_memory_kb)),
            number(percent(usage.process_memory_kb)),
            self.connected,
            usage.mqtt_queued,
            self.health.published,
            self.health.received,
        );
        for (index, (ieee, traffic)) in self.hub.traffic().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing into a string does not fail.
            let _ = write!(
                text,
                "{comma}\"{ieee}\":{{\"messages\":{},\"messages_per_sec\":{},\"leave_count\":{},\
                 \"network_address_changes\":{}}}",
                traffic.messages,
                number(rate(traffic, self.now.unix_ms)),
                traffic.leaves,
                traffic.address_changes,
            );
        }
        text.push('}');
        self.render_python(&mut text);
        text.push('}');
        text.into_bytes()
    }
}

/// Messages a second since the first.
fn rate(traffic: &Traffic, now: i64) -> f64 {
    let passed = traffic.first.map_or(0, |first| now.saturating_sub(first));
    match u64::try_from(passed) {
        Ok(passed @ 1..) => rounded(float(traffic.messages) / (float(passed) / 1000.0), 4),
        _ => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
fn float(value: u64) -> f64 {
    value as f64
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    // As JavaScript rounds; none of these is negative.
    (value * scale + 0.5).floor() / scale
}

fn number(value: f64) -> String {
    json::render_text(&Json::from(value))
}
