//! Password hashing on its own threads, with a fair and bounded queue.

pub mod error;
pub mod fair_queue;
pub mod hasher;
pub mod phc;
pub mod thread_pool;
