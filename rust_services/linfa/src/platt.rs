//! Platt's sigmoid: a decision value as the probability of the positive class.
//!
//! Newton's method with backtracking after Lin, Lin and Weng, "A note on Platt's probabilistic outputs for support
//! vector machines" (2007). linfa's own computes targets in f32 and gives probabilities as f32.

use mlfleet_sdk::Error;
use ndarray::Array1;

/// Iterations at most, the shortest step, what keeps the Hessian positive, and the decrease that a step must bring.
const LIMIT: usize = 100;
const SHORTEST: f64 = 1e-10;
const RIDGE: f64 = 1e-12;
const DECREASE: f64 = 1e-4;
/// Both parts of the gradient are smaller at the end: scikit-learn's limit.
const GRADIENT: f64 = 1e-6;

/// The probability of a decision value f is 1 / (1 + exp(a f + b)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sigmoid {
    a: f64,
    b: f64,
}

impl Sigmoid {
    /// Of most likelihood, given decision values and whether each is of a positive row.
    pub(crate) fn fit(decision: &Array1<f64>, positive: &[bool]) -> Result<Self, Error> {
        let ones = count(positive.iter().filter(|&&positive| positive).count());
        let zeros = count(positive.len()) - ones;
        // Of a row more on each side than was seen, so that no probability is 0 or 1.
        let (high, low) = ((ones + 1.0) / (ones + 2.0), 1.0 / (zeros + 2.0));
        let target: Vec<f64> = positive
            .iter()
            .map(|&positive| if positive { high } else { low })
            .collect();
        let mut at = Self {
            a: 0.0,
            b: ((zeros + 1.0) / (ones + 1.0)).ln(),
        };
        for _ in 0..LIMIT {
            let (gradient, step) = at.newton(decision, &target);
            if gradient.0.abs().max(gradient.1.abs()) < GRADIENT {
                return Ok(at);
            }
            at = at.shortened(decision, &target, gradient, step)?;
        }
        Err(Error::bug(format!(
            "Platt's sigmoid did not converge in {LIMIT} iterations"
        )))
    }

    /// The probability of the positive class.
    pub(crate) fn probability(self, decision: f64) -> f64 {
        let z = self.a * decision + self.b;
        // By the exponential that cannot overflow.
        if z >= 0.0 {
            (-z).exp() / (1.0 + (-z).exp())
        } else {
            1.0 / (1.0 + z.exp())
        }
    }

    /// Negative logarithm of the likelihood.
    fn loss(self, decision: &Array1<f64>, target: &[f64]) -> f64 {
        let part = |(f, t): (&f64, &f64)| {
            let z = self.a * f + self.b;
            if z >= 0.0 {
                t * z + (-z).exp().ln_1p()
            } else {
                (t - 1.0) * z + z.exp().ln_1p()
            }
        };
        decision.iter().zip(target).map(part).sum()
    }

    /// The gradient, and Newton's step from here.
    fn newton(self, decision: &Array1<f64>, target: &[f64]) -> ((f64, f64), (f64, f64)) {
        let (mut aa, mut bb, mut ab) = (RIDGE, RIDGE, 0.0);
        let (mut a, mut b) = (0.0, 0.0);
        for (f, t) in decision.iter().zip(target) {
            let p = self.probability(*f);
            let curve = p * (1.0 - p);
            aa += f * f * curve;
            bb += curve;
            ab += f * curve;
            a += f * (t - p);
            b += t - p;
        }
        let determinant = aa * bb - ab * ab;
        let step = (-(bb * a - ab * b) / determinant, -(aa * b - ab * a) / determinant);
        ((a, b), step)
    }

    /// As far along the step as the loss goes down.
    fn shortened(
        self,
        decision: &Array1<f64>,
        target: &[f64],
        gradient: (f64, f64),
        step: (f64, f64),
    ) -> Result<Self, Error> {
        let slope = gradient.0 * step.0 + gradient.1 * step.1;
        let here = self.loss(decision, target);
        let mut share = 1.0;
        while share >= SHORTEST {
            let next = Self {
                a: self.a + share * step.0,
                b: self.b + share * step.1,
            };
            if next.loss(decision, target) < here + DECREASE * share * slope {
                return Ok(next);
            }
            share /= 2.0;
        }
        Err(Error::bug(format!(
            "Platt's sigmoid: no step from {self:?} lowers the loss; the gradient is {gradient:?}"
        )))
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
fn count(rows: usize) -> f64 {
    rows as f64
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn at_the_end_the_gradient_is_gone() {
        let decision = array![-2.0, -1.0, -0.5, 0.2, 0.1, 1.5, 3.0];
        let positive = [false, false, true, false, true, true, true];
        let found = Sigmoid::fit(&decision, &positive).unwrap();
        let target = [0.2, 0.2, 5.0 / 6.0, 0.2, 5.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0];
        let apart: f64 = decision
            .iter()
            .zip(target)
            .map(|(&f, t)| found.probability(f) - t)
            .sum();
        assert!(apart.abs() < 1e-6);
        assert!(found.a < 0.0);
    }

    #[test]
    fn vast_decisions_give_probabilities() {
        let sigmoid = Sigmoid { a: -1.0, b: 0.0 };
        assert!(sigmoid.probability(-1e4) < f64::MIN_POSITIVE);
        assert!(1.0 - sigmoid.probability(1e4) < f64::MIN_POSITIVE);
        assert!((sigmoid.probability(0.0) - 0.5).abs() < 1e-15);
    }
}
