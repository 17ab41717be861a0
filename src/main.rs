//! tollgate: a WebSocket message-bus auth gateway.

use std::process::ExitCode;

/// Small objects of many connections: the system's allocator keeps more for each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run()
}
