//! The state of Philips Hue lights in the vendor's own cluster (described by the project Bifrost,
//! `doc/hue-zigbee-format.md`): flags say which fields follow, in a fixed order.

use zigbee::{AttributeId, ClusterId, ManufacturerCode};

use crate::color::Xy;

pub(super) const CLUSTER: ClusterId = ClusterId(0xfc03);
pub(super) const STATE: AttributeId = AttributeId(0x0002);
pub(super) const MANUFACTURER: ManufacturerCode = ManufacturerCode(0x100b);

/// Effects that run until they are stopped.
pub(super) const EFFECTS: [(&str, u8); 12] = [
    ("candle", 0x01),
    ("fireplace", 0x02),
    ("colorloop", 0x03),
    ("sunrise", 0x09),
    ("sparkle", 0x0a),
    ("opal", 0x0b),
    ("glisten", 0x0c),
    ("sunset", 0x0d),
    ("underwater", 0x0e),
    ("cosmos", 0x0f),
    ("sunbeam", 0x10),
    ("enchant", 0x11),
];

pub(super) const NO_EFFECT: u8 = 0x00;

const ON: u16 = 0x0001;
const BRIGHTNESS: u16 = 0x0002;
const TEMPERATURE: u16 = 0x0004;
const COLOR: u16 = 0x0008;
const FADE: u16 = 0x0010;
const EFFECT: u16 = 0x0020;
const GRADIENT_SHAPE: u16 = 0x0040;
const EFFECT_SPEED: u16 = 0x0080;
const GRADIENT: u16 = 0x0100;

/// What a light is, or shall be; what is absent is not said.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct HueState {
    pub(super) on: Option<bool>,
    /// 1 to 254.
    pub(super) brightness: Option<u8>,
    /// Mireds.
    pub(super) temperature: Option<u16>,
    pub(super) color: Option<Xy>,
    /// Tenths of a second.
    pub(super) fade: Option<u16>,
    pub(super) effect: Option<u8>,
    /// From 0 to 1.
    pub(super) effect_speed: Option<f64>,
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the type: a part of a whole"
)]
fn part_of_word(part: f64) -> u16 {
    (part.clamp(0.0, 1.0) * f64::from(u16::MAX)) as u16
}

impl HueState {
    /// Reads a state; `None` if it is cut off. Fields of gradients are passed over.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let flags = bytes.word()?;
        let has = |flag| flags & flag != 0;
        let part = |word: u16| f64::from(word) / f64::from(u16::MAX);
        let mut state = Self::default();
        if has(ON) {
            state.on = Some(bytes.byte()? != 0);
        }
        if has(BRIGHTNESS) {
            state.brightness = Some(bytes.byte()?);
        }
        if has(TEMPERATURE) {
            state.temperature = Some(bytes.word()?);
        }
        if has(COLOR) {
            let (x, y) = (part(bytes.word()?), part(bytes.word()?));
            state.color = Some(Xy { x, y });
        }
        if has(FADE) {
            state.fade = Some(bytes.word()?);
        }
        if has(EFFECT) {
            state.effect = Some(bytes.byte()?);
        }
        if has(GRADIENT) {
            let size = bytes.byte()?;
            bytes.skip(size.into())?;
        }
        if has(EFFECT_SPEED) {
            state.effect_speed = Some(f64::from(bytes.byte()?) / f64::from(u8::MAX));
        }
        if has(GRADIENT_SHAPE) {
            bytes.skip(2)?;
        }
        Some(state)
    }

    /// As it is sent.
    pub(super) fn emit(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut bytes = Vec::new();
        if let Some(on) = self.on {
            flags |= ON;
            bytes.push(u8::from(on));
        }
        if let Some(brightness) = self.brightness {
            flags |= BRIGHTNESS;
            bytes.push(brightness.clamp(1, 254));
        }
        if let Some(temperature) = self.temperature {
            flags |= TEMPERATURE;
            bytes.extend(temperature.to_le_bytes());
        }
        if let Some(Xy { x, y }) = self.color {
            flags |= COLOR;
            bytes.extend(part_of_word(x).to_le_bytes());
            bytes.extend(part_of_word(y).to_le_bytes());
        }
        if let Some(fade) = self.fade {
            flags |= FADE;
            bytes.extend(fade.to_le_bytes());
        }
        if let Some(effect) = self.effect {
            flags |= EFFECT;
            bytes.push(effect);
        }
        if let Some(speed) = self.effect_speed {
            flags |= EFFECT_SPEED;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 255: clamped"
            )]
            bytes.push((speed.clamp(0.0, 1.0) * f64::from(u8::MAX)) as u8);
        }
        let mut out = flags.to_le_bytes().to_vec();
        out.extend(bytes);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        crate::number::bytes(hex).unwrap()
    }

    #[test]
    fn states_that_lights_report() {
        let state = HueState::parse(&bytes("0f0000044d01ab6f7067")).unwrap();
        assert_eq!(state.on, Some(false));
        assert_eq!(state.brightness, Some(4));
        assert_eq!(state.temperature, Some(333));
        assert_eq!(
            state.color.unwrap().rounded(),
            Xy {
                x: 0.4362,
                y: 0.4041
            }
        );
        let state = HueState::parse(&bytes("ab000153df7e446a0180")).unwrap();
        assert_eq!(
            (state.effect, state.effect_speed),
            (Some(1), Some(128.0 / 255.0))
        );
        // A gradient is passed over.
        let gradient = "4b010164fb74346b1350000000f3297fda7d55da7d55f3297fda7d552800";
        assert_eq!(
            HueState::parse(&bytes(gradient)).unwrap().brightness,
            Some(0x64)
        );
    }

    #[test]
    fn a_state_that_is_cut_off_is_none() {
        for text in ["", "0f", "0f0000044d01ab6f70", "4b010164fb74346b13500000"] {
            assert_eq!(HueState::parse(&bytes(text)), None, "{text}");
        }
    }

    #[test]
    fn what_is_sent_for_effects() {
        let stop = HueState {
            effect: Some(NO_EFFECT),
            ..HueState::default()
        };
        assert_eq!(stop.emit(), bytes("200000"));
        let candle = HueState {
            on: Some(true),
            effect: Some(1),
            ..HueState::default()
        };
        assert_eq!(candle.emit(), bytes("21000101"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(state) = HueState::parse(&bytes) {
                let again = HueState::parse(&state.emit()).unwrap();
                prop_assert_eq!(again.effect, state.effect);
                prop_assert_eq!(again.temperature, state.temperature);
            }
        }
    }
}
