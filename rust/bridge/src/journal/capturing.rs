//! Makes captures of a device while a journal is replayed.

use std::sync::mpsc::Sender;

use adapters::{ApsIndication, Event};
use devices::JsonMap;
use hub::{Device, Entity, InterviewState, Now};
use serde_json::Value as Json;
use zigbee::zcl::{Frame, FrameType};
use zigbee::{CommandId, IeeeAddress};

use super::capture::{Capture, concealed, payload};
use crate::core::{Core, CoreInput, CoreOutput};

const READ_RESPONSE: CommandId = CommandId(0x01);
const REPORT: CommandId = CommandId(0x0a);

/// False for answers to what was asked: what they end says something about that, not about them.
fn says_something(message: &ApsIndication) -> bool {
    let Ok(frame) = Frame::parse(&message.payload) else {
        return true;
    };
    frame.header.frame_type != FrameType::Global
        || [READ_RESPONSE, REPORT].contains(&frame.header.command)
}

/// Watches a core.
pub(crate) struct Capturing {
    device: IeeeAddress,
    open: Option<Open>,
    /// The input that the core takes is the open frame, or an answer of a function.
    belongs: bool,
    /// The state after the last frame.
    known: Option<JsonMap>,
    is_first: bool,
    /// Where captures go.
    done: Sender<Capture>,
}

/// A frame of which not all is published yet: functions of the device's converter are called.
struct Open {
    capture: Capture,
    messages: Vec<Json>,
    /// Something else was published meanwhile: what belongs to which is not known.
    is_mixed: bool,
}

impl Capturing {
    pub(crate) fn new(device: IeeeAddress, done: Sender<Capture>) -> Self {
        Self {
            device,
            open: None,
            belongs: false,
            known: None,
            is_first: true,
            done,
        }
    }

    /// The core is about to take an input.
    pub(crate) fn before(&mut self, core: &Core, now: Now, input: &CoreInput) {
        self.belongs = match input {
            CoreInput::Adapter(Event::Message(message)) => self.frame(core, now, message),
            CoreInput::ConverterReply(..) => true,
            _ => false,
        };
    }

    /// True for a frame that becomes a capture.
    fn frame(&mut self, core: &Core, now: Now, message: &ApsIndication) -> bool {
        if core.hub().sender(message) != Some(self.device) || !says_something(message) {
            return false;
        }
        if let Some(open) = &mut self.open {
            open.is_mixed = true;
            return false;
        }
        let device = core.hub().device(self.device);
        let is_known = |device: &&Device| device.interview == InterviewState::Successful;
        let Some(device) = device.filter(is_known) else {
            return false;
        };
        let mut capture = Capture::new(core, device, now, message);
        if !std::mem::take(&mut self.is_first) && capture.state == self.known {
            capture.state = None;
        }
        self.open = Some(Open {
            capture,
            messages: Vec::new(),
            is_mixed: false,
        });
        true
    }

    /// It took it.
    pub(crate) fn after(&mut self, core: &Core, outputs: &[CoreOutput]) {
        let Some(open) = &mut self.open else {
            return;
        };
        let entity = Entity::Device(self.device);
        let base = &core.settings().mqtt().base_topic;
        let topic = format!("{base}/{}", core.settings().friendly_name(entity));
        let published = outputs.iter().filter_map(|output| match output {
            CoreOutput::Publish(publish) if *publish.topic == *topic => {
                serde_json::from_slice(&publish.payload).ok()
            }
            _ => None,
        });
        let before = open.messages.len();
        open.messages.extend(published);
        open.is_mixed |= !self.belongs && open.messages.len() > before;
        if core.hub().calls(self.device) > 0 {
            return;
        }
        let Some(Open {
            mut capture,
            messages,
            is_mixed,
        }) = self.open.take()
        else {
            return;
        };
        if is_mixed {
            // The next one says itself what was known before.
            self.known = None;
            return;
        }
        capture.payload = payload(messages);
        self.known = core.hub().state(entity).cloned().map(concealed);
        // Nobody listens any more: the replay ends by itself.
        let _ = self.done.send(capture);
    }
}
