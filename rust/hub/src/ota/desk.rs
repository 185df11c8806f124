//! What devices say about images, and to whom it goes: to the procedure that deals with the device, or
//! to one that starts for it.

use std::collections::VecDeque;

use adapters::{ApsIndication, Instant};
use devices::JsonMap;
use zigbee::ota::{Request, response};
use zigbee::zcl::{Frame, Header};
use zigbee::{CommandId, EndpointId, IeeeAddress};

use super::kept::{Scheduled, Transfer};
use super::state::Versions;
use super::{FetchId, OtaCommand, OtaFile, OtaPlace, OtaReply};
use crate::core::Core;
use crate::duties::cluster_response;
use crate::executor::{Answer, SlotId};
use crate::procedures::{OtaTask, Procedure};
use crate::{
    CommandError, CommandId as CommandNumber, CommandReply, Entity, Fetch, Fetched, LogLevel,
    Output,
};

/// Requests of a device that wait for its procedure. A device waits for the answer to the last one.
const INBOX: usize = 4;

/// What deals with a device's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Somebody asked, or the device did: is there an image?
    Check,
    /// An image is looked for or transferred.
    Update,
}

/// Where a device's requests go.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) job: Option<Job>,
    inbox: VecDeque<Asked>,
    /// The procedure waits here; for requests too when it `listens`.
    pub(crate) slot: Option<SlotId>,
    pub(crate) listens: bool,
    pub(crate) aborted: bool,
    /// The device announced itself since the procedure last looked.
    pub(crate) announced: bool,
    /// When images were last looked for.
    pub(crate) checked: Option<Instant>,
}

/// A request, and what its answer needs.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) endpoint: EndpointId,
    home: EndpointId,
    header: Header,
    pub(crate) request: Request,
}

impl Desk {
    /// Takes what was asked last. The end of a transfer is never passed over.
    pub(crate) fn take(&mut self) -> Option<Asked> {
        let end = self
            .inbox
            .iter()
            .position(|asked| matches!(asked.request, Request::UpgradeEnd { .. }));
        let taken = match end {
            Some(place) => self.inbox.remove(place),
            None => self.inbox.pop_back(),
        };
        self.inbox.clear();
        taken
    }

    /// True when something was asked.
    pub(crate) fn has_mail(&self) -> bool {
        !self.inbox.is_empty()
    }

    fn put(&mut self, asked: Asked) -> Option<SlotId> {
        if self.inbox.len() >= INBOX {
            self.inbox.pop_front();
        }
        self.inbox.push_back(asked);
        if self.listens { self.slot } else { None }
    }

    /// The procedure is over.
    fn clear(&mut self) {
        *self = Self {
            checked: self.checked,
            ..Self::default()
        };
    }
}

/// A name that is a file in the folder and nothing else.
pub fn file_name(name: &str) -> Option<&str> {
    let good = !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\' | ':'));
    good.then_some(name)
}

impl Core {
    pub(crate) fn desk(&mut self, ieee: IeeeAddress) -> Option<&mut Desk> {
        self.records
            .get_mut(ieee)
            .map(|record| &mut record.duties.ota)
    }

    /// A command of the cluster from a device. False when it is none that is known.
    pub(crate) fn on_ota_request(
        &mut self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        frame: &Frame,
    ) -> bool {
        let request = match Request::parse(frame.header.command, &frame.payload) {
            None => return false,
            Some(Err(_)) => {
                self.answer_malformed(indication, frame);
                return true;
            }
            Some(Ok(request)) => request,
        };
        let asked = Asked {
            endpoint: indication.source_endpoint,
            home: indication.destination_endpoint,
            header: frame.header.clone(),
            request,
        };
        let Some(record) = self.records.get_mut(ieee) else {
            return false;
        };
        if record.duties.ota.job.is_some() {
            if let Some(slot) = record.duties.ota.put(asked) {
                self.board.answer(slot, Answer::Heard);
            }
            return true;
        }
        let kept = Transfer::of(&record.device.extra);
        match &asked.request {
            Request::QueryNextImage { .. } => self.on_query(ieee, asked, kept),
            Request::Block(block) => self.on_late_block(ieee, block.image, asked, kept),
            Request::Page(page) => self.on_late_block(ieee, page.first.image, asked, kept),
            Request::UpgradeEnd { image, .. } => match kept {
                Some(kept) if image.is_none_or(|image| image == kept.id()) => {
                    self.resume(ieee, Some(asked));
                }
                // The default response is all that it gets.
                _ => return false,
            },
        }
        true
    }

