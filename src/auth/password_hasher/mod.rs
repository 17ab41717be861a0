//! Password hashing on dedicated threads, with a fair and bounded queue.

mod error;
mod fair_queue;
mod hash_bounds;
mod hasher;
mod thread_pool;

pub use error::HashUnavailable;
pub use hash_bounds::Cost;
pub use hasher::{NewHash, PASSWORD_BYTES_MAX, PasswordHasher, PasswordMatch, StoredHash};
pub use thread_pool::thread_count;
