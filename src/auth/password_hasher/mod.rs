//! Password hashing on its own threads, with a fair and bounded queue.

mod error;
mod fair_queue;
mod hasher;
mod phc;
mod thread_pool;

pub use error::Busy;
pub use hasher::{Checked, New, PASSWORD_BYTES_MAX, Passwords, Stored};
pub use phc::Cost;
pub use thread_pool::count;