    /// A piece is wanted and no transfer under way: one that was interrupted goes on.
    fn on_late_block(
        &mut self,
        ieee: IeeeAddress,
        image: zigbee::ota::ImageId,
        asked: Asked,
        kept: Option<Transfer>,
    ) {
        match kept {
            Some(kept) if kept.id() == image && kept.is_alive(self.now.unix_ms) => {
                self.resume(ieee, Some(asked));
            }
            _ => self.answer_ota(ieee, &asked, response::abort()),
        }
    }

    /// The device asks for an image.
    fn on_query(&mut self, ieee: IeeeAddress, asked: Asked, kept: Option<Transfer>) {
        let Request::QueryNextImage {
            installed,
            hardware,
        } = asked.request
        else {
            return;
        };
        let Some(record) = self.records.get(ieee) else {
            return;
        };
        let supports = record
            .device
            .definition
            .as_ref()
            .is_some_and(|definition| definition.supports_ota());
        if let Some(kept) = kept.filter(|kept| kept.id().is_for(installed)) {
            if kept.id().version == installed.version {
                // It was installed while nobody looked.
                self.answer_ota(ieee, &asked, response::no_image());
                self.ota_installed(ieee, &Versions::only(installed.version));
                return;
            }
            if kept.is_alive(self.now.unix_ms) {
                self.resume(ieee, Some(asked));
                return;
            }
            self.forget_transfer(ieee);
        }
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let scheduled = Scheduled::of(&record.device.extra)
            .filter(|scheduled| scheduled.url.is_some() || supports);
        if let Some(scheduled) = scheduled {
            let task = OtaTask::Update {
                command: None,
                source: scheduled.source(),
                pacing: self.settings.ota.pacing,
            };
            self.start_ota(ieee, Job::Update, task, Some(asked));
            return;
        }
        let now = self.now.instant;
        let settings = &self.settings.ota;
        let desk = &mut record.duties.ota;
        let due = desk
            .checked
            .is_none_or(|at| now.since(at) > settings.check_interval);
        let wanted = supports
            && !settings.no_automatic_check
            && !record.options.disabled
            && record.options.raw.get("disable_automatic_update_check")
                != Some(&serde_json::Value::Bool(true));
        // It is not kept waiting: an image that is found is for its owner to decide about.
        self.answer_ota(ieee, &asked, response::no_image());
        if due && wanted {
            let task = OtaTask::Check {
                command: None,
                source: super::OtaSource {
                    place: OtaPlace::Index,
                    downgrade: false,
                },
                told: Some((installed, hardware)),
            };
            self.start_ota(ieee, Job::Check, task, None);
        }
    }

    fn resume(&mut self, ieee: IeeeAddress, asked: Option<Asked>) {
        self.start_ota(ieee, Job::Update, OtaTask::Resume, asked);
    }

    fn start_ota(&mut self, ieee: IeeeAddress, job: Job, task: OtaTask, asked: Option<Asked>) {
        let now = self.now.instant;
        let Some(desk) = self.desk(ieee) else {
            return;
        };
        desk.clear();
        desk.job = Some(job);
        if job == Job::Check {
            desk.checked = Some(now);
        }
        if let Some(asked) = asked {
            desk.put(asked);
        }
        self.procedures.push_back(Procedure::Ota { ieee, task });
    }

    /// The procedure is over.
    pub(crate) fn end_ota(&mut self, ieee: IeeeAddress) {
        if let Some(desk) = self.desk(ieee) {
            desk.clear();
        }
    }

