//! What a subscription asks for, and how far it has come.

use std::collections::BTreeMap;

use protocol::Filter;
use smol_str::SmolStr;

use super::data_row::{DataRow, RowRef};
use super::data_source::DataSource;
use crate::realm::{SessionNo, UserNo};
use crate::storage::Seq;

/// The rows of SERVICES, which are not the realm's.
pub type ServiceRows = BTreeMap<RowRef, DataRow>;

/// What DATA_LOGON asks for, checked.
#[derive(Debug, Clone)]
pub struct SubscriptionRequest {
    /// Which rows.
    pub source: DataSource,
    /// SOURCE_REF as JSON text: the name of the stream.
    pub source_ref: SmolStr,
    /// The client's filter.
    pub criteria: Option<Filter>,
    /// The fields asked for, one bit a column; all bits: all.
    pub columns: u64,
    /// Rows of one QUERY_UPDATE.
    pub rows_max: usize,
    /// Rows that the client holds at most.
    pub view_max: usize,
    /// The version of the rights that the client has: where it can, the subscription begins with
    /// what changed since then.
    pub resume_from: Option<Seq>,
    /// Who subscribes.
    pub owner: UserNo,
    /// In which session.
    pub session: SessionNo,
}

/// How far a subscription has read its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadPosition {
    /// Nothing yet.
    Start,
    /// All up to this row.
    At(RowRef),
    /// Everything: every new row is pushed.
    End,
}

impl ReadPosition {
    pub(super) fn covers(self, row: RowRef) -> bool {
        match self {
            ReadPosition::Start => false,
            ReadPosition::At(last) => row <= last,
            ReadPosition::End => true,
        }
    }
}
