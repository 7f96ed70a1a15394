//! Why a call failed: one reason each, as the contract lists them.

use std::fmt;

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Bytes of a message that travel: percent-encoded they must stay below the 8 KiB of metadata that gRPC clients accept.
const MESSAGE_LIMIT: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Unsupported,
    Params,
    Digest,
    Order,
    Memory,
    Bug,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Params => "params",
            Self::Digest => "digest",
            Self::Order => "order",
            Self::Memory => "memory",
            Self::Bug => "bug",
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Unsupported => Code::Unimplemented,
            Self::Params => Code::InvalidArgument,
            Self::Digest => Code::DataLoss,
            Self::Order => Code::FailedPrecondition,
            Self::Memory => Code::ResourceExhausted,
            Self::Bug => Code::Internal,
        }
    }
}

/// A failed call. It becomes a gRPC status whose trailing metadata `mlfleet-reason` names the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    reason: Reason,
    message: String,
}

impl Error {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// Parameters, tensors or a schedule that the task refuses. Say what was found and what was awaited.
    pub fn params(message: impl Into<String>) -> Self {
        Self::new(Reason::Params, message)
    }

    /// Not enough memory for the work.
    pub fn memory(message: impl Into<String>) -> Self {
        Self::new(Reason::Memory, message)
    }

    /// The adapter or its framework failed where it should not.
    pub fn bug(message: impl fmt::Display) -> Self {
        Self::new(Reason::Bug, message.to_string())
    }

    /// The task is known, but not with these parameters or data: the cell is not measured, and says why.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Reason::Unsupported, message)
    }

    pub(crate) fn digest(message: impl Into<String>) -> Self {
        Self::new(Reason::Digest, message)
    }

    pub(crate) fn order(message: impl Into<String>) -> Self {
        Self::new(Reason::Order, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.message)
    }
}

impl std::error::Error for Error {}

/// Refuses, with the reason `params`, a task whose tensors or parameters do not fit together.
pub fn require(fits: bool, message: impl FnOnce() -> String) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::params(message())) }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let end = error.message.floor_char_boundary(MESSAGE_LIMIT);
        let mut status = Self::new(error.reason.code(), &error.message[..end]);
        status
            .metadata_mut()
            .insert("mlfleet-reason", MetadataValue::from_static(error.reason.name()));
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_carries_code_and_reason_and_fits_into_metadata() {
        let status = Status::from(Error::memory("ü".repeat(4000)));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.metadata().get("mlfleet-reason").unwrap(), "memory");
        assert_eq!(status.message().len(), MESSAGE_LIMIT);
    }
}
