//! The launcher's settings, by the variables `MLFLEET_*`.

use std::env::{self, VarError};
use std::path::PathBuf;

pub(crate) struct Environment {
    /// The unix socket to bind.
    pub(crate) socket: PathBuf,
    /// The folder of mapped payloads; where containers mount it unless `MLFLEET_PAYLOADS` says otherwise.
    pub(crate) payloads: PathBuf,
    /// Threads that each pool may use.
    pub(crate) threads: u32,
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
        Ok(Self {
            socket: socket.into(),
            payloads: env::var_os("MLFLEET_PAYLOADS")
                .unwrap_or_else(|| "/payload".into())
                .into(),
            threads,
        })
    }
}
