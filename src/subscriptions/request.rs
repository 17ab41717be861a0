//! The subscription request, and the read position of a subscription.

use std::collections::BTreeMap;

use protocol::Filter;
use smol_str::SmolStr;

use super::data_row::{DataRow, RowRef};
use super::data_source::DataSource;
use crate::realm::{SessionNo, UserNo};
use crate::storage::Seq;

/// The rows of SERVICES. These are external rows: the realm has no records for them.
pub type ServiceRows = BTreeMap<RowRef, DataRow>;

/// A validated DATA_LOGON.
#[derive(Debug, Clone)]
pub struct SubscriptionRequest {
    /// The data source.
    pub source: DataSource,
    /// SOURCE_REF as JSON text: the name of the subscription.
    pub source_ref: SmolStr,
    /// The filter of the client; `None` if all rows are requested.
    pub criteria: Option<Filter>,
    /// The requested columns, one bit each; all bits if all columns are requested.
    pub columns: u64,
    /// Maximum number of rows of one QUERY_UPDATE, and of rows that DATA_LOGON or one MORE_ROWS
    /// reads.
    pub rows_max: usize,
    /// Maximum number of rows that the client may have.
    pub view_max: usize,
    /// The version of the rights that the client has. If possible, the subscription begins with the
    /// changes since this version. `None` if the subscription begins with all rows.
    pub resume_from: Option<Seq>,
    /// The user who subscribes.
    pub owner: UserNo,
    /// The session of that user.
    pub session: SessionNo,
}

/// How far a subscription has read its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadPosition {
    /// No row is read.
    Start,
    /// All rows up to this one are read.
    At(RowRef),
    /// All rows are read: every new row is pushed.
    End,
}

impl ReadPosition {
    /// Whether a row is in the part of the source that was read. New rows in that part are pushed;
    /// a later read finds the other rows.
    pub(super) fn covers(self, row: RowRef) -> bool {
        match self {
            ReadPosition::Start => false,
            ReadPosition::At(last) => row <= last,
            ReadPosition::End => true,
        }
    }
}
