//! Backup from each generation's memory, and restore onto an empty stick.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use adapters::backup::{Backup, BackupDevice, LinkKey};
use adapters::znp::commands::sys;
use adapters::{Failure, Reply, Request, SessionConfig};
use support::stick::{Chip, Stick, Whim};
use support::{Bench, KEY, config};
use zigbee::{ExtendedPanId, IeeeAddress, NwkAddress, PanId};

const SEED: [u8; 16] = *b"0123456789abcdef";
const CHILD: u64 = 0x0015_8d00_0000_0001;
const ROUTER: u64 = 0x0015_8d00_0000_0002;
const OTHER: u64 = 0x0015_8d00_0000_0003;

/// The key that the seed, rotated by 3 bytes, gives for the router.
fn derived_key() -> [u8; 16] {
    let mut key = *b"3456789abcdef012";
    for (byte, mask) in key.iter_mut().zip(ROUTER.to_le_bytes().iter().cycle()) {
        *byte ^= mask;
    }
    key
}

fn pad(bytes: &[u8], aligned: bool, at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if aligned {
        bytes.insert(at, 0xff);
    }
    bytes
}

fn address(user: u8, nwk: u16, ieee: u64, aligned: bool) -> Vec<u8> {
    let bytes = [&[user][..], &nwk.to_le_bytes(), &ieee.to_le_bytes()].concat();
    pad(&bytes, aligned, 1)
}

fn key_data(key: [u8; 16], tx: u32, rx: u32) -> Vec<u8> {
    [&key[..], &tx.to_le_bytes(), &rx.to_le_bytes()].concat()
}

/// A network with holes in all tables: positions must not be counted over used entries only.
fn with_devices(chip: Chip) -> Stick {
    let mut stick = Stick::formed(chip);
    let aligned = chip == Chip::Cc2652;
    let filler = if aligned { 0xff } else { 0 };
    let empty = vec![filler; if aligned { 12 } else { 11 }];
    let addresses = [
        empty.clone(),
        address(1, 0x1001, CHILD, aligned),
        empty.clone(),
        address(2, 0x1002, ROUTER, aligned),
        address(3, 0x1003, OTHER, aligned),
        // Only bound to: not a device of the network.
        address(4, 0x1004, 99, aligned),
        empty,
    ];
    let keys = [
        key_data([0; 16], 0, 0),
        key_data([0; 16], 0, 0),
        key_data([9; 16], 70, 80),
    ];
    let derived = [
        vec![0; 20],
        [
            &5_u32.to_le_bytes()[..],
            &6_u32.to_le_bytes(),
            &ROUTER.to_le_bytes(),
            &[2, 0, 3, 0],
        ]
        .concat(),
    ];
    let base = if aligned { 0 } else { 0x201 };
    let index = [
        &[2, 0][..],
        &pad(&[0xfe, 0xff, 0, 0, 0], aligned, 5),
        &pad(
            &[&[4, 0][..], &u16::to_le_bytes(base + 2), &[2]].concat(),
            aligned,
            5,
        ),
        // Junk behind the count.
        &pad(&[1, 0, 0, 0, 2], aligned, 5),
    ]
    .concat();
    let any = [&4000_u32.to_le_bytes()[..], &[0xff; 8]].concat();
    let ours = [
        &7500_u32.to_le_bytes()[..],
        &0x0102_0304_0506_0708_u64.to_le_bytes(),
    ]
    .concat();
    let material = [vec![0; 12], any, ours];
    match chip {
        Chip::Cc2652 => {
            for (table, entries) in [
                (1, addresses.to_vec()),
                (6, keys.to_vec()),
                (4, derived.to_vec()),
                (7, material.to_vec()),
            ] {
                for (position, entry) in (0..).zip(entries) {
                    stick.tables.insert((table, position), entry);
                }
            }
        }
        Chip::Cc2538 => {
            stick.nv.insert(0x23, addresses.concat());
            for (first, entries) in [
                (0x201, keys.to_vec()),
                (
                    0x111,
                    derived.iter().map(|entry| entry[..19].to_vec()).collect(),
                ),
                (0x75, material.to_vec()),
            ] {
                for (id, entry) in (first..).zip(entries) {
                    stick.nv.insert(id, entry);
                }
            }
        }
        Chip::Cc2531 => {
            stick.nv.insert(0x23, addresses.concat());
            let mut key = vec![0];
            key.extend(KEY);
            key.extend(7500_u32.to_le_bytes());
            stick.nv.insert(0x82, key);
        }
    }
    if chip != Chip::Cc2531 {
        stick.nv.insert(0x4c, index);
        stick.nv.insert(0x101, SEED.to_vec());
    }
    stick
}

