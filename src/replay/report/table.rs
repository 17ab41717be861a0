//! Reports as tables for a terminal.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, Table};

use super::model::{LatencySummary, Report, ThresholdResult};
use super::text::time;

/// Maximum number of differences that are printed.
const DIFFERENCES_MAX: usize = 20;

/// Returns the complete report.
pub fn full_report(report: &Report) -> String {
    let mut parts = vec![heading(report), messages(report)];
    if report.pushes.count > 0 {
        let kinds: Vec<_> =
            report.pushes.kinds.iter().map(|it| format!("{} {}", it.count, it.name)).collect();
        let lag = &report.pushes.lag;
        let lag = match lag.count {
            0 => {
                "no lag: no push was received after a message that the script marks as a cause (>!)"
                    .to_owned()
            }
            _ => format!(
                "lag p50 {}, p99 {}, max {}",
                time(lag.p50 as f64),
                time(lag.p99 as f64),
                time(lag.max as f64)
            ),
        };
        parts.push(format!("pushes: {}; {lag}", kinds.join(", ")));
    }
    parts.extend(problems(report));
    parts.join("\n")
}

fn heading(report: &Report) -> String {
    let clients: usize = report.scripts.iter().map(|it| it.clients).sum();
    let rate = report
        .rate
        .map_or("closed loop".to_owned(), |rate| format!("open loop at {rate} rounds/s"));
    let (begun, seconds) = (report.rounds.begun, report.seconds);
    let early = if report.interrupted { ", interrupted" } else { "" };
    format!("{clients} clients, {begun} rounds in {seconds:.1} s{early}; {rate}")
}

/// Returns the table with one line per MESSAGE_TYPE.
pub fn messages(report: &Report) -> String {
    let open = report.rate.is_some();
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    let mut head = vec!["MESSAGE_TYPE", "sent", "replies", "refused", "unanswered", "replies/s"];
    head.extend(["p50", "p90", "p99", "p99.9", "max"]);
    if open {
        head.extend(["service: p50", "p99", "p99.9", "max"]);
    }
    table.set_header(head);
    for it in &report.messages {
        let refused: u64 = it.refused.iter().map(|code| code.count).sum();
        let mut row = vec![it.message_type.clone()];
        row.extend([it.sent, it.replies, refused, it.unanswered].map(|it| it.to_string()));
        row.push(format!("{:.0}", it.replies as f64 / report.seconds.max(1e-9)));
        let figures = |it: &LatencySummary| {
            [it.p50, it.p90, it.p99, it.p999, it.max].map(|it| time(it as f64))
        };
        row.extend(figures(&it.latency));
        if open {
            let [p50, _, p99, p999, max] = figures(&it.service);
            row.extend([p50, p99, p999, max]);
        }
        let cells = row.into_iter().enumerate().map(|(at, text)| {
            let side = if at == 0 { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(side)
        });
        table.add_row(cells.collect::<Vec<_>>());
    }
    table.to_string()
}

/// Returns one line for each kind of problem, and the results of verification and thresholds.
fn problems(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for it in &report.messages {
        for code in &it.refused {
            lines
                .push(format!("refused: {} {} ({} times)", it.message_type, code.name, code.count));
        }
    }
    let it = &report.connections;
    if it.failed + it.lost > 0 {
        let (failed, lost) = (it.failed, it.lost);
        lines.push(format!("connections: {failed} could not be opened, {lost} lost"));
    }
    let it = &report.rounds;
    if it.broken > 0 {
        lines.push(format!("rounds: {} not completed", it.broken));
    }
    if it.missed > 0 {
        lines.push(format!("rounds: {} scheduled but not started before the end", it.missed));
    }
    if let Some(it) = &report.verification {
        lines.push(match it.different {
            0 => format!("verified: all {} frames match the scripts", it.compared),
            different => format!("verified: {} frames, DIFFERENCES: {different}", it.compared),
        });
        let listed = it.differences.iter().take(DIFFERENCES_MAX);
        lines.extend(listed.map(|difference| format!("  {difference}")));
    }
    for it in &report.thresholds {
        let word = if it.crossed { "FAILED" } else { "passed" };
        lines.push(format!("{word}: --fail-if {} (measured {})", it.fail_if, format_measured(it)));
    }
    lines
}

fn format_measured(it: &ThresholdResult) -> String {
    match it.unit.as_str() {
        "us" => time(it.measured),
        "" => format!("{}", it.measured),
        "of 1" => format!("{:.2} %", it.measured * 100.0),
        unit => format!("{:.4} {unit}", it.measured),
    }
}
