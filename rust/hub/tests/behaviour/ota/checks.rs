//! Is there an image?

use hub::ota::{PUBLIC_INDEX, PUBLIC_INDEX_DOWNGRADE};
use hub::{Command, Fetch, Fetched, OtaCommand, OtaPlace, OtaReply, OtaSource, Settings};
use serde_json::{Value as Json, json};

use super::device::*;
use crate::common::*;
use crate::*;

#[test]
fn a_requested_check_invites_the_device_and_tells_what_the_index_has() {
    let mut world = world();
    let command = check(&mut world);
    assert_eq!(answers(&mut world), [(0, vec![0, 100])], "image notify");
    assert!(world.hub.ota_busy(ieee_of(1)));
    query(&mut world, OLD);
    assert_eq!(answers(&mut world), [no_image()]);
    let entries = json!([entry(NEW, "https://example.org/new.ota")]);
    assert_eq!(world.fetches[0].1, Fetch::Index(PUBLIC_INDEX.to_owned()));
    give(&mut world, index(&entries));
    let told = json!({
        "state": "available", "installed_version": OLD, "latest_version": NEW,
        "latest_source": "https://example.org/new.ota", "latest_release_notes": "better",
    });
    assert_eq!(state(&world), told);
    assert_eq!(
        reply(&world, command),
        Ok(OtaReply::Checked {
            available: true,
            source: Some("https://example.org/new.ota".into()),
            release_notes: Some("better".into()),
        })
    );
    assert!(!world.hub.ota_busy(ieee_of(1)));
    assert_eq!(world.hub.next_deadline(), None, "no timer is left");
}

#[test]
fn an_image_that_is_not_newer_is_told_of_but_not_available() {
    for (version, force, available) in [(OLD, false, false), (OLD, true, true), (30, false, false)]
    {
        let mut world = world();
        let command = check(&mut world);
        query(&mut world, OLD);
        let mut entry = entry(version, "x.ota");
        entry["force"] = force.into();
        give(&mut world, index(&json!([entry])));
        let state = state(&world);
        assert_eq!(state["state"], if available { "available" } else { "idle" });
        assert_eq!(state["latest_version"], version);
        let checked = reply(&world, command).unwrap();
        assert!(matches!(checked, OtaReply::Checked { available: told, .. } if told == available));
    }
}

#[test]
fn nothing_in_the_index_leaves_source_and_notes_empty() {
    let mut world = world();
    let command = check(&mut world);
    query(&mut world, OLD);
    give(&mut world, index(&json!([])));
    assert_eq!(
        state(&world),
        json!({
            "state": "idle", "installed_version": OLD, "latest_version": OLD,
            "latest_source": null, "latest_release_notes": null,
        })
    );
    let none = OtaReply::Checked {
        available: false,
        source: None,
        release_notes: None,
    };
    assert_eq!(reply(&world, command), Ok(none));
}

#[test]
fn a_downgrade_is_looked_for_among_the_images_before() {
    let mut world = world();
    let source = OtaSource {
        place: OtaPlace::Index,
        downgrade: true,
    };
    let command = ota(&mut world, OtaCommand::Check(source));
    query(&mut world, NEW);
    assert_eq!(
        world.fetches[0].1,
        Fetch::Index(PUBLIC_INDEX_DOWNGRADE.to_owned())
    );
    give(&mut world, index(&json!([entry(OLD, "old.ota")])));
    let checked = reply(&world, command).unwrap();
    assert!(matches!(
        checked,
        OtaReply::Checked {
            available: true,
            ..
        }
    ));
}

#[test]
fn a_device_that_does_not_ask_is_not_waited_for_without_end() {
    let text = Err("Device didn't respond to OTA request".to_owned());
    let mut world = world();
    let command = check(&mut world);
    world.pass(59 * SECOND);
    assert!(world.replied(command).is_none());
    world.pass(2 * SECOND);
    assert_eq!(reply(&world, command), text);
    // One that does not even get the message fails at once.
    world.script.offline.push(nwk_of(1));
    let command = check(&mut world);
    assert_eq!(reply(&world, command), text);
    assert_eq!(state(&world), Json::Null);
}

