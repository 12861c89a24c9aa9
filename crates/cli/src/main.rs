//! `tacita`. See the library of this crate.

use std::process::ExitCode;

/// Servers allocate on one thread and free on another all the time, which the system's allocator locks for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tacita_cli::run()
}
