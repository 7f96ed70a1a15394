//! candle behind the mlfleet contract: alone in its process.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if !cfg!(feature = "cuda") && mlfleet_sdk::device().starts_with("cuda") {
        match gpu_build() {
            Ok(program) => {
                let error = Command::new(&program).args(env::args_os().skip(1)).exec();
                eprintln!(
                    "{} cannot be started: {error}; this build computes on the CPU only",
                    program.display()
                );
            }
            Err(reason) => eprintln!("{reason}; this build computes on the CPU only"),
        }
    }
    mlfleet_candle::service().serve()
}

/// The build for GPUs beside this one, where it can start: it is linked to libcuda, which only a driver brings, and
/// without it would end before its main.
fn gpu_build() -> Result<PathBuf, String> {
    let mut program = env::current_exe().map_err(|error| error.to_string())?.into_os_string();
    program.push("-cuda");
    let program = PathBuf::from(program);
    let missing = missing_libraries(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    if missing.is_empty() {
        Ok(program)
    } else {
        Err(format!("{} lacks {}", program.display(), missing.join(", ")))
    }
}

/// What the loader does not find. Only the loader itself knows where it looks; asked so, it lists and starts nothing.
fn missing_libraries(program: &Path) -> std::io::Result<Vec<String>> {
    let listed = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let missing = listed
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" => not found"));
    Ok(missing.map(str::to_owned).collect())
}
