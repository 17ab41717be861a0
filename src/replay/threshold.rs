//! Thresholds that make a run fail, such as `EVENT_HEARTBEAT.p99>5ms`.

use std::fmt;

use super::report::{LatencySummary, MessageReport, Report, ThresholdResult};

/// A threshold: the run fails if the measurement crosses it.
#[derive(Debug, Clone)]
pub struct Threshold {
    text: String,
    subject: Subject,
    figure: Figure,
    compare: Compare,
    limit: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Subject {
    /// All messages together: counts are added; a time is the largest of all MESSAGE_TYPEs.
    /// Connections that failed or were lost count as errors, too.
    All,
    Message(String),
    /// A MESSAGE_TYPE, with times from the actual send.
    Service(String),
    Pushes,
    Connections,
}

#[derive(Debug, Clone, Copy)]
enum Figure {
    Time(fn(&LatencySummary) -> f64),
    Count,
    PerSecond,
    Errors,
    ErrorShare,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// A text that is not a threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidThreshold(String);

impl fmt::Display for InvalidThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a threshold like EVENT_HEARTBEAT.p99>5ms: a subject (a MESSAGE_TYPE, \
             service:MESSAGE_TYPE for times from the actual send, all, push or connect), a dot, a \
             figure (min, mean, p50, p90, p99, p99.9, max, count, rate, errors or error_rate), \
             then >, >=, < or <=, and a number (times with us, ms or s; error_rate also with %)",
            self.0
        )
    }
}

impl std::error::Error for InvalidThreshold {}

impl std::str::FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        Self::parse(text).ok_or_else(|| InvalidThreshold(text.to_owned()))
    }
}

impl Threshold {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['<', '>'])?;
        let (left, right) = text.split_at(at);
        let (compare, limit) = match (right.strip_prefix(">="), right.strip_prefix("<=")) {
            (Some(limit), _) => (Compare::AtLeast, limit),
            (_, Some(limit)) => (Compare::AtMost, limit),
            _ => match right.strip_prefix('>') {
                Some(limit) => (Compare::Above, limit),
                None => (Compare::Below, right.strip_prefix('<')?),
            },
        };
        let (subject, figure) = left.trim().split_once('.')?;
        let figure = parse_figure(figure)?;
        let limit = parse_limit(limit.trim(), figure)?;
        let subject = match subject {
            "" => return None,
            "all" => Subject::All,
            "push" => Subject::Pushes,
            "connect" => Subject::Connections,
            name => match name.strip_prefix("service:") {
                Some(name) => Subject::Service(name.to_owned()),
                None => Subject::Message(name.to_owned()),
            },
        };
        Some(Self { text: text.to_owned(), subject, figure, compare, limit })
    }

    /// Compares the threshold with a report. A figure without measurements is 0.
    pub fn evaluate(&self, report: &Report) -> ThresholdResult {
        let measured = self.measure(report);
        let crossed = match self.compare {
            Compare::Above => measured > self.limit,
            Compare::AtLeast => measured >= self.limit,
            Compare::Below => measured < self.limit,
            Compare::AtMost => measured <= self.limit,
        };
        let unit = match self.figure {
            Figure::Time(_) => "us",
            Figure::PerSecond => "/s",
            Figure::ErrorShare => "of 1",
            Figure::Count | Figure::Errors => "",
        };
        ThresholdResult { fail_if: self.text.clone(), measured, unit: unit.to_owned(), crossed }
    }

    fn measure(&self, report: &Report) -> f64 {
        let named = |name: &str| {
            let name = name.to_owned();
            report.messages.iter().filter(move |it| it.message_type == name).collect::<Vec<_>>()
        };
        let (messages, service) = match &self.subject {
            Subject::All => (report.messages.iter().collect(), false),
            Subject::Message(name) => (named(name), false),
            Subject::Service(name) => (named(name), true),
            Subject::Pushes => {
                return self.measure_stream(&report.pushes.lag, report.pushes.count, 0, report);
            }
            Subject::Connections => {
                let it = &report.connections;
                return self.measure_stream(&it.opening, it.opened, it.failed + it.lost, report);
            }
        };
        let times = |it: &MessageReport| if service { it.service } else { it.latency };
        let sum = |what: fn(&MessageReport) -> u64| messages.iter().map(|it| what(it)).sum::<u64>();
        let (replies, errors) = (sum(|it| it.replies), sum(MessageReport::errors));
        let errors = if self.subject == Subject::All { report.errors() } else { errors };
        match self.figure {
            Figure::Time(time) => messages.iter().map(|it| time(&times(it))).fold(0.0, f64::max),
            _ => self.measure_stream(&LatencySummary::default(), replies, errors, report),
        }
    }

    fn measure_stream(
        &self,
        times: &LatencySummary,
        count: u64,
        errors: u64,
        report: &Report,
    ) -> f64 {
        let (count, errors) = (count as f64, errors as f64);
        match self.figure {
            Figure::Time(time) => time(times),
            Figure::Count => count,
            Figure::PerSecond => count / report.seconds.max(1e-9),
            Figure::Errors => errors,
            Figure::ErrorShare => errors / count.max(errors).max(1.0),
        }
    }
}

fn parse_figure(name: &str) -> Option<Figure> {
    Some(match name {
        "min" => Figure::Time(|it| it.min as f64),
        "mean" => Figure::Time(|it| it.mean),
        "p50" => Figure::Time(|it| it.p50 as f64),
        "p90" => Figure::Time(|it| it.p90 as f64),
        "p99" => Figure::Time(|it| it.p99 as f64),
        "p99.9" | "p999" => Figure::Time(|it| it.p999 as f64),
        "max" => Figure::Time(|it| it.max as f64),
        "count" => Figure::Count,
        "rate" => Figure::PerSecond,
        "errors" => Figure::Errors,
        "error_rate" => Figure::ErrorShare,
        _ => return None,
    })
}

/// Parses a limit; returns it in the unit of the figure.
fn parse_limit(text: &str, figure: Figure) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    match (figure, unit.trim()) {
        (Figure::Time(_), "us") => Some(number),
        (Figure::Time(_), "ms") => Some(number * 1e3),
        (Figure::Time(_), "s") => Some(number * 1e6),
        (Figure::ErrorShare, "%") => Some(number / 100.0),
        (Figure::ErrorShare | Figure::Count | Figure::Errors, "") => Some(number),
        (Figure::PerSecond, "" | "/s") => Some(number),
        _ => None,
    }
}
