//! Dates of the proleptic Gregorian calendar from milliseconds since 1970.

/// `YYYY-MM-DD` and `HH:MM:SS`.
pub(crate) fn date_and_time(unix_ms: i64) -> (String, String) {
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
    (
        format!("{year:04}-{month:02}-{day:02}"),
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::date_and_time;

    #[test]
    fn known_instants() {
        for (unix_ms, date, time) in [
            (0, "1970-01-01", "00:00:00"),
            (1_795_208_078_109, "2026-11-20", "20:54:38"),
            (951_782_400_000, "2000-02-29", "00:00:00"),
            (-1, "1969-12-31", "23:59:59"),
        ] {
            assert_eq!(
                date_and_time(unix_ms),
                (date.to_owned(), time.to_owned()),
                "{unix_ms}"
            );
        }
    }
}
