//! `control.alloc`: memory mapped, every page of it written, held, read and given back.

use std::fs::File;
use std::thread::sleep;
use std::time::Duration;

use memmap2::{MmapMut, MmapOptions};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::checks::{one, within};

const PAGE: usize = 4096;
const MOST_MIB: i64 = 4096;
const MOST_MS: i64 = 60_000;
/// What is written differs from page to page: no kernel could merge them.
const VALUES: i64 = 251;

/// Memory that exists during a step.
pub(crate) struct Alloc {
    first: i64,
    bytes: usize,
    hold: Duration,
    shared: bool,
    sum: i64,
}

/// `control.alloc`.
pub(crate) fn alloc(inputs: &mut Inputs, params: &mut Params) -> Result<Alloc, Error> {
    Ok(Alloc {
        first: one(inputs)?,
        bytes: usize::try_from(within(params, "mib", 1, MOST_MIB)? << 20).map_err(Error::bug)?,
        hold: Duration::from_millis(within(params, "hold_ms", 0, MOST_MS)?),
        shared: params.flag("shared")?,
        sum: 0,
    })
}

impl Alloc {
    fn map(&self) -> std::io::Result<MmapMut> {
        if !self.shared {
            return MmapMut::map_anon(self.bytes);
        }
        let file = File::from(memfd_create("alloc", MemfdFlags::CLOEXEC)?);
        file.set_len(self.bytes as u64)?;
        #[expect(unsafe_code, reason = "a file without a name that nobody else can open")]
        let mapped = unsafe { MmapOptions::new().map_mut(&file) };
        mapped
    }
}

impl Job for Alloc {
    fn step(&mut self) -> Result<(), Error> {
        let mut memory = self.map().map_err(|error| Error::memory(error.to_string()))?;
        for (number, page) in (self.first..).zip(memory.chunks_exact_mut(PAGE)) {
            page[0] = u8::try_from(number.rem_euclid(VALUES)).map_err(Error::bug)?;
        }
        sleep(self.hold);
        self.sum = memory.iter().step_by(PAGE).map(|&value| i64::from(value)).sum();
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new().tensor("sum", self.sum).receipt("bytes", self.bytes))
    }
}
