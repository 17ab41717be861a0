//! The program `tollgate`.

use std::process::ExitCode;

/// mimalloc uses less memory for each idle connection than the allocator of the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run()
}
