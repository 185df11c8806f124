//! An image's way to its device.

use hub::{Fetch, Fetched, Firmware, OtaCommand, OtaFile, OtaPlace, OtaReply, OtaSource};
use serde_json::{Value as Json, json};
use zigbee::ota::{FileVersion, Header, Image, response};

use super::device::*;
use crate::common::*;
use crate::*;

/// An update whose image has been offered.
fn offered(world: &mut World, image: &std::sync::Arc<Image>) -> hub::CommandId {
    let command = update(world, at("new.ota"));
    query(world, OLD);
    give(world, Fetched::Image(Ok(image.clone())));
    let told = answers(world);
    assert_eq!(told.last(), Some(&offer(image)), "{told:02x?}");
    command
}

#[test]
fn a_device_takes_its_image_and_comes_back_with_it() {
    let mut world = world();
    let image = image(NEW, 1000);
    let command = update(&mut world, source(OtaPlace::Index));
    query(&mut world, OLD);
    answers(&mut world);
    let mut entry = entry(NEW, "https://example.org/new.ota");
    entry["sha512"] = "ab".repeat(64).into();
    give(&mut world, index(&json!([entry])));
    assert_eq!(answers(&mut world), [], "it waits for its answer");
    let wanted = Fetch::Image {
        location: "https://example.org/new.ota".into(),
        sha512: Some(Box::new([0xab; 64])),
    };
    assert_eq!(world.fetches[0].1, wanted);
    give(&mut world, Fetched::Image(Ok(image.clone())));
    assert_eq!(answers(&mut world), [offer(&image)]);
    // 22 blocks of 50 bytes in quarters of a second.
    assert_eq!(
        state(&world),
        json!({
            "state": "updating", "progress": 0, "remaining": 6, "installed_version": OLD,
            "latest_version": NEW, "latest_source": "https://example.org/new.ota",
            "latest_release_notes": "better",
        })
    );
    let taken = take(&mut world, &image, 0, image.size());
    assert_eq!(taken, image.bytes());

    end(&mut world, 0, NEW);
    assert_eq!(answers(&mut world), [sent(response::upgrade(id(NEW), 1))]);
    let done = state(&world);
    assert_eq!(
        (&done["state"], &done["progress"], &done["remaining"]),
        (&json!("updating"), &json!(100), &json!(0))
    );
    assert!(world.replied(command).is_none());
    world.pass(3 * SECOND);
    announce(&mut world, 1, 0x8e);
    let idle = json!({
        "state": "idle", "installed_version": NEW, "latest_version": NEW,
        "latest_source": null, "latest_release_notes": null,
    });
    assert_eq!(state(&world), idle);
    let firmware = |version| Firmware {
        version: FileVersion(version),
        software_build_id: Some(String::new()),
        date_code: Some("09-22-2021".into()),
    };
    assert_eq!(
        reply(&world, command),
        Ok(OtaReply::Updated {
            from: firmware(OLD),
            to: firmware(NEW),
        })
    );
    // It may be another device now.
    assert_eq!(
        world.hub.device(ieee_of(1)).unwrap().meta.get("configured"),
        None
    );
    assert_eq!(interviews(&world), []);
    world.pass(5 * SECOND);
    assert_eq!(interviews(&world)[0], InterviewState::InProgress);
    // What was kept for an interruption is gone.
    let name = match &world.ota_files[..] {
        [OtaFile::Write(name, kept), OtaFile::Remove(gone)] => {
            assert_eq!((kept, name), (&image, gone));
            name
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(*name, format!("{}_0000002f.ota", ieee_of(1)));
    assert_eq!(extra(&world, "otaTransfer"), Json::Null);
}

#[test]
fn blocks_go_out_not_faster_than_the_settings_allow() {
    let mut world = world();
    let image = image(NEW, 1000);
    offered(&mut world, &image);
    let mut times = Vec::new();
    for offset in [0, 50, 100, 150] {
        block(&mut world, NEW, offset, 0x3f);
        world.pass(SECOND / 4);
        times.extend(world.sent.iter().map(|sent| sent.at));
        answers(&mut world);
    }
    assert_eq!(times.len(), 4);
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= 250),
        "{times:?}"
    );
    // A device that asks again before its time gets one answer, to what it asked last.
    block(&mut world, NEW, 200, 0x3f);
    block(&mut world, NEW, 200, 0x3f);
    block(&mut world, NEW, 200, 0x20);
    world.pass(SECOND);
    let told = answers(&mut world);
    assert!(
        told.len() == 2 && told.last().unwrap().1[13] == 0x20,
        "{told:02x?}"
    );
}

