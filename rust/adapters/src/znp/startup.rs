//! From an open link to a running network.

use std::time::Duration;

use tracing::Level;
use zigbee::{ExtendedPanId, IeeeAddress, PanId, Reader};

use super::commands::{af, sys, util, zdo};
use super::core::{Handle, Trouble};
use super::executor::Either;
use super::firmware::Firmware;
use super::interpan;
use super::plan::Plan;
use super::requester::{Priority, StickError};
use super::status;
use crate::detect::{GREETINGS, Kind, recognize};
use crate::{Event, Failure, NetworkInfo, Output};

/// How long a stick that runs may take to answer the first ping.
const FIRST_PING: Duration = Duration::from_millis(250);
/// Bytes that make a serial bootloader start the application, and flush a line that another program
/// left at another speed.
const FORCE_RUN: u8 = 0xef;
/// How long one step of the reset lines lasts.
const LINE_TIME: Duration = Duration::from_millis(150);
/// How long a stick may take to start, and how often it is asked to: neither the request nor the
/// announcement is repeated by itself.
const RESET_TIME: Duration = Duration::from_secs(10);
const RESETS: u32 = 3;
/// How long the network may take to start.
const START_TIME: Duration = Duration::from_secs(60);
/// How long the LED may take to answer; many builds never do.
const LED_TIME: Duration = Duration::from_millis(500);
/// `DEV_ZB_COORD`: running as coordinator.
pub(super) const RUNNING: u8 = 9;

/// Why start-up did not succeed.
#[derive(Debug)]
pub(super) enum StartError {
    /// A request failed: another try may help.
    Stick(StickError),
    /// No try will.
    Final(Failure),
}

