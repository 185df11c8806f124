//! What is counted, as OpenMetrics text for Prometheus and the like.
//!
//! Format: OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). The number of
//! lines is bounded by the number of devices.

use std::fmt::Write as _;

use devices::DeviceKind;
use hub::{Counters, Device, Entity, FunctionCounters};

use super::{Core, HostUsage, Radio};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Text under construction.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# TYPE ferrobee_{name} {kind}\n# HELP ferrobee_{name} {help}"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        // Writing into a string does not fail.
        let _ = write!(self.0, "ferrobee_{name}");
        for (index, (key, text)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{key}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    /// A family of one sample without labels.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        self.sample(&format!("{name}{suffix}"), &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A number of each device's counters: name, help, value.
type Count = (&'static str, &'static str, fn(&Counters) -> u64);

const COUNTS: [Count; 8] = [
    (
        "device_messages",
        "Messages received from the device",
        |c| c.messages,
    ),
    (
        "device_duplicates",
        "Messages that repeated the one before",
        |c| c.duplicates,
    ),
    (
        "device_malformed",
        "Messages that could not be parsed",
        |c| c.malformed,
    ),
    (
        "device_violations",
        "Messages that broke the specification and were understood",
        |c| c.violations,
    ),
    (
        "device_requests",
        "Requests to the device that were handed to the coordinator",
        |c| c.requests,
    ),
    (
        "device_undelivered",
        "Requests that could not be delivered",
        |c| c.undelivered,
    ),
    (
        "device_unanswered",
        "Requests that were delivered and not answered in time",
        |c| c.unanswered,
    ),
    (
        "device_dropped",
        "Requests that were given up in the queue",
        |c| c.dropped,
    ),
];

impl Core {
    /// All figures as they are now, as [`CONTENT_TYPE`] has it.
    pub fn metrics(&self, usage: &HostUsage) -> String {
        let mut page = Page::default();
        page.family("build", "info", "The version of ferrobee");
        page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        let up = u8::from(self.radio == Radio::Up);
        page.single("coordinator_up", "gauge", "1 while it is there", up);
        let connected = u8::from(self.connected);
        page.single("mqtt_connected", "gauge", "1 while it is", connected);
        let (published, received) = (self.health.published, self.health.received);
        page.single(
            "mqtt_published",
            "counter",
            "Messages to the broker",
            published,
        );
        page.single(
            "mqtt_received",
            "counter",
            "Messages from the broker",
            received,
        );
        let queued = usage.mqtt_queued;
        page.single(
            "mqtt_queued",
            "gauge",
            "Messages that wait for the broker",
            queued,
        );
        let memory = usage.process_memory_kb.saturating_mul(1024);
        page.single(
            "process_memory_bytes",
            "gauge",
            "Resident memory of the process",
            memory,
        );
        let uptime = usage.process_uptime_s;
        page.single(
            "process_uptime_seconds",
            "gauge",
            "Since the bridge started",
            uptime,
        );
        self.python_metrics(&mut page);
        self.device_metrics(&mut page);
        page.0.push_str("# EOF\n");
        page.0
    }

    /// Files with Python, and how the handlers in them do.
    fn python_metrics(&self, page: &mut Page) {
        let (files, failed) = (self.converters.files(), self.converters.errors.len());
        let help = "Files and packages with converters";
        page.single("converter_files", "gauge", help, files);
        let help = "Of these, those that can not be used as they are now";
        page.single("converter_files_failed", "gauge", help, failed);
        let automations = self.automations;
        let help = "Files with automations";
        page.single("automation_files", "gauge", help, automations.files);
        let help = "Of these, those that can not be loaded as they are now";
        page.single("automation_files_failed", "gauge", help, automations.failed);
        let help = "Handlers and state machines in them";
        page.single("automation_handlers", "gauge", help, automations.handlers);
        let help = "Runs of handlers, as told last";
        page.single("automation_runs", "counter", help, automations.runs);
        let help = "Runs that failed, as told last";
        page.single("automation_errors", "counter", help, automations.errors);
    }

    /// How the functions of converters do.
    fn function_metrics(&self, page: &mut Page) {
        type Count = (&'static str, &'static str, fn(&FunctionCounters) -> u64);
        const COUNTS: [Count; 3] = [
            ("converter_calls", "Answered calls of functions", |c| {
                c.calls
            }),
            ("converter_failures", "Calls that failed", |c| c.failures),
            ("converter_dropped", "Calls that were given up", |c| {
                c.dropped
            }),
        ];
        for (name, help, value) in COUNTS {
            page.family(name, "counter", help);
            for device in self.hub.devices() {
                let ieee = device.info.ieee;
                if let Some(counters) = self.hub.functions(ieee) {
                    let friendly = self.name(Entity::Device(ieee));
                    let ieee = ieee.to_string();
                    let labels = [("device", ieee.as_str()), ("name", &friendly)];
                    page.sample(&format!("{name}_total"), &labels, value(counters));
                }
            }
        }
    }

    fn device_metrics(&self, page: &mut Page) {
        let devices: Vec<_> = self
            .hub
            .devices()
            .filter(|device| device.info.kind != DeviceKind::Coordinator)
            .map(|device| {
                let ieee = device.info.ieee;
                (
                    device,
                    ieee.to_string(),
                    self.name(Entity::Device(ieee)),
                    self.hub.counters(ieee),
                )
            })
            .collect();
        for (name, help, value) in COUNTS {
            page.family(name, "counter", help);
            for (_, ieee, friendly, counters) in &devices {
                if let Some(counters) = counters {
                    let labels = [("device", ieee.as_str()), ("name", friendly)];
                    page.sample(&format!("{name}_total"), &labels, value(counters));
                }
            }
        }
        let help = "What the device's definition could not understand, by kind";
        page.family("device_problems", "counter", help);
        for (_, ieee, friendly, counters) in &devices {
            for (kind, count) in counters.iter().flat_map(|counters| &counters.problems) {
                let labels = [
                    ("device", ieee.as_str()),
                    ("name", friendly),
                    ("kind", *kind),
                ];
                page.sample("device_problems_total", &labels, count);
            }
        }
        self.function_metrics(page);
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Device) -> Option<String>| {
            page.family(name, "gauge", help);
            for (device, ieee, friendly, _) in &devices {
                if let Some(value) = value(device) {
                    let labels = [("device", ieee.as_str()), ("name", friendly)];
                    page.sample(name, &labels, value);
                }
            }
        };
        gauge(
            "device_link_quality",
            "Of its last message, 0 to 255",
            &|device| device.link_quality.map(|quality| quality.to_string()),
        );
        gauge(
            "device_last_seen_timestamp_seconds",
            "When it was heard last",
            &|device| {
                let time = device.last_seen?;
                Some(format!(
                    "{}.{:03}",
                    time.div_euclid(1000),
                    time.rem_euclid(1000)
                ))
            },
        );
        gauge(
            "device_available",
            "1 while it is; only of devices that are watched",
            &|device| {
                let available = self.hub.availability(Entity::Device(device.info.ieee))?;
                Some(u8::from(available).to_string())
            },
        );
    }
}
