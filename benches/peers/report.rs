//! The printed table: medians, and the ratio of the gateway to each other server.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{Cell, CellAlignment, Table};

use crate::load::{Load, Measured};
use crate::peer::Peer;

type Figure = (&'static str, fn(&Measured) -> Option<f64>);

const FIGURES: &[Figure] = &[
    ("CPU per heartbeat (µs)", |it| Some(it.heartbeat_us)),
    ("heartbeats per second", |it| Some(it.heartbeats_per_sec)),
    ("CPU per push (µs)", |it| it.push_us),
    ("last push received (ms)", |it| it.last_push_ms),
    ("memory per connection (bytes)", |it| it.connection_bytes),
];

/// Prints a row for each figure and a column for each server, as Markdown.
pub fn print(load: &Load, rounds: usize, peers: &[Peer], measured: &[Vec<Measured>]) {
    println!(
        "{} connections, {} heartbeats each, {} pushes to each; medians of {rounds} interleaved \
         rounds (memory: first round).\n\
         In parentheses: tollgate's figure divided by this server's figure.\n",
        load.connections, load.heartbeats, load.pushes
    );
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let mut header = vec!["figure".to_owned()];
    header.extend(peers.iter().map(ToString::to_string));
    table.set_header(header);
    for (title, figure) in FIGURES {
        let medians: Vec<_> = measured.iter().map(|rounds| median_of(rounds, *figure)).collect();
        let gateway = medians.first().copied().flatten();
        let cells = medians.iter().zip(peers).map(|(value, peer)| {
            let text = match (value, gateway) {
                (None, _) | (_, None) => "-".to_owned(),
                (Some(value), _) if *peer == Peer::Gateway => short(*value),
                (Some(value), Some(gateway)) => {
                    format!("{} ({:.2})", short(*value), gateway / value)
                }
            };
            Cell::new(text).set_alignment(CellAlignment::Right)
        });
        table.add_row([Cell::new(title)].into_iter().chain(cells));
    }
    println!("{table}");
}

fn median_of(rounds: &[Measured], figure: fn(&Measured) -> Option<f64>) -> Option<f64> {
    let values: Vec<_> = rounds.iter().filter_map(figure).collect();
    (!values.is_empty()).then(|| median(&values))
}

/// Returns the median; of an even number of values, the upper of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn short(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
