//! What the simulated devices do, seen from the host's side of the wire.

mod hand;

use hand::{KNOB, RELAY, act, at, bytes, data_request, number, request, run, running};
use serde_json::json;
use simulator::Stick;

#[test]
fn a_command_is_confirmed_answered_and_reported() {
    let mut stick = running(&[(RELAY, 0x1234, "LLKZMK11LM")]);
    stick.receive(at(2), &data_request(0x1234, 1, 6, &[0x01, 0x42, 0x01]));
    assert_eq!(
        run(&mut stick, at(3)),
        ["confirm:00", "1/0006:18420b0100", "1/0006:18010a00001001"]
    );
    // No default response where none is wanted, an error all the same.
    stick.receive(at(4), &data_request(0x1234, 1, 6, &[0x11, 0x43, 0x00]));
    assert_eq!(
        run(&mut stick, at(5)),
        ["confirm:00", "1/0006:18020a00001000"]
    );
    stick.receive(at(6), &data_request(0x1234, 1, 6, &[0x11, 0x44, 0x77]));
    assert_eq!(run(&mut stick, at(7)), ["confirm:00", "1/0006:18440b7781"]);
    stick.receive(at(8), &data_request(0x1234, 1, 8, &[0x01, 0x45, 0x01]));
    assert_eq!(run(&mut stick, at(9)), ["confirm:00", "1/0008:18450b01c3"]);
}

#[test]
fn reads_are_answered_as_in_the_vectors() {
    let mut stick = running(&[(RELAY, 0x1234, "LLKZMK11LM")]);
    let mut now = 2;
    for (asked, answered) in [
        (
            "1000000500",
            "18000105000042126c756d692e72656c61792e633261636e3031",
        ),
        ("1000000400", "18000104000042044c554d49"),
        ("1000000700", "1800010700003001"),
        ("1000000100", "180001010000202f"),
        ("1000000600", "180001060000420a30392d32322d32303231"),
        ("1000000040", "1800010040004200"),
        ("1000007777", "180001777786"),
    ] {
        now += 2;
        stick.receive(at(now), &data_request(0x1234, 1, 0, &bytes(asked)));
        let seen = run(&mut stick, at(now + 1));
        assert_eq!(seen.last(), Some(&format!("1/0000:{answered}")), "{asked}");
    }
    for (cluster, written, answered) in [
        (16, "145f11000206ff1001", "1/0010:1c5f11000400"),
        // Read only: the attribute with its status.
        (0, "10000205004200", "1/0000:180004880500"),
    ] {
        now += 2;
        stick.receive(at(now), &data_request(0x1234, 1, cluster, &bytes(written)));
        assert_eq!(run(&mut stick, at(now + 1)).last().unwrap(), answered);
    }
}

#[test]
fn interlock_lets_one_relay_be_on() {
    let mut stick = running(&[(RELAY, 0x1234, "LLKZMK11LM")]);
    stick.receive(
        at(2),
        &data_request(0x1234, 1, 16, &bytes("145f11000206ff1001")),
    );
    for (endpoint, now) in [(1, 3), (2, 5)] {
        let on = data_request(0x1234, endpoint, 6, &[0x01, 0x01, 0x01]);
        stick.receive(at(now), &on);
        run(&mut stick, at(now + 1));
    }
    assert!(number(&stick, RELAY, 1, 6, 0) < 0.5);
    assert!(number(&stick, RELAY, 2, 6, 0) > 0.5);
}

#[test]
fn the_single_switch_forgets_its_settings_when_the_power_is_cut_and_the_double_does_not() {
    for (model, kept) in [("QBKG40LM", false), ("QBKG41LM", true)] {
        let mut stick = running(&[(RELAY, 0x1234, model)]);
        stick.receive(
            at(2),
            &data_request(0x1234, 1, 0xfcc0, &bytes("145f11000200022000")),
        );
        run(&mut stick, at(3));
        assert!(number(&stick, RELAY, 1, 0xfcc0, 0x0200) < 0.5, "{model}");
        act(&mut stick, at(4), RELAY, "power_cut", &json!({}));
        let frames = run(&mut stick, at(5));
        assert!(
            frames.iter().any(|frame| frame.contains("aa10054187")),
            "{model}: {frames:?}"
        );
        assert_eq!(
            number(&stick, RELAY, 1, 0xfcc0, 0x0200) < 0.5,
            kept,
            "{model}"
        );
    }
}

#[test]
fn a_decoupled_button_is_reported_and_does_not_switch() {
    let mut stick = running(&[(RELAY, 0x1234, "QBKG41LM")]);
    // Event mode; left decoupled.
    stick.receive(
        at(2),
        &data_request(0x1234, 1, 0xfcc0, &bytes("145f11000209002001")),
    );
    stick.receive(
        at(3),
        &data_request(0x1234, 1, 0xfcc0, &bytes("145f11000200022000")),
    );
    run(&mut stick, at(4));
    act(
        &mut stick,
        at(5),
        RELAY,
        "press",
        &json!({"button": "left"}),
    );
    assert_eq!(run(&mut stick, at(6)), ["41/0012:18010a5500210100"]);
    act(
        &mut stick,
        at(7),
        RELAY,
        "press",
        &json!({"button": "right"}),
    );
    assert_eq!(
        run(&mut stick, at(8)),
        ["2/0006:18020a00001001", "42/0012:18030a5500210100"]
    );
}

