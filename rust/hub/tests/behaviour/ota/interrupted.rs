//! Transfers that stop and go on, scheduled updates, restarts.

use std::time::Duration;

use hub::{Entity, Fetch, Fetched, OtaCommand, OtaFile, OtaPlace, OtaReply, Registry, Settings};
use serde_json::{Value as Json, json};
use zigbee::ota::Image;

use super::device::*;
use crate::common::*;
use crate::*;

/// The world after a kill and a new start: what is in the record is all that is left.
fn restarted(world: &World) -> World {
    let device = world.hub.device(ieee_of(1)).unwrap().clone();
    let mut registry = Registry::default();
    let state = world.hub.state(Entity::Device(ieee_of(1))).unwrap().clone();
    registry.states.insert(Entity::Device(ieee_of(1)), state);
    World::with(vec![device], registry, Settings::default())
}

fn begun(world: &mut World, image: &std::sync::Arc<Image>) -> hub::CommandId {
    let command = update(world, at("new.ota"));
    query(world, OLD);
    give(world, Fetched::Image(Ok(image.clone())));
    answers(world);
    command
}

fn finished(world: &mut World, image: &Image) {
    answers(world);
    end(world, 0, NEW);
    answers(world);
    announce(world, 1, 0x8e);
    assert_eq!(cached(world)["state"], "idle");
    assert_eq!(cached(world)["installed_version"], image.id().version.0);
    assert_eq!(extra(world, "otaTransfer"), Json::Null);
}

#[test]
fn a_transfer_goes_on_after_a_restart_where_the_device_asks() {
    let image = image(NEW, 1000);
    let mut before = world();
    begun(&mut before, &image);
    let mut taken = take(&mut before, &image, 0, 500);
    assert_eq!(cached(&before)["state"], "updating");

    let mut world = restarted(&before);
    let rest = cached(&world);
    assert_eq!(rest["state"], "idle");
    assert_eq!((rest.get("progress"), rest.get("remaining")), (None, None));
    block(&mut world, NEW, 500, 0x3f);
    assert_eq!(answers(&mut world), [], "the image is read first");
    let (fetch, wanted) = wanted(&mut world);
    let location = format!("ota/{}_0000002f.ota", ieee_of(1));
    assert_eq!(
        wanted,
        Fetch::Image {
            location,
            sha512: None
        }
    );
    world.feed(hub::Input::Fetched(
        fetch,
        Fetched::Image(Ok(image.clone())),
    ));
    assert_eq!(state(&world)["state"], "updating");
    assert_eq!(state(&world)["progress"], 47.08);
    let told = answers(&mut world);
    assert_eq!((told[0].0, told[0].1[0]), (5, 0));
    taken.extend_from_slice(&told[0].1[14..]);
    taken.extend(take(&mut world, &image, 550, image.size()));
    assert_eq!(taken, image.bytes());
    finished(&mut world, &image);
}

#[test]
fn a_device_that_asks_anew_after_a_restart_is_offered_the_same_image() {
    let image = image(NEW, 100);
    let mut before = world();
    begun(&mut before, &image);
    let mut world = restarted(&before);
    query(&mut world, OLD);
    give(&mut world, Fetched::Image(Ok(image.clone())));
    assert_eq!(answers(&mut world), [offer(&image)]);
    take(&mut world, &image, 0, image.size());
    finished(&mut world, &image);
}

#[test]
fn an_update_that_was_installed_during_a_restart_is_noticed() {
    let image = image(NEW, 100);
    let mut before = world();
    begun(&mut before, &image);
    let mut world = restarted(&before);
    query(&mut world, NEW);
    assert_eq!(answers(&mut world), [no_image()]);
    assert_eq!(cached(&world)["state"], "idle");
    assert_eq!(cached(&world)["installed_version"], NEW);
    assert!(matches!(&world.ota_files[..], [OtaFile::Remove(_)]));
    world.pass(5 * SECOND);
    assert!(!interviews(&world).is_empty());
}

