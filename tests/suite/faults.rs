//! Faults of the machine: a full disk, no descriptors left, a clock that jumps, a process that was
//! stopped for a while; and faults of our own.
#![expect(clippy::disallowed_methods, reason = "these tests time a process that has its own clock")]

pub mod clock;
mod descriptors;
mod disk;
mod handlers;
