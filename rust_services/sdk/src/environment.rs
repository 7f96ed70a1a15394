//! The launcher's settings, by the variables `MLFLEET_*`.

use std::env::{self, VarError};
use std::path::PathBuf;
use std::time::Duration;

/// What the launcher lets this service compute on: "cpu", "cuda", "cuda:1".
#[must_use]
pub fn device() -> String {
    env::var("MLFLEET_DEVICE").unwrap_or_else(|_| "cpu".to_owned())
}

pub(crate) struct Environment {
    /// The unix socket to bind.
    pub(crate) socket: PathBuf,
    /// The folder of mapped payloads; where containers mount it unless `MLFLEET_PAYLOADS` says otherwise.
    pub(crate) payloads: PathBuf,
    /// Threads that each pool may use.
    pub(crate) threads: u32,
    /// Leave after a Collect that was sent whole, but not before this age: engines put off the restart of a container
    /// that lived less than 10 s, twice as long each time. None: stay.
    pub(crate) exit_after_trial: Option<Duration>,
}

impl Environment {
    /// Reads the variables; an error is one line for the user.
    pub(crate) fn read() -> Result<Self, String> {
        let socket = env::var_os("MLFLEET_SOCKET")
            .ok_or("MLFLEET_SOCKET is not set; awaited the path of the unix socket to bind")?;
        let threads = match env::var("MLFLEET_THREADS") {
            Ok(threads) => threads,
            Err(VarError::NotPresent) => "1".to_owned(),
            Err(VarError::NotUnicode(found)) => found.to_string_lossy().into_owned(),
        };
        let threads = threads
            .parse()
            .ok()
            .filter(|&threads| threads >= 1)
            .ok_or_else(|| format!("MLFLEET_THREADS is {threads:?}; awaited a whole number of at least 1"))?;
        let exit_after_trial = match env::var("MLFLEET_EXIT_AFTER_TRIAL").unwrap_or_default().as_str() {
            "" => None,
            seconds => Some(Duration::from_secs(seconds.parse().map_err(|_| {
                format!("MLFLEET_EXIT_AFTER_TRIAL is {seconds:?}; awaited a whole number of seconds")
            })?)),
        };
        Ok(Self {
            socket: socket.into(),
            payloads: env::var_os("MLFLEET_PAYLOADS")
                .unwrap_or_else(|| "/payload".into())
                .into(),
            threads,
            exit_after_trial,
        })
    }
}
