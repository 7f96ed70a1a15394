//! Identity and build facts: what the service says of itself.

use std::collections::HashMap;
use std::fs;
use std::thread::available_parallelism;

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::proto::{Build, DescribeResponse, Task, ThreadPool};
use crate::{Error, Service};

/// The contract's version.
const PROTOCOL: u32 = 1;
const LOCK: &str = include_str!("../../Cargo.lock");

/// The version of a library as the committed lock pins it; several, if it is linked more than once.
///
/// # Panics
/// If the lock has no such package.
#[must_use]
pub fn locked_version(package: &str) -> String {
    let versions: Vec<_> = LOCK
        .split("[[package]]")
        .filter_map(|entry| {
            let mut lines = entry.trim().lines();
            let name = lines.next()?.strip_prefix("name = ")?.trim_matches('"');
            let version = lines.next()?.strip_prefix("version = ")?.trim_matches('"');
            (name == package).then_some(version)
        })
        .collect();
    assert!(!versions.is_empty(), "{package} is not in Cargo.lock");
    versions.join(", ")
}

/// The version of the compiler that made this binary: "1.95.0".
///
/// # Panics
/// If the compiler's own line is not `rustc <version> ...`.
#[must_use]
pub fn compiler_version() -> &'static str {
    let version = env!("MLFLEET_RUSTC").split(' ').nth(1);
    version.expect("rustc says its version")
}

/// Starts the pools of the service and notes what it is. Called once, before anything is served.
pub(crate) fn describe(service: &Service, threads: u32) -> DescribeResponse {
    let rustc = env!("MLFLEET_RUSTC");
    let mut facts = HashMap::from([
        ("rustc".to_owned(), rustc.to_owned()),
        ("profile".to_owned(), env!("MLFLEET_PROFILE").to_owned()),
        ("opt_level".to_owned(), env!("MLFLEET_OPT_LEVEL").to_owned()),
        ("target".to_owned(), env!("MLFLEET_TARGET").to_owned()),
        ("target_features".to_owned(), env!("MLFLEET_TARGET_FEATURES").to_owned()),
        ("rustflags".to_owned(), env!("MLFLEET_RUSTFLAGS").to_owned()),
    ]);
    facts.extend(
        service
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );

    let std_pool = ("std", rustc.to_owned(), available_parallelism().map_or(0, usize::from));
    let asked = usize::try_from(threads).unwrap_or(usize::MAX);
    let own_pools = service
        .pools
        .iter()
        .map(|pool| (pool.name, pool.version.clone(), (pool.start)(asked)));
    let thread_pools = std::iter::once(std_pool)
        .chain(own_pools)
        .map(|(name, version, effective)| ThreadPool {
            pool: name.to_owned(),
            library: name.to_owned(),
            version,
            asked: threads,
            effective: u32::try_from(effective).unwrap_or(u32::MAX),
        });

    DescribeResponse {
        framework: service.framework.to_owned(),
        version: service.version.clone(),
        language: "rust".to_owned(),
        protocol: PROTOCOL,
        devices: service.devices.clone(),
        build: Some(Build {
            optimised: env!("MLFLEET_OPT_LEVEL") != "0",
            debug_assertions: cfg!(debug_assertions),
            facts,
        }),
        thread_pools: thread_pools.collect(),
        boot_id: boot_id(),
        tasks: service.tasks.iter().map(wire_task).collect(),
        cpus: Vec::new(),
    }
}

/// CPUs the process may run on; asked at each Describe, since a launcher may move a running process.
pub(crate) fn cpus() -> Result<Vec<u32>, Error> {
    let set = sched_getaffinity(None).map_err(Error::bug)?;
    let allowed = (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu));
    Ok(allowed.filter_map(|cpu| u32::try_from(cpu).ok()).collect())
}

fn wire_task(task: &crate::Task) -> Task {
    Task {
        name: task.name.to_owned(),
        origin: task.origin.into(),
        kernels: task.kernels.to_owned(),
    }
}

/// Empty where the kernel does not tell, which compares equal to nothing.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock() {
        assert!(locked_version("tonic").starts_with("0.14."));
    }

    #[test]
    fn the_compiler_has_a_version() {
        assert_eq!(compiler_version().split('.').count(), 3);
    }

    #[test]
    fn the_process_may_run_somewhere() {
        assert!(!cpus().unwrap().is_empty());
    }
}
