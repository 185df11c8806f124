//! The stick's bytes, by hand: what hosts send, what a Z-Stack answers.

mod hand;

use adapters::Instant;
use hand::{KNOB, RELAY, act, ask, at, bytes, data_request, hex, request, run, running, stick};
use serde_json::json;
use simulator::{Device, Firmware, JoinError, Model, Stick, StickConfig, Timing};

#[test]
fn golden_frames_of_ping_version_and_reset() {
    let now = Instant(0);
    for (firmware, ping, version) in [
        (
            Firmware::Stack3x0,
            "fe02610159063d",
            "fe09610202010207016bb13401",
        ),
        (
            Firmware::Home12,
            "fe02610179011a",
            "fe096102020002060390153401",
        ),
        (
            Firmware::Stack30x,
            "fe02610179061d",
            "fe0961020202020702d9143401",
        ),
    ] {
        let mut stick = stick(firmware, Timing::INSTANT);
        assert_eq!(
            ask(&mut stick, now, &bytes("fe00210120")),
            ping,
            "{firmware:?}"
        );
        let answer = ask(&mut stick, now, &bytes("fe00210223"));
        // All but the checksum.
        assert_eq!(answer.get(..26), Some(version), "{firmware:?}");
        let reset = ask(&mut stick, now, &bytes("fe0141000141"));
        assert!(reset.starts_with("fe0641800002"), "{firmware:?}: {reset}");
    }
}

#[test]
fn stray_bytes_before_a_frame_are_passed_over() {
    let mut stick = stick(Firmware::Stack3x0, Timing::INSTANT);
    let mut sent = vec![0xef; 256];
    sent.extend(bytes("fe00210120"));
    assert_eq!(ask(&mut stick, Instant(0), &sent), "fe02610159063d");
}

#[test]
fn unknown_commands_are_told_by_an_rpc_error() {
    let mut stick = stick(Firmware::Stack3x0, Timing::INSTANT);
    let now = Instant(0);
    // Subsystem, command, and a request that is too short.
    assert_eq!(
        ask(&mut stick, now, &request(0x06, 0x04, &[0x62])),
        "fe03600001260440"
    );
    assert_eq!(
        ask(&mut stick, now, &request(0x01, 0x7f, &[])),
        "fe03600002217f3f"
    );
    assert_eq!(
        ask(&mut stick, now, &request(0x01, 0x13, &[1])),
        "fe03600004211355"
    );
    // Extended items exist on 3.x.0 only.
    let mut old = Stick::new(StickConfig {
        firmware: Firmware::Stack30x,
        timing: Timing::INSTANT,
        ..StickConfig::default()
    })
    .unwrap();
    let read = request(0x01, 0x33, &[1, 4, 0, 0, 0, 0, 0, 20]);
    assert!(ask(&mut old, now, &read).starts_with("fe0360000221"));
}

#[test]
fn items_are_created_read_in_pieces_written_and_deleted() {
    let mut stick = stick(Firmware::Stack3x0, Timing::INSTANT);
    let now = Instant(0);
    let mut sys = |id, data: &[u8]| {
        let answer = ask(&mut stick, now, &request(0x01, id, data));
        answer.get(8..answer.len() - 2).unwrap().to_owned()
    };
    assert_eq!(sys(0x13, &[0x60, 0]), "0000");
    assert_eq!(sys(0x07, &[0x60, 0, 1, 0, 1, 0x55]), "09");
    assert_eq!(sys(0x07, &[0x60, 0, 1, 0, 1, 0x66]), "00");
    assert_eq!(sys(0x1c, &[0x60, 0, 0, 0]), "000155");
    assert_eq!(sys(0x1d, &[0x60, 0, 0, 0, 1, 0, 0x77]), "00");
    assert_eq!(sys(0x08, &[0x60, 0, 0]), "000177");
    assert_eq!(sys(0x1d, &[0x60, 0, 1, 0, 1, 0, 0x77]), "0a");
    assert_eq!(sys(0x12, &[0x60, 0, 2, 0]), "0c");
    assert_eq!(sys(0x12, &[0x60, 0, 1, 0]), "00");
    assert_eq!(sys(0x1c, &[0x60, 0, 0, 0]), "0200");
    // The NIB, aligned, and an extended table entry.
    assert_eq!(sys(0x13, &[0x21, 0]), "7400");
    assert_eq!(sys(0x32, &[1, 4, 0, 0, 0]), "14000000");
    assert_eq!(sys(0x32, &[1, 4, 0, 8, 0]), "00000000");
}

