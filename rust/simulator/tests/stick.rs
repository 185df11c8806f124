//! The stick's bytes, by hand: what hosts send, what a Z-Stack answers.

#![expect(clippy::unwrap_used, reason = "a test that fails may say so this way")]

use std::time::Duration;

use adapters::Instant;
use adapters::znp::frame::{Frame, Header, Subsystem, Type};
use proptest::prelude::*;
use serde_json::json;
use simulator::{
    Action, Device, Firmware, JoinError, Model, Network, Path, Stick, StickConfig, Timing,
};
use zigbee::{IeeeAddress, NwkAddress};

const RELAY: IeeeAddress = IeeeAddress(0x0015_8d00_0100_0001);
const KNOB: IeeeAddress = IeeeAddress(0x0015_8d00_0100_0002);

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(digits.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap())
        .collect()
}

fn stick(firmware: Firmware, timing: Timing) -> Stick {
    Stick::new(StickConfig {
        firmware,
        timing,
        table_size: 8,
        ..StickConfig::default()
    })
    .unwrap()
}

/// A synchronous request.
fn request(subsystem: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let header = Header {
        kind: Type::Sreq,
        subsystem: Subsystem(subsystem),
        id,
    };
    Frame { header, data }.to_bytes().unwrap()
}

/// Sends bytes and gives everything that comes back at once, as hexadecimal text.
fn ask(stick: &mut Stick, now: Instant, sent: &[u8]) -> String {
    stick.receive(now, sent);
    hex(&stick.output().unwrap_or_default())
}

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

/// A stick on a network with devices, all known and the endpoint 1 registered.
fn running(devices: &[(IeeeAddress, u16, &str)]) -> Stick {
    let mut stick = stick(Firmware::Stack3x0, Timing::QUICK);
    stick.preform(&Network::default());
    for (ieee, nwk, model) in devices {
        stick.add_known(*ieee, NwkAddress(*nwk), Model::built_in(model).unwrap());
    }
    stick.receive(Instant(0), &request(0x05, 0x40, &[100, 0]));
    stick.timeout(Instant(1_000_000));
    let register = [1, 4, 1, 5, 0, 0, 0, 0, 0];
    stick.receive(Instant(1_000_000), &request(0x04, 0x00, &register));
    let told = hex(&stick.output().unwrap());
    assert!(told.contains("fe0145c0098d"), "{told}");
    stick
}

/// An AF data request from endpoint 1 with transaction 7.
fn data_request(nwk: u16, endpoint: u8, cluster: u16, zcl: &[u8]) -> Vec<u8> {
    let mut data = nwk.to_le_bytes().to_vec();
    data.extend([endpoint, 1]);
    data.extend(cluster.to_le_bytes());
    data.extend([7, 0, 30, u8::try_from(zcl.len()).unwrap()]);
    data.extend(zcl);
    request(0x04, 0x01, &data)
}

/// Runs the stick until nothing is due before `until`, and gives the ZCL frames that arrived as
/// `endpoint/cluster:frame`, and confirmations as `confirm:STATUS`.
fn run(stick: &mut Stick, until: Instant) -> Vec<String> {
    while let Some(at) = stick.deadline().filter(|at| *at <= until) {
        stick.timeout(at);
    }
    stick.timeout(until);
    let mut decoder = adapters::znp::frame::Decoder::new();
    decoder.feed(until, &stick.output().unwrap_or_default());
    let mut seen = Vec::new();
    while let Some(frame) = decoder.next_frame() {
        match (frame.header.subsystem, frame.header.id) {
            (Subsystem::AF, 0x80) => {
                seen.push(format!("confirm:{:02x}", frame.data.first().unwrap()));
            }
            (Subsystem::AF, 0x81) => {
                let data = frame.data;
                let length = usize::from(*data.get(16).unwrap());
                let cluster = u16::from_le_bytes(data.get(2..4).unwrap().try_into().unwrap());
                seen.push(format!(
                    "{}/{cluster:04x}:{}",
                    data.get(6).unwrap(),
                    hex(data.get(17..17 + length).unwrap())
                ));
            }
            _ => {}
        }
    }
    seen
}

