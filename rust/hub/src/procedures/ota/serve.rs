//! An image's way to its device, block by block.

use std::time::Duration;

use adapters::Instant;
use zigbee::IeeeAddress;
use zigbee::ota::{BlockRequest, FileVersion, Image, Request, response};
use zigbee::zcl::Status;

use super::update::failed;
use super::{OtaError, find, next_asked, pause, wait};
use crate::executor::{Answer, Shared};
use crate::ota::{Asked, FOLDER, Progress, Quirk, Transfer, Versions};
use crate::{Entity, LogLevel, OtaPacing};

/// The least time between two publishes of how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// How long after the end of a transfer the device may take to come back.
const BACK_WITHIN: Duration = Duration::from_secs(120);

/// A transfer under way.
struct Session<'a> {
    shared: &'a Shared,
    ieee: IeeeAddress,
    image: &'a Image,
    versions: &'a Versions,
    pacing: OtaPacing,
    /// When the last block went out.
    sent: Option<Instant>,
    /// The first block that was asked for, and when.
    first: Option<(Instant, u32)>,
    told: Option<Instant>,
    /// The greatest offset that was asked for.
    reached: u32,
}

/// Goes on where a transfer was interrupted; the device's request is there already.
pub(super) async fn resume(shared: &Shared, ieee: IeeeAddress) {
    let kept = shared.with(|core| {
        let mut kept = Transfer::of(&core.records.get(ieee)?.device.extra)?;
        kept.attempts = kept.attempts.saturating_add(1);
        core.keep_transfer(ieee, &mut kept);
        core.log(
            LogLevel::Info,
            Some(Entity::Device(ieee)),
            "The interrupted OTA update of '{name}' goes on",
        );
        Some(kept)
    });
    let Some(kept) = kept else {
        return;
    };
    let versions = Versions {
        installed: FileVersion(kept.installed_version),
        latest: kept.id().version,
        source: kept.source.clone(),
        release_notes: kept.release_notes.clone(),
    };
    let location = format!("{FOLDER}/{}", kept.file);
    let result = async {
        let image = find::at(shared, ieee, &location, None).await?;
        if image.id() != kept.id() {
            return Err(OtaError::Refused(
                "another image is in its place".to_owned(),
            ));
        }
        serve(shared, ieee, &image, &versions, kept.pacing()).await
    }
    .await;
    if let Err(error) = result {
        shared.with(|core| failed(core, ieee, None, &error));
    }
}

/// Serves an image until the device has installed it.
pub(super) async fn serve(
    shared: &Shared,
    ieee: IeeeAddress,
    image: &Image,
    versions: &Versions,
    pacing: OtaPacing,
) -> Result<(), OtaError> {
    let mut session = Session {
        shared,
        ieee,
        image,
        versions,
        pacing,
        sent: None,
        first: None,
        told: None,
        reached: 0,
    };
    session.announce(0);
    let timeout = Quirk::timeout(image.id(), &pacing);
    loop {
        let asked = next_asked(shared, ieee, timeout).await;
        let asked = match asked {
            Ok(Some(asked)) => asked,
            Ok(None) => {
                return Err(OtaError::Silent {
                    seconds: timeout.as_secs(),
                    reached: session.reached,
                });
            }
            Err(error) => return Err(error),
        };
        match &asked.request {
            Request::QueryNextImage { installed, .. } => {
                if installed.version == image.id().version {
                    session.answer(&asked, response::no_image());
                    break;
                }
                session.answer(&asked, response::next_image(image.id(), image.size()));
            }
            Request::Block(block) => session.block(&asked, block, 0, None).await?,
            Request::Page(page) => {
                let spacing = Duration::from_millis(page.spacing.into());
                session
                    .page(&asked, &page.first, page.size, spacing)
                    .await?;
            }
            Request::UpgradeEnd { status, .. } if *status == Status::SUCCESS => {
                session.answer(&asked, response::upgrade(image.id(), 1));
                session.tell(Progress {
                    percent: 100.0,
                    remaining_s: 0,
                });
                session.installed().await?;
                break;
            }
            Request::UpgradeEnd { status, .. } => {
                let status = *status;
                shared.with(|core| core.answer_ota_status(ieee, &asked, Status::SUCCESS));
                return Err(OtaError::Ended(status));
            }
        }
    }
    let versions = Versions::only(image.id().version);
    shared.with(|core| core.ota_installed(ieee, &versions));
    Ok(())
}

