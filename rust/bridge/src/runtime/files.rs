//! Files, written by a thread of their own: a slow disk must not hold up the radio.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use base64::Engine;
use hub::{Entity, Fetch, FetchId, Fetched, OtaFile};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::fetch::Downloads;
use super::{archive, fetch};
use crate::core::{ArchiveId, Core, RemovalId, Save};
use crate::data::{self, DataDirectory, DatabaseImage};
use crate::ota::is_web;

/// What came of work on files.
#[derive(Debug)]
pub(super) enum FileResult {
    Archived(ArchiveId, Result<String, String>),
    Fetched(FetchId, Fetched),
    Removed(RemovalId, Result<(), String>),
    /// Something for the log.
    Failed(String),
}

enum Job {
    Save(data::Save),
    Archive(ArchiveId),
    Fetch(FetchId, Fetch),
    Ota(OtaFile),
    Remove(RemovalId, String),
    /// Say whether all durable changes before are on the disk.
    Saved(oneshot::Sender<Result<(), String>>),
}

/// The thread that writes files, in the order in which it is told to.
pub(super) struct Files {
    /// `None` once it was told to finish.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    downloads: Downloads,
}

impl Files {
    pub(super) fn start(directory: DataDirectory) -> (Self, UnboundedReceiver<FileResult>) {
        let (jobs, receiver) = mpsc::channel();
        let (results, result_receiver) = unbounded_channel();
        let spawned = std::thread::Builder::new()
            .name("ferrobee-files".to_owned())
            .spawn({
                let results = results.clone();
                move || work(directory, &receiver, &results)
            });
        let thread = match spawned {
            Ok(thread) => Some(thread),
            Err(error) => {
                let text = format!("Nothing can be saved: no thread for files: {error}");
                let _ = results.send(FileResult::Failed(text));
                None
            }
        };
        let files = Self {
            jobs: Some(jobs),
            thread,
            downloads: Downloads::new(results),
        };
        (files, result_receiver)
    }

    /// Saves what the core wants saved, as it is now.
    pub(super) fn save(&self, core: &Core, save: Save) {
        let hub = core.hub();
        let save = match save {
            Save::Settings => data::Save::Settings(Box::new(core.settings().clone())),
            Save::Database => data::Save::Database(DatabaseImage::new(hub.devices(), hub.groups())),
            Save::State => {
                let devices = hub.devices().map(|device| Entity::Device(device.info.ieee));
                let groups = hub.groups().map(|group| Entity::Group(group.id));
                let states: BTreeMap<_, _> = devices
                    .chain(groups)
                    .filter_map(|entity| Some((entity, hub.state(entity)?.clone())))
                    .collect();
                data::Save::States(states)
            }
            Save::CoordinatorBackup(backup) => data::Save::Backup(backup),
            Save::Icon(icon) => data::Save::Icon(icon),
            Save::Durable(changes) => data::Save::Durable(changes),
        };
        self.put(Job::Save(save));
    }

    /// Zips the data directory, after everything that is to be saved before.
    pub(super) fn archive(&self, id: ArchiveId) {
        self.put(Job::Archive(id));
    }

    /// Gets a file: from the directory in its turn, from the web whenever it comes.
    pub(super) fn fetch(&mut self, id: FetchId, fetch: Fetch) {
        let (Fetch::Index(location) | Fetch::Image { location, .. }) = &fetch;
        if is_web(location) {
            self.downloads.start(id, fetch);
        } else {
            self.put(Job::Fetch(id, fetch));
        }
    }

    /// Keeps or deletes an image.
    pub(super) fn ota(&self, file: OtaFile) {
        self.put(Job::Ota(file));
    }

    /// Removes a file of the data directory.
    pub(super) fn remove(&self, id: RemovalId, path: String) {
        self.put(Job::Remove(id, path));
    }

    /// Answers once all durable changes before are on the disk; not at all if nothing can be.
    pub(super) fn saved(&self, answer: oneshot::Sender<Result<(), String>>) {
        self.put(Job::Saved(answer));
    }

    fn put(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // Fails only without the thread, which the log was told of.
            let _ = jobs.send(job);
        }
    }

    /// Waits until everything is written.
    pub(super) fn finish(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed there.
            let _ = thread.join();
        }
    }
}

fn work(mut directory: DataDirectory, jobs: &Receiver<Job>, results: &UnboundedSender<FileResult>) {
    // Ends when the other side is dropped. A receiver of results that is gone is no reason to stop.
    let mut next = None;
    while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Save(data::Save::Durable(mut changes)) => {
                // Commits that came while the disk was busy share a transaction, each whole.
                while let Ok(job) = jobs.try_recv() {
                    if let Job::Save(data::Save::Durable(more)) = job {
                        changes.extend(more);
                    } else {
                        next = Some(job);
                        break;
                    }
                }
                save(&mut directory, &data::Save::Durable(changes), results);
            }
            Job::Saved(answer) => {
                let result = directory.save_rest();
                let _ = answer.send(result.map_err(|error| error.to_string()));
            }
            Job::Save(what) => save(&mut directory, &what, results),
            Job::Fetch(id, fetch) => {
                let fetched = fetch::local(directory.path(), &fetch);
                let _ = results.send(FileResult::Fetched(id, fetched));
            }
            Job::Ota(file) => {
                if let Err(error) = directory.ota(&file) {
                    let _ = results.send(FileResult::Failed(error.to_string()));
                }
            }
            Job::Remove(id, path) => {
                let result = directory.remove(&path).map_err(|error| error.to_string());
                let _ = results.send(FileResult::Removed(id, result));
            }
            Job::Archive(id) => {
                let result = archive(&mut directory);
                let _ = results.send(FileResult::Archived(id, result));
            }
        }
    }
}

fn save(directory: &mut DataDirectory, save: &data::Save, results: &UnboundedSender<FileResult>) {
    match directory.save(save) {
        Ok(saved) => {
            for warning in saved.warnings {
                let _ = results.send(FileResult::Failed(warning.to_string()));
            }
        }
        Err(error) => {
            let _ = results.send(FileResult::Failed(error.to_string()));
        }
    }
}

fn archive(directory: &mut DataDirectory) -> Result<String, String> {
    let database = directory.durable_copy();
    let path = directory.path();
    let failed =
        |error: &dyn std::fmt::Display| format!("can't archive {}: {error}", path.display());
    let database = database.map_err(|error| failed(&error))?;
    let zip = archive::directory(path, database).map_err(|error| failed(&error))?;
    Ok(base64::engine::general_purpose::STANDARD.encode(zip))
}
