//! A process that is killed while it writes leaves the old file or the new one.
//!
//! The test starts itself as a child that writes without end, and kills it at moments that differ.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bridge::data::{DataDirectory, Loaded, OpenOptions, Save, Settings};
use hub::Entity;
use serde_json::json;
use zigbee::IeeeAddress;

const VARIABLE: &str = "FERROBEE_KILL_TEST_DIRECTORY";
const NAMES: [&str; 2] = ["lamp", "another name that is longer"];
const ROUNDS: u32 = 25;

fn open(path: &Path) -> Loaded {
    DataDirectory::open_with(path, &OpenOptions::default()).unwrap()
}

/// One of two states of the directory: settings and states, 200 devices each.
fn version(settings: &Settings, index: usize) -> [Save; 2] {
    let mut settings = settings.clone();
    let mut states = BTreeMap::new();
    for number in 0..200 {
        let ieee = IeeeAddress(0x0015_8d00_0000_0000 + number);
        settings.ensure_device(ieee);
        let name = format!("{} {number}", NAMES.get(index).unwrap());
        // Names from before the kill may be these already.
        if settings.device(ieee).unwrap().friendly_name != name {
            settings.rename(Entity::Device(ieee), &name).unwrap();
        }
        let state = json!({"state": name, "version": index});
        states.insert(Entity::Device(ieee), state.as_object().unwrap().clone());
    }
    [Save::Settings(Box::new(settings)), Save::States(states)]
}

/// Not a test: the child of the one below.
#[test]
#[ignore = "the child process of the test below"]
fn writer() {
    let Some(path) = std::env::var_os(VARIABLE) else {
        return;
    };
    let mut loaded = open(Path::new(&path));
    let versions = [version(&loaded.settings, 0), version(&loaded.settings, 1)];
    for save in versions.iter().cycle().flatten() {
        loaded.directory.save(save).unwrap();
        println!("saved");
    }
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new() {
    let directory = tempfile::tempdir().unwrap();
    // xorshift: moments that differ and are the same in every run.
    let mut random = 0x2545_f491_u32;
    let mut seen = [0; 2];
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "writer", "--nocapture"])
            .env(VARIABLE, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut saved = lines.filter(|line| line.as_deref().is_ok_and(|l| l.ends_with("saved")));
        for _ in 0..=random % 6 {
            assert!(saved.next().is_some(), "the writer ended by itself");
        }
        // Somewhere within the next write.
        for _ in 0..random % 300_000 {
            std::hint::black_box(random);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        check(directory.path(), round, &mut seen);
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

fn check(path: &Path, round: u32, seen: &mut [u32; 2]) {
    let loaded = open(path);
    assert_eq!(loaded.warnings, [], "round {round}");
    let mut names: Vec<_> = loaded
        .settings
        .devices()
        .map(|(_, entry)| entry.friendly_name.rsplit_once(' ').unwrap().0.to_owned())
        .collect();
    assert_eq!(names.len(), 200, "round {round}");
    names.dedup();
    assert_eq!(names.len(), 1, "round {round}: a mixture of {names:?}");
    let version = NAMES
        .iter()
        .position(|name| names.contains(&(*name).to_owned()));
    if let Some(count) = version.and_then(|version| seen.get_mut(version)) {
        *count += 1;
    }
    let mut versions: Vec<_> = loaded
        .registry
        .states
        .values()
        .map(|state| state.get("version").cloned())
        .collect();
    versions.dedup();
    assert!(
        versions.len() <= 1,
        "round {round}: a mixture of {versions:?}"
    );
    for entry in fs::read_dir(path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = ["configuration.yaml", "state.json"]
            .iter()
            .any(|file| name == *file || name == format!("{file}.tmp"));
        assert!(known, "round {round}: {name}");
    }
}