impl From<StickError> for StartError {
    fn from(error: StickError) -> Self {
        Self::Stick(error)
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

impl Handle {
    /// Finds a stick that answers.
    pub(super) async fn find_stick(&self) -> Result<(), Failure> {
        if self.wake_stick().await {
            self.with(|core| core.heard_bytes = None);
            return Ok(());
        }
        // It may be one of another family.
        for (greeting, milliseconds) in GREETINGS {
            if let Some(kind) = self.with(|core| recognize(core.heard_bytes.as_deref()?)) {
                return Err(foreign(kind));
            }
            self.with(|core| core.outputs.push_back(Output::Write(greeting.to_vec())));
            self.sleep(Duration::from_millis(milliseconds)).await;
        }
        if let Some(kind) = self.with(|core| recognize(core.heard_bytes.as_deref()?)) {
            return Err(foreign(kind));
        }
        Err(Failure::Link(
            "No answer from the coordinator: is serial.port right, is it a Z-Stack coordinator \
             (serial.adapter), and does no other program use it?"
                .into(),
        ))
    }

    /// Makes a stick answer. False: nothing does.
    async fn wake_stick(&self) -> bool {
        // A stick that runs answers at once, so that nothing is toggled and nobody waits.
        if self.ping(FIRST_PING).await {
            return true;
        }
        self.with(|core| core.outputs.push_back(Output::Write(vec![FORCE_RUN; 256])));
        for _ in 0..4 {
            if self.ping(Duration::from_millis(500)).await {
                return true;
            }
        }
        if self.with(|core| core.config.has_lines) {
            // The pulse on RTS resets boards into the application while DTR is low; with DTR high it
            // would be the bootloader.
            for rts in [false, true, false] {
                self.with(|core| {
                    core.outputs.push_back(Output::Lines { dtr: false, rts });
                });
                self.sleep(LINE_TIME).await;
            }
        }
        for _ in 0..5 {
            if self.ping(Duration::from_secs(1)).await {
                return true;
            }
        }
        false
    }

    /// Asks whether the stick lives. Its announcement of a reset is an answer too.
    pub(super) async fn ping(&self, limit: Duration) -> bool {
        let reset = self.expect(sys::RESET_IND, |_| true);
        let ping = self.request_with(sys::PING, &[], Priority::Ping, limit);
        match super::executor::first(ping, reset).await {
            Either::Left(answer) => answer.is_ok(),
            Either::Right(_) => true,
        }
    }

    /// Resets the stick and waits until it has started.
    pub(super) async fn soft_reset(&self) -> Result<(), StickError> {
        self.try_reset(RESETS).await
    }

    async fn try_reset(&self, times: u32) -> Result<(), StickError> {
        for _ in 0..times {
            self.clear_trouble();
            let started = self.expect(sys::RESET_IND, |_| true);
            self.with(|core| {
                let header = sys::RESET_REQ.header();
                let frame = super::frame::Frame { header, data: &[1] };
                core.outputs.extend(frame.to_bytes().map(Output::Write));
            });
            let started = self.within(RESET_TIME, started).await;
            self.clear_trouble();
            if started.is_some() {
                return Ok(());
            }
        }
        Err(StickError::NoAnswer {
            command: sys::RESET_REQ.name,
            after: RESET_TIME * times,
        })
    }

    /// Brings the network up.
    pub(super) async fn start(&self) -> Result<NetworkInfo, StartError> {
        let firmware = self.identify().await?;
        let network = self.read_network(&firmware).await?;
        let plan = self.plan(&firmware, network.as_ref())?;
        let formed = !matches!(plan, Plan::Resume);
        match plan {
            Plan::Resume => self.resume().await?,
            Plan::Form => {
                self.log(
                    Level::INFO,
                    "The coordinator is empty: forming a new network",
                );
                let parameters = self.with(|core| core.config.network.clone());
                self.form(&firmware, &parameters).await?;
            }
            Plan::Restore(backup) => {
                self.log(
                    Level::INFO,
                    "The coordinator is empty: restoring the network from the backup",
                );
                self.restore(&firmware, &backup).await?;
            }
        }
        self.settle(&firmware, formed).await
    }

    async fn identify(&self) -> Result<Firmware, StickError> {
        let firmware = match self.read(sys::VERSION, &[]).await {
            Ok(answer) => Firmware::parse(&answer).map_err(|_| StickError::Malformed {
                command: sys::VERSION.name,
            })?,
            // Builds that are older than the command.
            Err(StickError::Unknown { .. }) => Firmware::default(),
            Err(error) => return Err(error),
        };
        self.with(|core| {
            core.firmware = firmware;
            let slots = core
                .config
                .concurrency
                .map_or(firmware.slots(), usize::from);
            core.scheduler.set_limit(slots);
        });
        Ok(firmware)
    }

    /// Starts the network that the stick has.
    pub(super) async fn resume(&self) -> Result<(), StartError> {
        let (_, state) = self.device_info().await?;
        if state != RUNNING {
            return self.start_coordinator(START_TIME).await;
        }
        // A program that ended in the middle of a touchlink operation left it on another channel.
        match self.status(af::INTER_PAN_CTL, &interpan::CLEAR).await {
            Err(error @ StickError::Reset { .. }) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Starts the coordinator and waits until it runs.
    pub(super) async fn start_coordinator(&self, limit: Duration) -> Result<(), StartError> {
        let running = self.expect(zdo::STATE_CHANGE_IND, |data| data.first() == Some(&RUNNING));
        let data = 100_u16.to_le_bytes();
        let answer = self
            .request_with(
                zdo::STARTUP_FROM_APP,
                &data,
                Priority::Ordinary,
                Duration::from_secs(40),
            )
            .await?;
        match answer.first() {
            Some(&(status::SUCCESS | status::FAILURE)) => {}
            Some(&status) => {
                return Err(StickError::Refused {
                    command: zdo::STARTUP_FROM_APP.name,
                    status,
                }
                .into());
            }
            None => {
                return Err(StickError::Malformed {
                    command: zdo::STARTUP_FROM_APP.name,
                }
                .into());
            }
        }
        self.await_running(running, limit, zdo::STARTUP_FROM_APP.name)
            .await
    }

    /// Waits for the state "coordinator".
    pub(super) async fn await_running(
        &self,
        running: super::executor::Receiver<Vec<u8>>,
        limit: Duration,
        command: &'static str,
    ) -> Result<(), StartError> {
        match self.within(limit, running).await {
            Some(Some(_)) => Ok(()),
            Some(None) => Err(StickError::Reset { command }.into()),
            None => Err(StickError::NoAnswer {
                command,
                after: limit,
            }
            .into()),
        }
    }

    /// Address and state of the stick.
    pub(super) async fn device_info(&self) -> Result<(IeeeAddress, u8), StickError> {
        let answer = self.read(util::GET_DEVICE_INFO, &[]).await?;
        let mut reader = Reader::new(&answer);
        (|| {
            reader.u8()?;
            let ieee = reader.ieee()?;
            // Network address and device type.
            reader.take(3)?;
            Ok((ieee, reader.u8()?))
        })()
        .map_err(|_: zigbee::ParseError| StickError::Malformed {
            command: util::GET_DEVICE_INFO.name,
        })
    }

    /// Everything that a running network needs and a reset takes away.
    async fn settle(&self, firmware: &Firmware, formed: bool) -> Result<NetworkInfo, StartError> {
        let (ieee, _) = self.device_info().await?;
        let (pan_id, extended_pan_id, channel) = self.network_info().await?;
        // Requests of devices to our ZDO, and responses where ZDO_DIRECT_CB is off. Not every firmware
        // knows it.
        let all = 0xffff_u16.to_le_bytes();
        if let Err(error @ StickError::Reset { .. }) = self.status(zdo::MSG_CB_REGISTER, &all).await
        {
            return Err(error.into());
        }
        self.register_endpoints().await?;
        self.restore_children().await;
        if self.with(|core| core.config.disable_led) {
            let (led, mode) = if firmware.drives_led() {
                (0xff, 5)
            } else {
                (3, 0)
            };
            self.led(led, mode).await;
        }
        if let Some(power) = self.with(|core| core.config.transmit_power) {
            match self.set_power(power).await {
                Err(error @ StickError::Reset { .. }) => return Err(error.into()),
                Err(error) => {
                    let text = format!("The transmit power of {power} dBm is not set: {error}");
                    self.log(Level::WARN, text);
                }
                Ok(()) => {}
            }
        }
        Ok(NetworkInfo {
            ieee,
            pan_id,
            extended_pan_id,
            channel,
            kind: firmware.kind().to_owned(),
            meta: firmware.meta(),
            endpoints: super::endpoints::ids(),
            formed,
        })
    }

    /// PAN id, extended PAN id and channel.
    async fn network_info(&self) -> Result<(PanId, ExtendedPanId, u8), StartError> {
        let answer = match self.read(zdo::EXT_NWK_INFO, &[]).await {
            Err(StickError::Unknown { .. }) => {
                let nib = self.settled_nib().await?;
                return Ok((nib.pan_id(), nib.extended_pan_id(), nib.channel()));
            }
            other => other?,
        };
        let mut reader = Reader::new(&answer);
        (|| {
            // Network address and state.
            reader.take(3)?;
            let pan_id = reader.u16()?;
            // The parent's network address.
            reader.take(2)?;
            let extended = reader.u64()?;
            // The parent's address.
            reader.take(8)?;
            Ok((PanId(pan_id), ExtendedPanId(extended), reader.u8()?))
        })()
        .map_err(|_: zigbee::ParseError| {
            StickError::Malformed {
                command: zdo::EXT_NWK_INFO.name,
            }
            .into()
        })
    }

    /// Sets a light. Firmware without one may not answer; it is not asked again.
    pub(super) async fn led(&self, led: u8, mode: u8) {
        if !self.with(|core| core.led && core.firmware.has_led()) {
            return;
        }
        let answer = self
            .request_with(
                util::LED_CONTROL,
                &[led, mode],
                Priority::Ordinary,
                LED_TIME,
            )
            .await;
        if matches!(
            answer,
            Err(StickError::NoAnswer { .. } | StickError::Unknown { .. })
        ) {
            self.with(|core| core.led = false);
        }
    }

    /// Sets the transmit power until the next reset.
    pub(super) async fn set_power(&self, power: i8) -> Result<(), StickError> {
        let [power] = power.to_le_bytes();
        self.request(sys::STACK_TUNE, &[0, power]).await.map(|_| ())
    }

    /// The session's first task: start, watch, start again, give up.
    pub(super) async fn run(self) {
        let failure = self.live().await;
        self.with(|core| {
            core.set_down();
            core.failed = true;
            core.outputs.push_back(Output::Fail(failure));
        });
    }

    async fn live(&self) -> Failure {
        if let Err(failure) = self.find_stick().await {
            return failure;
        }
        let mut hung = None;
        let mut attempts = 0;
        loop {
            self.clear_trouble();
            match self.start().await {
                Ok(info) => {
                    attempts = 0;
                    self.with(|core| core.set_up(Event::Up(info)));
                }
                Err(StartError::Final(failure)) => return failure,
                Err(StartError::Stick(error)) => {
                    attempts += 1;
                    self.log(
                        Level::WARN,
                        format!("The coordinator did not start: {error}"),
                    );
                    if attempts == 3 {
                        return Failure::Link(format!("The coordinator did not start: {error}"));
                    }
                    if !matches!(error, StickError::Reset { .. })
                        && let Err(error) = self.soft_reset().await
                    {
                        return Failure::Link(error.to_string());
                    }
                    continue;
                }
            }
            let trouble = self.watch().await;
            self.with(super::core::Core::set_down);
            match trouble {
                Some(Trouble::Reset { reason }) => {
                    let reason = reset_reason(reason);
                    self.log(
                        Level::WARN,
                        format!("The coordinator reset itself ({reason})"),
                    );
                }
                Some(Trouble::Hung) => {
                    let now = self.now();
                    self.log(
                        Level::WARN,
                        "The coordinator does not answer any more: resetting it",
                    );
                    let again = hung
                        .replace(now)
                        .is_some_and(|last| now.since(last) < Duration::from_secs(600));
                    // Once: over a network the link may be gone, and a new one the better cure.
                    if again || self.try_reset(1).await.is_err() {
                        return Failure::Link("The coordinator does not answer any more".into());
                    }
                }
                None => {
                    return Failure::Link("The coordinator did not answer three pings".into());
                }
            }
        }
    }

    /// Pings an idle stick until something goes wrong. `None`: it did not answer.
    async fn watch(&self) -> Option<Trouble> {
        const IDLE: Duration = Duration::from_secs(10);
        let mut misses = 0;
        loop {
            let at = self.with(|core| core.heard + IDLE).max(self.now());
            let at = if misses > 0 { self.now() + IDLE } else { at };
            match super::executor::first(self.trouble(), self.sleep_until(at)).await {
                Either::Left(trouble) => return Some(trouble),
                Either::Right(()) => {}
            }
            if self.now().since(self.with(|core| core.heard)) < IDLE {
                misses = 0;
                continue;
            }
            let limit = Duration::from_secs(2);
            let ping = self.request_with(sys::PING, &[], Priority::Ping, limit);
            match super::executor::first(self.trouble(), ping).await {
                Either::Left(trouble) => return Some(trouble),
                Either::Right(Ok(_)) => misses = 0,
                Either::Right(Err(_)) => misses += 1,
            }
            if misses == 3 {
                return None;
            }
        }
    }
}

fn foreign(kind: Kind) -> Failure {
    Failure::Unsupported(format!(
        "This looks like a coordinator with {kind} firmware, which is not supported yet"
    ))
}

fn reset_reason(reason: u8) -> &'static str {
    match reason {
        0 => "power-up",
        1 => "external",
        2 => "watchdog",
        _ => "unknown reason",
    }
}
