//! From an open port to a running network, on each generation of firmware.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use adapters::znp::commands::{af, app_cnf, sys, util, zdo};
use adapters::{Event, Failure};
use support::stick::{Chip, Stick, Whim};
use support::{Bench, KEY, config};
use zigbee::{ExtendedPanId, IeeeAddress, PanId};

const CHIPS: [Chip; 3] = [Chip::Cc2531, Chip::Cc2538, Chip::Cc2652];

#[test]
fn a_formed_stick_resumes_its_network() {
    for chip in CHIPS {
        let mut bench = Bench::new(config(), Stick::formed(chip));
        let info = bench.info();
        assert_eq!(info.pan_id, PanId(0x1a62), "{chip:?}");
        assert_eq!(info.extended_pan_id, ExtendedPanId(0x0102_0304_0506_0708));
        assert_eq!((info.channel, info.formed), (15, false));
        assert_eq!(info.ieee, IeeeAddress(0x0012_4b00_aabb_ccdd));
        assert_eq!(info.meta["revision"], 20_210_708);
        assert_eq!(bench.stick.endpoints.len(), 15);
        assert!(bench.stick.groups.contains(&(242, 0x0b84)));
        let writes = bench.stick.count(sys::OSAL_NV_WRITE_EXT);
        assert_eq!(writes, 0, "memory is left alone");
    }
}

#[test]
fn a_running_stick_is_up_without_any_wait() {
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.state = 9;
    let mut bench = Bench::new(config(), stick);
    bench.info();
    assert_eq!(bench.now.0, 0);
    assert_eq!(bench.stick.count(zdo::STARTUP_FROM_APP), 0);
}

#[test]
fn an_empty_stick_forms_only_when_nothing_can_be_lost() {
    for chip in CHIPS {
        let mut bench = Bench::new(config(), Stick::empty(chip));
        let failure = bench.failure();
        assert!(matches!(&failure, Failure::Mismatch(text) if text.contains("no network")));
        assert_eq!(bench.stick.count(sys::OSAL_NV_WRITE_EXT), 0);

        let mut settings = config();
        settings.may_form = true;
        let mut bench = Bench::new(settings.clone(), Stick::empty(chip));
        let info = bench.info();
        assert!(info.formed, "{chip:?}");
        assert_eq!(info.pan_id, PanId(0x1a62));
        assert_eq!(info.channel, 15);
        let flag = if chip == Chip::Cc2531 { 0x0f00 } else { 0x60 };
        assert_eq!(bench.stick.nv[&flag], [0x55]);
        assert_eq!(bench.stick.nv[&0x62], KEY);

        // The next start finds it.
        let mut again = Bench::new(config(), bench.stick.clone());
        assert!(!again.info().formed);
    }
}

#[test]
fn another_network_is_never_overwritten_and_keys_are_never_shown() {
    for (pan, extended, key, named) in [
        (0x1111, 0x0102_0304_0506_0708, KEY, vec!["PAN id"]),
        (0x1a62, 0x99, KEY, vec!["extended PAN id"]),
        (
            0x1a62,
            0x0102_0304_0506_0708,
            [0x77; 16],
            vec!["network key"],
        ),
        (
            0x1111,
            0x99,
            [0x77; 16],
            vec!["PAN id", "extended PAN id", "network key"],
        ),
    ] {
        for chip in CHIPS {
            let mut stick = Stick::formed(chip);
            stick.set_network(pan, extended, 15, key);
            let mut settings = config();
            settings.may_form = true;
            let mut bench = Bench::new(settings, stick);
            let Failure::Mismatch(text) = bench.failure() else {
                panic!("not a mismatch");
            };
            for name in &named {
                assert!(text.contains(name), "{text}");
            }
            assert!(!text.contains("7777") && !text.contains("119"), "{text}");
            assert_eq!(bench.stick.count(sys::OSAL_NV_WRITE_EXT), 0);
            assert_eq!(bench.stick.count(sys::RESET_REQ), 0);
        }
    }
}

#[test]
fn reversed_and_default_extended_pan_ids_are_accepted() {
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.set_network(0x1a62, 0x0807_0605_0403_0201, 15, KEY);
    assert!(!Bench::new(config(), stick.clone()).info().formed);
    let mut settings = config();
    settings.network.extended_pan_id = ExtendedPanId(0xdddd_dddd_dddd_dddd);
    assert!(!Bench::new(settings, stick).info().formed);
}

#[test]
fn a_stick_in_its_bootloader_is_made_to_run() {
    let mut stick = Stick::formed(Chip::Cc2531);
    stick.bootloader = true;
    let mut bench = Bench::new(config(), stick);
    bench.info();
    assert_eq!(bench.lines, []);
}

#[test]
fn lines_are_toggled_only_when_nothing_else_helps_and_never_into_the_bootloader() {
    let mut settings = config();
    settings.has_lines = true;
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.needs_lines = true;
    let mut bench = Bench::new(settings, stick);
    bench.info();
    assert_eq!(bench.lines, [(false, false), (false, true), (false, false)]);
}

#[test]
fn a_silent_port_is_given_up_with_a_hint() {
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.dead = true;
    let mut bench = Bench::new(config(), stick);
    let failure = bench.failure();
    assert!(matches!(&failure, Failure::Link(text) if text.contains("serial.port")));
    assert!(bench.now.0 < 15_000_000, "{:?}", bench.now);
    assert_eq!(bench.session_deadline(), None);
}

#[test]
fn old_firmware_without_version_counts_as_1_2() {
    let mut stick = Stick::formed(Chip::Cc2531);
    stick.whim(sys::VERSION, Whim::Unknown);
    let mut bench = Bench::new(config(), stick);
    assert_eq!(bench.info().kind, "zStack12");
    assert_eq!(bench.now.0, 100_000, "an unknown command costs no time");
}

