//! One message, from the coordinator's indication to what is published.

use std::time::Duration;

use adapters::ApsIndication;
use devices::{DeviceKind, Effect, Message, MessageKind, Problem};
use zigbee::zcl::{Foundation, Frame, FrameType};
use zigbee::{CommandId, IeeeAddress, NwkAddress};

use crate::core::Core;
use crate::exchange::{End, outcome};
use crate::procedures::{Procedure, membership};
use crate::queue::Body;
use crate::{Entity, InterviewState, LogLevel};

/// A cluster command that repeats the message before it within this time is the same one, sent again
/// by the device or a router (shared/facts/adapters/pitfalls.md A1).
const REPETITION_TIME: Duration = Duration::from_millis(1500);

impl Core {
    /// A message arrived.
    pub(crate) fn on_message(&mut self, indication: &ApsIndication) {
        if indication.source == NwkAddress::COORDINATOR {
            return;
        }
        self.answer_raw(indication);
        let sender = self.sender(indication);
        let Some(ieee) = self
            .records
            .by_nwk(sender)
            .map(crate::registry::Record::ieee)
        else {
            self.meet_stranger(sender);
            return;
        };
        let now = self.now;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.counters.messages += 1;
        record.traffic.heard(now.unix_ms);
        record.device.last_seen = Some(now.unix_ms);
        record.device.link_quality = Some(indication.link_quality);

        let Ok(frame) = Frame::parse(&indication.payload) else {
            record.counters.malformed += 1;
            self.report(
                ieee,
                &Problem {
                    kind: "malformed_frame",
                    message: format!(
                        "a message of cluster {} is too short to be read",
                        indication.cluster
                    ),
                },
            );
            self.after_message(ieee);
            return;
        };
        let of_cluster = match frame.header.frame_type {
            FrameType::Global => false,
            FrameType::Cluster => true,
            FrameType::Reserved(_) => {
                record.counters.malformed += 1;
                self.after_message(ieee);
                return;
            }
        };
        if of_cluster && self.is_repetition(ieee, indication) {
            // Who waits for a piece of an image would take it for the end.
            if indication.cluster != zigbee::ota::CLUSTER {
                self.answer_repetition(indication, &frame);
            }
            self.after_message(ieee);
            return;
        }
        if of_cluster {
            self.on_cluster_frame(ieee, indication, frame);
        } else {
            self.on_global_frame(ieee, indication, &frame);
        }
        self.after_message(ieee);
    }

    /// Who sent a message. Lumi routers that pass on a child's message put the child's address where
    /// the group belongs (shared/facts/devices.md).
    pub(crate) fn sender(&self, indication: &ApsIndication) -> NwkAddress {
        match (self.records.by_nwk(indication.source), indication.group) {
            (Some(record), Some(group))
                if record.device.info.kind == DeviceKind::Router
                    && record.device.info.manufacturer_name.as_deref() == Some("LUMI") =>
            {
                NwkAddress(group.0)
            }
            _ => indication.source,
        }
    }

