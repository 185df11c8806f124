//! What the bytes of images and their indexes become: pure functions, called off the radio's thread.

use hub::ota::Index;
use ring::digest;
use zigbee::ota::Image;

/// The longest image that is read, in bytes. The longest public one has 2 MB.
pub const MAX_IMAGE: u64 = 16 << 20;
/// The longest index that is read, in bytes. The public one has 1 MB.
pub const MAX_INDEX: u64 = 32 << 20;

/// An image from its file. With a digest the whole file, its wrapper included, must have it.
pub fn image(file: Vec<u8>, sha512: Option<&[u8; 64]>) -> Result<Image, String> {
    if let Some(wanted) = sha512
        && digest::digest(&digest::SHA512, &file).as_ref() != wanted
    {
        return Err("the file's SHA-512 is not the one in the index".to_owned());
    }
    Image::parse(file).map_err(|error| error.to_string())
}

/// An index from its file. Entries of the owner's own that leave out what their image says are completed
/// from it: `read` gives a file of the data directory.
pub fn index(file: &[u8], read: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Index, String> {
    let mut index = Index::parse(file).map_err(|error| error.to_string())?;
    for entry in &mut index.entries {
        if !entry.is_incomplete() {
            continue;
        }
        let found = if is_web(&entry.location) {
            Err("the entry must tell everything about an image on the web".to_owned())
        } else {
            read(&entry.location).and_then(|file| image(file, entry.sha512.as_deref()))
        };
        match found {
            Ok(image) => entry.complete(image.header()),
            Err(error) => index
                .problems
                .push(format!("{} can't be used: {error}", entry.location)),
        }
    }
    index.entries.retain(|entry| !entry.is_incomplete());
    Ok(index)
}

/// True for an HTTP(S) address; everything else is a path.
pub fn is_web(location: &str) -> bool {
    let scheme = location.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}
