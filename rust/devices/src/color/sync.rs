//! Colour sync (shared/facts/mqtt-api.md §7.5): what a change of colour means in the terms that were
//! published before.

use serde_json::{Value as Json, json};

use super::{Hsv, Xy, temperature};
use crate::{JsonMap, number};

/// The least and the greatest colour temperature of a light, mireds, where known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Limits {
    pub(crate) least: Option<f64>,
    pub(crate) greatest: Option<f64>,
}

impl Limits {
    /// The nearest colour temperature that the light has.
    pub(crate) fn clamp(self, mireds: f64) -> f64 {
        match (self.least, self.greatest) {
            (Some(least), _) if mireds < least => least,
            (_, Some(greatest)) if mireds > greatest => greatest,
            _ => mireds,
        }
    }
}

/// What is known of a light's colour.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ColorState {
    /// `color_mode`: `hs`, `xy`, `color_temp`, or a number that nobody knows.
    pub(crate) mode: Option<Json>,
    /// `color_temp`, mireds.
    pub(crate) mireds: Option<f64>,
    pub(crate) x: Option<f64>,
    pub(crate) y: Option<f64>,
    pub(crate) hue: Option<f64>,
    pub(crate) saturation: Option<f64>,
}

impl ColorState {
    /// The part of a cached state that is about colour; `key` gives the key of a property.
    pub(crate) fn cached(get: impl Fn(&str) -> Option<Json>) -> Self {
        let color = get("color");
        let part = |name: &str| color.as_ref()?.get(name)?.as_f64();
        Self {
            mode: get("color_mode").filter(|mode| !mode.is_null()),
            mireds: get("color_temp").as_ref().and_then(Json::as_f64),
            x: part("x"),
            y: part("y"),
            hue: part("hue"),
            saturation: part("saturation"),
        }
    }

    /// A colour temperature.
    pub(crate) fn of_mireds(mireds: f64) -> Self {
        Self {
            mode: Some(json!("color_temp")),
            mireds: Some(mireds),
            ..Self::default()
        }
    }

    /// A place in the diagram.
    pub(crate) fn of_xy(xy: Xy) -> Self {
        Self {
            mode: Some(json!("xy")),
            x: Some(xy.x),
            y: Some(xy.y),
            ..Self::default()
        }
    }

    /// A hue, a saturation or both.
    pub(crate) fn of_hsv(hsv: Hsv) -> Self {
        Self {
            mode: Some(json!("hs")),
            hue: hsv.hue,
            saturation: hsv.saturation,
            ..Self::default()
        }
    }

