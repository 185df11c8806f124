//! §12.7: software over the air, with the texts and topics that clients know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bridge::core::{CoreInput, CoreOutput};
use hub::{Fetch, FetchId, Fetched, OtaFile};
use serde_json::{Value as Json, json};
use zigbee::ManufacturerCode;
use zigbee::ota::{FileVersion, Header, Image, ImageId, ImageType};

use crate::house::{House, RELAY, hex};

const OLD: u32 = 36;
const NEW: u32 = 47;
const NAME: &str = "hall/relay";

fn image(version: u32) -> Vec<u8> {
    let id = ImageId {
        manufacturer: ManufacturerCode(0x115f),
        image_type: ImageType(0x0101),
        version: FileVersion(version),
    };
    Header::new(id).emit(&[(0, &[0x5a; 84])])
}

/// A house with files instead of a web.
struct Ota {
    house: House,
    files: BTreeMap<String, Vec<u8>>,
    sequence: u8,
}

impl Ota {
    fn new(extra: &Json) -> Self {
        Self {
            house: House::new(extra),
            files: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// With the index of the owner, which has one image.
    fn with_index(extra: &Json) -> Self {
        let mut ota = Self::new(extra);
        let index = json!([{
            "url": "https://example.org/new.ota", "fileVersion": NEW,
            "manufacturerCode": 0x115f, "imageType": 0x0101, "releaseNotes": "better",
        }]);
        ota.file(hub::ota::PUBLIC_INDEX, index.to_string());
        ota.file("https://example.org/new.ota", image(NEW));
        ota
    }

    fn file(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        self.files.insert(name.to_owned(), content.into());
    }

    fn read(&self, location: &str) -> Result<Vec<u8>, String> {
        let file = self.files.get(location).cloned();
        file.ok_or_else(|| format!("{location}: not found"))
    }

    /// Serves what the core wants of files until it wants nothing more.
    fn serve(&mut self) {
        loop {
            let mut wanted: Vec<(FetchId, Fetch)> = Vec::new();
            self.house.others.retain(|output| match output {
                CoreOutput::Fetch(id, fetch) => {
                    wanted.push((*id, fetch.clone()));
                    false
                }
                _ => true,
            });
            if wanted.is_empty() {
                return;
            }
            for (id, fetch) in wanted {
                let fetched = match fetch {
                    Fetch::Index(location) => Fetched::Index(
                        self.read(&location)
                            .and_then(|file| bridge::ota::index(&file, |file| self.read(file)))
                            .map(Arc::new),
                    ),
                    Fetch::Image { location, sha512 } => Fetched::Image(
                        self.read(&location)
                            .and_then(|file| bridge::ota::image(file, sha512.as_deref()))
                            .map(Arc::new),
                    ),
                };
                self.house.input(CoreInput::Fetched(id, fetched));
            }
        }
    }

    /// The relay says something on the cluster.
    fn relay(&mut self, command: u8, payload: &[u8]) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut frame = vec![0x01, self.sequence, command];
        frame.extend_from_slice(payload);
        self.house.frame(0x1111, 1, 0x0019, &frame);
        self.serve();
    }

    fn query(&mut self, version: u32) {
        let mut payload = vec![0, 0x5f, 0x11, 0x01, 0x01];
        payload.extend(version.to_le_bytes());
        self.relay(1, &payload);
    }

    /// The relay takes the image from an offset on.
    fn take(&mut self, from: u32, until: u32) {
        for offset in (from..until).step_by(50) {
            let mut payload = vec![0, 0x5f, 0x11, 0x01, 0x01];
            payload.extend(NEW.to_le_bytes());
            payload.extend(offset.to_le_bytes());
            payload.push(0x40);
            self.relay(3, &payload);
            self.house.wait(Duration::from_millis(250));
        }
    }

    fn end(&mut self, status: u8) {
        let mut payload = vec![status, 0x5f, 0x11, 0x01, 0x01];
        payload.extend(NEW.to_le_bytes());
        self.relay(6, &payload);
    }

    /// The relay is back after its restart, and says what it is when it is asked.
    fn back(&mut self) {
        self.house.radio(adapters::Event::Announced {
            nwk: zigbee::NwkAddress(0x1111),
            ieee: RELAY,
            capabilities: 0x8e,
        });
        self.house.wait(Duration::from_secs(1));
        self.software("9-22-2021", "47");
    }

    /// Answers the last read of date code and software build.
    fn software(&mut self, date: &str, build: &str) {
        let frames = self.house.frames();
        let read = frames
            .iter()
            .rev()
            .find(|sent| sent.cluster.0 == 0 && sent.payload[2..] == [0, 0x06, 0, 0, 0x40]);
        let sequence = read.unwrap().payload[1];
        let mut frame = vec![0x18, sequence, 0x01];
        for (id, text) in [([0x06, 0x00], date), ([0x00, 0x40], build)] {
            frame.extend(id);
            frame.extend([0, 0x42, u8::try_from(text.len()).unwrap()]);
            frame.extend(text.bytes());
        }
        self.house.frame(0x1111, 1, 0, &frame);
    }

    fn request(&mut self, path: &str, payload: &Json) -> String {
        self.house
            .request(&format!("device/ota_update/{path}"), payload.to_string())
    }

    fn response(&self, path: &str) -> Json {
        self.house
            .last(&format!("z/bridge/response/device/ota_update/{path}"))
    }

    fn error(&self, path: &str) -> String {
        let response = self.response(path);
        assert_eq!(
            (&response["status"], &response["data"]),
            (&json!("error"), &json!({}))
        );
        response["error"].as_str().unwrap().to_owned()
    }

    fn state(&self) -> Json {
        self.house.last("z/hall/relay")["update"].clone()
    }
}

#[test]
fn a_check_tells_what_there_is_and_publishes_it() {
    let mut ota = Ota::with_index(&json!({}));
    let request = json!({"id": NAME, "transaction": "t"});
    assert_eq!(ota.request("check", &request), "no response");
    ota.query(OLD);
    let text = ota.house.published.last().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&text.payload),
        r#"{"data":{"downgrade":false,"id":"hall/relay","release_notes":"better","source":"https://example.org/new.ota","update_available":true},"status":"ok","transaction":"t"}"#
    );
    assert_eq!(
        ota.state(),
        json!({
            "state": "available", "installed_version": OLD, "latest_version": NEW,
            "latest_source": "https://example.org/new.ota", "latest_release_notes": "better",
        })
    );
}

