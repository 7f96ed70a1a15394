//! Parts of the inputs in turn, so that no iteration meets what the one before has left in a cache.

use std::ops::Range;

use crate::Error;
use crate::error::require;

/// Whose turn it is, and the latest answer for part 0, so that outputs are those of a timed iteration.
pub struct Rotation<A> {
    parts: usize,
    next: usize,
    first: Option<A>,
    latest: Option<A>,
}

impl<A> Rotation<A> {
    /// Of at least one part.
    #[must_use]
    pub fn new(parts: usize) -> Self {
        Self {
            parts,
            next: 0,
            first: None,
            latest: None,
        }
    }

    /// The part whose turn it is.
    #[must_use]
    pub fn part(&self) -> usize {
        self.next
    }

    /// Takes the answer for this part and moves on. Every answer is stored, so that none can be optimised away.
    pub fn answer(&mut self, answer: A) {
        if self.next == 0 {
            self.first = Some(answer);
        } else {
            self.latest = Some(answer);
        }
        self.next = (self.next + 1) % self.parts;
    }

    /// The latest answer for part 0.
    pub fn first(&self) -> Result<&A, Error> {
        self.first
            .as_ref()
            .ok_or_else(|| Error::bug("no iteration has answered part 0"))
    }
}

/// A rotation through the whole batches of a tensor's rows; rows that fill none are never used.
pub struct Batches<A> {
    size: usize,
    turns: Rotation<A>,
}

impl<A> Batches<A> {
    /// Of the rows of the tensor `name`; refuses a batch of none of them, or of more.
    pub fn new(name: &str, rows: usize, size: usize) -> Result<Self, Error> {
        require(1 <= size && size <= rows, || {
            format!("batch is {size}; awaited 1 to {rows} (rows of {name})")
        })?;
        Ok(Self {
            size,
            turns: Rotation::new(rows / size),
        })
    }

    /// Rows of a batch.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The number of the batch whose turn it is.
    #[must_use]
    pub fn part(&self) -> usize {
        self.turns.part()
    }

    /// The rows of the batch whose turn it is.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        let start = self.turns.part() * self.size;
        start..start + self.size
    }

    /// As of a rotation.
    pub fn answer(&mut self, answer: A) {
        self.turns.answer(answer);
    }

    /// The latest answer for batch 0.
    pub fn first(&self) -> Result<&A, Error> {
        self.turns.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_batches_come_round_and_the_answer_for_batch_0_is_kept() {
        let mut batches = Batches::new("images", 7, 3).unwrap();
        assert!(batches.first().is_err());
        let mut seen = Vec::new();
        for iteration in 0..4 {
            seen.push(batches.rows());
            batches.answer(iteration);
        }
        assert_eq!(seen, [0..3, 3..6, 0..3, 3..6]);
        assert_eq!(batches.first(), Ok(&2));
    }

    #[test]
    fn a_batch_of_more_rows_than_there_are_is_refused() {
        for size in [0, 3] {
            let refusal = Batches::<()>::new("images", 2, size).err().unwrap();
            assert_eq!(
                refusal.to_string(),
                format!("params: batch is {size}; awaited 1 to 2 (rows of images)")
            );
        }
    }
}
