//! The device that this process was started for.

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Cuda, Device};

use crate::libtorch::Libtorch;

const CUDA: &str = "cuda";

/// Opens libtorch's back end for GPUs if the launcher asks for one. Before libtorch is asked for GPUs, whose answer it
/// remembers; never on the CPU, where being loaded alone costs 236 MB.
pub(crate) fn open(libtorch: &Libtorch) {
    if mlfleet_sdk::device().starts_with(CUDA) {
        let path = libtorch.beside("libtorch_cuda.so");
        #[expect(
            unsafe_code,
            reason = "a library's initialisers run; this one is part of the libtorch that is linked"
        )]
        let found = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) };
        match found {
            // Never closed.
            Ok(library) => std::mem::forget(library),
            Err(error) => eprintln!("no GPU: {} cannot be loaded: {error}", path.display()),
        }
    }
}

/// The GPU that the launcher asks for, if it is there: without it work for that device is refused.
pub(crate) fn names() -> Option<String> {
    let asked = mlfleet_sdk::device();
    gpu(&asked).is_some().then_some(asked)
}

/// Where jobs put their tensors.
pub(crate) fn device() -> Device {
    gpu(&mlfleet_sdk::device()).map_or(Device::Cpu, Device::Cuda)
}

/// Work on a GPU is under way when a call of libtorch returns.
pub(crate) fn synchronise(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(i64::try_from(index).unwrap_or(0));
    }
}

fn gpu(asked: &str) -> Option<usize> {
    let index = index(asked)?;
    let there = Cuda::is_available() && i64::try_from(index).is_ok_and(|index| index < Cuda::device_count());
    there.then_some(index)
}

/// Of "cuda" and "cuda:1".
fn index(asked: &str) -> Option<usize> {
    match asked.strip_prefix(CUDA)? {
        "" => Some(0),
        rest => rest.strip_prefix(':')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_numbered_from_0() {
        assert_eq!(
            ["cuda", "cuda:1", "cpu", "cuda1", "cuda:"].map(index),
            [Some(0), Some(1), None, None, None]
        );
    }
}