#[test]
fn buffers_run_out() {
    let mut stick = running(&[(RELAY, 0x1234, "LLKZMK11LM")]);
    let sent = data_request(0x1234, 1, 6, &[0x11, 0x01, 0x01]);
    for _ in 0..40 {
        assert_eq!(ask(&mut stick, at(2), &sent), "fe0164010064");
    }
    assert_eq!(ask(&mut stick, at(2), &sent), "fe0164011074");
    run(&mut stick, at(3));
    assert_eq!(ask(&mut stick, at(3), &sent), "fe0164010064");
}

#[test]
fn a_long_message_is_announced_and_fetched() {
    let mut stick = running(&[(RELAY, 0x1234, "LLKZMK11LM")]);
    let zcl = "18".repeat(300);
    act(
        &mut stick,
        at(2),
        RELAY,
        "frame",
        &json!({"cluster": 0, "zcl": zcl}),
    );
    stick.timeout(at(3));
    let told = hex(&stick.output().unwrap());
    assert!(told.starts_with("fe1b4482"), "{told}");
    // Behind the header: the timestamp at offset 20 names the message.
    let timestamp = bytes(told.get(8 + 2 * 20..8 + 2 * 24).unwrap());
    let mut fetch = timestamp.clone();
    fetch.extend([0, 0, 240]);
    let part = ask(&mut stick, at(3), &request(0x04, 0x12, &fetch));
    assert!(part.starts_with("fef2641200f0181818"), "{part}");
    let mut free = timestamp;
    free.extend([0, 0, 0]);
    assert!(ask(&mut stick, at(3), &request(0x04, 0x12, &free)).starts_with("fe0264120000"));
    assert!(ask(&mut stick, at(3), &request(0x04, 0x12, &free)).starts_with("fe0264120100"));
}

#[test]
fn install_codes_admit_the_devices_they_are_for() {
    let mut stick = running(&[]);
    let model = Model::built_in("BULB").unwrap();
    for ieee in [RELAY, KNOB] {
        stick.add(Device::new(ieee, model.clone()));
    }
    let mut code = vec![1];
    code.extend(RELAY.0.to_le_bytes());
    code.extend([0; 18]);
    assert!(ask(&mut stick, at(2), &request(0x0f, 0x04, &code)).starts_with("fe016f0400"));
    assert!(
        ask(
            &mut stick,
            at(2),
            &request(0x0f, 0x04, code.get(..20).unwrap())
        )
        .starts_with("fe016f0401")
    );
    ask(&mut stick, at(2), &request(0x0f, 0x06, &[1]));
    assert_eq!(stick.join(at(2), RELAY), Err(JoinError::Closed));
    ask(
        &mut stick,
        at(2),
        &request(0x05, 0x36, &[0x0f, 0xfc, 0xff, 60, 1]),
    );
    assert_eq!(stick.join(at(3), KNOB), Err(JoinError::NoInstallCode));
    assert_eq!(stick.join(at(3), RELAY), Ok(()));
    // The window closes by itself.
    run(&mut stick, at(100));
    ask(&mut stick, at(100), &request(0x0f, 0x06, &[0]));
    assert_eq!(stick.join(at(100), KNOB), Err(JoinError::Closed));
}
