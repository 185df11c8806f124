//! Half-precision floats (IEEE 754 binary16), the ZCL's semi-precision type.

/// The double of the same value.
pub(crate) fn to_f64(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x03ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2f64.powi(i32::from(exponent) - 15),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The nearest half, ties to even; infinity when it is too great.
pub(crate) fn from_f64(value: f64) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = value.abs();
    if magnitude.is_nan() {
        return sign | 0x7e00;
    }
    // 65504 is the greatest half, 65520 the middle between it and the next power of two.
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    // The size of one step: 2^-24 below 2^-14, 2^(exponent - 10) above.
    let mut exponent: u16 = 0;
    let mut step = 2f64.powi(-24);
    while magnitude >= step * 2048.0 {
        exponent += 1;
        step *= 2.0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and below 2048 after the loop, 2048 after rounding"
    )]
    let steps = (magnitude / step).round_ties_even() as u16;
    // Steps of 1024 and more carry the implicit bit: adding lets it (and a rounding up to 2048)
    // flow into the exponent.
    sign | ((exponent << 10) + steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_the_way_through_a_double() {
        for bits in 0..=u16::MAX {
            let value = to_f64(bits);
            if value.is_nan() {
                assert!(to_f64(from_f64(value)).is_nan());
            } else {
                assert_eq!(from_f64(value), bits, "0x{bits:04x} = {value}");
            }
        }
    }

    #[test]
    fn known_halves() {
        assert_eq!(to_f64(0x3c00).to_bits(), 1f64.to_bits());
        assert_eq!(to_f64(0xc000).to_bits(), (-2f64).to_bits());
        assert_eq!(to_f64(0x7bff).to_bits(), 65504f64.to_bits());
        assert_eq!(from_f64(1e9), 0x7c00);
        assert_eq!(from_f64(0.1), 0x2e66);
    }
}
