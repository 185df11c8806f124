//! Colours and what they are in other terms (shared/facts/mqtt-api.md §7.5). Pure arithmetic: nothing here
//! gives NaN or leaves its bounds, whatever comes in.

mod given;
mod sync;
mod temperature;

pub(crate) use given::{Given, finite};
pub(crate) use sync::{ColorState, Limits};
pub(crate) use temperature::of_mireds;

use crate::number::{round, round_to};

/// A place in the CIE 1931 diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Xy {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// Red, green and blue from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rgb {
    red: f64,
    green: f64,
    blue: f64,
}

/// Hue in degrees from 0 to below 360, saturation and value in per cent; what was not given is absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hsv {
    pub(crate) hue: Option<f64>,
    pub(crate) saturation: Option<f64>,
    pub(crate) value: Option<f64>,
}

/// A full turn, degrees.
const TURN: f64 = 360.0;

impl Xy {
    /// With four decimals, as colours are published.
    pub(crate) fn rounded(self) -> Self {
        Self {
            x: round_to(self.x, 4),
            y: round_to(self.y, 4),
        }
    }

    /// The nearest colour at full brightness that red, green and blue can make.
    fn rgb(self) -> Rgb {
        // Below, a colour would be infinitely dark.
        let y = self.y.max(1e-9);
        let (x, z) = (self.x / y, (1.0 - self.x - y) / y);
        // XYZ of luminance 1 to the wide gamut with D65.
        let red = x * 1.656_492 - 0.354_851 - z * 0.255_038;
        let green = x * -0.707_196 + 1.655_397 + z * 0.036_152;
        let blue = x * 0.051_713 - 0.121_364 + z * 1.011_53;
        let most = red.max(green).max(blue).max(1.0);
        let part = |part: f64| {
            let part = part / most;
            // NaN of infinities as well.
            if part > 0.0 { part.min(1.0) } else { 0.0 }
        };
        Rgb {
            red: part(red),
            green: part(green),
            blue: part(blue),
        }
    }

    /// As hue and saturation, whole numbers as they are published.
    pub(crate) fn hsv(self) -> Hsv {
        let Hsv {
            hue, saturation, ..
        } = self.rgb().hsv();
        Hsv {
            hue: hue.map(|hue| round(hue).rem_euclid(TURN)),
            saturation: saturation.map(round),
            value: None,
        }
    }
}

impl Rgb {
    /// Of parts from 0 to 255.
    fn of_bytes(red: f64, green: f64, blue: f64) -> Self {
        let part = |part: f64| (part / 255.0).clamp(0.0, 1.0);
        Self {
            red: part(red),
            green: part(green),
            blue: part(blue),
        }
    }

    /// Light of a screen's colour (the curve of sRGB, IEC 61966-2-1).
    fn expanded(self) -> Self {
        let light = |part: f64| {
            if part > 0.040_45 {
                ((part + 0.055) / 1.055).powf(2.4)
            } else {
                part / 12.92
            }
        };
        Self {
            red: light(self.red),
            green: light(self.green),
            blue: light(self.blue),
        }
    }

    /// Its place in the diagram, by the wide gamut with D65. Black has none: 0, 0.
    fn xy(self) -> Xy {
        let Self { red, green, blue } = self;
        let x = red * 0.664_511 + green * 0.154_324 + blue * 0.162_028;
        let y = red * 0.283_881 + green * 0.668_433 + blue * 0.047_685;
        let z = red * 0.000_088 + green * 0.072_31 + blue * 0.986_039;
        let all = x + y + z;
        if all > 0.0 {
            Xy {
                x: x / all,
                y: y / all,
            }
        } else {
            Xy { x: 0.0, y: 0.0 }
        }
    }

    fn hsv(self) -> Hsv {
        let Self { red, green, blue } = self;
        let most = red.max(green).max(blue);
        let spread = most - red.min(green).min(blue);
        let sextant = if spread <= 0.0 {
            0.0
        } else if red >= green && red >= blue {
            (green - blue) / spread
        } else if green >= blue {
            (blue - red) / spread + 2.0
        } else {
            (red - green) / spread + 4.0
        };
        Hsv {
            hue: Some((sextant * 60.0).rem_euclid(TURN)),
            saturation: Some(if most > 0.0 {
                spread / most * 100.0
            } else {
                0.0
            }),
            value: Some(most * 100.0),
        }
    }
}

