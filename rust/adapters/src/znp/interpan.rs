//! Messages without a network: the radio is tuned to another channel for a while, and everything else
//! waits. Facts: shared/facts/adapters/znp.md §6.6.

use std::time::Duration;

use tracing::Level;
use zigbee::{EndpointId, NwkAddress, ProfileId};

use super::commands::af;
use super::core::Handle;
use super::data::{Address, MAX_PAYLOAD, delivered};
use super::executor::{Receiver, Sender, channel};
use crate::{
    ApsRequest, Destination, Instant, InterPanMessage, InterPanRequest, Reply, RequestError,
};

/// The endpoint that such messages carry.
pub(super) const ENDPOINT: EndpointId = EndpointId(0xfe);
/// Our endpoint that such messages pass through.
const PROXY: EndpointId = EndpointId(12);
/// `AF.interPanCtl`: back to the network's channel.
pub(super) const CLEAR: [u8; 1] = [0];
/// `AF.interPanCtl`: to another channel; which endpoint such messages pass through.
const SET_CHANNEL: u8 = 1;
const REGISTER: u8 = 2;
/// What the stick needs to be on its network again; spoken to earlier, it crashes.
const RETURN: Duration = Duration::from_secs(3);
/// How long messages under way may take before the radio leaves the network.
const SETTLE: Duration = Duration::from_secs(2);
const SETTLE_STEP: Duration = Duration::from_millis(100);
/// When nothing is asked for so long, whoever took the radio away has forgotten it.
const FORGOTTEN: Duration = Duration::from_secs(15);
/// Messages that are kept of one time of listening.
const MOST: usize = 64;

/// Whether the radio is away from the network, and who waits for it.
#[derive(Default)]
pub(super) struct InterPan {
    /// When it was used last, while it is away.
    active: Option<Instant>,
    /// The endpoint is registered, until the next reset.
    registered: bool,
    waiting: Vec<Sender<()>>,
    heard: Option<Vec<InterPanMessage>>,
}

impl InterPan {
    pub(super) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// A message arrived. Only kept while somebody listens.
    pub(super) fn hear(&mut self, message: InterPanMessage) {
        if let Some(heard) = &mut self.heard
            && heard.len() < MOST
        {
            heard.push(message);
        }
    }

    fn wait(&mut self) -> Option<Receiver<()>> {
        self.active?;
        let (sender, receiver) = channel();
        self.waiting.retain(|sender| !sender.is_abandoned());
        self.waiting.push(sender);
        Some(receiver)
    }

    fn end(&mut self) {
        self.active = None;
        self.heard = None;
        for sender in std::mem::take(&mut self.waiting) {
            sender.send(());
        }
    }
}

impl Handle {
    /// Waits until the radio is on the network, at most for `patience`.
    pub(super) async fn on_network(&self, patience: Option<Duration>) -> Result<(), RequestError> {
        let wait = async {
            while let Some(receiver) = self.with(|core| core.inter_pan.wait()) {
                receiver.await;
            }
        };
        match patience {
            None => {
                wait.await;
                Ok(())
            }
            Some(limit) => self
                .within(limit, wait)
                .await
                .ok_or(RequestError::NotSent(limit)),
        }
    }

    /// Tunes the radio to a channel.
    pub(super) async fn inter_pan_channel(&self, channel: u8) -> Result<Reply, RequestError> {
        if !(11..=26).contains(&channel) {
            return Err(RequestError::Unsupported("channels other than 11 to 26"));
        }
        let now = self.now();
        let leaves = self.with(|core| core.inter_pan.active.replace(now).is_none());
        if leaves {
            let watch = self.clone();
            self.with(|core| core.spawn(Box::pin(async move { watch.bring_back().await })));
            let until = now + SETTLE;
            while !self.with(|core| core.scheduler.is_idle()) && self.now() < until {
                self.sleep(SETTLE_STEP).await;
            }
        }
        self.command(af::INTER_PAN_CTL, &[SET_CHANNEL, channel])
            .await?;
        if !self.with(|core| core.inter_pan.registered) {
            self.command(af::INTER_PAN_CTL, &[REGISTER, PROXY.0])
                .await?;
            self.with(|core| core.inter_pan.registered = true);
        }
        Ok(Reply::Done)
    }

    /// Sends a message and collects what comes back.
    pub(super) async fn inter_pan(&self, request: InterPanRequest) -> Result<Reply, RequestError> {
        if request.payload.len() > MAX_PAYLOAD {
            return Err(RequestError::Unsupported("payloads of more than 230 bytes"));
        }
        let now = self.now();
        let away = self.with(|core| {
            let away = core.inter_pan.is_active();
            if away {
                core.inter_pan.active = Some(now + request.listen);
                core.inter_pan.heard = Some(Vec::new());
            }
            away
        });
        if !away {
            return Err(RequestError::Unsupported(
                "messages without a network before a channel is chosen",
            ));
        }
        let message = ApsRequest {
            destination: Destination::Broadcast(NwkAddress::BROADCAST_ALL, ENDPOINT),
            source_endpoint: PROXY,
            profile: ProfileId::LIGHT_LINK,
            cluster: request.cluster,
            payload: request.payload,
            patience: None,
        };
        let address = Address::InterPan(request.destination);
        // Nothing tells whether it arrived but an answer.
        let status = self.send(address, ENDPOINT, &message, None).await?;
        delivered(af::DATA_REQUEST_EXT.name, status)?;
        self.sleep(request.listen).await;
        let heard = self.with(|core| core.inter_pan.heard.take());
        Ok(Reply::InterPan(heard.unwrap_or_default()))
    }

    /// Brings the radio back to the network, whatever the stick answers.
    pub(super) async fn leave_inter_pan(&self) -> Result<Reply, RequestError> {
        if !self.with(|core| core.inter_pan.is_active()) {
            return Ok(Reply::Done);
        }
        let result = self.command(af::INTER_PAN_CTL, &CLEAR).await;
        self.sleep(RETURN).await;
        self.with(|core| core.inter_pan.end());
        Ok(result.map(|()| Reply::Done)?)
    }

    /// Brings the radio back when it was forgotten.
    async fn bring_back(&self) {
        loop {
            let Some(used) = self.with(|core| core.inter_pan.active) else {
                return;
            };
            if self.now() >= used + FORGOTTEN {
                self.log(
                    Level::WARN,
                    "The coordinator was left on another channel; it goes back to its network",
                );
                // Its network needs it, whatever came of the operation.
                let _ = self.leave_inter_pan().await;
                return;
            }
            self.sleep_until(used + FORGOTTEN).await;
        }
    }
}
