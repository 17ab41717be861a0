//! Range checks of settings.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// Range checks that append to a list of errors.
pub(super) trait RangeCheck {
    /// Adds "KEY must be MIN to MAX" if the value is outside of the range.
    fn range<T: PartialOrd + Display>(
        &mut self,
        key: impl Display,
        value: T,
        range: RangeInclusive<T>,
    );

    /// Adds "KEY must be above 0" if the value is 0.
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
            self.push(format!("{key} must be {} to {}", range.start(), range.end()));
        }
    }

    fn above_zero(&mut self, key: impl Display, value: usize) {
        if value == 0 {
            self.push(format!("{key} must be above 0"));
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
        let listed = [
            "a.b must be 2 to 64",
            "a.b must be 2 to 64",
            "a.c must be 0 to 5256000",
            "a.e must be above 0",
        ];
        assert_eq!(wrong, listed);
    }
}