#[test]
fn a_device_that_falls_silent_can_go_on_later() {
    let image = image(NEW, 1000);
    let mut world = world();
    let command = begun(&mut world, &image);
    take(&mut world, &image, 0, 300);
    world.pass(Duration::from_secs(149));
    assert!(world.replied(command).is_none());
    world.pass(2 * SECOND);
    let error = reply(&world, command).unwrap_err();
    assert!(
        error.starts_with("the device has not asked for data for 150 s"),
        "{error}"
    );
    assert_eq!(state(&world)["state"], "available");
    block(&mut world, NEW, 300, 0x3f);
    give(&mut world, Fetched::Image(Ok(image.clone())));
    world.pass(SECOND);
    assert_eq!(answers(&mut world).len(), 1);
    take(&mut world, &image, 350, image.size());
    finished(&mut world, &image);
}

#[test]
fn a_device_that_asks_rarely_gets_all_of_it_and_one_that_stays_where_it_is_does_not() {
    let image = image(NEW, 2000);
    for (step, whole) in [(50, true), (0, false)] {
        let mut world = world();
        begun(&mut world, &image);
        let mut offset = 0;
        let mut last = Vec::new();
        while offset < image.size() && world.now.0 < 1_000_000 * 200 * 60 {
            block(&mut world, NEW, offset, 0x3f);
            if !world.fetches.is_empty() {
                give(&mut world, Fetched::Image(Ok(image.clone())));
            }
            world.pass(200 * SECOND);
            last = answers(&mut world);
            offset += step;
        }
        let (_, payload) = last.last().unwrap();
        assert_eq!(
            payload[0],
            if whole { 0 } else { 0x95 },
            "in steps of {step}"
        );
    }
}

#[test]
fn a_device_that_leaves_takes_its_images_with_it() {
    let mut world = world();
    begun(&mut world, &image(NEW, 100));
    world.adapter(adapters::Event::Left {
        nwk: nwk_of(1),
        ieee: ieee_of(1),
    });
    assert!(matches!(
        &world.ota_files[..],
        [OtaFile::Write(written, _), OtaFile::Remove(removed), ..] if written == removed
    ));
}

#[test]
fn a_transfer_that_stood_still_for_a_week_is_over() {
    let mut world = world();
    begun(&mut world, &image(NEW, 1000));
    world.pass(Duration::from_secs(8 * 24 * 3600));
    block(&mut world, NEW, 0, 0x3f);
    assert_eq!(answers(&mut world), [(5, vec![0x95])]);
    query(&mut world, OLD);
    assert_eq!(answers(&mut world), [no_image()]);
    assert_eq!(extra(&world, "otaTransfer"), Json::Null);
}

#[test]
fn a_kept_image_that_is_gone_ends_the_transfer() {
    for fetched in [
        Fetched::Image(Err("ota/x: not found".into())),
        Fetched::Image(Ok(image(48, 10))),
    ] {
        let mut before = world();
        begun(&mut before, &image(NEW, 1000));
        let mut world = restarted(&before);
        block(&mut world, NEW, 0, 0x3f);
        give(&mut world, fetched);
        assert_eq!(cached(&world)["state"], "available");
        assert_eq!(extra(&world, "otaTransfer"), Json::Null);
        block(&mut world, NEW, 0, 0x3f);
        assert_eq!(answers(&mut world).last(), Some(&(5, vec![0x95])));
    }
}

#[test]
fn a_record_that_names_a_path_is_not_followed() {
    let mut before = world();
    begun(&mut before, &image(NEW, 100));
    let mut device = before.hub.device(ieee_of(1)).unwrap().clone();
    device.extra["otaTransfer"]["file"] = "../../etc/passwd".into();
    let mut world = World::new(vec![device]);
    block(&mut world, NEW, 0, 0x3f);
    assert_eq!(answers(&mut world), [(5, vec![0x95])]);
    assert!(world.fetches.is_empty() && world.ota_files.is_empty());
}

