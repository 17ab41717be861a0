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

pub use audit_trail::{AuditNo, Trail};
pub use disk_space::Space;
pub use error::StoreError;
pub use export::{Snapshot, Sum};
pub use hash_chain::{Link, Seq};
pub use high_water_mark::Mark;
pub use row_store::Store;

pub(crate) use hash_chain::End;
pub(crate) use ledger::{Block, Ledger};
