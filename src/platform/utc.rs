//! Times as text and text as times, in UTC.

use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcDateTime};

/// `2014-06-18 12:27:01`
pub const SECONDS: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
/// `2014-06-18T12:27:01.123Z`
pub const MILLISECONDS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
/// `Sun Jan 21 20:53:48 UTC 2018`, as the command `date` of Unix prints a time.
pub const UNIX_DATE: StaticFormatDescription = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] UTC \
     [year]"
);

/// Formats milliseconds since the epoch. A time after the year 9999 is shown as the last moment of
/// that year.
pub fn format(at_ms: u64, format: StaticFormatDescription) -> String {
    let at = UtcDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    // A format can fail only if it has a component that a time lacks, such as an offset.
    at.unwrap_or(UtcDateTime::MAX).format(format).unwrap_or_else(|error| error.to_string())
}

/// Parses a day or a time with its zone (RFC 3339) into milliseconds since the epoch; `None` if the
/// text is neither. A day means its midnight in UTC. A time before the epoch is 0.
pub fn parse(text: &str) -> Option<u64> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    let at = match day {
        Ok(day) => day.midnight().assume_utc(),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok()?,
    };
    Some(u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_formatted_in_utc() {
        let at = parse("2018-01-02T21:53:48.123456+01:00").unwrap();
        assert_eq!(at, 1_514_926_428_123);
        assert_eq!(format(at, SECONDS), "2018-01-02 20:53:48");
        assert_eq!(format(at, MILLISECONDS), "2018-01-02T20:53:48.123Z");
        assert_eq!(format(at, UNIX_DATE), "Tue Jan  2 20:53:48 UTC 2018");
        assert_eq!(format(u64::MAX, SECONDS), "9999-12-31 23:59:59");
    }

    #[test]
    fn a_day_begins_at_midnight_and_other_texts_are_refused() {
        assert_eq!(parse("1970-01-02"), Some(86_400_000));
        assert_eq!(parse("1960-01-02"), Some(0));
        for text in ["", "yesterday", "1970-01-02T00:00:00", "1970-13-01", "1970-01-02 x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
