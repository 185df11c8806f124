//! Exchanges with devices: into the queue, onto the wire, and their ends.

use std::time::Duration;

use adapters::{ApsRequest, Destination, Reply, Request, RequestError};
use devices::{DeviceKind, OperationError, OperationReply};
use zigbee::zcl::{Direction, Foundation, Frame, FrameType, Header, Status};
use zigbee::{ClusterId, EndpointId, IeeeAddress, NwkAddress, ProfileId, zdo};

use crate::CommandError;
use crate::core::{Core, Purpose};
use crate::executor::{Answer, SlotId};
use crate::queue::{
    ANSWER_TIME, ANSWERS, ATTEMPTS, Active, Body, EXPIRY_GRACE, Exchange, ExchangeId,
    POLL_CONTROL_TIME, QUEUE_LENGTH, QUEUE_TIME, RESPONSE_TIME, Replaces, Role, SLEEPY_TIME,
    ZclRequest, addressed,
};
use crate::registry::Record;
use crate::timers::Timer;

/// The coordinator's endpoint that requests come from.
pub(crate) const HOME_ENDPOINT: EndpointId = EndpointId(1);
/// Poll control.
pub(crate) const POLL_CONTROL: ClusterId = ClusterId(0x0020);

const EXPIRED: &str = "its time limit passed while it waited";
const REPLACED: &str = "replaced by a newer value";
const FULL: &str = "too many requests wait for the device";

/// How an exchange ended.
pub(crate) enum End {
    Zcl(Result<OperationReply, OperationError>),
    Zdo(Result<zdo::Response, OperationError>),
}

impl End {
    fn failed(body: &Body, error: OperationError) -> Self {
        match body {
            Body::Zcl(_) => Self::Zcl(Err(error)),
            Body::Zdo(_) => Self::Zdo(Err(error)),
        }
    }

    fn answer(&self) -> Answer {
        match self {
            Self::Zcl(result) => Answer::Zcl(result.clone()),
            Self::Zdo(result) => Answer::Zdo(result.clone()),
        }
    }
}

impl Record {
    /// How long requests wait for a device that sleeps; `None`: it is expected to listen always.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let info = &self.device.info;
        if info.kind != DeviceKind::EndDevice || self.always_on == Some(true) {
            return None;
        }
        if let Some(seconds) = self.device.checkin_interval {
            return Some(Duration::from_secs(seconds.into()));
        }
        if info
            .endpoints
            .values()
            .any(|endpoint| endpoint.inputs.contains(&POLL_CONTROL))
        {
            return Some(POLL_CONTROL_TIME);
        }
        (self.always_on == Some(false) || info.power_source.as_deref() == Some("Battery"))
            .then_some(SLEEPY_TIME)
    }
}