    /// A device announced itself: that is how an update ends.
    pub(crate) fn ota_announced(&mut self, ieee: IeeeAddress) {
        if let Some(desk) = self.desk(ieee)
            && desk.job.is_some()
        {
            desk.announced = true;
            if let (true, Some(slot)) = (desk.listens, desk.slot) {
                self.board.answer(slot, Answer::Heard);
            }
        }
    }

    /// Answers a request.
    pub(crate) fn answer_ota(
        &mut self,
        ieee: IeeeAddress,
        asked: &Asked,
        (command, payload): (CommandId, Vec<u8>),
    ) {
        let frame = cluster_response(&asked.header, command.0, payload);
        self.send_ota(ieee, asked, &frame);
    }

    /// Answers a request with the default response.
    pub(crate) fn answer_ota_status(
        &mut self,
        ieee: IeeeAddress,
        asked: &Asked,
        status: zigbee::zcl::Status,
    ) {
        let frame = crate::duties::default_response(zigbee::ota::CLUSTER, &asked.header, status);
        self.send_ota(ieee, asked, &frame);
    }

    fn send_ota(&mut self, ieee: IeeeAddress, asked: &Asked, frame: &Frame) {
        if let Some(nwk) = self.records.get(ieee).map(|record| record.device.info.nwk) {
            self.respond(nwk, asked.endpoint, asked.home, zigbee::ota::CLUSTER, frame);
        }
    }

    /// Asks the world for a file; the answer comes into the slot. Two that want the same share it.
    pub(crate) fn fetch(&mut self, fetch: Fetch, slot: SlotId) {
        let same = self.fetches.values_mut().find(|(known, _)| *known == fetch);
        if let Some((_, slots)) = same {
            slots.push(slot);
            return;
        }
        self.next_fetch += 1;
        let id = FetchId(self.next_fetch);
        self.fetches.insert(id, (fetch.clone(), vec![slot]));
        self.outputs.push(Output::Fetch(id, fetch));
    }

    /// The world has a file, or not.
    pub(crate) fn on_fetched(&mut self, id: FetchId, fetched: &Fetched) {
        if let Some((_, slots)) = self.fetches.remove(&id) {
            for slot in slots {
                self.board.answer(slot, Answer::Fetched(fetched.clone()));
            }
        }
    }

    pub(crate) fn on_ota_command(
        &mut self,
        id: CommandNumber,
        ieee: IeeeAddress,
        command: OtaCommand,
    ) {
        let Some(record) = self.records.get_mut(ieee) else {
            self.reply(id, Err(CommandError::UnknownDevice));
            return;
        };
        let desk = &mut record.duties.ota;
        if let OtaCommand::Abort = command {
            let reply = if desk.job == Some(Job::Update) {
                desk.aborted = true;
                if let Some(slot) = desk.slot {
                    self.board.answer(slot, Answer::Heard);
                }
                Ok(CommandReply::Done)
            } else if Transfer::of(&record.device.extra).is_some() {
                // One that stands still is forgotten.
                self.forget_transfer(ieee);
                Ok(CommandReply::Done)
            } else {
                Err(CommandError::Failed("nothing is under way".into()))
            };
            self.reply(id, reply);
            return;
        }
        if desk.job.is_some() {
            self.reply(id, Err(CommandError::Failed("already in progress".into())));
            return;
        }
        match command {
            OtaCommand::Check(source) => {
                let task = OtaTask::Check {
                    command: Some(id),
                    source,
                    told: None,
                };
                self.start_ota(ieee, Job::Check, task, None);
            }
            OtaCommand::Update(source, pacing) => {
                self.forget_transfer(ieee);
                let task = OtaTask::Update {
                    command: Some(id),
                    source,
                    pacing,
                };
                self.start_ota(ieee, Job::Update, task, None);
            }
            OtaCommand::Schedule(source) => {
                let url = match source.place {
                    OtaPlace::Index => None,
                    OtaPlace::Location(url) => Some(url),
                    OtaPlace::Upload { image, name } => {
                        let name = name
                            .filter(|name| file_name(name).is_some())
                            .unwrap_or_else(|| format!("{ieee}_{}", self.now.unix_ms));
                        let url = format!("{}/{name}", super::FOLDER);
                        self.outputs
                            .push(Output::OtaFile(OtaFile::Write(name, image)));
                        Some(url)
                    }
                };
                self.forget_transfer(ieee);
                self.unschedule(ieee);
                let scheduled = Scheduled {
                    url: url.clone(),
                    downgrade: source.downgrade,
                };
                self.change_extra(ieee, |extra| Scheduled::store(Some(&scheduled), extra));
                self.publish_update(ieee, "scheduled", None, None);
                self.reply(id, Ok(CommandReply::Ota(OtaReply::Scheduled(url))));
            }
            OtaCommand::Unschedule => {
                self.unschedule(ieee);
                self.forget_transfer(ieee);
                self.publish_update(ieee, "idle", None, None);
                self.reply(id, Ok(CommandReply::Done));
            }
            OtaCommand::Abort => {}
        }
    }

