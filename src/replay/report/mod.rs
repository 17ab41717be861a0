//! Reports of a replay: terminal table, CSV, `.hgrm` histograms, HTML and JSON.

pub mod html;
mod model;
mod plots;
pub mod table;
pub mod text;

pub use model::{
    LatencySummary, MessageReport, Played, Point, Report, Results, RunInfo, ThresholdResult,
};
pub use text::time;