impl Core {
    /// Queues an exchange; its end is the answer in the slot. `patient` exchanges wait for a sleepy
    /// device to speak, others fail at once.
    pub(crate) fn submit(
        &mut self,
        ieee: IeeeAddress,
        body: Body,
        replaces: Replaces,
        patient: bool,
        slot: SlotId,
    ) {
        let id = self.next_exchange();
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            let error = OperationError::Undelivered("no such device".into());
            self.board.answer(slot, End::failed(&body, error).answer());
            return;
        };
        if record.queue.waiting.len() >= QUEUE_LENGTH {
            record.counters.dropped += 1;
            let end = End::failed(&body, OperationError::Dropped(FULL));
            self.board.answer(slot, end.answer());
            return;
        }
        let patience = if patient { record.patience() } else { None };
        let life = patience.unwrap_or(QUEUE_TIME);
        let mut exchange = Exchange {
            id,
            repeatable: repeatable(&body),
            body,
            replaces,
            slots: Vec::new(),
            expires: now + life,
            timer: None,
            patient: patience.is_some(),
            parked: false,
            attempts: 0,
        };
        // A newer value takes the place of older ones that were not sent yet; whoever waits for those
        // gets the end of this one, up to a number.
        for older in record.queue.take_replaced(&exchange) {
            record.counters.dropped += 1;
            exchange.slots.extend(older.slots);
            if let Some(timer) = older.timer {
                self.timers.cancel(timer);
            }
        }
        exchange.slots.push(slot);
        for slot in exchange.crowded_out() {
            let end = End::failed(&exchange.body, OperationError::Dropped(REPLACED));
            self.board.answer(slot, end.answer());
        }
        let grace = if exchange.patient {
            EXPIRY_GRACE
        } else {
            Duration::ZERO
        };
        exchange.timer = Some(
            self.timers
                .set(exchange.expires + grace, Timer::Expire(ieee, id)),
        );
        record.queue.waiting.push_back(exchange);
        self.pump(ieee);
    }

    /// Sends the next exchange of a device if none is in flight.
    pub(crate) fn pump(&mut self, ieee: IeeeAddress) {
        if self.network.is_none() {
            return;
        }
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if record.queue.active.is_some() {
            return;
        }
        let Some(mut exchange) = record.queue.take_next() else {
            return;
        };
        exchange.attempts += 1;
        record.counters.requests += 1;
        let nwk = record.device.info.nwk;
        let sequence = record.queue.next_sequence(now);
        let request = match &exchange.body {
            Body::Zcl(zcl) => {
                Request::Aps(aps(Destination::Device(nwk, zcl.endpoint), zcl, sequence))
            }
            Body::Zdo(request) => Request::Zdo(nwk, addressed(request.clone(), nwk)),
        };
        let id = exchange.id;
        let request = self.request(request, Purpose::Exchange(ieee, id));
        if let Some(record) = self.records.get_mut(ieee) {
            record.queue.active = Some(Active {
                exchange,
                request,
                sequence,
                timer: None,
            });
        }
    }

    /// The coordinator says whether the request of an exchange arrived.
    pub(crate) fn on_delivery(
        &mut self,
        ieee: IeeeAddress,
        id: ExchangeId,
        result: Result<Reply, RequestError>,
    ) {
        let at = self.after(RESPONSE_TIME);
        let Some(active) = self
            .records
            .get_mut(ieee)
            .and_then(|record| record.queue.active.as_mut())
            .filter(|active| active.exchange.id == id)
        else {
            return; // It was answered before the confirm came.
        };
        match (result, &active.exchange.body) {
            (Ok(_), Body::Zcl(request)) => {
                if request.wait {
                    active.timer = Some(self.timers.set(at, Timer::Response(ieee, id)));
                } else {
                    self.finish(ieee, &End::Zcl(Ok(OperationReply::Done)));
                }
            }
            (Ok(Reply::Zdo(response)), Body::Zdo(_)) => self.finish(ieee, &End::Zdo(Ok(response))),
            (Ok(_), Body::Zdo(_)) => {
                let error = OperationError::Undelivered("the coordinator gave no answer".into());
                self.finish(ieee, &End::Zdo(Err(error)));
            }
            (Err(RequestError::Zdo(status)), body) => {
                let end = End::failed(body, OperationError::Zdo(status));
                self.finish(ieee, &end);
            }
            (Err(error), _) => self.fail(ieee, &error),
        }
    }

    /// The device's answer to the exchange in flight did not come.
    pub(crate) fn on_overdue(&mut self, ieee: IeeeAddress, id: ExchangeId) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let Some(active) = record
            .queue
            .active
            .as_mut()
            .filter(|active| active.exchange.id == id)
        else {
            return;
        };
        active.timer = None;
        record.counters.unanswered += 1;
        let sequence = active.sequence;
        record.queue.quarantine(now, sequence);
        self.retry_or_fail(ieee, OperationError::Timeout(RESPONSE_TIME), false);
    }

    /// The request in flight was not delivered.
    fn fail(&mut self, ieee: IeeeAddress, error: &RequestError) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.counters.undelivered += 1;
        let Some(active) = record.queue.active.take() else {
            return;
        };
        if *error == RequestError::NotConnected
            && active.exchange.repeatable
            && active.exchange.expires > now
        {
            // It goes out when the coordinator is back, if its time limit allows.
            let mut exchange = active.exchange;
            exchange.attempts = exchange.attempts.saturating_sub(1);
            record.queue.put_back(exchange);
            return;
        }
        record.queue.quarantine(now, active.sequence);
        record.queue.active = Some(active);
        let missed = surely_missed(error);
        let error = match error {
            RequestError::NoResponse(after) => OperationError::Timeout(*after),
            other => OperationError::Undelivered(other.to_string()),
        };
        self.retry_or_fail(ieee, error, missed);
    }

    /// Keeps the exchange in flight for the device's next message, or ends it. One that is not
    /// repeatable is only kept when the device surely did not get it: a toggle whose answer was lost
    /// must not toggle again.
    fn retry_or_fail(&mut self, ieee: IeeeAddress, error: OperationError, missed: bool) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let Some(active) = &record.queue.active else {
            return;
        };
        let exchange = &active.exchange;
        let harmless = missed || exchange.repeatable;
        if !exchange.patient
            || !harmless
            || exchange.attempts >= ATTEMPTS
            || exchange.expires <= now
        {
            let end = End::failed(&exchange.body, error);
            self.finish(ieee, &end);
            return;
        }
        if let Some(mut active) = record.queue.active.take() {
            active.exchange.parked = true;
            // A newer value may have come while this one was in flight.
            let replaced = record
                .queue
                .waiting
                .iter_mut()
                .find(|newer| newer.makes_pointless(&active.exchange));
            match replaced {
                Some(newer) => {
                    record.counters.dropped += 1;
                    let mut slots = active.exchange.slots;
                    slots.append(&mut newer.slots);
                    newer.slots = slots;
                    for slot in newer.crowded_out() {
                        let end = End::failed(&newer.body, OperationError::Dropped(REPLACED));
                        self.board.answer(slot, end.answer());
                    }
                    self.cancel(active.exchange.timer);
                }
                None => record.queue.put_back(active.exchange),
            }
        }
        self.pump(ieee);
    }

    /// Ends the exchange in flight and sends the next.
    pub(crate) fn finish(&mut self, ieee: IeeeAddress, end: &End) {
        let Some(active) = self
            .records
            .get_mut(ieee)
            .and_then(|record| record.queue.active.take())
        else {
            return;
        };
        self.cancel(active.timer);
        self.cancel(active.exchange.timer);
        // A confirm that still comes concerns nobody.
        if let Some(purpose) = self.requests.get_mut(&active.request) {
            *purpose = Purpose::Nobody;
        }
        for slot in active.exchange.slots {
            self.board.answer(slot, end.answer());
        }
        self.pump(ieee);
    }

    /// An exchange waited too long.
    pub(crate) fn on_expired(&mut self, ieee: IeeeAddress, id: ExchangeId) {
        // One that is in flight ends by itself.
        if let Some(record) = self.records.get_mut(ieee)
            && let Some(exchange) = record.queue.take(id)
        {
            record.counters.dropped += 1;
            let end = End::failed(&exchange.body, OperationError::Dropped(EXPIRED));
            for slot in exchange.slots {
                self.board.answer(slot, end.answer());
            }
        }
    }

    /// The device is awake: what waited for that is sent, what waited too long is dropped.
    pub(crate) fn wake(&mut self, ieee: IeeeAddress) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if record.queue.waiting.is_empty() {
            return;
        }
        let mut expired = Vec::new();
        for exchange in &mut record.queue.waiting {
            exchange.parked = false;
            if exchange.expires <= now {
                expired.push((exchange.id, exchange.timer));
            }
        }
        for (id, timer) in expired {
            self.cancel(timer);
            self.on_expired(ieee, id);
        }
        self.pump(ieee);
    }

    /// Forgets everything that waits for a device; whoever waits is told.
    pub(crate) fn abandon(&mut self, record: Record) {
        self.forget_images(&record.device.extra);
        let queue = record.queue;
        let active = queue.active.map(|active| {
            self.cancel(active.timer);
            if let Some(purpose) = self.requests.get_mut(&active.request) {
                *purpose = Purpose::Nobody;
            }
            active.exchange
        });
        for exchange in active.into_iter().chain(queue.waiting) {
            self.cancel(exchange.timer);
            let error = OperationError::Undelivered("the device left the network".into());
            let end = End::failed(&exchange.body, error);
            for slot in exchange.slots {
                self.board.answer(slot, end.answer());
            }
        }
        let duties = record.duties;
        for slot in duties.listeners.into_iter().chain(duties.ota.slot) {
            self.board.answer(slot, Answer::Heard);
        }
        for command in duties
            .interview_commands
            .into_iter()
            .chain(duties.configure_commands)
        {
            self.reply(command, Err(CommandError::UnknownDevice));
        }
    }

    /// Sends a frame that answers one from the device, past its queue: the device waits for it. When
    /// answers do not get away they are dropped, so that a device which talks a lot fills no memory.
    pub(crate) fn respond(
        &mut self,
        nwk: NwkAddress,
        endpoint: EndpointId,
        home: EndpointId,
        cluster: ClusterId,
        frame: &Frame,
    ) {
        let under_way = self
            .requests
            .values()
            .filter(|purpose| matches!(purpose, Purpose::Answer(to) if *to == nwk))
            .count();
        if under_way >= ANSWERS {
            self.answer_dropped(nwk);
            return;
        }
        let request = Request::Aps(ApsRequest {
            destination: Destination::Device(nwk, endpoint),
            source_endpoint: home,
            profile: ProfileId::HOME_AUTOMATION,
            cluster,
            payload: frame.emit(),
            patience: Some(ANSWER_TIME),
        });
        if self.network.is_some() {
            self.request(request, Purpose::Answer(nwk));
        }
    }

    /// Counts an answer that was dropped.
    pub(crate) fn answer_dropped(&mut self, nwk: NwkAddress) {
        let ieee = self.records.by_nwk(nwk).map(Record::ieee);
        if let Some(record) = ieee.and_then(|ieee| self.records.get_mut(ieee)) {
            record.counters.dropped += 1;
        }
    }
}