    /// True when there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn xy(&self) -> Option<Xy> {
        Some(Xy {
            x: self.x?,
            y: self.y?,
        })
    }

    fn hsv(&self) -> Option<Hsv> {
        Some(Hsv {
            hue: Some(self.hue?),
            saturation: Some(self.saturation?),
            value: None,
        })
    }

    fn has_color(&self) -> bool {
        [self.x, self.y, self.hue, self.saturation]
            .iter()
            .any(Option::is_some)
    }

    /// What a change means in every term that the cache or the change has. The mode tells which one
    /// counts; the others are computed from it, or left out where that cannot be.
    pub(crate) fn synced(&self, cached: &Self, limits: Limits) -> Self {
        let mode = self.mode.clone().or_else(|| cached.mode.clone());
        let mode = mode.or_else(|| {
            if self.has_color() {
                Some(json!(if self.hue.is_some() { "hs" } else { "xy" }))
            } else {
                self.mireds.map(|_| json!("color_temp"))
            }
        });
        let wants_mireds = self.mireds.or(cached.mireds).is_some();
        let wants_xy = self.xy().or_else(|| cached.xy()).is_some();
        let wants_hs = self.hsv().or_else(|| cached.hsv()).is_some();
        let name = mode.as_ref().and_then(Json::as_str).map(str::to_owned);
        let mut out = Self {
            mode,
            ..Self::default()
        };
        let mut also = |xy: Option<Xy>, hsv: Option<Hsv>, mireds: Option<f64>| {
            if let Some(xy) = xy.filter(|_| wants_xy) {
                (out.x, out.y) = (Some(xy.x), Some(xy.y));
            }
            if let Some(hsv) = hsv.filter(|_| wants_hs) {
                (out.hue, out.saturation) = (hsv.hue, hsv.saturation);
            }
            if let Some(mireds) = mireds.filter(|_| wants_mireds) {
                out.mireds = Some(mireds);
            }
        };
        let nearest = |xy: Xy| Some(limits.clamp(number::round(temperature::mireds_of(xy))));
        match name.as_deref() {
            Some("hs") => {
                let hue = self.hue.or(cached.hue);
                let saturation = self.saturation.or(cached.saturation);
                if let (Some(hue), Some(saturation)) = (hue, saturation) {
                    let hsv = Hsv::new(Some(hue), Some(saturation), None);
                    also(Some(hsv.xy()), None, nearest(hsv.exact_xy()));
                }
                (out.hue, out.saturation) = (hue, saturation);
            }
            Some("xy") => {
                let (x, y) = (self.x.or(cached.x), self.y.or(cached.y));
                if let (Some(x), Some(y)) = (x, y) {
                    let xy = Xy { x, y };
                    also(None, Some(xy.hsv()), nearest(xy));
                }
                (out.x, out.y) = (x, y);
            }
            Some("color_temp") => {
                let mireds = self.mireds.or(cached.mireds);
                if let Some(xy) = mireds.and_then(temperature::of_mireds) {
                    also(Some(xy.rounded()), Some(xy.hsv()), None);
                }
                out.mireds = mireds;
            }
            _ => {}
        }
        out
    }

    /// What is published of it.
    pub(crate) fn publish(&self) -> JsonMap {
        let mut out = JsonMap::new();
        let color: JsonMap = [
            ("x", self.x),
            ("y", self.y),
            ("hue", self.hue),
            ("saturation", self.saturation),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), number::json(value?))))
        .collect();
        if !color.is_empty() {
            out.insert("color".to_owned(), Json::Object(color));
        }
        if let Some(mode) = &self.mode {
            out.insert("color_mode".to_owned(), mode.clone());
        }
        if let Some(mireds) = self.mireds {
            out.insert("color_temp".to_owned(), number::json(mireds));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &Json) -> ColorState {
        ColorState::cached(|key| json.get(key).cloned())
    }

    fn synced(new: &Json, cached: &Json) -> Json {
        let limits = Limits {
            least: Some(153.0),
            greatest: Some(500.0),
        };
        Json::Object(state(new).synced(&state(cached), limits).publish())
    }

    #[test]
    fn every_known_term_follows_a_colour_temperature() {
        let cached =
            json!({"color_mode": "xy", "color": {"x": 0.3, "y": 0.4, "hue": 1, "saturation": 2}});
        assert_eq!(
            synced(
                &json!({"color_mode": "color_temp", "color_temp": 250}),
                &cached
            ),
            json!({"color_mode": "color_temp", "color_temp": 250,
                "color": {"x": 0.3804, "y": 0.3767, "hue": 40, "saturation": 49}})
        );
    }

    #[test]
    fn every_known_term_follows_a_place() {
        let cached = json!({"color_temp": 250, "color": {"hue": 1, "saturation": 2}});
        assert_eq!(
            synced(
                &json!({"color_mode": "xy", "color": {"x": 0.4, "y": 0.4}}),
                &cached
            ),
            json!({"color_mode": "xy", "color_temp": 271,
                "color": {"x": 0.4, "y": 0.4, "hue": 43, "saturation": 63}})
        );
    }

    #[test]
    fn every_known_term_follows_a_hue() {
        let cached = json!({"color_temp": 250, "color": {"x": 0.1, "y": 0.2, "saturation": 50}});
        assert_eq!(
            synced(&json!({"color_mode": "hs", "color": {"hue": 240}}), &cached),
            json!({"color_mode": "hs", "color_temp": 153,
                "color": {"x": 0.2699, "y": 0.2474, "hue": 240, "saturation": 50}})
        );
    }

    #[test]
    fn terms_that_nobody_asked_for_are_not_invented() {
        assert_eq!(
            synced(
                &json!({"color_mode": "xy", "color": {"x": 0.4, "y": 0.4}}),
                &json!({})
            ),
            json!({"color_mode": "xy", "color": {"x": 0.4, "y": 0.4}})
        );
        assert_eq!(
            synced(&json!({"color_temp": 370}), &json!({})),
            json!({"color_mode": "color_temp", "color_temp": 370})
        );
    }

    #[test]
    fn the_cached_mode_says_what_counts_where_the_device_does_not() {
        let cached = json!({"color_mode": "color_temp", "color_temp": 250});
        assert_eq!(
            synced(&json!({"color": {"x": 0.4, "y": 0.4}}), &cached),
            json!({"color_mode": "color_temp", "color_temp": 250,
                "color": {"x": 0.3804, "y": 0.3767}})
        );
    }
}