#[test]
fn progress_is_told_every_half_minute() {
    let mut world = world();
    let image = image(NEW, 20_000);
    offered(&mut world, &image);
    world.events.clear();
    let begun = world.ms();
    take(&mut world, &image, 0, image.size());
    let told: Vec<(u64, f64, u64)> = world
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::State { message, .. } => {
                let update = &message["update"];
                Some((
                    at - begun,
                    update["progress"].as_f64()?,
                    update["remaining"].as_u64()?,
                ))
            }
            _ => None,
        })
        .collect();
    // 402 blocks in 100 s.
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 30_000),
        "{told:?}"
    );
    let (at, percent, remaining) = told[0];
    assert!(
        (29.0..31.0).contains(&percent) && (68..72).contains(&remaining),
        "{at} {told:?}"
    );
    let text = percent.to_string();
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    assert!(decimals <= 2, "{text}");
}

#[test]
fn a_page_is_sent_block_by_block_until_the_device_asks_for_something_else() {
    let mut world = world();
    let image = image(NEW, 1000);
    offered(&mut world, &image);
    // A page of 120 bytes from 10 on, blocks of 48 every 400 ms.
    ask(
        &mut world,
        4,
        "005f1101012f0000000a000000307800 9001"
            .replace(' ', "")
            .as_str(),
    );
    world.pass(2 * SECOND);
    let times: Vec<u64> = world.sent.iter().map(|sent| sent.at).collect();
    let blocks = answers(&mut world);
    let bytes: Vec<u8> = blocks
        .iter()
        .flat_map(|(_, payload)| payload[14..].to_vec())
        .collect();
    assert_eq!(blocks.len(), 3);
    assert_eq!(bytes, image.bytes()[10..130]);
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= 400),
        "{times:?}"
    );
    ask(&mut world, 4, "005f1101012f00000000000000308003f401");
    world.pass(SECOND);
    block(&mut world, NEW, 500, 0x3f);
    world.pass(5 * SECOND);
    let last = answers(&mut world);
    assert!(last.len() <= 4, "the page ended: {}", last.len());
    assert_eq!(last.last().unwrap().1[9..13], 500_u32.to_le_bytes());
}

#[test]
fn an_update_without_an_image_says_so() {
    for entries in [json!([]), json!([entry(OLD, "same.ota")])] {
        let mut world = world();
        let command = update(&mut world, source(OtaPlace::Index));
        query(&mut world, OLD);
        answers(&mut world);
        give(&mut world, index(&entries));
        assert_eq!(answers(&mut world), [no_image()]);
        assert_eq!(reply(&world, command), Ok(OtaReply::NoImage));
        assert_eq!(state(&world)["state"], "idle");
        assert_eq!(state(&world)["installed_version"], OLD);
    }
}

#[test]
fn an_older_image_is_for_downgrades_only() {
    for downgrade in [false, true] {
        let mut world = world();
        let old = image(OLD, 10);
        let source = OtaSource {
            place: OtaPlace::Upload {
                image: old.clone(),
                name: Some("old.ota".into()),
            },
            downgrade,
        };
        let command = update(&mut world, source);
        query(&mut world, NEW);
        if downgrade {
            assert_eq!(answers(&mut world).last(), Some(&offer(&old)));
            assert!(matches!(&world.ota_files[..], [OtaFile::Write(name, _)] if name == "old.ota"));
        } else {
            assert_eq!(reply(&world, command), Ok(OtaReply::NoImage));
        }
    }
}

#[test]
fn images_that_are_not_for_the_device_are_refused_with_the_reason() {
    let header = || Header::new(id(NEW));
    let mut other_type = header();
    other_type.id.image_type = zigbee::ota::ImageType(0x0102);
    let mut other_make = header();
    other_make.id.manufacturer = zigbee::ManufacturerCode(0x1037);
    let mut other_hardware = header();
    other_hardware.hardware = Some((4, 9));
    let mut other_device = header();
    other_device.destination = Some(ieee_of(2));
    for (header, reason) in [
        (other_type, "type 0x0102"),
        (other_make, "manufacturer 0x1037"),
        (
            other_hardware,
            "it is for hardware 4 to 9, and the device has 3",
        ),
        (other_device, "it is for 0x00ff000000000002 only"),
        (Header::new(id(46)), "switched by itself"),
    ] {
        let mut world = world();
        let image = Image::parse(header.emit(&[(0, b"software")])).unwrap();
        let command = update(&mut world, at("new.ota"));
        // With its hardware, 3.
        ask(&mut world, 1, "015f110101240000000300");
        answers(&mut world);
        give(&mut world, Fetched::Image(Ok(image.into())));
        let error = reply(&world, command).unwrap_err();
        assert!(
            error.starts_with("the image is refused: ") && error.contains(reason),
            "{error}"
        );
        assert_eq!(answers(&mut world), [no_image()]);
        assert_eq!(state(&world)["state"], "available");
        assert!(world.ota_files.is_empty());
    }
}