impl Exchange {
    fn makes_pointless(&self, older: &Self) -> bool {
        older.id < self.id && self.replaces(older)
    }
}

/// The message that carries a ZCL request.
pub(crate) fn aps(destination: Destination, request: &ZclRequest, sequence: u8) -> ApsRequest {
    let (direction, sequence) = match request.role {
        Role::Client => (Direction::ToServer, sequence),
        Role::Server(answered) => (Direction::ToClient, answered.unwrap_or(sequence)),
    };
    let frame = Frame {
        header: Header {
            frame_type: if request.of_cluster {
                FrameType::Cluster
            } else {
                FrameType::Global
            },
            direction,
            disable_default_response: request.disable_default_response,
            manufacturer: request.manufacturer,
            sequence,
            command: request.command,
            reserved: 0,
        },
        payload: request.payload.clone(),
    };
    ApsRequest {
        destination,
        source_endpoint: request.source,
        profile: ProfileId::HOME_AUTOMATION,
        cluster: request.cluster,
        payload: frame.emit(),
        patience: None,
    }
}

/// True when a device surely did not get a message. When nobody said what became of it, or only the
/// end-to-end acknowledgement is missing, it may have got it.
fn surely_missed(error: &RequestError) -> bool {
    match error {
        RequestError::NotSent(_) | RequestError::Refused { .. } | RequestError::Unsupported(_) => {
            true
        }
        RequestError::Undelivered { name, .. } => *name != "APS_NO_ACK",
        RequestError::NotConnected
        | RequestError::NoAnswer { .. }
        | RequestError::NoResponse(_)
        | RequestError::Zdo(_) => false,
    }
}

