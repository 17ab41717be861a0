//! Progress of a run, and the measurements of each second.
//!
//! A terminal shows a bar and a table; elsewhere a line is printed every ten seconds.

use std::future::Future;
use std::io::IsTerminal;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::replay::report::table;
use crate::replay::{Measurements, Point, Results, RunInfo, time};

/// Maximum number of seconds whose measurements are kept one by one. Later seconds are only in the
/// totals.
const SERIES_MAX: usize = 7 * 24 * 3_600;
/// Time between two printed lines if standard error is not a terminal.
const LINE_DISTANCE: Duration = Duration::from_secs(10);

/// The progress display of one run.
pub(super) struct Progress {
    measurements: Arc<Measurements>,
    bar: Option<ProgressBar>,
    /// Whether the run is an open loop (`--rate`).
    open: bool,
}

impl Progress {
    pub(super) fn new(
        measurements: Arc<Measurements>,
        duration: Option<Duration>,
        open: bool,
    ) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = match duration {
                Some(duration) => ProgressBar::new(duration.as_secs()),
                None => ProgressBar::new_spinner(),
            };
            let template = match duration {
                Some(_) => "{bar:40} {elapsed} of {len} s\n{msg}",
                None => "{spinner} {elapsed}\n{msg}",
            };
            // The template is a constant. If it were invalid, the bar would only look different.
            let style = ProgressStyle::with_template(template);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { measurements, bar, open }
    }

    /// Waits until the run ends or Ctrl-C stops it. Returns the measurements of each second, and
    /// whether Ctrl-C stopped the run.
    pub(super) async fn watch(
        self,
        running: impl Future<Output = ()>,
        stop: watch::Sender<bool>,
    ) -> (Vec<Point>, bool) {
        let mut running = pin!(running);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        let (mut series, mut last, mut printed_at) = (Vec::new(), Duration::ZERO, Duration::ZERO);
        // One future for the whole run, so that no signal is missed between two polls.
        let mut signal = pin!(tokio::signal::ctrl_c());
        let (mut signal_done, mut interrupted) = (false, false);
        loop {
            tokio::select! {
                () = &mut running => break,
                _ = tick.tick() => {}
                received = &mut signal, if !signal_done => {
                    (signal_done, interrupted) = (true, received.is_ok());
                    stop.send_replace(interrupted);
                    continue;
                }
            }
            let point = Point::measure(&self.measurements, last);
            last = self.measurements.now();
            if self.bar.is_some() || last >= printed_at + LINE_DISTANCE {
                printed_at = last;
                self.show(&point);
            }
            if series.len() < SERIES_MAX {
                series.push(point);
            }
        }
        series.push(Point::measure(&self.measurements, last));
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        (series, interrupted)
    }

    fn show(&self, point: &Point) {
        let rate = |count: u64| count as f64 / point.seconds.max(1e-9);
        let Some(bar) = &self.bar else {
            eprintln!(
                "{:.0} s: {:.0} replies/s, p50 {}, p99 {}, {} errors, {} pushes",
                point.at,
                rate(point.replies),
                time(point.latency.p50 as f64),
                time(point.latency.p99 as f64),
                point.errors,
                point.pushes
            );
            return;
        };
        let run_info = RunInfo {
            started_ms: 0,
            to: String::new(),
            scripts: Vec::new(),
            rate: self.open.then_some(0.0),
            verify: false,
            interrupted: false,
        };
        let report = Results::new(&self.measurements, run_info, Vec::new()).report;
        let now = format!(
            "last second: {:.0} replies/s, p99 {}, {} errors, {} pushes",
            rate(point.replies),
            time(point.latency.p99 as f64),
            point.errors,
            point.pushes
        );
        bar.set_position(point.at as u64);
        bar.set_message(format!("{now}\n{}", table::messages(&report)));
    }
}
