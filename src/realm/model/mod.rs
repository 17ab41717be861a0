//! The types of the realm's state.

pub mod attributes;
pub mod expiring_index;
pub mod ids;
pub mod policy;
