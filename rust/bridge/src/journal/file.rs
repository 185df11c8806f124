//! Files that the core was given: indexes of images, and images. Each is in a piece of the journal once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hub::Fetched;
use hub::ota::{Entry as OtaEntry, Index as OtaIndex};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use zigbee::ota::Image;

use super::hex;

/// A line that has a file, or says which one it is the same as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) file: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) same: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Json>,
}

impl Line {
    pub(crate) fn new(file: u64, content: Json) -> Self {
        Self {
            file,
            same: None,
            content: Some(content),
        }
    }

    pub(crate) fn same(file: u64, same: u64) -> Self {
        Self {
            file,
            same: Some(same),
            content: None,
        }
    }

    /// What it has; `None` if that makes no sense.
    pub(crate) fn fetched(&self) -> Option<Fetched> {
        let content = self.content.as_ref()?;
        if let Some(entries) = content.get("index") {
            let mut index = OtaIndex::parse(entries.to_string().as_bytes()).ok()?;
            index.problems = serde_json::from_value(content.get("problems")?.clone()).ok()?;
            return Some(Fetched::Index(Ok(Arc::new(index))));
        }
        let bytes = STANDARD.decode(content.get("image")?.as_str()?).ok()?;
        Some(Fetched::Image(Ok(Arc::new(Image::parse(bytes).ok()?))))
    }
}

/// A file as JSON. What failed has nothing.
pub(crate) fn content(file: &Fetched) -> Json {
    match file {
        Fetched::Index(Ok(index)) => json!({
            "index": index.entries.iter().map(entry).collect::<Vec<_>>(),
            "problems": index.problems,
        }),
        Fetched::Image(Ok(image)) => json!({ "image": STANDARD.encode(image.bytes()) }),
        Fetched::Index(Err(_)) | Fetched::Image(Err(_)) => Json::Null,
    }
}

/// An entry as an index has it.
fn entry(entry: &OtaEntry) -> Json {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Json>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("url", Some(entry.location.clone().into()));
    put(
        "manufacturerCode",
        entry.manufacturer.map(|code| code.0.into()),
    );
    put("imageType", entry.image_type.map(|kind| kind.0.into()));
    put("fileVersion", entry.version.map(|version| version.0.into()));
    let digest = entry.sha512.as_deref();
    put("sha512", digest.map(|bytes| hex::text(bytes).into()));
    put("otaHeaderString", entry.header_text.clone().map(Json::from));
    put("hardwareVersionMin", entry.hardware_minimum.map(Json::from));
    put("hardwareVersionMax", entry.hardware_maximum.map(Json::from));
    put("minFileVersion", entry.minimum_version.map(|v| v.0.into()));
    put("maxFileVersion", entry.maximum_version.map(|v| v.0.into()));
    put("modelId", entry.model_id.clone().map(Json::from));
    put(
        "manufacturerName",
        entry.manufacturer_names.clone().map(Json::from),
    );
    put("force", Some(entry.force.into()));
    put("releaseNotes", entry.release_notes.clone().map(Json::from));
    Json::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_same_again() {
        let text = json!([
            {"url": "https://x/y", "manufacturerCode": 4447, "imageType": 1, "fileVersion": 7,
             "sha512": "0f".repeat(64), "otaHeaderString": "t", "hardwareVersionMin": 1,
             "hardwareVersionMax": 2, "minFileVersion": 3, "maxFileVersion": 4, "modelId": "m",
             "manufacturerName": ["a", "b"], "force": true, "releaseNotes": "n"},
            {"url": "z"},
            {"nothing": 1},
        ]);
        let index = OtaIndex::parse(text.to_string().as_bytes()).unwrap();
        let line = Line::new(1, content(&Fetched::Index(Ok(Arc::new(index.clone())))));
        match line.fetched() {
            Some(Fetched::Index(Ok(again))) => assert_eq!(*again, index),
            other => panic!("{other:?}"),
        }
    }
}