impl Session<'_> {
    fn answer(&self, asked: &Asked, answer: (zigbee::CommandId, Vec<u8>)) {
        self.shared
            .with(|core| core.answer_ota(self.ieee, asked, answer));
    }

    fn tell(&self, progress: Progress) {
        self.shared.with(|core| {
            core.publish_update(self.ieee, "updating", Some(self.versions), Some(progress));
        });
    }

    /// How long it will take from here if the device asks as fast as it gets.
    fn announce(&self, offset: u32) {
        let blocks = self
            .image
            .size()
            .saturating_sub(offset)
            .div_ceil(u32::from(self.pacing.data_size.max(1)));
        // Without a delay about 20 blocks go through in a second.
        let each = if self.pacing.response_delay.is_zero() {
            Duration::from_millis(50)
        } else {
            self.pacing.response_delay
        };
        let estimate = each.saturating_mul(blocks);
        self.tell(Progress {
            percent: self.percent(offset),
            remaining_s: rounded(estimate.as_secs_f64()),
        });
    }

    /// Of 100, two decimals.
    fn percent(&self, offset: u32) -> f64 {
        let part = f64::from(offset) / f64::from(self.image.size());
        (part * 10_000.0).round() / 100.0
    }

    /// Sends one block, not before its time. `within`: where in a page, and how much of it is left.
    async fn block(
        &mut self,
        asked: &Asked,
        wanted: &BlockRequest,
        within: u32,
        left: Option<u32>,
    ) -> Result<(), OtaError> {
        self.pace(self.pacing.response_delay).await?;
        // A device that asked again meanwhile waits for the answer to that.
        if self.has_mail() {
            return Ok(());
        }
        let offset = wanted.offset.saturating_add(within);
        let mut size = Quirk::block_size(wanted.image, &self.pacing, wanted.maximum);
        if let Some(left) = left {
            size = size.min(u8::try_from(left).unwrap_or(u8::MAX));
        }
        let mine = self.image.id();
        let data = self
            .image
            .block(offset, size)
            .filter(|_| mine.is_for(wanted.image) || wanted.image == mine);
        let Some(data) = data else {
            // Another image, or nothing of this one.
            self.answer(asked, response::abort());
            return Ok(());
        };
        // Named as the device names it: some say another version than that of the offer.
        self.answer(asked, response::block(wanted.image, offset, data));
        self.sent = Some(self.shared.with(|core| core.now.instant));
        self.progress(offset);
        Ok(())
    }

    /// Sends the blocks of a page, unless the device asks for something else meanwhile.
    async fn page(
        &mut self,
        asked: &Asked,
        first: &BlockRequest,
        size: u16,
        spacing: Duration,
    ) -> Result<(), OtaError> {
        let step = u32::from(Quirk::block_size(first.image, &self.pacing, first.maximum));
        let end = u32::from(size).min(self.image.size().saturating_sub(first.offset));
        let mut within = 0;
        loop {
            self.block(
                asked,
                first,
                within,
                Some(end.saturating_sub(within).max(1)),
            )
            .await?;
            within = within.saturating_add(step);
            if within >= end {
                return Ok(());
            }
            self.pace(spacing).await?;
            if self.has_mail() {
                return Ok(());
            }
        }
    }

    fn has_mail(&self) -> bool {
        self.shared
            .with(|core| core.desk(self.ieee).is_some_and(|desk| desk.has_mail()))
    }

    /// Waits until so long after the last block.
    async fn pace(&self, delay: Duration) -> Result<(), OtaError> {
        let Some(sent) = self.sent else {
            return Ok(());
        };
        let now = self.shared.with(|core| core.now.instant);
        let due = sent + delay;
        if due > now {
            pause(self.shared, self.ieee, due.since(now)).await?;
        }
        Ok(())
    }

    /// Tells now and then how far it is.
    fn progress(&mut self, offset: u32) {
        let now = self.shared.with(|core| core.now.instant);
        self.reached = self.reached.max(offset);
        if self.first.is_none() && offset > 0 {
            // An interrupted transfer goes on here.
            self.announce(offset);
        }
        let (began, from) = *self.first.get_or_insert((now, offset));
        let told = *self.told.get_or_insert(now);
        if now.since(told) < PROGRESS_INTERVAL || offset <= from {
            return;
        }
        self.told = Some(now);
        let size = f64::from(self.image.size());
        let rate = f64::from(offset - from) / now.since(began).as_secs_f64().max(0.001);
        let progress = Progress {
            percent: self.percent(offset),
            remaining_s: rounded((size - f64::from(offset)) / rate),
        };
        self.tell(progress);
        self.shared.with(|core| {
            core.log(
                LogLevel::Info,
                Some(Entity::Device(self.ieee)),
                format!(
                    "OTA update of '{{name}}' at {}%, {} seconds remaining",
                    progress.percent, progress.remaining_s
                ),
            );
        });
    }

    /// Waits until the device is back with its new software, or for the time that this may take.
    async fn installed(&self) -> Result<(), OtaError> {
        let until = self.shared.with(|core| {
            if let Some(desk) = core.desk(self.ieee) {
                desk.announced = false;
            }
            core.after(BACK_WITHIN)
        });
        loop {
            let left = self.shared.with(|core| until.since(core.now.instant));
            let answer = wait(self.shared, self.ieee, left, true, |_, _| {}).await?;
            let (announced, asked) = self.shared.with(|core| {
                core.desk(self.ieee)
                    .map_or((false, None), |desk| (desk.announced, desk.take()))
            });
            match asked {
                Some(asked) => match asked.request {
                    Request::QueryNextImage { installed, .. } => {
                        self.answer(&asked, response::no_image());
                        if installed.version == self.image.id().version {
                            return Ok(());
                        }
                    }
                    // It did not get the answer.
                    Request::UpgradeEnd { status, .. } if status == Status::SUCCESS => {
                        self.answer(&asked, response::upgrade(self.image.id(), 1));
                    }
                    _ => self.answer(&asked, response::abort()),
                },
                None if announced => return Ok(()),
                None => {}
            }
            if matches!(answer, Answer::Tick) {
                return Ok(());
            }
        }
    }
}

/// Seconds as a whole number.
fn rounded(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates"
    )]
    {
        seconds.round() as u64
    }
}
