//! White light of a colour temperature: its place in the CIE 1931 diagram.

use super::Xy;

/// Colour matching functions of the CIE 1931 standard observer (2°) from 360 nm to 830 nm in steps of
/// 5 nm (CIE 15, table T.4).
#[rustfmt::skip]
const OBSERVER: [[f64; 3]; 95] = [
    [0.000_129_9, 0.000_003_917, 0.000_606_1],
    [0.000_232_1, 0.000_006_965, 0.001_086],
    [0.000_414_9, 0.000_012_39, 0.001_946],
    [0.000_741_6, 0.000_022_02, 0.003_486],
    [0.001_368, 0.000_039, 0.006_450_001],
    [0.002_236, 0.000_064, 0.010_549_99],
    [0.004_243, 0.000_12, 0.020_050_01],
    [0.007_65, 0.000_217, 0.036_21],
    [0.014_31, 0.000_396, 0.067_850_01],
    [0.023_19, 0.000_64, 0.1102],
    [0.043_51, 0.001_21, 0.2074],
    [0.077_63, 0.002_18, 0.3713],
    [0.134_38, 0.004, 0.6456],
    [0.214_77, 0.0073, 1.039_050_1],
    [0.2839, 0.0116, 1.3856],
    [0.3285, 0.016_84, 1.622_96],
    [0.348_28, 0.023, 1.747_06],
    [0.348_06, 0.0298, 1.7826],
    [0.3362, 0.038, 1.772_11],
    [0.3187, 0.048, 1.7441],
    [0.2908, 0.06, 1.6692],
    [0.2511, 0.0739, 1.5281],
    [0.195_36, 0.090_98, 1.287_64],
    [0.1421, 0.1126, 1.0419],
    [0.095_64, 0.139_02, 0.812_950_1],
    [0.057_950_01, 0.1693, 0.6162],
    [0.032_01, 0.208_02, 0.465_18],
    [0.0147, 0.2586, 0.3533],
    [0.0049, 0.323, 0.272],
    [0.0024, 0.4073, 0.2123],
    [0.0093, 0.503, 0.1582],
    [0.0291, 0.6082, 0.1117],
    [0.063_27, 0.71, 0.078_249_99],
    [0.1096, 0.7932, 0.057_250_01],
    [0.1655, 0.862, 0.042_16],
    [0.225_749_9, 0.914_850_1, 0.029_84],
    [0.2904, 0.954, 0.0203],
    [0.3597, 0.9803, 0.0134],
    [0.433_449_9, 0.994_950_1, 0.008_749_999],
    [0.512_050_1, 1.0, 0.005_749_999],
    [0.5945, 0.995, 0.0039],
    [0.6784, 0.9786, 0.002_749_999],
    [0.7621, 0.952, 0.0021],
    [0.8425, 0.9154, 0.0018],
    [0.9163, 0.87, 0.001_650_001],
    [0.9786, 0.8163, 0.0014],
    [1.0263, 0.757, 0.0011],
    [1.0567, 0.6949, 0.001],
    [1.0622, 0.631, 0.0008],
    [1.0456, 0.5668, 0.0006],
    [1.0026, 0.503, 0.000_34],
    [0.9384, 0.4412, 0.000_24],
    [0.854_449_9, 0.381, 0.000_19],
    [0.7514, 0.321, 0.0001],
    [0.6424, 0.265, 0.000_049_999_99],
    [0.5419, 0.217, 0.000_03],
    [0.4479, 0.175, 0.000_02],
    [0.3608, 0.1382, 0.000_01],
    [0.2835, 0.107, -0.],
    [0.2187, 0.0816, 0.0],
    [0.1649, 0.061, 0.0],
    [0.1212, 0.044_58, 0.0],
    [0.0874, 0.032, 0.0],
    [0.0636, 0.0232, 0.0],
    [0.046_77, 0.017, 0.0],
    [0.0329, 0.011_92, 0.0],
    [0.0227, 0.008_21, 0.0],
    [0.015_84, 0.005_723, 0.0],
    [0.011_359_16, 0.004_102, 0.0],
    [0.008_110_916, 0.002_929, 0.0],
    [0.005_790_346, 0.002_091, 0.0],
    [0.004_109_457, 0.001_484, 0.0],
    [0.002_899_327, 0.001_047, 0.0],
    [0.002_049_19, 0.000_74, 0.0],
    [0.001_439_971, 0.000_52, 0.0],
    [0.000_999_949_3, 0.000_361_1, 0.0],
    [0.000_690_078_6, 0.000_249_2, 0.0],
    [0.000_476_021_3, 0.000_171_9, 0.0],
    [0.000_332_301_1, 0.000_12, 0.0],
    [0.000_234_826_1, 0.000_084_8, 0.0],
    [0.000_166_150_5, 0.000_06, 0.0],
    [0.000_117_413, 0.000_042_4, 0.0],
    [0.000_083_075_27, 0.000_03, 0.0],
    [0.000_058_706_52, 0.000_021_2, 0.0],
    [0.000_041_509_94, 0.000_014_99, 0.0],
    [0.000_029_353_26, 0.000_010_6, 0.0],
    [0.000_020_673_83, 0.000_007_465_7, 0.0],
    [0.000_014_559_77, 0.000_005_257_8, 0.0],
    [0.000_010_253_98, 0.000_003_702_9, 0.0],
    [0.000_007_221_456, 0.000_002_607_8, 0.0],
    [0.000_005_085_868, 0.000_001_836_6, 0.0],
    [0.000_003_581_652, 0.000_001_293_4, 0.0],
    [0.000_002_522_525, 0.000_000_910_93, 0.0],
    [0.000_001_776_509, 0.000_000_641_53, 0.0],
    [0.000_001_251_141, 0.000_000_451_81, 0.0],
];

