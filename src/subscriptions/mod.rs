//! Data sources, subscriptions, matching and fan-out of changes.

mod affected;
mod before;
mod columns;
mod data_row;
mod data_source;
mod delivery;
mod filter_key;
mod hub;
mod index;
mod outbox;
mod pending_rows;
mod publish;
mod quota;
mod request;
mod right_change;
mod rights_history;
mod subscription;

pub use data_row::{DataRow, Field, RowRef};
pub use data_source::{STEP_ROWS, Source};
pub use hub::{Feed, NotOpened};
pub use outbox::{Line, Notice, Outbox};
pub use quota::Quota;
pub use request::{Services, Wish};

pub(crate) use before::Before;