#[test]
fn the_owners_index_comes_first_and_suffices() {
    let mut settings = Settings::default();
    settings.ota.override_index = Some("mine.json".into());
    for public in [true, false] {
        let mut world = World::with(
            vec![known(info(RELAY, 1), 2)],
            hub::Registry::default(),
            settings.clone(),
        );
        let command = check(&mut world);
        query(&mut world, OLD);
        assert_eq!(world.fetches[0].1, Fetch::Index("mine.json".into()));
        give(&mut world, index(&json!([entry(40, "ota/mine.ota")])));
        if public {
            give(
                &mut world,
                index(&json!([entry(NEW, "https://example.org/new.ota")])),
            );
        } else {
            give(&mut world, Fetched::Index(Err("no network".into())));
        }
        let checked = reply(&world, command).unwrap();
        assert!(
            matches!(&checked, OtaReply::Checked { source, .. } if source.as_deref() == Some("ota/mine.ota")),
            "{checked:?}"
        );
    }
}

#[test]
fn an_index_that_cannot_be_had_is_the_reason() {
    let mut world = world();
    let command = check(&mut world);
    query(&mut world, OLD);
    give(
        &mut world,
        Fetched::Index(Err("index: 404 Not Found".into())),
    );
    assert_eq!(reply(&world, command), Err("index: 404 Not Found".into()));
}

#[test]
fn an_image_that_did_harm_is_passed_over() {
    let mut world = world();
    let command = check(&mut world);
    query(&mut world, OLD);
    give(
        &mut world,
        index(&json!([entry(46, "bad.ota"), entry(40, "good.ota")])),
    );
    let checked = reply(&world, command).unwrap();
    assert!(
        matches!(&checked, OtaReply::Checked { source, .. } if source.as_deref() == Some("good.ota")),
        "{checked:?}"
    );
    let refused = |line: &hub::LogLine| line.text.contains("bad.ota is refused: with it the relay");
    assert!(world.logs.iter().any(refused), "{:?}", world.logs);
}

#[test]
fn a_device_that_asks_is_answered_at_once_and_checked_once_in_an_interval() {
    let mut world = world();
    query(&mut world, OLD);
    assert_eq!(
        answers(&mut world),
        [no_image()],
        "before the index is there"
    );
    give(&mut world, index(&json!([entry(NEW, "new.ota")])));
    assert_eq!(state(&world)["state"], "available");
    for hours in [1, 22] {
        world.pass(hours * 3600 * SECOND);
        query(&mut world, OLD);
        assert_eq!(answers(&mut world), [no_image()]);
        assert!(world.fetches.is_empty(), "after {hours} more hours");
    }
    world.pass(3601 * SECOND);
    query(&mut world, OLD);
    assert_eq!(world.fetches.len(), 1);
    // One that fails leaves what is known.
    give(&mut world, Fetched::Index(Err("no network".into())));
    assert_eq!(cached(&world)["state"], "available");
}

#[test]
fn devices_that_ask_at_the_same_time_share_an_index() {
    let mut world = World::new(vec![known(info(RELAY, 1), 2), known(info(RELAY, 2), 3)]);
    query(&mut world, OLD);
    world.receive(2, 1, 0x0019, &format!("01010100{}", "5f11010124000000"));
    assert_eq!(world.fetches.len(), 1);
    give(&mut world, index(&json!([entry(NEW, "new.ota")])));
    assert_eq!(state(&world)["state"], "available");
    assert_eq!(
        world.published(2).last().unwrap()["update"]["state"],
        "available"
    );
}

#[test]
fn nothing_is_checked_that_the_owner_does_not_want() {
    let off = |world: &mut World| {
        query(world, OLD);
        assert_eq!(answers(world), [no_image()]);
        assert!(world.fetches.is_empty() && world.published(1).is_empty());
    };
    let mut settings = Settings::default();
    settings.ota.no_automatic_check = true;
    let devices = || vec![known(info(RELAY, 1), 2)];
    off(&mut World::with(
        devices(),
        hub::Registry::default(),
        settings,
    ));
    for option in ["disable_automatic_update_check", "disabled"] {
        let mut world = world();
        world.command(Command::SetOptions(
            hub::Entity::Device(ieee_of(1)),
            options(json!({ option: true })),
        ));
        off(&mut world);
    }
    // A model that takes no software, here one that nobody knows.
    let mut stranger = known(info(RELAY, 1), 2);
    stranger.info.model_id = Some("nobody.knows".into());
    stranger.definition = None;
    off(&mut World::new(vec![stranger]));
}
