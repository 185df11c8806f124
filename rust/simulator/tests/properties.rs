//! Whatever arrives, nothing panics, and the same inputs give the same outputs.

mod hand;

use std::time::Duration;

use hand::{RELAY, at, data_request, request, running, stick};
use proptest::prelude::*;
use simulator::{Device, Firmware, Model, Network, Stick, StickConfig, Timing};
use zigbee::{IeeeAddress, NwkAddress};

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
