//! Time: `control.sleep` waits, `control.spin` uses CPU time.

use std::hint::black_box;
use std::time::Duration;

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};
use rustix::time::{ClockId, clock_gettime};

use crate::checks::{one, within};

const MOST_MS: i64 = 60_000;
/// Additions between two looks at the CPU clock: some microseconds.
const SPINS: u64 = 4096;

/// A number of milliseconds, slept or spun.
pub(crate) struct Waiting {
    start: i64,
    ms: u64,
    wait: fn(Duration),
}

/// `control.sleep`.
pub(crate) fn sleep(inputs: &mut Inputs, params: &mut Params) -> Result<Waiting, Error> {
    waiting(inputs, params, std::thread::sleep)
}

/// `control.spin`: CPU time as the kernel counts it for this process.
pub(crate) fn spin(inputs: &mut Inputs, params: &mut Params) -> Result<Waiting, Error> {
    waiting(inputs, params, |span| {
        let until = cpu() + span;
        while cpu() < until {
            for spin in 0..SPINS {
                black_box(spin);
            }
        }
    })
}

fn waiting(inputs: &mut Inputs, params: &mut Params, wait: fn(Duration)) -> Result<Waiting, Error> {
    Ok(Waiting {
        start: one(inputs)?,
        ms: within(params, "ms", 1, MOST_MS)?,
        wait,
    })
}

/// User and system time of this process.
fn cpu() -> Duration {
    let found = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(found.tv_sec.cast_unsigned(), u32::try_from(found.tv_nsec).unwrap_or(0))
}

impl Job for Waiting {
    fn step(&mut self) -> Result<(), Error> {
        (self.wait)(Duration::from_millis(self.ms));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let ms = i64::try_from(self.ms).map_err(Error::bug)?;
        Ok(Outputs::new().tensor("start", self.start).receipt("ms", ms))
    }
}
