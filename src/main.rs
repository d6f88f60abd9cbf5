//! Hearth: an IoT device platform in one executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    hearth::cli::main()
}
