//! Password hashing on its own threads, with a fair and bounded queue.

mod error;
mod fair_queue;
mod hasher;
mod phc;
mod thread_pool;

pub use error::QueueFull;
pub use hasher::{NewHash, PASSWORD_BYTES_MAX, PasswordHasher, PasswordMatch, StoredHash};
pub use phc::Cost;
pub use thread_pool::thread_count;