#[test]
fn requests_are_text_or_an_object_and_paths_of_any_case() {
    let mut ota = Ota::with_index(&json!({}));
    ota.house
        .mqtt("z/bridge/request/device/OTA_update/Check", NAME);
    ota.query(NEW);
    let response = ota.response("check");
    assert_eq!(
        response,
        json!({"status": "ok", "data": {
            "id": NAME, "update_available": false, "downgrade": false,
            "source": "https://example.org/new.ota", "release_notes": "better",
        }})
    );
}

#[test]
fn a_downgrade_is_answered_without_that_end_of_its_path() {
    let mut ota = Ota::new(&json!({}));
    ota.file(hub::ota::PUBLIC_INDEX_DOWNGRADE, "[]");
    ota.request("check/downgrade", &json!({"id": NAME}));
    ota.query(NEW);
    assert_eq!(
        ota.response("check")["data"],
        json!({"id": NAME, "update_available": false, "downgrade": true})
    );
    assert!(
        ota.house
            .published
            .iter()
            .all(|publish| !publish.topic.ends_with("/downgrade"))
    );
}

#[test]
fn errors_have_the_texts_that_clients_know() {
    let mut ota = Ota::new(&json!({}));
    let nobody = json!({"id": "nobody"});
    for path in ["check", "update", "update/abort", "schedule", "unschedule"] {
        ota.request(path, &nobody);
        assert_eq!(ota.error(path), "Device 'nobody' does not exist");
        ota.request(path, &json!({"transaction": 1}));
        assert_eq!(ota.error(path), "Invalid payload");
    }
    ota.request("update/abort", &json!({"id": NAME}));
    assert_eq!(
        ota.error("update/abort"),
        "No OTA in progress to abort for device 'hall/relay'"
    );
    for wrong in [
        json!({"id": NAME, "url": 5}),
        json!({"id": NAME, "hex": {}}),
        json!({"id": NAME, "hex": {"data": "abc"}}),
        json!({"id": NAME, "hex": {"data": "zz"}}),
        json!({"id": NAME, "hex": {"data": hex(&image(NEW)), "file_name": "../x"}}),
    ] {
        ota.request("update", &wrong);
        assert_eq!(ota.error("update"), "Invalid payload", "{wrong}");
    }
    ota.request("update", &json!({"id": NAME, "hex": {"data": "00"}}));
    assert_eq!(
        ota.error("update"),
        "OTA update of 'hall/relay' failed (the image: not a Zigbee OTA file)"
    );
    ota.request(
        "update",
        &json!({"id": NAME, "image_block_response_delay": -1}),
    );
    assert_eq!(
        ota.error("update"),
        "image_block_response_delay must be a number of 0 or more"
    );

    ota.request("check", &json!({"id": NAME}));
    for path in ["check", "update", "schedule", "unschedule"] {
        ota.request(path, &json!({"id": NAME}));
        assert_eq!(
            ota.error(path),
            "OTA update or check for update already in progress for 'hall/relay'"
        );
    }
    ota.house.wait(Duration::from_secs(61));
    assert_eq!(
        ota.error("check"),
        "Failed to check if OTA update available for 'hall/relay' (Device didn't respond to OTA request)"
    );
}