    fn change_extra(&mut self, ieee: IeeeAddress, change: impl FnOnce(&mut JsonMap)) {
        if let Some(record) = self.records.get_mut(ieee) {
            change(&mut record.device.extra);
            self.registry_changed = true;
        }
    }

    /// Forgets the scheduled update, and its file if that was uploaded for it.
    pub(crate) fn unschedule(&mut self, ieee: IeeeAddress) {
        let scheduled = self
            .records
            .get(ieee)
            .and_then(|record| Scheduled::of(&record.device.extra));
        if let Some(scheduled) = scheduled {
            if let Some(name) = scheduled.upload() {
                self.outputs
                    .push(Output::OtaFile(OtaFile::Remove(name.to_owned())));
            }
            self.change_extra(ieee, |extra| Scheduled::store(None, extra));
        }
    }

    /// Keeps a transfer for later.
    pub(crate) fn keep_transfer(&mut self, ieee: IeeeAddress, transfer: &mut Transfer) {
        transfer.since = self.now.unix_ms;
        self.change_extra(ieee, |extra| Transfer::store(Some(transfer), extra));
    }

    /// A transfer stands still after so many bytes.
    pub(crate) fn pause_transfer(&mut self, ieee: IeeeAddress, reached: u32) {
        let kept = self
            .records
            .get(ieee)
            .and_then(|record| Transfer::of(&record.device.extra));
        if let Some(mut kept) = kept {
            kept.paused_at(reached);
            self.keep_transfer(ieee, &mut kept);
        }
    }

    /// A device is forgotten: so are the images for it.
    pub(crate) fn forget_images(&mut self, extra: &JsonMap) {
        let kept = Transfer::of(extra).map(|kept| kept.file);
        let upload =
            Scheduled::of(extra).and_then(|scheduled| scheduled.upload().map(str::to_owned));
        for name in kept.into_iter().chain(upload) {
            self.outputs.push(Output::OtaFile(OtaFile::Remove(name)));
        }
    }

    /// Forgets a transfer and its image.
    pub(crate) fn forget_transfer(&mut self, ieee: IeeeAddress) {
        let kept = self
            .records
            .get(ieee)
            .and_then(|record| Transfer::of(&record.device.extra));
        if let Some(kept) = kept {
            self.outputs
                .push(Output::OtaFile(OtaFile::Remove(kept.file)));
            self.change_extra(ieee, |extra| Transfer::store(None, extra));
        }
    }

    /// A device has new software: its state says so, and it is made known anew.
    pub(crate) fn ota_installed(&mut self, ieee: IeeeAddress, versions: &Versions) {
        self.forget_transfer(ieee);
        self.unschedule(ieee);
        self.publish_update(ieee, "idle", Some(versions), None);
        self.log(
            LogLevel::Info,
            Some(Entity::Device(ieee)),
            format!("'{{name}}' has software version {} now", versions.latest.0),
        );
        self.forget_configured(ieee);
        self.procedures.push_back(Procedure::OtaRenew { ieee });
    }
}
