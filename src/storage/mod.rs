//! Durable state: ledger, row store, audit trail and export file.

mod audit_trail;
mod checksum;
mod database;
mod disk_space;
mod error;
pub mod export;
mod format;
mod hash_chain;
mod high_water_mark;
mod ledger;
mod row_store;

pub use audit_trail::{AUDIT_TARGET, AuditNo, AuditTrail};
pub use disk_space::DiskSpace;
pub use error::StoreError;
pub use export::{ExportChecksum, ExportedRealm, read, rebuild_realm};
pub use hash_chain::{ChainHash, Seq};
pub use high_water_mark::HighWaterMark;
pub use row_store::RowStore;

pub(crate) use hash_chain::ChainEnd;
pub(crate) use ledger::{Block, Ledger};
