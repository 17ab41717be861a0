//! Reports as CSV, and histograms as HdrHistogram percentile distributions (`.hgrm`).

use std::fmt::Write;

use super::model::Report;
use crate::replay::measurements::Latencies;

/// Formats a time in microseconds: `870 us`, `1.25 ms`, `2.10 s`.
pub fn time(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} us"),
        us if us < 10_000.0 => format!("{:.2} ms", us / 1e3),
        us if us < 1_000_000.0 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// Returns CSV with one line per MESSAGE_TYPE, times in microseconds.
pub fn csv(report: &Report) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "message_type",
        "sent",
        "replies",
        "refused",
        "unanswered",
        "rate",
        "min",
        "mean",
        "p50",
        "p90",
        "p99",
        "p999",
        "max",
        "service_p50",
        "service_p99",
        "service_p999",
        "service_max",
    ])?;
    for it in &report.messages {
        let refused: u64 = it.refused.iter().map(|code| code.count).sum();
        let rate = it.replies as f64 / report.seconds.max(1e-9);
        let (all, own) = (&it.latency, &it.service);
        let mut row = vec![cell(&it.message_type)];
        row.extend([it.sent, it.replies, refused, it.unanswered].map(|it| it.to_string()));
        row.extend([format!("{rate:.1}"), all.min.to_string(), format!("{:.1}", all.mean)]);
        let times =
            [all.p50, all.p90, all.p99, all.p999, all.max, own.p50, own.p99, own.p999, own.max];
        row.extend(times.map(|it| it.to_string()));
        out.write_record(row)?;
    }
    let bytes = out.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns a text as a cell. A spreadsheet would run a text with one of these first characters as a
/// formula; after an apostrophe, it shows the text.
fn cell(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if runs { format!("'{text}") } else { text.to_owned() }
}

/// Returns the distribution of a histogram in the format of the HdrHistogram plotters, times in
/// milliseconds.
pub fn hgrm(histogram: &Latencies) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut total = 0;
    for step in histogram.iter_quantiles(5) {
        total += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / 1e3;
        let quantile = step.quantile_iterated_to();
        let left = 1.0 - quantile;
        let odds =
            if left > 0.0 { format!("{:14.2}", 1.0 / left) } else { "           inf".to_owned() };
        // Writing to a `String` does not fail.
        let _ = writeln!(out, "{value:12.3} {quantile:2.12} {total:10} {odds}");
    }
    let (mean, deviation) = (histogram.mean() / 1e3, histogram.stdev() / 1e3);
    let max = histogram.max() as f64 / 1e3;
    let _ = writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(out, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len());
    let (buckets, sub_buckets) = (histogram.buckets(), 2048);
    let _ = writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(cell("EVENT_HEARTBEAT"), "EVENT_HEARTBEAT");
        for formula in ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"] {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
    }
}
