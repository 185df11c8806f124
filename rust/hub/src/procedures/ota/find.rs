//! Which image is for a device.

use std::sync::Arc;
use std::time::Duration;

use zigbee::IeeeAddress;
use zigbee::ota::Image;

use super::{OtaError, wait};
use crate::executor::{Answer, Shared};
use crate::ota::{
    Candidate, Entry, Index, PUBLIC_INDEX, PUBLIC_INDEX_DOWNGRADE, is_step, known_bad,
};
use crate::{Fetch, Fetched, LogLevel, OtaPlace, OtaSource};

/// A fetch ends by itself much sooner; this is for a world that forgot it.
const FETCH_LIMIT: Duration = Duration::from_secs(1800);
/// Checks that nobody asked for use an index for so long: after a power cut all devices ask at once.
const INDEX_LIFE: Duration = Duration::from_secs(3600);

/// An image for a device.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) image: Arc<Image>,
    /// Where it came from.
    pub(super) location: Option<String>,
    pub(super) release_notes: Option<String>,
    /// The name that it is to have in the folder.
    pub(super) name: Option<String>,
}

/// The entry for a device in the indexes, wanted or not.
pub(super) async fn entry(
    shared: &Shared,
    ieee: IeeeAddress,
    source: &OtaSource,
    device: &Candidate,
    fresh: bool,
) -> Result<Option<Entry>, OtaError> {
    let main = match &source.place {
        OtaPlace::Location(location) => location.as_str(),
        _ if source.downgrade => PUBLIC_INDEX_DOWNGRADE,
        _ => PUBLIC_INDEX,
    };
    let own = shared.with(|core| core.settings.ota.override_index.clone());
    let mut indexes = Vec::new();
    if let Some(own) = &own {
        indexes.push(index(shared, ieee, own, fresh).await?);
    }
    match index(shared, ieee, main, fresh).await {
        Ok(index) => indexes.push(index),
        Err(OtaError::Fetch(error)) if own.is_some() => shared.with(|core| {
            let text = format!("Only the override index is used: {error}");
            core.log(LogLevel::Info, None, text);
        }),
        Err(error) => return Err(error),
    }
    let mut found = None;
    for entry in indexes.iter().flat_map(|index| index.find(device)) {
        let bad = entry.id().and_then(|image| known_bad(image, device));
        let Some(reason) = bad else {
            found = Some(entry.clone());
            break;
        };
        shared.with(|core| {
            core.log(
                LogLevel::Warning,
                Some(crate::Entity::Device(ieee)),
                format!(
                    "{{name}}: the image {} is refused: {reason}",
                    entry.location
                ),
            );
        });
    }
    Ok(found)
}

async fn index(
    shared: &Shared,
    ieee: IeeeAddress,
    location: &str,
    fresh: bool,
) -> Result<Arc<Index>, OtaError> {
    let known = shared.with(|core| {
        let now = core.now.instant;
        core.indexes
            .retain(|_, (at, _)| now.since(*at) < INDEX_LIFE);
        core.indexes
            .get(location)
            .map(|(_, index)| Arc::clone(index))
    });
    if let Some(known) = known.filter(|_| !fresh) {
        return Ok(known);
    }
    match fetch(shared, ieee, Fetch::Index(location.to_owned())).await? {
        Fetched::Index(Ok(index)) => {
            shared.with(|core| {
                for problem in &index.problems {
                    core.log(LogLevel::Warning, None, format!("{location}: {problem}"));
                }
                let now = core.now.instant;
                core.indexes
                    .insert(location.to_owned(), (now, Arc::clone(&index)));
            });
            Ok(index)
        }
        Fetched::Index(Err(error)) => Err(OtaError::Fetch(error)),
        Fetched::Image(_) => Err(unexpected()),
    }
}

/// Asks the world for a file.
async fn fetch(shared: &Shared, ieee: IeeeAddress, fetch: Fetch) -> Result<Fetched, OtaError> {
    let answer = wait(shared, ieee, FETCH_LIMIT, false, |core, slot| {
        core.fetch(fetch, slot);
    })
    .await?;
    match answer {
        Answer::Fetched(fetched) => Ok(fetched),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> OtaError {
    OtaError::Fetch("the file did not come".to_owned())
}

/// An image by its location.
pub(super) async fn at(
    shared: &Shared,
    ieee: IeeeAddress,
    location: &str,
    sha512: Option<Box<[u8; 64]>>,
) -> Result<Arc<Image>, OtaError> {
    let wanted = Fetch::Image {
        location: location.to_owned(),
        sha512,
    };
    match fetch(shared, ieee, wanted).await? {
        Fetched::Image(Ok(image)) => Ok(image),
        Fetched::Image(Err(error)) => Err(OtaError::Fetch(error)),
        Fetched::Index(_) => Err(unexpected()),
    }
}

/// The image that a device is to get.
pub(super) async fn image(
    shared: &Shared,
    ieee: IeeeAddress,
    source: &OtaSource,
    device: &Candidate,
) -> Result<Found, OtaError> {
    let found = match &source.place {
        OtaPlace::Upload { image, name } => Found {
            image: Arc::clone(image),
            location: None,
            release_notes: None,
            name: name.clone(),
        },
        OtaPlace::Location(location) if !is_index(location) => Found {
            image: at(shared, ieee, location, None).await?,
            location: Some(location.clone()),
            release_notes: None,
            name: None,
        },
        _ => {
            let entry = entry(shared, ieee, source, device, true)
                .await?
                .filter(|entry| entry.is_wanted(device.installed.version, source.downgrade))
                .ok_or(OtaError::NoImage)?;
            let image = at(shared, ieee, &entry.location, entry.sha512.clone()).await?;
            if entry.id() != Some(image.id()) {
                return Err(OtaError::Refused(format!(
                    "it is of {}, which is not what the index says",
                    image.id()
                )));
            }
            verify(ieee, &image, device)?;
            return Ok(Found {
                image,
                location: Some(entry.location),
                release_notes: entry.release_notes,
                name: None,
            });
        }
    };
    verify(ieee, &found.image, device)?;
    let version = found.image.id().version;
    if !is_step(device.installed.version, version, source.downgrade) {
        return Err(OtaError::NoImage);
    }
    Ok(found)
}

fn is_index(location: &str) -> bool {
    location
        .get(location.len().saturating_sub(5)..)
        .is_some_and(|end| end.eq_ignore_ascii_case(".json"))
}

/// An image must be for this device, wherever it comes from.
fn verify(ieee: IeeeAddress, image: &Image, device: &Candidate) -> Result<(), OtaError> {
    let header = image.header();
    let refused = |text: String| Err(OtaError::Refused(text));
    if !header.id.is_for(device.installed) {
        return refused(format!(
            "it is of {}, and the device has {}",
            header.id, device.installed
        ));
    }
    if let Some(destination) = header.destination
        && destination != ieee
    {
        return refused(format!("it is for {destination} only"));
    }
    if let (Some((least, most)), Some(hardware)) = (header.hardware, device.hardware)
        && !(least..=most).contains(&hardware)
    {
        return refused(format!(
            "it is for hardware {least} to {most}, and the device has {hardware}"
        ));
    }
    match known_bad(header.id, device) {
        Some(reason) => refused(reason),
        None => Ok(()),
    }
}
