//! Reports as a self-contained HTML page.

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment};

use super::model::Results;
use super::plots;
use super::text::time;
use crate::platform::utc;

const PAGE: &str = include_str!("page.html");

/// Renders the page of a run.
pub fn page(results: &Results) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("time", |us: f64| time(us));
    environment.add_filter("date", |ms: u64| format!("{} UTC", utc::format(ms, utc::SECONDS)));
    environment.add_filter("thousands", thousands);
    environment.add_filter("figure", |it: f64| {
        format!("{:.*}", if it.fract() == 0.0 { 0 } else { 3 }, it)
    });
    environment.add_template("page", PAGE)?;
    let context = minijinja::context! {
        it => Value::from(Serde(&results.report)),
        clients => results.report.scripts.iter().map(|it| it.clients).sum::<usize>(),
        replies => results.report.messages.iter().map(|it| it.replies).sum::<u64>(),
        errors => results.report.errors(),
        plots => Value::from(Serde(plots::plots(results))),
    };
    environment.get_template("page")?.render(context)
}

/// Formats a number with narrow spaces between thousands: `1 234 567`.
fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digit.is_ascii_digit() {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}