/// True when sending twice does what sending once does. Of cluster commands only those that set a
/// value outright are.
fn repeatable(body: &Body) -> bool {
    let Body::Zcl(request) = body else {
        return true;
    };
    if !request.of_cluster {
        return true;
    }
    match request.cluster.0 {
        // On/off: off, on.
        0x0006 => matches!(request.command.0, 0x00 | 0x01),
        // Level: move to level, with and without on/off.
        0x0008 => matches!(request.command.0, 0x00 | 0x04),
        // Lock: lock, unlock.
        0x0101 => matches!(request.command.0, 0x00 | 0x01),
        // Cover: open, close, stop, go to lift, go to tilt.
        0x0102 => matches!(request.command.0, 0x00 | 0x01 | 0x02 | 0x05 | 0x08),
        // Colour: move to hue, saturation, hue and saturation, colour, colour temperature.
        0x0300 => matches!(request.command.0, 0x00 | 0x03 | 0x06 | 0x07 | 0x0a),
        _ => false,
    }
}

/// What a foundation response makes of the request that it answers.
pub(crate) fn outcome(response: &Foundation) -> Result<OperationReply, OperationError> {
    match response {
        Foundation::ReadResponse(records) => Ok(OperationReply::Read(records.clone())),
        Foundation::ReadReportingResponse(records) => {
            Ok(OperationReply::Reporting(records.clone()))
        }
        Foundation::WriteResponse(records) => refused(
            records
                .iter()
                .find(|record| record.status != Status::SUCCESS)
                .map(|record| (record.status, record.id)),
        ),
        Foundation::ConfigureReportingResponse(records) => refused(
            records
                .iter()
                .find(|record| record.status != Status::SUCCESS)
                .map(|record| (record.status, record.id)),
        ),
        Foundation::DefaultResponse { status, .. } => {
            refused((*status != Status::SUCCESS).then_some((*status, None)))
        }
        _ => Ok(OperationReply::Done),
    }
}

fn refused(
    refusal: Option<(Status, Option<zigbee::AttributeId>)>,
) -> Result<OperationReply, OperationError> {
    match refusal {
        Some((status, attribute)) => Err(OperationError::Status { status, attribute }),
        None => Ok(OperationReply::Done),
    }
}
