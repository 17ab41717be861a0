//! Plots of a report, as SVG.

use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::model::{Point, Results};
use super::text::time;
use crate::replay::measurements::Latencies;

/// Width and height of a plot in SVG units; the page scales it.
const SIZE: (u32, u32) = (760, 260);
/// Maximum number of points of a line; longer series are combined to this number.
const POINTS_MAX: usize = 400;

const GREEN: RGBColor = RGBColor(38, 150, 132);
const AMBER: RGBColor = RGBColor(222, 145, 36);
const RED: RGBColor = RGBColor(206, 62, 84);
const BLUE: RGBColor = RGBColor(54, 120, 190);
const GREY: RGBColor = RGBColor(128, 134, 142);

/// One line of a plot.
struct PlotLine {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// A plot with its texts.
#[derive(serde::Serialize)]
pub(super) struct Plot {
    pub title: &'static str,
    pub caption: &'static str,
    /// The name and the CSS colour of each line.
    pub legend: Vec<(&'static str, String)>,
    pub svg: String,
}

/// Returns the plots of a run, without those that would be empty.
pub(super) fn plots(results: &Results) -> Vec<Plot> {
    let mut series = results.report.series.as_slice();
    if let [whole @ .., last] = series
        && last.seconds < 0.5
        && !whole.is_empty()
    {
        // A short last interval would look like a drop.
        series = whole;
    }
    let of = |name, colour, value: fn(&Point) -> f64| {
        let points = over_time(series, value);
        PlotLine { name, colour, points }
    };
    let latency = [
        of("max", RED, |it| it.latency.max as f64),
        of("p99", AMBER, |it| it.latency.p99 as f64),
        of("p50", GREEN, |it| it.latency.p50 as f64),
    ];
    let lag = [
        of("max", RED, |it| it.lag.max as f64),
        of("p99", AMBER, |it| it.lag.p99 as f64),
        of("p50", GREEN, |it| it.lag.p50 as f64),
    ];
    let throughput = [
        of("sent", GREY, |it| it.rate(it.sent)),
        of("replies", BLUE, |it| it.rate(it.replies)),
        of("pushes", GREEN, |it| it.rate(it.pushes)),
    ];
    let errors = [of("errors", RED, |it| it.rate(it.errors))];
    let percentiles = percentile_lines(results);
    let all = [
        plot("Latency", "of each second, logarithmic", &latency, |it| timeline(it, true)),
        plot("Throughput", "messages per second", &throughput, |it| timeline(it, false)),
        plot("Latency by percentile", "whole run, logarithmic", &percentiles, distribution),
        plot("Errors", ERRORS, &errors, |it| timeline(it, false)),
        plot("Push lag", "from cause to push, logarithmic", &lag, |it| timeline(it, true)),
    ];
    all.into_iter().flatten().collect()
}

const ERRORS: &str = "refusals, missing replies, and failed or lost connections per second";

fn plot(
    title: &'static str,
    caption: &'static str,
    lines: &[PlotLine],
    draw: impl FnOnce(&[PlotLine]) -> Option<String>,
) -> Option<Plot> {
    let colour = |RGBColor(red, green, blue): RGBColor| format!("rgb({red},{green},{blue})");
    let legend = lines.iter().map(|line| (line.name, colour(line.colour))).collect();
    Some(Plot { title, caption, legend, svg: draw(lines)? })
}

/// Returns the points of a value over time. A point that combines several seconds shows their
/// maximum.
fn over_time(series: &[Point], value: impl Fn(&Point) -> f64) -> Vec<(f64, f64)> {
    let step = series.len().div_ceil(POINTS_MAX).max(1);
    let point = |some: &[Point]| {
        let at = some.last().map_or(0.0, |it| it.at);
        (at, some.iter().map(&value).fold(0.0, f64::max))
    };
    series.chunks(step).map(point).collect()
}

fn timeline(lines: &[PlotLine], times: bool) -> Option<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let until = points().map(|point| point.0).fold(0.0, f64::max);
    let most = points().map(|point| point.1).fold(0.0, f64::max);
    if until <= 0.0 || (times && most <= 0.0) {
        return None;
    }
    let seconds = |at: &f64| format!("{at} s");
    if !times {
        let top = (most * 1.1).max(1.0);
        return draw(lines, 0.0..until, 0.0..top, &seconds, &|y| format!("{y}"));
    }
    let least = points().map(|it| it.1).filter(|it| *it > 0.0).fold(f64::INFINITY, f64::min);
    let shown = |line: &PlotLine| {
        // A logarithmic axis cannot show 0.
        let points = line.points.iter().copied().filter(|it| it.1 > 0.0).collect();
        PlotLine { points, ..*line }
    };
    let lines: Vec<_> = lines.iter().map(shown).collect();
    let range = (least * 0.7).max(1.0)..most * 1.6;
    draw(&lines, 0.0..until, range.log_scale(), &seconds, &|y| time(*y))
}

/// Returns the lines of the percentile plot. Their x value is the number of nines: 0 for 0 %, 2 for
/// 99 %, 3 for 99.9 %.
fn percentile_lines(results: &Results) -> Vec<PlotLine> {
    let mut latency = crate::replay::measurements::latencies();
    let mut service = crate::replay::measurements::latencies();
    for (_, corrected, plain) in &results.histograms {
        // All histograms have the same bounds, so adding cannot fail.
        let _ = (latency.add(corrected), service.add(plain));
    }
    let open = results.report.rate.is_some();
    let mut lines = vec![PlotLine {
        name: if open { "from scheduled send" } else { "from send" },
        colour: RED,
        points: nines(&latency),
    }];
    if open {
        lines.push(PlotLine { name: "from actual send", colour: BLUE, points: nines(&service) });
    }
    lines
}

fn nines(histogram: &Latencies) -> Vec<(f64, f64)> {
    let most = (histogram.len().max(1) as f64).log10();
    let steps = (most * 20.0) as u32;
    let point = |step: u32| {
        let nines = f64::from(step) / 20.0;
        (nines, histogram.value_at_quantile(1.0 - 10f64.powf(-nines)) as f64)
    };
    if histogram.is_empty() { Vec::new() } else { (0..=steps).map(point).collect() }
}

fn distribution(lines: &[PlotLine]) -> Option<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let until = points().map(|point| point.0).fold(0.0, f64::max);
    let most = points().map(|point| point.1).fold(0.0, f64::max);
    let least = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    if until <= 0.0 || most <= 0.0 {
        return None;
    }
    let percent = |nines: &f64| {
        let left = 10f64.powf(-nines) * 100.0;
        let digits = (nines.floor() as usize).saturating_sub(1);
        format!("{:.digits$} %", 100.0 - left)
    };
    let range = (least * 0.7).max(1.0)..most * 1.6;
    draw(lines, 0.0..until, range.log_scale(), &percent, &|y| time(*y))
}

fn draw<Y>(
    lines: &[PlotLine],
    xs: std::ops::Range<f64>,
    ys: Y,
    x_label: &dyn Fn(&f64) -> String,
    y_label: &dyn Fn(&f64) -> String,
) -> Option<String>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let words = ("sans-serif", 16).into_font().color(&GREY);
        let mut chart = ChartBuilder::on(&root)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(76)
            .build_cartesian_2d(xs, ys)
            .ok()?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .axis_style(GREY.mix(0.6))
            .label_style(words.clone())
            .x_labels(8)
            .y_labels(5)
            .x_label_formatter(&x_label)
            .y_label_formatter(&y_label)
            .draw()
            .ok()?;
        for line in lines {
            let stroke = line.colour.stroke_width(2);
            chart.draw_series(LineSeries::new(line.points.iter().copied(), stroke)).ok()?;
        }
        root.present().ok()?;
    }
    Some(svg)
}