fn expected(chip: Chip) -> Backup {
    let v3 = chip != Chip::Cc2531;
    let device = |nwk, ieee, is_child, link_key: Option<LinkKey>| BackupDevice {
        nwk: Some(NwkAddress(nwk)),
        ieee: IeeeAddress(ieee),
        is_child,
        link_key: link_key.filter(|_| v3),
    };
    Backup {
        coordinator: IeeeAddress(0x0012_4b00_aabb_ccdd),
        pan_id: PanId(0x1a62),
        extended_pan_id: ExtendedPanId(0x0102_0304_0506_0708),
        channel: 15,
        channels: vec![15],
        update_id: 0,
        security_level: 5,
        network_key: KEY,
        key_sequence: 0,
        frame_counter: 7500,
        tclk_seed: v3.then_some(SEED),
        znp_version: Some(match chip {
            Chip::Cc2531 => 0,
            Chip::Cc2652 => 1,
            Chip::Cc2538 => 2,
        }),
        devices: vec![
            device(0x1001, CHILD, true, None),
            device(
                0x1002,
                ROUTER,
                false,
                Some(LinkKey {
                    key: derived_key(),
                    rx: 6,
                    tx: 5,
                }),
            ),
            device(
                0x1003,
                OTHER,
                true,
                Some(LinkKey {
                    key: [9; 16],
                    rx: 80,
                    tx: 70,
                }),
            ),
        ],
    }
}