impl Hsv {
    /// With the hue in its turn, and the rest in its bounds.
    fn new(hue: Option<f64>, saturation: Option<f64>, value: Option<f64>) -> Self {
        let percent = |part: f64| part.clamp(0.0, 100.0);
        Self {
            hue: hue.map(|hue| hue.rem_euclid(TURN)),
            saturation: saturation.map(percent),
            value: value.map(percent),
        }
    }

    /// Of hue, saturation and lightness.
    fn of_lightness(hue: f64, saturation: f64, lightness: f64) -> Self {
        let (saturation, lightness) = (saturation.clamp(0.0, 100.0), lightness.clamp(0.0, 100.0));
        let value = lightness + saturation * lightness.min(100.0 - lightness) / 100.0;
        let saturation = if value > 0.0 {
            200.0 * (1.0 - lightness / value)
        } else {
            0.0
        };
        Self::new(Some(hue), Some(saturation), Some(value))
    }

    /// The same with another hue.
    pub(crate) fn with_hue(self, hue: f64) -> Self {
        Self::new(Some(hue), self.saturation, self.value)
    }

    /// As red, green and blue; what is absent is hue 0, full saturation, full value.
    fn rgb(self) -> Rgb {
        let hue = self.hue.unwrap_or(0.0) / 60.0;
        let saturation = self.saturation.unwrap_or(100.0) / 100.0;
        let value = self.value.unwrap_or(100.0) / 100.0;
        // Each part rises, stays and falls over the six sextants, a third of a turn apart.
        let part = |offset: f64| {
            let sextant = (hue + offset) % 6.0;
            let absence = sextant.min(4.0 - sextant).clamp(0.0, 1.0);
            value * (1.0 - saturation * absence)
        };
        Rgb {
            red: part(5.0),
            green: part(3.0),
            blue: part(1.0),
        }
    }

    /// Its place in the diagram.
    fn exact_xy(self) -> Xy {
        self.rgb().xy()
    }

    /// Its place in the diagram, four decimals.
    pub(crate) fn xy(self) -> Xy {
        self.exact_xy().rounded()
    }

    /// The same, taken for a screen's colour.
    pub(crate) fn screen_xy(self) -> Xy {
        self.rgb().expanded().xy().rounded()
    }
}

