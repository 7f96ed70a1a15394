//! Parts of the inputs in turn, so that no iteration meets what the one before has left in a cache.

use mlfleet_sdk::Error;

/// Whose turn it is, and the latest answer for part 0, so that outputs are those of a timed iteration.
pub(crate) struct Rotation<A> {
    parts: usize,
    next: usize,
    first: Option<A>,
    latest: Option<A>,
}

impl<A> Rotation<A> {
    /// Of at least one part.
    pub(crate) fn new(parts: usize) -> Self {
        Self {
            parts,
            next: 0,
            first: None,
            latest: None,
        }
    }

    /// The part whose turn it is.
    pub(crate) fn part(&self) -> usize {
        self.next
    }

    /// Takes the answer for this part and moves on. Every answer is stored, so that none can be optimised away.
    pub(crate) fn answer(&mut self, answer: A) {
        if self.next == 0 {
            self.first = Some(answer);
        } else {
            self.latest = Some(answer);
        }
        self.next = (self.next + 1) % self.parts;
    }

    /// The latest answer for part 0.
    pub(crate) fn first(&self) -> Result<&A, Error> {
        self.first
            .as_ref()
            .ok_or_else(|| Error::bug("no iteration has answered part 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_round_and_the_answer_for_part_0_is_kept() {
        let mut rotation = Rotation::new(2);
        assert!(rotation.first().is_err());
        let mut seen = Vec::new();
        for iteration in 0..4 {
            seen.push(rotation.part());
            rotation.answer(iteration);
        }
        assert_eq!(seen, [0, 1, 0, 1]);
        assert_eq!(rotation.first(), Ok(&2));
    }
}