#[test]
fn a_device_that_takes_no_software_is_told_so() {
    let mut ota = Ota::new(&json!({}));
    // The coordinator never asks for an image.
    let coordinator = json!({"id": crate::house::COORDINATOR.to_string(), "url": "x.ota"});
    for path in ["check", "update", "schedule"] {
        ota.request(path, &coordinator);
        assert!(
            ota.error(path).ends_with("does not support OTA updates"),
            "{}",
            ota.error(path)
        );
    }
}

#[test]
fn an_update_is_answered_when_all_is_over() {
    let mut ota = Ota::with_index(&json!({}));
    // The way that Home Assistant's update entity takes.
    let request = format!(r#"{{"id": "{RELAY}"}}"#);
    ota.house
        .mqtt("z/bridge/request/device/ota_update/update", &request);
    ota.software("2-6-2020", "36");
    ota.query(OLD);
    assert_eq!(ota.state()["state"], "updating");
    assert_eq!(
        (&ota.state()["progress"], &ota.state()["remaining"]),
        (&json!(0), &json!(1))
    );
    ota.take(0, 146);
    ota.end(0);
    assert_eq!(
        (&ota.state()["progress"], &ota.state()["remaining"]),
        (&json!(100), &json!(0))
    );
    ota.back();
    assert_eq!(
        ota.response("update"),
        json!({"status": "ok", "data": {
            "id": RELAY.to_string(),
            "from": {"file_version": OLD, "software_build_id": "36", "date_code": "2-6-2020"},
            "to": {"file_version": NEW, "software_build_id": "47", "date_code": "9-22-2021"},
        }})
    );
    assert_eq!(
        ota.state(),
        json!({
            "state": "idle", "installed_version": NEW, "latest_version": NEW,
            "latest_source": null, "latest_release_notes": null,
        })
    );
    // Five seconds later it is interviewed.
    ota.house.forget();
    ota.house.wait(Duration::from_secs(6));
    assert_eq!(ota.house.last("z/bridge/event")["type"], "device_interview");
}

#[test]
fn settings_and_requests_say_how_an_image_is_transferred() {
    for (extra, request, blocks) in [
        (json!({}), json!({"id": NAME}), 50),
        (
            json!({"ota": {"default_maximum_data_size": 20}}),
            json!({"id": NAME}),
            20,
        ),
        (
            json!({"ota": {"default_maximum_data_size": 20}}),
            json!({"id": NAME, "default_maximum_data_size": 30}),
            30,
        ),
    ] {
        let mut ota = Ota::with_index(&extra);
        ota.request("update", &request);
        ota.software("", "");
        ota.query(OLD);
        ota.house.forget();
        ota.take(0, 50);
        let frames = ota.house.frames();
        assert_eq!(
            frames.last().unwrap().payload[16],
            blocks,
            "{extra} {request}"
        );
    }
}

#[test]
fn an_update_without_an_image_and_one_that_fails_say_why() {
    let mut ota = Ota::new(&json!({}));
    ota.file(hub::ota::PUBLIC_INDEX, "[]");
    ota.request("update", &json!({"id": NAME}));
    ota.software("", "");
    ota.query(OLD);
    assert_eq!(
        ota.error("update"),
        "Update of 'hall/relay' failed (No image currently available)"
    );
    ota.request("update", &json!({"id": NAME, "url": "mine.ota"}));
    ota.software("", "");
    ota.query(OLD);
    assert_eq!(
        ota.error("update"),
        "OTA update of 'hall/relay' failed (mine.ota: not found)"
    );
    assert_eq!(ota.state()["state"], "available");
}

#[test]
fn a_file_with_another_digest_than_the_index_says_is_refused() {
    let mut ota = Ota::new(&json!({"ota": {"zigbee_ota_override_index_location": "my.json"}}));
    ota.file(hub::ota::PUBLIC_INDEX, "[]");
    let index = json!([{"url": "mine.ota", "sha512": "00".repeat(64), "fileVersion": NEW,
        "manufacturerCode": 0x115f, "imageType": 0x0101}]);
    ota.file("my.json", index.to_string());
    ota.file("mine.ota", image(NEW));
    ota.request("update", &json!({"id": NAME}));
    ota.software("", "");
    ota.query(OLD);
    assert_eq!(
        ota.error("update"),
        "OTA update of 'hall/relay' failed (the file's SHA-512 is not the one in the index)"
    );
}

#[test]
fn the_owners_index_may_leave_to_the_image_what_it_says() {
    let mut ota = Ota::new(&json!({"ota": {"zigbee_ota_override_index_location": "my.json"}}));
    ota.file(hub::ota::PUBLIC_INDEX, "[]");
    ota.file(
        "my.json",
        r#"[{"url": "gone.ota"}, {"url": "mine.ota", "force": true}]"#,
    );
    ota.file("mine.ota", [b"vendor".to_vec(), image(OLD)].concat());
    ota.request("check", &json!({"id": NAME}));
    ota.query(OLD);
    let data = &ota.response("check")["data"];
    assert_eq!(
        (&data["update_available"], &data["source"]),
        (&json!(true), &json!("mine.ota"))
    );
    let log = ota.house.log_lines();
    assert!(
        log.iter()
            .any(|line| line.contains("my.json: gone.ota can't be used: gone.ota: not found")),
        "{log:?}"
    );
}

#[test]
fn an_abort_is_answered_and_the_update_fails() {
    let mut ota = Ota::with_index(&json!({}));
    ota.request("update", &json!({"id": NAME, "transaction": 1}));
    ota.software("", "");
    ota.query(OLD);
    ota.take(0, 50);
    let response = ota.request("update/abort", &json!({"id": NAME, "transaction": 2}));
    assert_eq!(
        response,
        r#"{"data":{"id":"hall/relay"},"status":"ok","transaction":2}"#
    );
    assert_eq!(
        ota.error("update"),
        format!("OTA update of 'hall/relay' failed (OTA for device {RELAY} was aborted)")
    );
    assert_eq!(ota.response("update")["transaction"], 1);
    assert_eq!(ota.state()["state"], "available");
}

#[test]
fn an_update_is_scheduled_and_unscheduled() {
    let mut ota = Ota::with_index(&json!({}));
    assert_eq!(
        ota.request("schedule", &json!({"id": NAME})),
        r#"{"data":{"id":"hall/relay"},"status":"ok"}"#
    );
    assert_eq!(ota.state(), json!({"state": "scheduled"}));
    assert_eq!(
        ota.request("unschedule", &json!({"id": NAME})),
        r#"{"data":{"id":"hall/relay"},"status":"ok"}"#
    );
    assert_eq!(ota.state(), json!({"state": "idle"}));
    assert_eq!(
        ota.request("schedule/downgrade", &json!({"id": NAME, "url": "old.ota"})),
        r#"{"data":{"id":"hall/relay","url":"old.ota"},"status":"ok"}"#
    );
    let device = ota.house.core.hub().device(RELAY).unwrap();
    assert_eq!(
        device.extra["scheduledOta"],
        json!({"url": "old.ota", "downgrade": true})
    );
    // An upload is kept beside what was there.
    let upload = json!({"id": NAME, "hex": {"data": hex(&image(NEW)), "file_name": "mine.ota"}});
    assert_eq!(
        ota.request("schedule", &upload),
        r#"{"data":{"id":"hall/relay","url":"ota/mine.ota"},"status":"ok"}"#
    );
    let kept = |output: &CoreOutput| {
        matches!(output, CoreOutput::OtaFile(OtaFile::Write(name, kept))
            if name == "mine.ota" && kept.bytes() == image(NEW))
    };
    assert!(ota.house.others.iter().any(kept));
    ota.file("ota/mine.ota", image(NEW));
    ota.query(OLD);
    assert_eq!(ota.state()["state"], "updating");
    ota.take(0, 146);
    ota.end(0);
    ota.house.wait(Duration::from_secs(121));
    assert_eq!(ota.state()["installed_version"], NEW);
    let device = ota.house.core.hub().device(RELAY).unwrap();
    assert!(!device.extra.contains_key("scheduledOta"));
}

#[test]
fn a_device_that_asks_is_checked_and_home_assistant_is_told() {
    let mut ota = Ota::with_index(&json!({"homeassistant": {"enabled": true}}));
    ota.query(OLD);
    let update = ota.state();
    assert_eq!(update["state"], "available");
    assert_eq!(
        (&update["installed_version"], &update["latest_version"]),
        (&json!(OLD), &json!(NEW))
    );
    assert_eq!(
        Image::parse(image(NEW)).unwrap().id().version,
        FileVersion(NEW)
    );
}

#[test]
fn an_update_that_a_restart_interrupted_is_idle_at_the_start() {
    let states = [(
        RELAY,
        json!({"update": {"state": "updating", "progress": 12.5, "remaining": 90,
            "installed_version": OLD, "latest_version": NEW}}),
    )];
    let house = House::with_states(&json!({}), &states);
    let state = house.core.hub().state(hub::Entity::Device(RELAY)).unwrap();
    assert_eq!(
        state["update"],
        json!({"state": "idle", "installed_version": OLD, "latest_version": NEW})
    );
}

#[test]
fn a_schedule_without_versions_is_shown_to_home_assistant_with_none_known() {
    let mut ota = Ota::new(&json!({"homeassistant": {"enabled": true}}));
    ota.house.wait(Duration::from_secs(6));
    ota.request("schedule", &json!({"id": NAME}));
    assert_eq!(
        ota.state(),
        json!({"state": "scheduled", "installed_version": -1, "latest_version": -1})
    );
}
