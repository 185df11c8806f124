//! Images that did harm: refused wherever they come from. The list is data: `known_bad.json`.

use std::sync::LazyLock;

use serde::Deserialize;
use zigbee::ota::ImageId;

use super::Candidate;

/// An image that did harm. What is left out fits all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    #[serde(default)]
    manufacturer_code: Option<u16>,
    #[serde(default)]
    image_type: Option<u16>,
    version: u32,
    #[serde(default)]
    model_id: Option<String>,
    #[serde(default)]
    manufacturer_name: Option<String>,
    /// What happened, as it follows "refused: ".
    reason: String,
    /// Where that is told.
    source: String,
}

/// A list that cannot be read would be empty; a test sees to it that it can.
static LIST: LazyLock<Vec<Bad>> =
    LazyLock::new(|| serde_json::from_str(include_str!("known_bad.json")).unwrap_or_default());

/// Why a device must not get an image, if so.
pub(crate) fn known_bad(image: ImageId, device: &Candidate) -> Option<String> {
    let fits = |wanted: &Option<String>, found: &Option<String>| {
        wanted.is_none() || wanted.as_deref() == found.as_deref()
    };
    LIST.iter()
        .find(|bad| {
            bad.version == image.version.0
                && bad
                    .manufacturer_code
                    .is_none_or(|code| code == image.manufacturer.0)
                && bad.image_type.is_none_or(|kind| kind == image.image_type.0)
                && fits(&bad.model_id, &device.model_id)
                && fits(&bad.manufacturer_name, &device.manufacturer_name)
        })
        .map(|bad| format!("{} ({})", bad.reason, bad.source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zigbee::ManufacturerCode;
    use zigbee::ota::{FileVersion, ImageType};

    #[test]
    fn the_list_is_read_and_names_its_sources() {
        let list: Vec<Bad> = serde_json::from_str(include_str!("known_bad.json")).unwrap();
        assert!(!list.is_empty());
        for bad in list {
            assert!(bad.source.starts_with("https://"), "{bad:?}");
            assert!(
                bad.manufacturer_code.is_some() || bad.manufacturer_name.is_some(),
                "{bad:?} would refuse too much"
            );
        }
    }

    #[test]
    fn an_image_is_bad_for_the_devices_that_it_harmed() {
        let image = |version| ImageId {
            manufacturer: ManufacturerCode(0x115f),
            image_type: ImageType(0x0101),
            version: FileVersion(version),
        };
        let device = |model: &str| Candidate {
            installed: image(36),
            hardware: None,
            model_id: Some(model.to_owned()),
            manufacturer_name: Some("LUMI".to_owned()),
        };
        assert!(known_bad(image(46), &device("lumi.relay.c2acn01")).is_some());
        assert!(known_bad(image(47), &device("lumi.relay.c2acn01")).is_none());
        assert!(known_bad(image(46), &device("lumi.plug")).is_none());
    }
}