#[test]
fn a_scheduled_update_begins_when_the_device_asks() {
    let mut world = world();
    let command = ota(&mut world, OtaCommand::Schedule(source(OtaPlace::Index)));
    assert_eq!(reply(&world, command), Ok(OtaReply::Scheduled(None)));
    assert_eq!(state(&world), json!({"state": "scheduled"}));
    assert_eq!(extra(&world, "scheduledOta"), json!({"downgrade": false}));
    let mut world = restarted(&world);
    query(&mut world, OLD);
    assert_eq!(answers(&mut world), [], "it waits for the image");
    give(&mut world, index(&json!([entry(NEW, "new.ota")])));
    let image = image(NEW, 100);
    give(&mut world, Fetched::Image(Ok(image.clone())));
    assert_eq!(answers(&mut world), [offer(&image)]);
    take(&mut world, &image, 0, image.size());
    finished(&mut world, &image);
    assert_eq!(extra(&world, "scheduledOta"), Json::Null);
}

#[test]
fn a_scheduled_update_that_fails_stays_unless_it_would_fail_again() {
    let mut world = world();
    ota(&mut world, OtaCommand::Schedule(at("new.ota")));
    query(&mut world, OLD);
    give(&mut world, Fetched::Image(Err("no network".into())));
    assert_eq!(answers(&mut world), [no_image()]);
    assert_eq!(state(&world)["state"], "scheduled");
    let image = image(NEW, 60);
    query(&mut world, OLD);
    give(&mut world, Fetched::Image(Ok(image.clone())));
    assert_eq!(answers(&mut world), [offer(&image)]);
    take(&mut world, &image, 0, image.size());
    end(&mut world, 0x96, NEW);
    assert_eq!(state(&world)["state"], "available");
    assert_eq!(extra(&world, "scheduledOta"), Json::Null);
    query(&mut world, OLD);
    assert_eq!(answers(&mut world).last(), Some(&no_image()));
}

#[test]
fn an_uploaded_image_is_kept_until_it_is_unscheduled() {
    let mut world = world();
    let place = |name: Option<&str>| OtaPlace::Upload {
        image: image(NEW, 10),
        name: name.map(str::to_owned),
    };
    let command = ota(
        &mut world,
        OtaCommand::Schedule(source(place(Some("mine.ota")))),
    );
    let url = "ota/mine.ota".to_owned();
    assert_eq!(reply(&world, command), Ok(OtaReply::Scheduled(Some(url))));
    assert_eq!(
        extra(&world, "scheduledOta"),
        json!({"url": "ota/mine.ota", "downgrade": false})
    );
    let command = ota(&mut world, OtaCommand::Unschedule);
    assert_eq!(world.replied(command), Some(&Ok(hub::CommandReply::Done)));
    assert_eq!(state(&world), json!({"state": "idle"}));
    assert!(matches!(
        &world.ota_files[..],
        [OtaFile::Write(written, _), OtaFile::Remove(removed)]
            if written == "mine.ota" && removed == "mine.ota"
    ));
    // Without a name it gets one of its own.
    let command = ota(&mut world, OtaCommand::Schedule(source(place(None))));
    let OtaReply::Scheduled(Some(url)) = reply(&world, command).unwrap() else {
        panic!("no url");
    };
    assert_eq!(url, format!("ota/{}_{START_MS}", ieee_of(1)));
}

#[test]
fn a_file_of_the_owners_own_is_not_deleted() {
    let mut world = world();
    for url in [
        "ota/sub/mine.ota",
        "mine.ota",
        "/ota/mine.ota",
        "https://h/ota/x",
    ] {
        ota(&mut world, OtaCommand::Schedule(at(url)));
        ota(&mut world, OtaCommand::Unschedule);
    }
    assert!(world.ota_files.is_empty(), "{:?}", world.ota_files);
}