/// The first wavelength of the table and its step, micrometres.
const FIRST: f64 = 0.36;
const STEP: f64 = 0.005;

/// The second radiation constant, µm·K. Today's value is 14387.77; with this one the result agrees with
/// what Zigbee2MQTT publishes to within 5·10⁻⁷.
const SECOND_RADIATION_CONSTANT: f64 = 14_387.73;

/// The temperatures that colours are known for, kelvin.
const KNOWN: std::ops::RangeInclusive<f64> = 1000.0..=20_009.0;

/// The colour of a black body of so many mireds, in steps of ten kelvin as Zigbee2MQTT has them. `None`
/// below 1000 K and above 20000 K.
pub(crate) fn of_mireds(mireds: f64) -> Option<Xy> {
    let kelvin = crate::number::round(1_000_000.0 / mireds);
    if !KNOWN.contains(&kelvin) {
        return None;
    }
    Some(of_kelvin((kelvin / 10.0).floor() * 10.0))
}

/// Planck's law, weighted with the eye's sensitivity.
fn of_kelvin(kelvin: f64) -> Xy {
    let mut sum = [0.0; 3];
    let mut wavelength = FIRST;
    for sensitivity in &OBSERVER {
        let exponent = SECOND_RADIATION_CONSTANT / (wavelength * kelvin);
        let radiance = wavelength.powi(-5) / exponent.exp_m1();
        for (sum, weight) in sum.iter_mut().zip(sensitivity) {
            *sum += radiance * weight;
        }
        wavelength += STEP;
    }
    let [x, y, z] = sum;
    let all = x + y + z;
    Xy {
        x: x / all,
        y: y / all,
    }
}

/// Mireds of a colour near the white curve (`McCamy`, "Correlated color temperature as an explicit
/// function of chromaticity coordinates", 1992), from 0 to 65535 for any colour.
pub(crate) fn mireds_of(color: Xy) -> f64 {
    let n = (color.x - 0.332) / (0.1858 - color.y);
    let kelvin = (((437.0 * n + 3601.0) * n + 6861.0) * n + 5517.0).abs();
    if kelvin.is_nan() {
        // The pole at y = 0.1858: infinitely hot.
        return 0.0;
    }
    (1_000_000.0 / kelvin).min(65_535.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_white_curve_is_that_of_zigbee2mqtt() {
        for (mireds, x, y) in [
            (153.0, 0.3131, 0.3232),
            (200.0, 0.3451, 0.3516),
            (250.0, 0.3804, 0.3767),
            (300.0, 0.4152, 0.3954),
            (350.0, 0.448, 0.4076),
            (370.0, 0.4599, 0.4106),
            (400.0, 0.477, 0.4137),
            (454.0, 0.5056, 0.4152),
            (500.0, 0.5267, 0.4133),
        ] {
            assert_eq!(
                of_mireds(mireds).unwrap().rounded(),
                Xy { x, y },
                "{mireds}"
            );
        }
    }

    #[test]
    fn there_is_no_colour_beyond_the_curve() {
        for mireds in [0.0, -1.0, 5.0, 49.0, 1001.0, f64::NAN, f64::INFINITY] {
            assert_eq!(of_mireds(mireds), None, "{mireds}");
        }
        assert!(of_mireds(50.0).is_some() && of_mireds(1000.0).is_some());
    }

    #[test]
    fn mireds_are_those_of_zigbee2mqtt() {
        for (x, y, mireds) in [(0.4, 0.4, 271.0), (0.3127, 0.329, 154.0), (0.5, 0.4, 467.0)] {
            let got = mireds_of(Xy { x, y });
            assert!((got - mireds).abs() <= 0.5, "{got}");
        }
    }

    proptest! {
        #[test]
        fn mireds_are_bounded(x in any::<f64>(), y in any::<f64>()) {
            let mireds = mireds_of(Xy { x, y });
            prop_assert!((0.0..=65_535.0).contains(&mireds), "{mireds}");
        }

        #[test]
        fn colours_of_the_curve_lie_in_the_diagram(mireds in any::<f64>()) {
            if let Some(Xy { x, y }) = of_mireds(mireds) {
                prop_assert!(x > 0.0 && y > 0.0 && x + y < 1.0);
            }
        }
    }
}
