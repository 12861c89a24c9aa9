//! `tacita`. See the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    tacita_cli::run()
}
