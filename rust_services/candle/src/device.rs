//! The device that the launcher chose, and what this build can do with it.

use std::sync::LazyLock;

use candle_core::{Device, Result as CandleResult};
use mlfleet_sdk::Error;

/// What does the arithmetic of matrix products.
pub(crate) fn kernels() -> &'static str {
    if cfg!(feature = "cuda") && mlfleet_sdk::device() != "cpu" {
        "candle, cublas"
    } else {
        "candle, gemm"
    }
}

/// What was compiled: "cpu", or "cuda" with the least compute capability that its kernels run on.
pub(crate) const BUILD: &str = env!("CANDLE_BUILD");

/// GPUs of one host, at most.
const MOST_GPUS: usize = 64;

/// GPUs that candle can compute on: each one is opened once, since a driver may list what it cannot give.
pub(crate) fn gpus() -> usize {
    (0..MOST_GPUS)
        .take_while(|&number| cfg!(feature = "cuda") && Device::new_cuda(number).is_ok())
        .count()
}

/// The device to compute on. Opened once: a second handle to a GPU would be another device to candle.
pub(crate) fn device() -> Result<Device, Error> {
    static DEVICE: LazyLock<Result<Device, Error>> = LazyLock::new(|| open(&mlfleet_sdk::device()));
    DEVICE.clone()
}

/// Opens "cpu", "cuda" or "cuda:1"; never another one than was asked for.
fn open(name: &str) -> Result<Device, Error> {
    let number = match name.split_once(':') {
        None if name == "cpu" => return Ok(Device::Cpu),
        None if name == "cuda" => Some(0),
        Some(("cuda", number)) => number.parse().ok(),
        _ => None,
    };
    let number =
        number.ok_or_else(|| Error::params(format!("device is {name:?}; awaited cpu, cuda or cuda:<number>")))?;
    Device::new_cuda(number)
        .map_err(|error| Error::params(format!("device {name} cannot be used by this build ({BUILD}): {error}")))
}

/// Runs framework code and waits for what it started: work on a GPU has ended when this returns.
pub(crate) fn finished<T>(device: &Device, work: impl FnOnce() -> CandleResult<T>) -> Result<T, Error> {
    let result = work().map_err(failed)?;
    device.synchronize().map_err(failed)?;
    Ok(result)
}

/// A failure of candle where it should not fail: too little memory on the device, or a bug.
#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
pub(crate) fn failed(error: candle_core::Error) -> Error {
    let message = error.to_string();
    if message.contains("OUT_OF_MEMORY") {
        Error::memory(message)
    } else {
        Error::bug(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_refused_and_never_replaced() {
        assert!(matches!(open("cpu"), Ok(Device::Cpu)));
        for absent in ["cuda:99", "cuda:x", "gpu"] {
            assert!(open(absent).unwrap_err().to_string().contains(absent));
        }
    }
}
