//! Durable state: ledger, row store, audit trail and export file.

pub mod audit_trail;
pub mod checksum;
pub mod database;
pub mod disk_space;
pub mod error;
pub mod export;
pub mod format;
pub mod hash_chain;
pub mod high_water_mark;
pub mod ledger;
pub mod row_store;
