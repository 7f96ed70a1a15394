//! linfa, alone in its process.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlfleet_linfa::service().serve()
}