#[test]
fn the_knob_turns_on_endpoint_71_and_sleeps() {
    let mut stick = running(&[(KNOB, 0x2345, "ZNXNKG02LM")]);
    // Asleep: nothing gets there for as long as a parent keeps messages.
    stick.receive(
        at(60),
        &data_request(0x2345, 1, 0xfcc0, &bytes("145f1100003402")),
    );
    assert_eq!(run(&mut stick, at(70)), ["confirm:f0"]);
    act(
        &mut stick,
        at(80),
        KNOB,
        "turn",
        &json!({"degrees": 12.0, "milliseconds": 200}),
    );
    let frames = run(&mut stick, at(81));
    assert_eq!(frames.len(), 3);
    assert_eq!(
        frames.get(1).unwrap(),
        "71/fcc0:1c5f11020a2e02390000404130023900007042310223c800000032023955555540330239555585413a022002"
    );
    // It listens for a while after it has sent.
    stick.receive(
        at(82),
        &data_request(0x2345, 1, 0xfcc0, &bytes("145f1100003402")),
    );
    assert_eq!(
        run(&mut stick, at(83)),
        ["confirm:00", "1/fcc0:1c5f110001340200216801"]
    );
}

#[test]
fn reporting_keeps_minimum_maximum_and_change() {
    let mut stick = running(&[(RELAY, 0x1234, "PLUG")]);
    // Bind active power to endpoint 1 of the coordinator: then minimum 10 s, maximum 60 s, change 50.
    let mut bind = 0x1234_u16.to_le_bytes().to_vec();
    bind.extend(RELAY.0.to_le_bytes());
    bind.extend([1, 0x04, 0x0b, 3]);
    bind.extend(stick.ieee().0.to_le_bytes());
    bind.push(1);
    stick.receive(at(1), &request(0x05, 0x21, &bind));
    run(&mut stick, at(2));
    let configure = bytes("100006 00 0b05 29 0a00 3c00 3200");
    stick.receive(at(2), &data_request(0x1234, 1, 0x0b04, &configure));
    assert_eq!(run(&mut stick, at(3)).last().unwrap(), "1/0b04:18000700");
    act(&mut stick, at(4), RELAY, "press", &json!({}));
    let load = |stick: &mut Stick, now: u64, watts: f64| {
        act(stick, at(now), RELAY, "load", &json!({"watts": watts}));
    };
    let reports = |frames: Vec<String>| -> Vec<String> {
        frames
            .into_iter()
            .filter(|frame| frame.contains("0a0b0529"))
            .collect()
    };
    // A large change, too early: reported when the minimum has passed.
    load(&mut stick, 5, 100.0);
    assert!(reports(run(&mut stick, at(11))).is_empty());
    assert_eq!(reports(run(&mut stick, at(13))).len(), 1);
    // A small change: not before the maximum.
    load(&mut stick, 30, 101.0);
    assert!(reports(run(&mut stick, at(71))).is_empty());
    assert_eq!(reports(run(&mut stick, at(73))).len(), 1);
    // A large change after the minimum: at once.
    load(&mut stick, 90, 0.0);
    assert_eq!(reports(run(&mut stick, at(91))).len(), 1);
}

#[test]
fn a_sleeper_checks_in_and_listens_for_as_long_as_it_is_told_to() {
    let mut stick = running(&[(KNOB, 0x2345, "REMOTE")]);
    act(&mut stick, at(2), KNOB, "check_in", &json!({}));
    assert_eq!(run(&mut stick, at(3)), ["1/0020:090100"]);
    // Fast polling for 60 s.
    stick.receive(
        at(3),
        &data_request(0x2345, 1, 0x20, &[0x01, 0x05, 0x00, 0x01, 240, 0]),
    );
    assert_eq!(run(&mut stick, at(4)), ["confirm:00", "1/0020:18050b0000"]);
    stick.receive(
        at(60),
        &data_request(0x2345, 1, 0, &[0x00, 0x06, 0x00, 0x07, 0x00]),
    );
    assert_eq!(
        run(&mut stick, at(61)),
        ["confirm:00", "1/0000:1806010700003003"]
    );
    // An hour after it was asked, it checks in by itself.
    act(&mut stick, at(70), KNOB, "check_in", &json!({}));
    run(&mut stick, at(71));
    assert!(run(&mut stick, at(3669)).is_empty());
    assert_eq!(run(&mut stick, at(3671)).len(), 1);
}

#[test]
fn a_captured_frame_is_sent_as_it_is() {
    let mut stick = running(&[(RELAY, 0x1234, "LLKZMK11LM")]);
    let zcl = "1c5f114c0a01ff42440328260521100007270000";
    act(
        &mut stick,
        at(2),
        RELAY,
        "frame",
        &json!({"endpoint": 1, "cluster": 0, "zcl": zcl}),
    );
    assert_eq!(run(&mut stick, at(3)), [format!("1/0000:{zcl}")]);
}
