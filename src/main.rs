//! The binary: arguments in, exit code out.

use std::process::ExitCode;

/// A compile takes a sixth less CPU than by the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    elt::cli::main()
}
