//! The ledger: append-only, numbered, hash-chained records.

mod block;
mod records;

pub(crate) use block::Block;
pub(crate) use records::Ledger;
