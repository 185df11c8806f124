//! Images of devices that come as text and are kept as files (shared/facts/config.md §1).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use md5::{Digest, Md5};

/// Kinds of images that browsers show.
const KINDS: [&str; 8] = [
    "avif", "bmp", "gif", "jpeg", "jpg", "png", "svg+xml", "webp",
];
/// Larger images have no place in what every client loads, in bytes.
const LARGEST: usize = 512 * 1024;

/// Padded or not: people paste both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An image and the file that it goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icon {
    path: String,
    content: Vec<u8>,
}

impl Icon {
    /// The image of `data:image/png;base64,...`; `None` for a text of another form. `Err` says what is
    /// wrong with the image.
    pub fn from_data_url(text: &str) -> Result<Option<Self>, String> {
        let Some((kind, data)) = text
            .strip_prefix("data:image/")
            .and_then(|rest| rest.split_once(";base64,"))
        else {
            return Ok(None);
        };
        if !KINDS.contains(&kind) {
            let kinds = KINDS.join(", ");
            return Err(format!("icon must be an image of one of the kinds {kinds}"));
        }
        if data.len() / 4 * 3 > LARGEST {
            let kilobytes = LARGEST / 1024;
            return Err(format!("icon must be an image of at most {kilobytes} kB"));
        }
        let content = BASE64
            .decode(data)
            .map_err(|error| format!("icon must be an image in base64: {error}"))?;
        let mut path = "device_icons/".to_owned();
        for byte in Md5::digest(data.as_bytes()) {
            // Writing into a string does not fail.
            let _ = write!(path, "{byte:02x}");
        }
        let _ = write!(path, ".{kind}");
        Ok(Some(Self { path, content }))
    }

    /// The file, from the data directory on: the value of the option.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is written into it.
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_its_text() {
        let icon = Icon::from_data_url("data:image/png;base64,Zm9v")
            .unwrap()
            .unwrap();
        // `printf Zm9v | md5sum`
        assert_eq!(
            icon.path(),
            "device_icons/2ff23508c7ad8b1f20418f0d3d65a3d6.png"
        );
        assert_eq!(icon.content(), b"foo");
        let unpadded = Icon::from_data_url("data:image/svg+xml;base64,Zg").unwrap();
        assert_eq!(unpadded.unwrap().content(), b"f");
    }

    #[test]
    fn what_is_no_image_is_left_alone_or_refused() {
        for text in [
            "",
            "device_icons/a.png",
            "https://x/y.png",
            "data:text/html;base64,Zm9v",
        ] {
            assert_eq!(Icon::from_data_url(text), Ok(None), "{text}");
        }
        for text in [
            "data:image/../../x;base64,Zm9v",
            "data:image/html;base64,Zm9v",
            "data:image/png;base64,***",
        ] {
            assert!(Icon::from_data_url(text).is_err(), "{text}");
        }
        let large = format!("data:image/png;base64,{}", "A".repeat(800_000));
        assert_eq!(
            Icon::from_data_url(&large).unwrap_err(),
            "icon must be an image of at most 512 kB"
        );
    }
}
