//! `sum.loop`, `sum.range`, `sum.formula`.

use std::hint::black_box;

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, Rotation, require};
use ndarray::Array2;

use crate::parts::in_parts;

/// n (n + 1) fits 64 bits.
pub(crate) const MOST_TERMS: i64 = 3_000_000_000;

pub(crate) struct SumLoop {
    buffers: Array2<i64>,
    /// Sum and additions.
    turns: Rotation<(i64, usize)>,
}

/// `buffers` i64 (buffers, m), one summed at each iteration.
pub(crate) fn buffers(inputs: &mut Inputs, _: &mut Params) -> Result<SumLoop, Error> {
    let buffers = inputs.i64_2d("buffers")?;
    let (count, m) = buffers.dim();
    require(count >= 1 && m >= 1, || {
        format!("buffers is {count} x {m}; awaited at least one buffer and number")
    })?;
    Ok(SumLoop {
        turns: Rotation::new(count),
        buffers,
    })
}

impl Job for SumLoop {
    fn step(&mut self) -> Result<(), Error> {
        let buffer = self.buffers.row(self.turns.part());
        let numbers = buffer.as_slice().ok_or_else(|| Error::bug("rows are contiguous"))?;
        let parts = in_parts(numbers.len(), |part| {
            (numbers[part.clone()].iter().sum::<i64>(), part.len())
        });
        let sum = parts.iter().map(|part| part.0).sum();
        self.turns.answer((sum, parts.iter().map(|part| part.1).sum()));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let &(sum, additions) = self.turns.first()?;
        Ok(Outputs::new().tensor("sum", sum).receipt("additions", additions))
    }
}

pub(crate) struct SumRange {
    n: i64,
    sum: i64,
    additions: i64,
}

/// `n`: the sum of 1 to n, term by term.
pub(crate) fn range(_: &mut Inputs, params: &mut Params) -> Result<SumRange, Error> {
    Ok(SumRange {
        n: terms(params)?,
        sum: 0,
        additions: 0,
    })
}

impl Job for SumRange {
    fn step(&mut self) -> Result<(), Error> {
        let (mut sum, mut term) = (0, 0);
        while term < self.n {
            term += 1;
            // Without it the compiler makes the loop a formula, which is another task.
            sum += black_box(term);
        }
        (self.sum, self.additions) = (sum, term);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("sum", self.sum)
            .receipt("additions", self.additions))
    }
}

pub(crate) struct SumFormula {
    n: i64,
    sum: i64,
}

/// `n`: the sum of 1 to n by one multiplication.
pub(crate) fn formula(_: &mut Inputs, params: &mut Params) -> Result<SumFormula, Error> {
    Ok(SumFormula {
        n: terms(params)?,
        sum: 0,
    })
}

impl Job for SumFormula {
    fn step(&mut self) -> Result<(), Error> {
        self.sum = self.n * (self.n + 1) / 2;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new().tensor("sum", self.sum).receipt("multiplications", 1_i64))
    }
}

fn terms(params: &mut Params) -> Result<i64, Error> {
    at_most(params, MOST_TERMS)
}

/// `n`, from 1 up to a limit.
pub(crate) fn at_most(params: &mut Params, most: i64) -> Result<i64, Error> {
    let n = params.int("n")?;
    require((1..=most).contains(&n), || {
        format!("parameter n is {n}; awaited 1 to {most}")
    })?;
    Ok(n)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn n(value: i64) -> Params {
        Params::default().with("n", value)
    }

    #[test]
    fn each_iteration_sums_the_next_buffer_and_outputs_answer_the_first() {
        let mut inputs = Inputs::default().with("buffers", array![[1_i64, 2, 3], [7, 8, -9]]);
        let mut job = buffers(&mut inputs, &mut Params::default()).unwrap();
        for iterations in 1..3 {
            job.step().unwrap();
            assert_eq!(job.turns.part(), iterations % 2);
            assert_eq!(job.turns.first(), Ok(&(6, 3)));
        }
    }

    #[test]
    fn the_range_and_the_formula_agree() {
        for terms in [1, 2, 1000] {
            let mut looped = range(&mut Inputs::default(), &mut n(terms)).unwrap();
            let mut closed = formula(&mut Inputs::default(), &mut n(terms)).unwrap();
            looped.step().unwrap();
            closed.step().unwrap();
            assert_eq!((looped.sum, looped.additions), (closed.sum, terms));
        }
    }

    #[test]
    fn what_has_no_sum_is_refused() {
        for wrong in [-5, 0, MOST_TERMS + 1] {
            let error = terms(&mut n(wrong)).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("params: parameter n is {wrong}; awaited 1 to 3000000000")
            );
        }
        let mut inputs = Inputs::default().with("buffers", Array2::<i64>::zeros((0, 3)));
        assert!(buffers(&mut inputs, &mut Params::default()).is_err());
    }
}
