//! tch behind the mlfleet contract: alone in its process.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlfleet_tch::service().serve()
}
