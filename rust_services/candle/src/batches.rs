//! Batches of rows in their order, and the answer for the first of them.

use std::ops::Range;

use mlfleet_sdk::Error;

use crate::require;

/// Consecutive whole batches of rows, again from the start after the last one; rows that fill no batch are never used.
/// It keeps the latest answer for batch 0, so that outputs are those of a timed iteration.
pub(crate) struct Batches<A> {
    size: usize,
    count: usize,
    next: usize,
    first: Option<A>,
    latest: Option<A>,
}

impl<A> Batches<A> {
    /// Of the rows of the tensor `name`.
    pub(crate) fn new(name: &str, rows: usize, size: usize) -> Result<Self, Error> {
        require(size <= rows, || format!("batch is {size}; {name} has {rows} rows"))?;
        Ok(Self {
            size,
            count: rows / size,
            next: 0,
            first: None,
            latest: None,
        })
    }

    /// The rows of the batch whose turn it is.
    pub(crate) fn rows(&self) -> Range<usize> {
        let start = self.next * self.size;
        start..start + self.size
    }

    /// Takes the answer for these rows and moves on. Every answer is stored, so that none can be optimised away.
    pub(crate) fn answer(&mut self, answer: A) {
        if self.next == 0 {
            self.first = Some(answer);
        } else {
            self.latest = Some(answer);
        }
        self.next = (self.next + 1) % self.count;
    }

    /// The latest answer for batch 0.
    pub(crate) fn first(&self) -> Result<&A, Error> {
        self.first
            .as_ref()
            .ok_or_else(|| Error::bug("no iteration has answered batch 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_batches_wrap_round_and_batch_0_is_kept() {
        let mut batches = Batches::new("images", 7, 3).unwrap();
        let mut seen = Vec::new();
        for iteration in 0..4 {
            seen.push(batches.rows());
            batches.answer(iteration);
        }
        assert_eq!(seen, [0..3, 3..6, 0..3, 3..6]);
        assert_eq!(batches.first(), Ok(&2));
        let refusal = Batches::<()>::new("images", 2, 3).err().unwrap();
        assert_eq!(refusal.to_string(), "params: batch is 3; images has 2 rows");
    }
}
