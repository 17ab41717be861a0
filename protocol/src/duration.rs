//! Durations as text, such as `200ms`, `90s`, `15m`, `12h` and `30d`.

use std::time::Duration;

/// The units and their lengths in milliseconds. The first unit that the text ends with applies, so
/// `ms` precedes `s`.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

/// Parses a whole number with a unit. White space is allowed around the text and before the unit.
/// `None` if the text is anything else or the milliseconds exceed 64 bits.
pub fn parse(text: &str) -> Option<Duration> {
    parse_ms(text).map(Duration::from_millis)
}

/// Same as [`parse`], but returns milliseconds.
pub fn parse_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let (unit, unit_ms) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    number.checked_mul(*unit_ms)
}

/// Formats milliseconds in the longest unit that gives a whole number.
pub fn format_ms(duration_ms: u64) -> String {
    let is_whole =
        |(_, unit_ms): &&(&str, u64)| duration_ms > 0 && duration_ms.is_multiple_of(*unit_ms);
    let longest = UNITS.iter().filter(is_whole).max_by_key(|(_, unit_ms)| unit_ms);
    let (unit, unit_ms) = longest.unwrap_or(&("ms", 1));
    format!("{}{unit}", duration_ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        for (text, duration_ms) in [
            ("5ms", 5),
            ("90 s", 90_000),
            (" 15m ", 900_000),
            ("12h", 43_200_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(parse_ms(text), Some(duration_ms), "{text}");
        }
        for wrong in ["", "15", "m", "-1m", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_written_in_the_longest_unit() {
        for (duration_ms, text) in
            [(0, "0ms"), (1_500, "1500ms"), (5_400_000, "90m"), (172_800_000, "2d")]
        {
            assert_eq!(format_ms(duration_ms), text);
            assert_eq!(parse_ms(text), Some(duration_ms));
        }
    }
}