fn act(
    stick: &mut Stick,
    now: Instant,
    ieee: IeeeAddress,
    name: &str,
    parameters: &serde_json::Value,
) {
    let action = Action { name, parameters };
    stick.act(now, ieee, &action).unwrap().unwrap();
}

fn number(stick: &Stick, ieee: IeeeAddress, endpoint: u8, cluster: u16, attribute: u16) -> f64 {
    let path = Path {
        endpoint,
        cluster,
        attribute,
    };
    stick.device(ieee).unwrap().node.number(path)
}

const fn at(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000)
}

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

fn firmware() -> impl Strategy<Value = Firmware> {
    prop_oneof![
        Just(Firmware::Stack3x0),
        Just(Firmware::Home12),
        Just(Firmware::Stack30x)
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic_the_stick(firmware in firmware(), chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
        let mut stick = stick(firmware, Timing::QUICK);
        for (step, chunk) in (0..).zip(&chunks) {
            stick.receive(at(step), chunk);
        }
        stick.timeout(at(1000));
    }

    #[test]
    fn no_request_panics_the_stick_or_its_devices(
        firmware in firmware(),
        requests in prop::collection::vec(
            (prop_oneof![1_u8..=7, Just(15)], any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)),
            0..40,
        ),
    ) {
        let mut stick = stick(firmware, Timing::QUICK);
        stick.preform(&Network::default());
        for (ieee, model) in (0x0015_8d00_0100_0000..).zip(Model::names()) {
            let nwk = u16::try_from(ieee & 0xff).unwrap() + 1;
            stick.add_known(IeeeAddress(ieee), NwkAddress(nwk), Model::built_in(&model).unwrap());
        }
        stick.receive(at(0), &request(0x05, 0x40, &[100, 0]));
        stick.receive(at(1), &request(0x04, 0x00, &[1, 4, 1, 5, 0, 0, 0, 0, 0]));
        for (step, (subsystem, id, data)) in (2..).zip(&requests) {
            stick.receive(at(step), &request(*subsystem, *id, data));
        }
        stick.timeout(at(10_000));
    }

    #[test]
    fn no_zcl_frame_panics_a_device(
        model in prop::sample::select(Model::names()),
        endpoint in any::<u8>(),
        cluster in prop_oneof![
            Just(0_u16), Just(3), Just(4), Just(5), Just(6), Just(8), Just(16), Just(0x20), Just(0x300), Just(0x500), Just(0xfcc0), any::<u16>(),
        ],
        control in prop_oneof![Just(0_u8), Just(1), Just(0x10), Just(0x11), any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut stick = running(&[(RELAY, 0x1234, &model)]);
        let mut zcl = vec![control];
        zcl.extend(rest);
        let endpoint = if endpoint < 128 { 1 } else { endpoint };
        stick.receive(at(2), &data_request(0x1234, endpoint, cluster, &zcl));
        stick.timeout(at(100));
        let device: Option<&Device> = stick.device(RELAY);
        prop_assert!(device.is_some());
    }

    #[test]
    fn what_happens_depends_on_inputs_and_seed_alone(seed in any::<u64>(), chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6)) {
        let run = || {
            let mut stick = Stick::new(StickConfig { seed, table_size: 4, ..StickConfig::default() }).unwrap();
            let mut out = Vec::new();
            for (step, chunk) in (0..).zip(&chunks) {
                stick.receive(at(step), chunk);
                out.extend(stick.output());
            }
            stick.timeout(at(100) + Duration::from_secs(1));
            out.extend(stick.output());
            (out, stick.image())
        };
        prop_assert_eq!(run(), run());
    }
}
