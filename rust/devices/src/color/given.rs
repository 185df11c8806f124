//! The forms in which a colour may be given (shared/facts/mqtt-api.md §7.5).

use serde_json::Value as Json;

use super::{Hsv, Rgb, Xy};

/// A colour as it was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Given {
    /// A place in the diagram.
    Xy(Xy),
    /// A screen's colour.
    Rgb(Rgb),
    /// Hue, saturation, value, as far as they were given.
    Hsv(Hsv),
}

impl Given {
    /// Reads a colour; `None` for what is none.
    pub(crate) fn of(json: &Json) -> Option<Self> {
        if let Json::String(text) = json {
            return hex(text.strip_prefix('#')?);
        }
        if !json.is_object() {
            return None;
        }
        let field = |name: &str| json.get(name).filter(|value| !value.is_null());
        let part = |name: &str| field(name).and_then(finite);
        let three = |names: [&str; 3]| {
            let [first, second, third] = names.map(part);
            Some((first?, second?, third?))
        };
        let list = |name: &str| field(name).and_then(Json::as_str).and_then(triple);
        if let (Some(x), Some(y)) = (part("x"), part("y")) {
            let inside = (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y);
            return inside.then_some(Self::Xy(Xy { x, y }));
        }
        if let Some((red, green, blue)) = three(["r", "g", "b"]).or_else(|| list("rgb")) {
            return Some(Self::Rgb(Rgb::of_bytes(red, green, blue)));
        }
        if let Some(text) = field("hex").and_then(Json::as_str) {
            return hex(text.strip_prefix('#').unwrap_or(text));
        }
        if let Some((hue, saturation, lightness)) = three(["h", "s", "l"]).or_else(|| list("hsl")) {
            return Some(Self::Hsv(Hsv::of_lightness(hue, saturation, lightness)));
        }
        if let Some((hue, saturation, value)) = three(["h", "s", "b"])
            .or_else(|| list("hsb"))
            .or_else(|| three(["h", "s", "v"]))
            .or_else(|| list("hsv"))
        {
            return Some(Self::Hsv(Hsv::new(
                Some(hue),
                Some(saturation),
                Some(value),
            )));
        }
        let (hue, saturation) = (part("h"), part("s"));
        if hue.is_some() || saturation.is_some() {
            return Some(Self::Hsv(Hsv::new(hue, saturation, None)));
        }
        let (hue, saturation) = (part("hue"), part("saturation"));
        if hue.is_some() || saturation.is_some() {
            return Some(Self::Hsv(Hsv::new(hue, saturation, part("value"))));
        }
        None
    }

    /// Its place in the diagram; hue and saturation count as light, not as a screen's colour.
    pub(crate) fn xy(self) -> Xy {
        match self {
            Self::Xy(xy) => xy,
            Self::Rgb(rgb) => rgb.expanded().xy().rounded(),
            Self::Hsv(hsv) => hsv.xy(),
        }
    }
}

/// A finite number, also as text.
pub(crate) fn finite(json: &Json) -> Option<f64> {
    let number = match json {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// Three whole numbers with commas between them.
fn triple(text: &str) -> Option<(f64, f64, f64)> {
    let mut parts = text.split(',').map(|part| part.trim().parse::<i32>().ok());
    let all = (parts.next()??, parts.next()??, parts.next()??);
    parts
        .next()
        .is_none()
        .then_some((all.0.into(), all.1.into(), all.2.into()))
}

/// Six digits in base 16.
fn hex(digits: &str) -> Option<Given> {
    let bytes = crate::number::bytes(digits)?;
    match bytes[..] {
        [red, green, blue] => Some(Given::Rgb(Rgb::of_bytes(
            red.into(),
            green.into(),
            blue.into(),
        ))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn hsv(hue: Option<f64>, saturation: Option<f64>, value: Option<f64>) -> Given {
        Given::Hsv(Hsv {
            hue,
            saturation,
            value,
        })
    }

    #[test]
    fn every_form_of_a_colour_is_understood() {
        let orange = Some(Given::Rgb(Rgb::of_bytes(255.0, 128.0, 0.0)));
        assert_eq!(Given::of(&json!({"r": 255, "g": 128, "b": 0})), orange);
        assert_eq!(Given::of(&json!({"rgb": "255, 128,0"})), orange);
        assert_eq!(Given::of(&json!({"hex": "#ff8000"})), orange);
        assert_eq!(Given::of(&json!({"hex": "FF8000"})), orange);
        assert_eq!(Given::of(&json!("#ff8000")), orange);
        let xy = Some(Given::Xy(Xy { x: 0.3, y: 0.4 }));
        assert_eq!(Given::of(&json!({"x": 0.3, "y": "0.4", "h": 1})), xy);
        let full = Some(hsv(Some(120.0), Some(50.0), Some(40.0)));
        assert_eq!(Given::of(&json!({"h": 480, "s": 50, "b": 40})), full);
        assert_eq!(Given::of(&json!({"h": 120, "s": 50, "v": 40})), full);
        assert_eq!(Given::of(&json!({"hsb": "120,50,40"})), full);
        assert_eq!(Given::of(&json!({"hsv": "120,50,40"})), full);
        assert_eq!(
            Given::of(&json!({"hue": 120, "saturation": 50, "value": 40})),
            full
        );
        let light = Some(hsv(Some(120.0), Some(100.0), Some(50.0)));
        assert_eq!(Given::of(&json!({"h": 120, "s": 100, "l": 25})), light);
        assert_eq!(Given::of(&json!({"hsl": "120,100,25"})), light);
        assert_eq!(
            Given::of(&json!({"h": 120, "s": 50})),
            Some(hsv(Some(120.0), Some(50.0), None))
        );
        assert_eq!(
            Given::of(&json!({"h": 120})),
            Some(hsv(Some(120.0), None, None))
        );
        assert_eq!(
            Given::of(&json!({"s": 50})),
            Some(hsv(None, Some(50.0), None))
        );
        assert_eq!(
            Given::of(&json!({"saturation": 50})),
            Some(hsv(None, Some(50.0), None))
        );
    }

    #[test]
    fn what_is_no_colour_is_none() {
        for json in [
            json!(null),
            json!("red"),
            json!("#ff80"),
            json!(17),
            json!([1, 2, 3]),
            json!({}),
            json!({"x": 0.3}),
            json!({"x": 1.5, "y": 0.3}),
            json!({"rgb": "1,2"}),
            json!({"rgb": "1,2,3,4"}),
            json!({"hex": "#zzzzzz"}),
            json!({"h": null}),
        ] {
            assert_eq!(Given::of(&json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn nothing_given_panics_or_leaves_the_diagram(
            names in prop::collection::vec("[xyrgbhslv]|hue|saturation|value|rgb|hex|hsl|hsv", 0..5),
            number in any::<f64>(),
            text in ".{0,8}",
        ) {
            let numbers: Json = names.iter().map(|name| (name.clone(), json!(number))).collect();
            let texts: Json = names.iter().map(|name| (name.clone(), json!(text))).collect();
            for json in [numbers, texts, json!(text)] {
                if let Some(given) = Given::of(&json) {
                    let Xy { x, y } = given.xy();
                    prop_assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y));
                }
            }
        }
    }
}
