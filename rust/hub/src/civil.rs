//! Dates of the proleptic Gregorian calendar from milliseconds since 1970.

/// `YYYY-MM-DDTHH:MM:SS`, for every message that tells when its device was heard.
pub(crate) fn date_and_time(unix_ms: i64) -> String {
    let seconds = unix_ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years are counted from the first of March, so that the leap day is a year's last day.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    #[rustfmt::skip]
    let rest = [
        b'-', digit(month / 10), digit(month), b'-', digit(day / 10), digit(day),
        b'T', digit(hour / 10), digit(hour), b':', digit(minute / 10), digit(minute),
        b':', digit(second / 10), digit(second),
    ];
    let mut text = if (0..10_000).contains(&year) {
        let year = [
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
        ];
        // Room for the milliseconds or the zone that follow.
        let mut text = String::with_capacity(32);
        push(&mut text, &year);
        text
    } else {
        format!("{year:04}")
    };
    push(&mut text, &rest);
    text
}

/// The last digit of a number.
pub(crate) fn digit(number: i64) -> u8 {
    // A remainder of ten fits.
    b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or_default()
}

/// Appends ASCII.
pub(crate) fn push(text: &mut String, ascii: &[u8]) {
    text.push_str(std::str::from_utf8(ascii).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::date_and_time;

    #[test]
    fn known_instants() {
        for (unix_ms, expected) in [
            (0, "1970-01-01T00:00:00"),
            (1_795_208_078_109, "2026-11-20T20:54:38"),
            (951_782_400_000, "2000-02-29T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
            (-62_198_755_200_000, "-001-01-01T00:00:00"),
            (253_402_300_800_000, "10000-01-01T00:00:00"),
        ] {
            assert_eq!(date_and_time(unix_ms), expected, "{unix_ms}");
        }
    }
}
