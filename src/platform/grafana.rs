//! The Grafana dashboard, generated from the table of metrics: one panel for each metric.

use serde_json::{Value, json};

use super::metrics::{METRICS, Metric, MetricKind};

/// Width of Grafana's grid, in grid units.
const GRID: usize = 24;
/// Width of one panel, in grid units.
const WIDTH: usize = 8;
/// Height of one panel, in grid units.
const HEIGHT: usize = 8;
/// Quantiles in the panel of a histogram, with their labels.
const QUANTILES: [(&str, &str); 3] = [("0.5", "p50"), ("0.99", "p99"), ("0.999", "p99.9")];

/// Returns the dashboard in Grafana's import format. Its users select the Prometheus data source
/// and the gateways.
pub fn document() -> Value {
    let panels: Vec<Value> = METRICS.iter().enumerate().map(panel).collect();
    json!({
        "title": "tollgate",
        "uid": "tollgate",
        "description": "Connections, sessions, messages, refusals and latencies of a gateway.",
        "tags": ["tollgate"],
        "schemaVersion": 39,
        "editable": true,
        "refresh": "10s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [
            {
                "name": "datasource", "label": "Prometheus", "type": "datasource",
                "query": "prometheus",
            },
            {
                "name": "instance", "label": "Gateway", "type": "query",
                "datasource": source(), "query": "label_values(tollgate_connections, instance)",
                "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*",
            },
        ] },
        "panels": panels,
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn panel((at, metric): (usize, &Metric)) -> Value {
    let in_row = GRID / WIDTH;
    let unit = match metric.kind {
        MetricKind::Counter => "cps",
        MetricKind::Gauge => "short",
        MetricKind::Seconds => "s",
    };
    json!({
        "id": at + 1,
        "type": "timeseries",
        "title": title(metric),
        "description": metric.name,
        "datasource": source(),
        "gridPos": {
            "x": at % in_row * WIDTH, "y": at / in_row * HEIGHT, "w": WIDTH, "h": HEIGHT,
        },
        "fieldConfig": {
            "defaults": { "unit": unit, "min": 0, "custom": { "fillOpacity": 10 } },
            "overrides": [],
        },
        "options": {
            "legend": {
                "displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"],
            },
            "tooltip": { "mode": "multi", "sort": "desc" },
        },
        "targets": targets(metric),
    })
}

/// Returns the panel title of a metric: its description with an upper-case first letter.
fn title(metric: &Metric) -> String {
    let mut text = metric.text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn targets(metric: &Metric) -> Vec<Value> {
    let (name, by) = (metric.name, [&["instance"], metric.labels].concat());
    let chosen = r#"instance=~"$instance""#;
    let legend: Vec<String> = by.iter().map(|label| format!("{{{{{label}}}}}")).collect();
    let (by, legend) = (by.join(", "), legend.join(" "));
    let target = |(at, expr, legend): (usize, String, String)| {
        let ref_id = char::from(b'A' + at as u8).to_string();
        json!({
            "refId": ref_id, "datasource": source(), "expr": expr, "legendFormat": legend,
        })
    };
    let rate = |series: &str| format!("rate({series}{{{chosen}}}[$__rate_interval])");
    match metric.kind {
        MetricKind::Counter => vec![target((0, format!("sum by ({by}) ({})", rate(name)), legend))],
        MetricKind::Gauge => {
            vec![target((0, format!("sum by ({by}) ({name}{{{chosen}}})"), legend))]
        }
        MetricKind::Seconds => {
            let quantile = |(at, (quantile, word)): (usize, &(&str, &str))| {
                let buckets = rate(&format!("{name}_bucket"));
                let expr = format!("histogram_quantile({quantile}, sum by (le, {by}) ({buckets}))");
                target((at, expr, format!("{word} {legend}")))
            };
            QUANTILES.iter().enumerate().map(quantile).collect()
        }
    }
}
