//! tollgate
pub mod feed;
pub mod log { pub type Seq = u64; }
pub mod realm;