    fn is_repetition(&mut self, ieee: IeeeAddress, indication: &ApsIndication) -> bool {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return false;
        };
        let mut key = indication.payload.clone();
        key.extend(indication.cluster.0.to_le_bytes());
        key.push(indication.source_endpoint.0);
        let repeated = record
            .last_command
            .as_ref()
            .is_some_and(|(at, last)| now.since(*at) < REPETITION_TIME && *last == key);
        if repeated {
            record.counters.duplicates += 1;
        } else {
            record.last_command = Some((now, key));
        }
        repeated
    }

    fn on_cluster_frame(&mut self, ieee: IeeeAddress, indication: &ApsIndication, frame: Frame) {
        let header = frame.header.clone();
        let answered = self.match_answer(ieee, indication, &frame, None);
        let done = self.serve_command(ieee, indication, &frame);
        let outcome = membership::outcome(indication.cluster, header.command, &frame.payload);
        self.poll_after(ieee, indication, &frame);
        let message = Message {
            endpoint: indication.source_endpoint,
            group: indication.group,
            cluster: indication.cluster,
            header,
            kind: MessageKind::Cluster(frame.payload),
        };
        let handled = self.interpret(ieee, indication, &message);
        if !done && !answered {
            self.answer_command(indication, &message, handled);
        }
        if answered {
            self.finish(ieee, &End::Zcl(outcome));
        }
    }

    fn on_global_frame(&mut self, ieee: IeeeAddress, indication: &ApsIndication, frame: &Frame) {
        let Ok(parsed) = Foundation::parse(frame) else {
            if let Some(record) = self.records.get_mut(ieee) {
                record.counters.malformed += 1;
            }
            self.report(
                ieee,
                &Problem {
                    kind: "malformed_command",
                    message: format!(
                        "command {} of cluster {} cannot be read",
                        frame.header.command, indication.cluster
                    ),
                },
            );
            self.answer_malformed(indication, frame);
            return;
        };
        if let Some(record) = self.records.get_mut(ieee) {
            record.last_command = None;
            record.counters.violations += u64::from(!parsed.violations.is_empty());
        }
        let default_response_to = match &parsed.command {
            Foundation::DefaultResponse { command, .. } => Some(*command),
            _ => None,
        };
        let answered = self.match_answer(ieee, indication, frame, default_response_to);
        let end = answered.then(|| End::Zcl(outcome(&parsed.command)));
        self.learn(ieee, indication, &frame.header, &parsed.command);
        self.serve_foundation(indication, frame, &parsed.command);
        let message = Message {
            endpoint: indication.source_endpoint,
            group: indication.group,
            cluster: indication.cluster,
            header: frame.header.clone(),
            kind: MessageKind::Foundation(parsed),
        };
        self.interpret(ieee, indication, &message);
        if let Some(end) = end {
            self.finish(ieee, &end);
        }
    }

    /// True when the frame answers the exchange in flight.
    fn match_answer(
        &self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        frame: &Frame,
        default_response_to: Option<CommandId>,
    ) -> bool {
        self.records
            .get(ieee)
            .and_then(|record| record.queue.active.as_ref())
            .is_some_and(|active| match &active.exchange.body {
                Body::Zcl(request) => {
                    request.wait
                        && request.is_answered_by(
                            active.sequence,
                            indication.source_endpoint,
                            indication.cluster,
                            &frame.header,
                            default_response_to,
                        )
                }
                Body::Zdo(_) => false,
            })
    }

    /// Has the device's definition decode a message, publishes and does what follows from it. True
    /// when the definition deals with this kind of message.
    fn interpret(
        &mut self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        message: &Message,
    ) -> bool {
        let Some(record) = self.records.get_mut(ieee) else {
            return false;
        };
        record.frames.keep(indication, message);
        if record.device.interview == InterviewState::InProgress {
            self.publish_last_seen(ieee);
            return false;
        }
        let Some(definition) = &record.device.definition else {
            self.publish_last_seen(ieee);
            return false;
        };
        record
            .memory
            .set_time(Duration::from_micros(self.now.instant.0));
        let decoded = definition.decode(
            &record.device.info,
            &record.options.raw,
            &record.state,
            &mut record.memory,
            message,
        );
        let handled = decoded.handled;
        if decoded.payload.is_empty()
            && !decoded.repeats_state
            && !(handled && self.settings.last_seen != crate::LastSeen::Disable)
        {
            self.publish_last_seen(ieee);
        } else {
            self.publish_received(ieee, decoded.payload);
        }
        self.follow(ieee, decoded.effects, &decoded.problems);
        handled
    }

    /// Does what follows from a message or a timer besides publishing.
    pub(crate) fn follow(&mut self, ieee: IeeeAddress, effects: Vec<Effect>, problems: &[Problem]) {
        for effect in effects {
            self.apply(ieee, effect);
        }
        for problem in problems {
            self.report(ieee, problem);
        }
    }

    fn apply(&mut self, ieee: IeeeAddress, effect: Effect) {
        match effect {
            Effect::Perform(operation) => {
                self.procedures
                    .push_back(Procedure::Perform { ieee, operation });
            }
            Effect::Arm { timer, after } => self.arm_timer(ieee, timer, after),
            Effect::Disarm(timer) => self.disarm_timer(ieee, &timer),
            Effect::Remember(key, value) => self.remember(ieee, key, value),
            Effect::TellTime(time) => self.tell_time(ieee, time),
            Effect::Call(call) => self.call_function(ieee, call, None, false),
            Effect::Reconcile => self.start_reconcile(ieee),
        }
    }

    /// Tells a device the time, unless it was told a moment ago.
    fn tell_time(&mut self, ieee: IeeeAddress, time: devices::TellTime) {
        let now = self.now;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let pause = Duration::from_millis(time.unless_within_ms);
        if record
            .told_time
            .is_some_and(|told| now.instant < told + pause)
        {
            return;
        }
        record.told_time = Some(now.instant);
        self.procedures.push_back(Procedure::Perform {
            ieee,
            operation: time.operation(now.unix_ms),
        });
    }

    /// Keeps a value in the device's record; `null` removes it.
    pub(crate) fn remember(&mut self, ieee: IeeeAddress, key: String, value: serde_json::Value) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let meta = &mut record.device.meta;
        let changed = if value.is_null() {
            meta.remove(&key).is_some()
        } else if meta.get(&key) == Some(&value) {
            false
        } else {
            meta.insert(key, value);
            true
        };
        self.registry_changed |= changed;
    }

    /// Counts a problem; the first of its kind is logged.
    pub(crate) fn report(&mut self, ieee: IeeeAddress, problem: &Problem) {
        if let Some(record) = self.records.get_mut(ieee) {
            let count = record.counters.problems.entry(problem.kind).or_insert(0);
            *count = count.saturating_add(1);
        }
        if self.reported.insert((ieee, problem.kind)) {
            self.log(
                LogLevel::Warning,
                Some(Entity::Device(ieee)),
                format!("{{name}}: {}", problem.message),
            );
        }
    }

    /// What every message of a device entails, whatever it says.
    fn after_message(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee) {
            record.duties.heard = true;
            if record.wants_interview() {
                self.start_interview(ieee, None);
            }
        }
        self.heard(ieee);
    }
}