#[test]
fn an_image_that_is_not_what_the_index_says_is_refused() {
    let mut world = world();
    let command = update(&mut world, source(OtaPlace::Index));
    query(&mut world, OLD);
    give(&mut world, index(&json!([entry(48, "new.ota")])));
    give(&mut world, Fetched::Image(Ok(image(NEW, 10))));
    let error = reply(&world, command).unwrap_err();
    assert!(
        error.ends_with("which is not what the index says"),
        "{error}"
    );
}

#[test]
fn a_device_that_refuses_the_image_ends_the_update() {
    let mut world = world();
    let image = image(NEW, 100);
    let command = offered(&mut world, &image);
    take(&mut world, &image, 0, image.size());
    end(&mut world, 0x96, NEW);
    // The default response to the end: success.
    let frame = &world.sent.last().unwrap().request.payload;
    assert_eq!((frame[2], &frame[3..]), (0x0b, &[0x06, 0x00][..]));
    let error = reply(&world, command).unwrap_err();
    assert_eq!(error, "the device ended the transfer with INVALID_IMAGE");
    assert_eq!(state(&world)["state"], "available");
    assert_eq!(state(&world).get("progress"), None);
    assert_eq!(extra(&world, "otaTransfer"), Json::Null);
}

#[test]
fn an_abort_ends_the_update_and_the_device_is_told_when_it_asks() {
    let mut world = world();
    let image = image(NEW, 1000);
    let command = offered(&mut world, &image);
    take(&mut world, &image, 0, 200);
    let abort = ota(&mut world, OtaCommand::Abort);
    assert_eq!(world.replied(abort), Some(&Ok(hub::CommandReply::Done)));
    let error = reply(&world, command).unwrap_err();
    assert_eq!(error, format!("OTA for device {} was aborted", ieee_of(1)));
    assert_eq!(state(&world)["state"], "available");
    block(&mut world, NEW, 200, 0x3f);
    assert_eq!(answers(&mut world), [(5, vec![0x95])]);
    assert!(matches!(world.ota_files.last(), Some(OtaFile::Remove(_))));
    let abort = ota(&mut world, OtaCommand::Abort);
    assert!(world.replied(abort).unwrap().is_err());
}

#[test]
fn an_update_can_be_aborted_while_its_image_is_downloaded() {
    let mut world = world();
    let command = update(&mut world, at("new.ota"));
    query(&mut world, OLD);
    ota(&mut world, OtaCommand::Abort);
    assert!(reply(&world, command).unwrap_err().ends_with("was aborted"));
    give(&mut world, Fetched::Image(Ok(image(NEW, 10))));
    assert!(!world.hub.ota_busy(ieee_of(1)));
}

#[test]
fn a_second_update_is_not_begun() {
    let mut world = world();
    update(&mut world, at("new.ota"));
    let second = check(&mut world);
    assert_eq!(reply(&world, second), Err("already in progress".into()));
}

#[test]
fn a_device_that_waited_long_for_a_download_is_told_again() {
    let mut world = world();
    let image = image(NEW, 100);
    update(&mut world, at("new.ota"));
    query(&mut world, OLD);
    world.pass(20 * SECOND);
    answers(&mut world);
    give(&mut world, Fetched::Image(Ok(image.clone())));
    assert_eq!(answers(&mut world), [offer(&image), (0, vec![0, 100])]);
    query(&mut world, OLD);
    assert_eq!(answers(&mut world), [offer(&image)]);
}

#[test]
fn a_device_that_leaves_ends_its_update() {
    let mut world = world();
    let command = offered(&mut world, &image(NEW, 100));
    world.adapter(adapters::Event::Left {
        nwk: nwk_of(1),
        ieee: ieee_of(1),
    });
    assert_eq!(
        reply(&world, command),
        Err("the device left the network".into())
    );
    world.pass(300 * SECOND);
}
