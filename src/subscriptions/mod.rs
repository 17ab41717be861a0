//! Data sources, subscriptions, and the publication of commits to subscriptions.

mod affected;
mod before;
mod columns;
mod commit;
mod data_row;
mod data_source;
mod delivery;
mod delivery_list;
mod filter_key;
mod handle;
mod hub;
mod index;
mod outbox;
mod pending_rows;
mod publish;
mod quota;
mod request;
mod right_change;
mod rights_history;
mod scope_refresh;
mod source_record;
mod source_scan;
mod source_set;
mod subscription;
mod subscription_map;

pub use data_row::{DataRow, FieldValue, RowRef};
pub use data_source::DataSource;
pub use handle::SubscriptionHandle;
pub use hub::{SubscribeError, SubscriptionHub};
pub use outbox::{ConnectionNotice, DirectWriter, Outbox};
pub use quota::SubscriptionQuota;
pub use request::{ServiceRows, SubscriptionRequest};
pub use source_scan::STEP_ROWS;
pub use subscription::FirstRows;

pub(crate) use before::RowsBefore;
pub(crate) use source_record::{SourceRecord, Viewer};
