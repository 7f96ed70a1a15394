//! `sum.chunked`, `sum.arange`: the numbers of 1 to n are written to memory, then added.

use std::hint::black_box;
use std::ops::Range;

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};

use crate::parts::in_parts;
use crate::sums::{MOST_TERMS, at_most};

/// Numbers of a range of `sum.chunked`.
const CHUNK: usize = 1_000_000;
/// 8 GB of numbers at once.
const MOST_ELEMENTS: i64 = 1_000_000_000;

/// What was written, and its sum.
#[derive(Debug, Default, PartialEq)]
struct Written {
    sum: i64,
    elements: usize,
    ranges: usize,
}

pub(crate) struct SumWritten {
    n: usize,
    work: fn(usize) -> Written,
    done: Written,
}

/// `n`: the sum of 1 to n by ranges of a million, made one after the other.
pub(crate) fn chunked(_: &mut Inputs, params: &mut Params) -> Result<SumWritten, Error> {
    job(params, MOST_TERMS, by_chunks)
}

/// `n`: the sum of 1 to n, all of them made before the first is added.
pub(crate) fn arange(_: &mut Inputs, params: &mut Params) -> Result<SumWritten, Error> {
    job(params, MOST_ELEMENTS, at_once)
}

fn job(params: &mut Params, most: i64, work: fn(usize) -> Written) -> Result<SumWritten, Error> {
    Ok(SumWritten {
        n: usize::try_from(at_most(params, most)?).map_err(Error::bug)?,
        work,
        done: Written::default(),
    })
}

fn by_chunks(n: usize) -> Written {
    let parts = in_parts(n.div_ceil(CHUNK), |chunks| {
        let mut done = Written::default();
        for chunk in chunks {
            let numbers = written(chunk * CHUNK..n.min((chunk + 1) * CHUNK));
            done.sum += numbers.iter().sum::<i64>();
            done.elements += numbers.len();
            done.ranges += 1;
        }
        done
    });
    Written {
        sum: parts.iter().map(|part| part.sum).sum(),
        elements: parts.iter().map(|part| part.elements).sum(),
        ranges: parts.iter().map(|part| part.ranges).sum(),
    }
}

/// Each thread writes its share; nothing is added before all shares are written.
fn at_once(n: usize) -> Written {
    let shares = in_parts(n, written);
    let sums = in_parts(shares.len(), |part| shares[part].iter().flatten().copied().sum::<i64>());
    Written {
        sum: sums.iter().sum(),
        elements: shares.iter().map(Vec::len).sum(),
        ranges: 1,
    }
}

/// The numbers from the first place's on, in memory: the compiler cannot add them while it makes them.
fn written(places: Range<usize>) -> Vec<i64> {
    let term = |place: usize| i64::try_from(place).expect("n fits an i64") + 1;
    black_box((term(places.start)..term(places.end)).collect())
}

impl Job for SumWritten {
    fn step(&mut self) -> Result<(), Error> {
        self.done = (self.work)(self.n);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("sum", self.done.sum)
            .receipt("elements_written", self.done.elements)
            .receipt("ranges", self.done.ranges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_written_once() {
        for n in [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let sum = i64::try_from(n * (n + 1) / 2).unwrap();
            let chunked = Written {
                sum,
                elements: n,
                ranges: n.div_ceil(CHUNK),
            };
            assert_eq!(by_chunks(n), chunked);
            assert_eq!(at_once(n), Written { ranges: 1, ..chunked });
        }
    }

    #[test]
    fn what_would_not_fit_is_refused() {
        let params = |n: i64| Params::default().with("n", n);
        assert!(chunked(&mut Inputs::default(), &mut params(MOST_TERMS + 1)).is_err());
        let error = arange(&mut Inputs::default(), &mut params(MOST_ELEMENTS + 1))
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "params: parameter n is 1000000001; awaited 1 to 1000000000"
        );
    }
}
