//! Software over the air: is there an image, and its way to the device.

mod device;
mod find;
mod serve;
mod update;

use std::time::Duration;

use zigbee::IeeeAddress;
use zigbee::ota::ImageId;
use zigbee::zcl::Status;

use crate::core::Core;
use crate::executor::{Answer, Shared, SlotId};
use crate::ota::Asked;
use crate::procedures::io::sleep;
use crate::timers::Timer;
use crate::{CommandId, OtaPacing, OtaSource};

/// Between new software and the interview.
const RENEW_AFTER: Duration = Duration::from_secs(5);

/// What to do with a device's images.
#[derive(Debug)]
pub(crate) enum OtaTask {
    /// Look whether there is one.
    Check {
        command: Option<CommandId>,
        source: OtaSource,
        /// What the device said of itself, if it was the device that asked.
        told: Option<(ImageId, Option<u16>)>,
    },
    /// Install one. Without a command the device has asked, and waits.
    Update {
        command: Option<CommandId>,
        source: OtaSource,
        pacing: OtaPacing,
    },
    /// Go on where a transfer was interrupted.
    Resume,
}

/// Why there is no answer or no update.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OtaError {
    #[error("Device didn't respond to OTA request")]
    NoAnswer,
    #[error("No endpoint found with OTA cluster support for {0}")]
    NoEndpoint(IeeeAddress),
    #[error("{0}")]
    Fetch(String),
    #[error("the image is refused: {0}")]
    Refused(String),
    #[error("OTA for device {0} was aborted")]
    Aborted(IeeeAddress),
    #[error("the device left the network")]
    Gone,
    #[error(
        "the device has not asked for data for {seconds} s; the transfer goes on if it asks again"
    )]
    Silent { seconds: u64, reached: u32 },
    #[error("the device ended the transfer with {0}")]
    Ended(Status),
    #[error("No image currently available")]
    NoImage,
}

/// Does it and sees to what follows from how it ends.
pub(crate) async fn run(shared: Shared, ieee: IeeeAddress, task: OtaTask) {
    match task {
        OtaTask::Check {
            command,
            source,
            told,
        } => update::check(&shared, ieee, command, source, told).await,
        OtaTask::Update {
            command,
            source,
            pacing,
        } => update::update(&shared, ieee, command, source, pacing).await,
        OtaTask::Resume => serve::resume(&shared, ieee).await,
    }
    shared.with(|core| core.end_ota(ieee));
}

/// After new software: a device can do other things now.
pub(crate) async fn renew(shared: Shared, ieee: IeeeAddress) {
    sleep(&shared, RENEW_AFTER).await;
    shared.with(|core| core.start_interview(ieee, None));
}

/// Waits for an answer for a time; with `listens` also for what the device asks.
async fn wait(
    shared: &Shared,
    ieee: IeeeAddress,
    time: Duration,
    listens: bool,
    start: impl FnOnce(&mut Core, SlotId),
) -> Result<Answer, OtaError> {
    let mut timer = None;
    let answer = shared
        .wait(|core, slot| {
            let at = core.after(time);
            timer = Some(core.timers.set(at, Timer::Slot(slot)));
            match core.desk(ieee) {
                Some(desk) if !(desk.aborted || listens && desk.has_mail()) => {
                    desk.slot = Some(slot);
                    desk.listens = listens;
                    start(core, slot);
                }
                _ => core.board.answer(slot, Answer::Heard),
            }
        })
        .await;
    shared.with(|core| {
        core.cancel(timer);
        let Some(desk) = core.desk(ieee).filter(|desk| desk.job.is_some()) else {
            return Err(OtaError::Gone);
        };
        desk.slot = None;
        if desk.aborted {
            return Err(OtaError::Aborted(ieee));
        }
        Ok(answer)
    })
}

/// Sleeps, unless the update is aborted.
async fn pause(shared: &Shared, ieee: IeeeAddress, time: Duration) -> Result<(), OtaError> {
    wait(shared, ieee, time, false, |_, _| {}).await.map(|_| ())
}

/// What the device asks next; `None` when it does not for so long.
async fn next_asked(
    shared: &Shared,
    ieee: IeeeAddress,
    time: Duration,
) -> Result<Option<Asked>, OtaError> {
    loop {
        let answer = wait(shared, ieee, time, true, |_, _| {}).await?;
        let asked = shared.with(|core| core.desk(ieee)?.take());
        // An announce is neither a request nor the end of the time.
        if asked.is_some() || matches!(answer, Answer::Tick) {
            return Ok(asked);
        }
    }
}