fn backup_of(bench: &mut Bench) -> Backup {
    match bench.ask(Request::Backup) {
        Ok(Reply::Backup(json)) => Backup::from_json(&json).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_generation_is_read_with_keys_at_the_right_devices() {
    for chip in [Chip::Cc2531, Chip::Cc2538, Chip::Cc2652] {
        let mut bench = Bench::up(config(), with_devices(chip));
        assert!(backup_of(&mut bench) == expected(chip), "{chip:?}");
        assert!(bench.logs.iter().all(|line| !line.contains("0103")));
    }
}

#[test]
fn a_device_that_the_stick_forgot_keeps_its_link_key() {
    let mut old = expected(Chip::Cc2652);
    old.devices[2].ieee = IeeeAddress(77);
    let mut settings = config();
    settings.backup = Some(old.to_json().into());
    let mut bench = Bench::up(settings, with_devices(Chip::Cc2652));
    let backup = backup_of(&mut bench);
    let kept = backup
        .devices
        .iter()
        .find(|device| device.ieee.0 == 77)
        .unwrap();
    assert!(kept.link_key.is_some() && !kept.is_child);
    assert_eq!(backup.devices.len(), 4);
}

/// An empty stick with tables of a given size.
fn empty_with_tables(size: u16) -> Stick {
    let mut stick = Stick::empty(Chip::Cc2652);
    for position in 0..size {
        stick.tables.insert((1, position), vec![0xff; 12]);
        stick.tables.insert((4, position), vec![0; 20]);
        stick.tables.insert((6, position), vec![0; 24]);
    }
    for position in 0..3 {
        stick.tables.insert((7, position), vec![0; 12]);
    }
    stick.nv.insert(0x4c, vec![0; 2 + 6 * usize::from(size)]);
    stick.nv.insert(0x101, vec![0; 16]);
    stick
}

fn restoring() -> SessionConfig {
    let mut settings = config();
    settings.backup = Some(expected(Chip::Cc2652).to_json().into());
    settings
}

fn margin(mut backup: Backup) -> Backup {
    backup.frame_counter += 1_000_000;
    for device in &mut backup.devices {
        if let Some(link_key) = &mut device.link_key {
            link_key.tx += 1_000_000;
        }
    }
    backup
}

#[test]
fn a_backup_is_restored_onto_an_empty_stick_with_counters_ahead() {
    let mut stick = empty_with_tables(8);
    stick.ieee = 1;
    let mut bench = Bench::new(restoring(), stick);
    let info = bench.info();
    assert!(info.formed);
    assert_eq!(info.pan_id, PanId(0x1a62));
    assert_eq!(bench.stick.nv[&0x60], [0x55]);
    assert!(backup_of(&mut bench) == margin(expected(Chip::Cc2652)));
    let again = Bench::new(restoring(), bench.stick.clone()).info();
    assert_eq!(again.channel, 15);
}

#[test]
fn a_backup_of_a_network_with_the_default_extended_pan_id_is_restored() {
    let mut settings = restoring();
    // Zigbee2MQTT's default: the address of the stick that formed the network.
    settings.network.extended_pan_id = ExtendedPanId(0xdddd_dddd_dddd_dddd);
    let mut bench = Bench::new(settings, empty_with_tables(8));
    bench.info();
    assert!(backup_of(&mut bench) == margin(expected(Chip::Cc2652)));
    assert_ne!(
        expected(Chip::Cc2652).extended_pan_id,
        ExtendedPanId(0xdddd_dddd_dddd_dddd)
    );
}

#[test]
fn a_restore_that_was_cut_off_anywhere_is_made_good_by_the_next_start() {
    let writes = {
        let mut bench = Bench::new(restoring(), empty_with_tables(8));
        bench.info();
        bench.stick.log.len()
    };
    for cut in (1..writes).step_by(7) {
        let mut bench = Bench::new(restoring(), empty_with_tables(8));
        bench.run(Duration::from_secs(200), |bench| {
            bench.stick.log.len() >= cut
        });
        let mut stick = bench.stick.clone();
        stick.reset(0);
        stick.read(bench.now);
        stick.log.clear();
        let mut bench = Bench::new(restoring(), stick);
        bench.info();
        assert!(
            backup_of(&mut bench) == margin(expected(Chip::Cc2652)),
            "cut after {cut} requests"
        );
    }
}

#[test]
fn a_stick_with_too_little_room_is_refused_before_anything_of_the_network_is_written() {
    let mut bench = Bench::new(restoring(), empty_with_tables(2));
    let failure = bench.failure();
    assert!(
        matches!(&failure, Failure::Mismatch(text) if text.contains("3 devices")),
        "{failure}"
    );
    assert!(!bench.stick.nv.contains_key(&0x60));
}

#[test]
fn a_stick_that_does_not_keep_what_is_written_is_refused() {
    let mut stick = empty_with_tables(8);
    for _ in 0..200 {
        stick.whim(sys::NV_WRITE, Whim::Answer(vec![0]));
    }
    let mut bench = Bench::new(restoring(), stick);
    bench.failure();
    assert!(!bench.stick.nv.contains_key(&0x60));
}

#[test]
fn a_backup_is_not_restored_onto_old_firmware_or_from_another_network() {
    for chip in [Chip::Cc2531, Chip::Cc2538] {
        let failure = Bench::new(restoring(), Stick::empty(chip)).failure();
        assert!(
            matches!(&failure, Failure::Mismatch(text) if text.contains("3.x.0")),
            "{failure}"
        );
    }
    let mut settings = restoring();
    settings.network.network_key = [1; 16];
    let failure = Bench::new(settings, empty_with_tables(8)).failure();
    assert!(matches!(&failure, Failure::Mismatch(text) if text.contains("another network")));
}
