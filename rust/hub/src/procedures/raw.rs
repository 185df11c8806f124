//! Frames that somebody else made, and their answers.

use adapters::{ApsIndication, Destination, Request};
use zigbee::zcl::{Direction, Frame};
use zigbee::{ClusterId, EndpointId, NwkAddress};

use super::care::ask_adapter;
use crate::core::Core;
use crate::executor::{Answer, Shared, SlotId};
use crate::timers::Timer;
use crate::{CommandError, CommandId, CommandReply, RawMessage};

/// How many answers are waited for at a time.
const MOST: usize = 64;

/// Somebody who waits for an answer.
#[derive(Debug)]
pub(crate) struct Waiter {
    slot: SlotId,
    source: NwkAddress,
    endpoint: EndpointId,
    cluster: ClusterId,
    sequence: u8,
}

impl Core {
    /// A message may be what somebody waits for.
    pub(crate) fn answer_raw(&mut self, indication: &ApsIndication) {
        if self.raw.is_empty() {
            return;
        }
        let Ok(frame) = Frame::parse(&indication.payload) else {
            return;
        };
        let found = self.raw.iter().position(|waiter| {
            waiter.source == indication.source
                && waiter.endpoint == indication.source_endpoint
                && waiter.cluster == indication.cluster
                && waiter.sequence == frame.header.sequence
                && frame.header.direction == Direction::ToClient
        });
        if let Some(found) = found {
            let waiter = self.raw.remove(found);
            let answer = Answer::Raw(Box::new(indication.clone()));
            self.board.answer(waiter.slot, answer);
        }
    }
}

/// Sends a frame and waits for its answer where that is wanted.
pub(crate) async fn send(shared: Shared, command: CommandId, raw: RawMessage) {
    let result = exchange(&shared, raw).await;
    shared.with(|core| core.reply(command, result));
}

async fn exchange(shared: &Shared, raw: RawMessage) -> Result<CommandReply, CommandError> {
    let RawMessage {
        mut message,
        number,
        answer,
    } = raw;
    let mut frame = Frame::parse(&message.payload)
        .map_err(|error| CommandError::Failed(format!("the frame is none: {error}")))?;
    if number {
        frame.header.sequence = shared.with(|core| {
            core.group_sequence = core.group_sequence.wrapping_add(1);
            core.group_sequence
        });
        message.payload = frame.emit();
    }
    let (Some(limit), Destination::Device(source, endpoint)) = (answer, message.destination) else {
        ask_adapter(shared, Request::Aps(message)).await?;
        return Ok(CommandReply::Done);
    };
    if shared.with(|core| core.raw.len() >= MOST) {
        return Err(CommandError::Failed(
            "too many answers are waited for".into(),
        ));
    }
    // The answer may come before the confirmation.
    let (cluster, sequence) = (message.cluster, frame.header.sequence);
    let wait = shared.wait(|core, slot| {
        core.raw.push(Waiter {
            slot,
            source,
            endpoint,
            cluster,
            sequence,
        });
        let at = core.after(limit);
        core.timers.set(at, Timer::Slot(slot));
    });
    let sent = ask_adapter(shared, Request::Aps(message)).await;
    let reply = match sent {
        Err(error) => Err(error),
        Ok(_) => match wait.await {
            Answer::Raw(answer) => Ok(CommandReply::Raw(*answer)),
            _ => Err(CommandError::Failed(format!(
                "no answer within {} ms",
                limit.as_millis()
            ))),
        },
    };
    shared.with(|core| {
        core.raw.retain(|waiter| {
            (
                waiter.source,
                waiter.endpoint,
                waiter.cluster,
                waiter.sequence,
            ) != (source, endpoint, cluster, sequence)
        });
    });
    reply
}