/// A hue as a list of points corrects it: linear in between, and towards 0 and 359 outside.
pub(crate) fn corrected_hue(hue: f64, points: &[(f64, f64)]) -> f64 {
    if points.len() < 2 {
        return hue;
    }
    let below = points.iter().filter(|(from, _)| *from <= hue);
    let above = points.iter().filter(|(from, _)| *from > hue);
    let (left, left_to) = below
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .copied()
        .unwrap_or((0.0, 0.0));
    let (right, right_to) = above
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .copied()
        .unwrap_or((359.0, 359.0));
    let span = right - left;
    if span.abs() < f64::EPSILON {
        return round(left_to);
    }
    round(left_to + (hue - left) / span * (right_to - left_to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::number;

    fn xy_of(red: f64, green: f64, blue: f64) -> (f64, f64) {
        let Xy { x, y } = Rgb::of_bytes(red, green, blue).expanded().xy().rounded();
        (x, y)
    }

    #[test]
    fn screen_colours_have_the_places_of_zigbee2mqtt() {
        assert_eq!(xy_of(255.0, 0.0, 0.0), (0.7006, 0.2993));
        assert_eq!(xy_of(0.0, 255.0, 0.0), (0.1724, 0.7468));
        assert_eq!(xy_of(0.0, 0.0, 255.0), (0.1355, 0.0399));
        assert_eq!(xy_of(255.0, 255.0, 255.0), (0.3227, 0.329));
        assert_eq!(xy_of(255.0, 255.0, 0.0), (0.4442, 0.5166));
        assert_eq!(xy_of(46.0, 102.0, 150.0), (0.1729, 0.2181));
    }

    #[test]
    fn hue_and_saturation_have_the_places_of_zigbee2mqtt() {
        let xy = |hue, saturation| {
            let Xy { x, y } = Hsv::new(Some(hue), Some(saturation), None).xy();
            (x, y)
        };
        assert_eq!(xy(240.0, 50.0), (0.2699, 0.2474));
        assert_eq!(xy(30.0, 50.0), (0.3884, 0.3648));
    }

    #[test]
    fn places_have_the_hue_and_saturation_of_zigbee2mqtt() {
        let hs = |x, y| {
            let Hsv {
                hue, saturation, ..
            } = Xy { x, y }.hsv();
            (hue.unwrap(), saturation.unwrap())
        };
        assert_eq!(hs(0.4, 0.4), (43.0, 63.0));
        assert_eq!(hs(0.3127, 0.329), (185.0, 9.0));
        for (mireds, hue, saturation) in [
            (153.0, 212.0, 10.0),
            (200.0, 46.0, 24.0),
            (250.0, 40.0, 49.0),
            (300.0, 36.0, 67.0),
            (370.0, 32.0, 82.0),
            (500.0, 25.0, 95.0),
        ] {
            let Xy { x, y } = of_mireds(mireds).unwrap();
            assert_eq!(hs(x, y), (hue, saturation), "{mireds}");
        }
    }

    #[test]
    fn the_six_corners_of_hue() {
        let corner = |hue| {
            let Rgb { red, green, blue } = Hsv::new(Some(hue), None, None).rgb();
            (red, green, blue)
        };
        assert_eq!(corner(0.0), (1.0, 0.0, 0.0));
        assert_eq!(corner(60.0), (1.0, 1.0, 0.0));
        assert_eq!(corner(120.0), (0.0, 1.0, 0.0));
        assert_eq!(corner(180.0), (0.0, 1.0, 1.0));
        assert_eq!(corner(240.0), (0.0, 0.0, 1.0));
        assert_eq!(corner(300.0), (1.0, 0.0, 1.0));
        assert_eq!(corner(-60.0), corner(300.0));
    }

    #[test]
    fn hues_are_corrected_between_points() {
        let points = [(109.0, 104.0), (20.0, 25.0)];
        let corrected = |hue| number::json(corrected_hue(hue, &points));
        assert_eq!(corrected(20.0), 25);
        assert_eq!(corrected(64.0), 64);
        assert_eq!(corrected(10.0), 13);
        assert_eq!(corrected(359.0), 359);
        assert_eq!(number::json(corrected_hue(64.0, &points[..1])), 64);
    }

    proptest! {
        #[test]
        fn any_place_is_a_colour(x in any::<f64>(), y in any::<f64>()) {
            let Rgb { red, green, blue } = Xy { x, y }.rgb();
            for part in [red, green, blue] {
                prop_assert!((0.0..=1.0).contains(&part));
            }
            let hsv = Xy { x, y }.hsv();
            prop_assert!((0.0..TURN).contains(&hsv.hue.unwrap()));
            prop_assert!((0.0..=100.0).contains(&hsv.saturation.unwrap()));
        }

        #[test]
        fn any_hue_has_a_place(
            hue in -1e9..1e9,
            saturation in prop::option::of(any::<f64>()),
            value in prop::option::of(any::<f64>()),
        ) {
            let hsv = Hsv::new(Some(hue), saturation, value);
            for Xy { x, y } in [hsv.xy(), hsv.screen_xy()] {
                prop_assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y));
            }
        }

        #[test]
        fn red_green_and_blue_come_back_from_hue(
            red in 0.0..=255.0, green in 0.0..=255.0, blue in 0.0..=255.0,
        ) {
            let rgb = Rgb::of_bytes(red, green, blue);
            let again = rgb.hsv().rgb();
            prop_assert!((rgb.red - again.red).abs() < 1e-9);
            prop_assert!((rgb.green - again.green).abs() < 1e-9);
            prop_assert!((rgb.blue - again.blue).abs() < 1e-9);
        }

        #[test]
        fn a_corrected_hue_is_finite(
            hue in 0.0..TURN,
            points in prop::collection::vec((0.0..TURN, 0.0..TURN), 0..5),
        ) {
            prop_assert!(corrected_hue(hue, &points).is_finite());
        }
    }
}
