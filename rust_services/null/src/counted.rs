//! Counted work: `control.delay` computes, `control.sweep` reads memory.

use std::hint::black_box;

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};

use crate::checks::{counted, one};

// Numerical Recipes' generator: every state needs the one before, so the last one tells how many there were.
const MULTIPLIER: u64 = 1_664_525;
const INCREMENT: u64 = 1_013_904_223;
const MASK: u64 = (1 << 32) - 1;
const MOST_UNITS: i64 = 1_000_000_000;
/// Of a buffer: 64 KiB of i64.
const CHUNK: usize = 1 << 13;
const MOST_CHUNKS: i64 = 1 << 16;

/// Units of a loop in which each waits for the one before, and a share more.
pub(crate) struct Delay {
    first: u64,
    total: u64,
    state: u64,
    done: u64,
}

/// `control.delay`.
pub(crate) fn delay(inputs: &mut Inputs, params: &mut Params) -> Result<Delay, Error> {
    let first = one(inputs)?.cast_unsigned() & MASK;
    let (_, total) = counted(params, "units", MOST_UNITS)?;
    Ok(Delay {
        first,
        total,
        state: 0,
        done: 0,
    })
}

impl Job for Delay {
    fn step(&mut self) -> Result<(), Error> {
        let (mut state, mut done, total) = (black_box(self.first), 0, black_box(self.total));
        while done < total {
            state = (state * MULTIPLIER + INCREMENT) & MASK;
            done += 1;
        }
        (self.state, self.done) = (state, done);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let state = i64::try_from(self.state).map_err(Error::bug)?;
        let done = i64::try_from(self.done).map_err(Error::bug)?;
        Ok(Outputs::new().tensor("state", state).receipt("units", done))
    }
}

/// Chunks of 64 KiB summed in turn, from the first of a buffer on, and a share more, from its first on again.
pub(crate) struct Sweep {
    buffer: Vec<i64>,
    total: usize,
    sum: i64,
    done: usize,
}

/// `control.sweep`.
pub(crate) fn sweep(inputs: &mut Inputs, params: &mut Params) -> Result<Sweep, Error> {
    let first = one(inputs)?;
    let (chunks, total) = counted(params, "chunks", MOST_CHUNKS)?;
    let length = usize::try_from(chunks).map_err(Error::bug)? * CHUNK;
    Ok(Sweep {
        buffer: (first..).take(length).collect(),
        total: usize::try_from(total).map_err(Error::bug)?,
        sum: 0,
        done: 0,
    })
}

impl Job for Sweep {
    fn step(&mut self) -> Result<(), Error> {
        (self.sum, self.done) = (0, 0);
        for chunk in self.buffer.chunks_exact(CHUNK).cycle().take(self.total) {
            self.sum = self
                .sum
                .wrapping_add(black_box(chunk).iter().copied().fold(0, i64::wrapping_add));
            self.done += 1;
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new().tensor("sum", self.sum).receipt("chunks", self.done))
    }
}
