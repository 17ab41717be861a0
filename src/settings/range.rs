//! The check that a setting lies in its range.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// Range checks for the list of what is wrong with the settings.
pub(super) trait RangeCheck {
    /// Adds "KEY is LEAST to MOST" if the value is outside of its range.
    fn range<T: PartialOrd + Display>(
        &mut self,
        key: impl Display,
        value: T,
        range: RangeInclusive<T>,
    );

    /// Adds "KEY is above 0" if the value is 0.
    fn above_zero(&mut self, key: impl Display, value: usize);
}

impl RangeCheck for Vec<String> {
    fn range<T: PartialOrd + Display>(
        &mut self,
        key: impl Display,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            self.push(format!("{key} is {} to {}", range.start(), range.end()));
        }
    }

    fn above_zero(&mut self, key: impl Display, value: usize) {
        if value == 0 {
            self.push(format!("{key} is above 0"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_outside_of_their_range_are_listed() {
        let mut wrong = Vec::new();
        for value in [1, 2, 64, 65] {
            wrong.range("a.b", value, 2..=64);
        }
        wrong.range("a.c", f64::NAN, 0.0..=5_256_000.0);
        wrong.above_zero("a.d", 1);
        wrong.above_zero("a.e", 0);
        let listed = ["a.b is 2 to 64", "a.b is 2 to 64", "a.c is 0 to 5256000", "a.e is above 0"];
        assert_eq!(wrong, listed);
    }
}
