//! For tests only: plain Rust's `sum.range` whose loop nothing holds, so that the compiler folds it.
//!
//! With `MLFLEET_FAULT=folded`; unset, the same loop is held by a barrier and is honest. The receipt says n additions of
//! both, for that is what the source says.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use mlfleet_sdk::{Error, Inputs, Job, Origin, Outputs, Params, Service, compiler_version, require};

const FOLDED: &str = "folded";
/// n (n + 1) fits 64 bits.
const MOST_TERMS: i64 = 3_000_000_000;

fn main() -> ExitCode {
    let folded = match env::var_os("MLFLEET_FAULT") {
        None => false,
        Some(name) if name == FOLDED => true,
        Some(name) => {
            eprintln!("MLFLEET_FAULT is {}; awaited: {FOLDED}", name.display());
            return ExitCode::from(2);
        }
    };
    Service::new("rust", compiler_version())
        .task(
            "sum.range",
            Origin::InRepo,
            "none",
            move |_: &mut Inputs, params: &mut Params| range(params, folded),
        )
        .serve()
}

struct Range {
    n: i64,
    folded: bool,
    sum: i64,
    additions: i64,
}

/// `n`: the sum of 1 to n.
fn range(params: &mut Params, folded: bool) -> Result<Range, Error> {
    let n = params.int("n")?;
    require((1..=MOST_TERMS).contains(&n), || {
        format!("parameter n is {n}; awaited 1 to {MOST_TERMS}")
    })?;
    Ok(Range {
        n,
        folded,
        sum: 0,
        additions: 0,
    })
}

impl Job for Range {
    fn step(&mut self) -> Result<(), Error> {
        (self.sum, self.additions) = if self.folded {
            summed(self.n, |term| term)
        } else {
            summed(self.n, black_box)
        };
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("sum", self.sum)
            .receipt("additions", self.additions))
    }
}

/// Sum and additions, term by term as it is written.
///
/// If `held` is no barrier, LLVM's simplification of induction variables finds that both only count: `term` ends at n,
/// and `sum`, whose growth grows by one, at n (n + 1) / 2. It writes those in place of the loop, and removes it. Whole
/// numbers alone are folded: a sum of floats is rounded at each term, so its order is kept and it stays a loop.
fn summed(n: i64, held: impl Fn(i64) -> i64) -> (i64, i64) {
    let (mut sum, mut term) = (0, 0);
    while term < n {
        term += 1;
        sum += held(term);
    }
    (sum, term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_loops_say_the_same() {
        for n in [1, 2, 1000] {
            let awaited = (n * (n + 1) / 2, n);
            assert_eq!(summed(black_box(n), |term| term), awaited);
            assert_eq!(summed(black_box(n), black_box), awaited);
        }
    }

    #[test]
    fn what_has_no_sum_is_refused() {
        for wrong in [0, MOST_TERMS + 1] {
            assert!(range(&mut Params::default().with("n", wrong), true).is_err());
        }
    }

    /// Three thousand million additions take a second, or a fifth of one in the widest vectors.
    #[cfg(not(debug_assertions))]
    #[test]
    fn the_compiler_folds_what_nothing_holds() {
        use std::time::{Duration, Instant};

        let fastest = (0..5)
            .map(|_| {
                let start = Instant::now();
                black_box(summed(black_box(MOST_TERMS), |term| term));
                start.elapsed()
            })
            .min();
        assert!(fastest < Some(Duration::from_millis(20)), "{fastest:?}");
    }
}