#[test]
fn a_lost_answer_during_start_costs_a_ping_and_a_new_start() {
    for command in [
        sys::VERSION,
        sys::OSAL_NV_LENGTH,
        util::GET_DEVICE_INFO,
        zdo::EXT_NWK_INFO,
    ] {
        let mut stick = Stick::formed(Chip::Cc2652);
        stick.whim(command, Whim::Silence);
        let mut bench = Bench::new(config(), stick);
        bench.info();
        assert!(bench.now.0 < 8_000_000, "{} {:?}", command.name, bench.now);
    }
}

#[test]
fn a_reset_during_start_starts_anew() {
    for command in [
        sys::VERSION,
        sys::OSAL_NV_LENGTH,
        zdo::STARTUP_FROM_APP,
        zdo::ACTIVE_EP_REQ,
    ] {
        let mut stick = Stick::formed(Chip::Cc2652);
        stick.whim(command, Whim::Reset);
        let mut bench = Bench::new(config(), stick);
        bench.info();
        assert_eq!(bench.stick.endpoints.len(), 15, "{}", command.name);
    }
}

#[test]
fn a_near_network_with_the_same_pan_id_is_named() {
    let mut settings = config();
    settings.may_form = true;
    let mut stick = Stick::empty(Chip::Cc2652);
    stick.whim(app_cnf::BDB_START_COMMISSIONING, Whim::Answer(vec![0]));
    let mut bench = Bench::new(settings, stick);
    let failure = bench.failure();
    assert!(matches!(&failure, Failure::Mismatch(text) if text.contains("advanced.pan_id")));
}

#[test]
fn an_unanswered_led_does_not_stop_the_start() {
    let mut settings = config();
    settings.disable_led = true;
    settings.transmit_power = Some(-3);
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.whim(util::LED_CONTROL, Whim::Silence);
    let mut bench = Bench::new(settings, stick);
    bench.info();
    assert_eq!(bench.stick.requests(sys::STACK_TUNE), [[0, 0xfd]]);
    assert!(bench.now.0 < 1_000_000);
}

#[test]
fn start_survives_bytes_in_any_pieces_and_garbage() {
    for piece in [1, 2, 3, 7] {
        let mut stick = Stick::formed(Chip::Cc2652);
        stick.send_raw(b"\r\nBoot v1.0\xfe\x03garbage");
        let mut bench = Bench::new(config(), stick);
        bench.piece = piece;
        bench.info();
    }
}

#[test]
fn messages_that_come_before_the_network_is_up_are_delivered_after_it() {
    let mut stick = Stick::formed(Chip::Cc2652);
    let data = [
        0, 0, 6, 0, 0x34, 0x12, 1, 1, 0, 99, 0, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb,
    ];
    stick.send(af::INCOMING_MSG, &data);
    let mut bench = Bench::new(config(), stick);
    bench.info();
    bench.advance(Duration::from_secs(1));
    assert!(
        matches!(&bench.events[..], [Event::Up(_), Event::Message(message)]
        if message.payload == [0xaa, 0xbb])
    );
}

#[test]
fn a_stick_of_another_family_is_named() {
    for (bytes, name) in [
        (&[0x1a, 0xc1, 0x02, 0x0b, 0x0a, 0x52, 0x7e][..], "EZSP"),
        (b"Gecko Bootloader v1.12", "EZSP"),
        (
            &[0xc0, 0x0d, 1, 0, 9, 0, 0, 0, 0, 0, 0xe9, 0xff, 0xc0],
            "deCONZ",
        ),
    ] {
        let mut stick = Stick::formed(Chip::Cc2652);
        stick.dead = true;
        stick.send_raw(bytes);
        let failure = Bench::new(config(), stick).failure();
        assert!(
            matches!(&failure, Failure::Unsupported(text) if text.contains(name)),
            "{failure}"
        );
    }
}

#[test]
fn firmware_without_network_info_or_transmit_power_starts_too() {
    let mut settings = config();
    settings.transmit_power = Some(5);
    let mut stick = Stick::formed(Chip::Cc2531);
    stick.whim(zdo::EXT_NWK_INFO, Whim::Unknown);
    stick.whim(sys::STACK_TUNE, Whim::Unknown);
    let info = Bench::new(settings, stick).info();
    assert_eq!((info.pan_id, info.channel), (PanId(0x1a62), 15));
}

#[test]
fn a_stick_that_hangs_during_start_is_reset() {
    let mut stick = Stick::formed(Chip::Cc2652);
    stick.whim(sys::PING, Whim::Answer(vec![0x79, 0x07]));
    stick.whim(sys::VERSION, Whim::Silence);
    stick.whim(sys::PING, Whim::Silence);
    let mut bench = Bench::new(config(), stick);
    bench.info();
    assert_eq!(bench.stick.count(sys::RESET_REQ), 1);
    assert!(bench.now.0 < 4_000_000, "{:?}", bench.now);
}

#[test]
fn a_stick_that_does_not_list_its_endpoints_gets_all_of_them() {
    let mut stick = Stick::formed(Chip::Cc2652);
    // Accepted, but no response follows.
    for _ in 0..2 {
        stick.whim(zdo::ACTIVE_EP_REQ, Whim::Answer(vec![0]));
    }
    stick.whim(af::REGISTER, Whim::Answer(vec![0xb8]));
    let mut bench = Bench::new(config(), stick);
    bench.info();
    assert_eq!(bench.stick.count(af::REGISTER), 15);
}

#[test]
fn a_session_can_live_on_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<adapters::znp::ZnpSession>();
}
