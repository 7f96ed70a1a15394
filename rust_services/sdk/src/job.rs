//! The timed loop: a schedule in, samples out.

use std::hint::black_box;

use crate::clock::now_ns;
use crate::proto::Sample;
use crate::{Error, Outputs};

/// Entries of a schedule at most, by the contract.
const SCHEDULE_LIMIT: usize = 100_000;

/// A prepared piece of work. It lives on the main thread and need not be `Send`.
pub trait Job {
    /// One iteration, the timed work: every call does the same from the same prepared state. Work that runs elsewhere
    /// (on a GPU) must have ended when this returns.
    fn step(&mut self) -> Result<(), Error>;

    /// The outputs of the last iteration and the receipt of its work. Untimed; called only after an iteration.
    fn outputs(&mut self) -> Result<Outputs, Error>;
}

impl<J: Job + ?Sized> Job for Box<J> {
    fn step(&mut self) -> Result<(), Error> {
        (**self).step()
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        (**self).outputs()
    }
}

/// Refuses schedules the contract excludes.
pub(crate) fn check_schedule(iterations: &[u64]) -> Result<(), Error> {
    match iterations.len() {
        found if !(1..=SCHEDULE_LIMIT).contains(&found) => Err(Error::params(format!(
            "the schedule has {found} entries; awaited 1 to {SCHEDULE_LIMIT}"
        ))),
        _ => match iterations.iter().position(|&calls| calls == 0) {
            Some(at) => Err(Error::params(format!(
                "entry {at} of the schedule is 0; awaited at least 1"
            ))),
            None => Ok(()),
        },
    }
}

/// Runs a checked schedule. Between two clocks lies nothing but the calls of step.
pub(crate) fn run(job: &mut dyn Job, iterations: &[u64]) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::with_capacity(iterations.len());
    for &calls in iterations {
        let start_ns = now_ns();
        for _ in 0..calls {
            black_box(black_box(&mut *job).step())?;
        }
        let end_ns = now_ns();
        samples.push(Sample {
            iterations: calls,
            start_ns,
            end_ns,
        });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(u64);

    impl Job for Count {
        fn step(&mut self) -> Result<(), Error> {
            self.0 += 1;
            if self.0 > 100 { Err(Error::bug("tired")) } else { Ok(()) }
        }

        fn outputs(&mut self) -> Result<Outputs, Error> {
            Ok(Outputs::new())
        }
    }

    #[test]
    fn a_schedule_is_run_exactly_and_stamped_in_order() {
        let mut job = Count(0);
        let samples = run(&mut job, &[1, 7, 3]).unwrap();
        assert_eq!(job.0, 11);
        assert_eq!(
            samples.iter().map(|sample| sample.iterations).collect::<Vec<_>>(),
            [1, 7, 3]
        );
        let stamps: Vec<_> = samples
            .iter()
            .flat_map(|sample| [sample.start_ns, sample.end_ns])
            .collect();
        assert!(stamps.is_sorted());
    }

    #[test]
    fn an_error_ends_the_turn() {
        assert_eq!(run(&mut Count(0), &[99, 5]), Err(Error::bug("tired")));
    }

    #[test]
    fn empty_zero_and_overlong_schedules_are_refused() {
        assert!(check_schedule(&[]).is_err());
        assert!(check_schedule(&[1, 0]).is_err());
        assert!(check_schedule(&vec![1; SCHEDULE_LIMIT + 1]).is_err());
        assert!(check_schedule(&vec![1; SCHEDULE_LIMIT]).is_ok());
    }
}
