//! A linear support vector machine by coordinate descent on its dual problem: Hsieh et al. (2008), algorithm 3.
//!
//! As liblinear does it: rows in a new random order at each pass, and those that are likely to stay at a bound left out.

use ndarray::{Array1, Array2};

use crate::mersenne::Mersenne;

/// Of the orders of rows: what scikit-learn seeds liblinear with at `random_state=0`.
const SEED: u32 = 209_652_396;
/// liblinear moves no weight for a slope below this.
const FLAT: f64 = 1e-12;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loss {
    Hinge,
    SquaredHinge,
}

/// min (w'w + b²)/2 + C sum(loss(1 - s (w'x + b))).
pub(crate) struct Problem {
    /// (n, d), row-major.
    pub(crate) x: Array2<f64>,
    /// 1 or -1 for each row.
    pub(crate) signs: Vec<f64>,
    pub(crate) loss: Loss,
    pub(crate) c: f64,
    /// Passes end when the largest and the smallest projected slope are no farther apart.
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
}

pub(crate) struct Machine {
    pub(crate) coef: Array1<f64>,
    pub(crate) intercept: f64,
    /// Passes over the rows.
    pub(crate) n_iter: usize,
}

/// The extreme projected slopes of a pass; beyond those of the one before, a row at a bound is left out.
#[derive(Clone, Copy)]
struct Slopes {
    most: f64,
    least: f64,
}

impl Slopes {
    const OPEN: Self = Self {
        most: f64::INFINITY,
        least: f64::NEG_INFINITY,
    };
    const NONE: Self = Self {
        most: f64::NEG_INFINITY,
        least: f64::INFINITY,
    };

    /// As limits of the next pass: one that is met by no row at a bound says nothing.
    fn limits(self) -> Self {
        Self {
            most: if self.most > 0.0 { self.most } else { Self::OPEN.most },
            least: if self.least < 0.0 { self.least } else { Self::OPEN.least },
        }
    }
}

struct Descent<'a> {
    problem: &'a Problem,
    /// Upper bound of an alpha, and what each adds to its own slope.
    upper: f64,
    ridge: f64,
    curvatures: Vec<f64>,
    alphas: Vec<f64>,
    coef: Array1<f64>,
    intercept: f64,
}

impl Problem {
    pub(crate) fn solve(&self) -> Machine {
        let mut descent = Descent::new(self);
        let mut generator = Mersenne::seeded(SEED);
        let mut order = self.grouped();
        let mut active = order.len();
        let mut limits = Slopes::OPEN;
        let mut n_iter = 0;
        while n_iter < self.max_iter {
            shuffle(&mut order[..active], &mut generator);
            let found = descent.pass(&mut order, &mut active, limits);
            n_iter += 1;
            if found.most - found.least > self.tol {
                limits = found.limits();
            } else if active == order.len() {
                break;
            } else {
                // Met by those that were not left out; now by all of them.
                active = order.len();
                limits = Slopes::OPEN;
            }
        }
        Machine {
            coef: descent.coef,
            intercept: descent.intercept,
            n_iter,
        }
    }

    /// The rows of the first class, then those of the second, as liblinear sorts them before it draws.
    fn grouped(&self) -> Vec<usize> {
        let (mut first, second): (Vec<_>, Vec<_>) = (0..self.signs.len()).partition(|&row| self.signs[row] < 0.0);
        first.extend(second);
        first
    }
}

impl<'a> Descent<'a> {
    fn new(problem: &'a Problem) -> Self {
        let (upper, ridge) = match problem.loss {
            Loss::Hinge => (problem.c, 0.0),
            Loss::SquaredHinge => (f64::INFINITY, 0.5 / problem.c),
        };
        let curvature = |row: ndarray::ArrayView1<'_, f64>| row.dot(&row) + 1.0 + ridge;
        Self {
            problem,
            upper,
            ridge,
            curvatures: problem.x.rows().into_iter().map(curvature).collect(),
            alphas: vec![0.0; problem.signs.len()],
            coef: Array1::zeros(problem.x.ncols()),
            intercept: 0.0,
        }
    }

    /// Minimises along each of the active rows in turn; one that is left out changes place with the last of them.
    fn pass(&mut self, order: &mut [usize], active: &mut usize, limits: Slopes) -> Slopes {
        let mut found = Slopes::NONE;
        let mut at = 0;
        while at < *active {
            let row = order[at];
            let (x, sign, alpha) = (self.problem.x.row(row), self.problem.signs[row], self.alphas[row]);
            let slope = sign * (self.coef.dot(&x) + self.intercept) - 1.0 + alpha * self.ridge;
            let (at_low, at_high) = (alpha <= 0.0, alpha >= self.upper);
            if (at_low && slope > limits.most) || (at_high && slope < limits.least) {
                *active -= 1;
                order.swap(at, *active);
                continue;
            }
            at += 1;
            let inward = !(at_low && slope > 0.0 || at_high && slope < 0.0);
            let projected = if inward { slope } else { 0.0 };
            found.most = found.most.max(projected);
            found.least = found.least.min(projected);
            if projected.abs() > FLAT {
                let moved = (alpha - slope / self.curvatures[row]).clamp(0.0, self.upper);
                let step = (moved - alpha) * sign;
                self.alphas[row] = moved;
                self.coef.scaled_add(step, &x);
                self.intercept += step;
            }
        }
        found
    }
}

/// Each place takes one of those that are left, as liblinear draws them.
fn shuffle(order: &mut [usize], generator: &mut Mersenne) {
    for place in 0..order.len() {
        let left = u32::try_from(order.len() - place).expect("fewer than 2^32 rows");
        order.swap(place, place + generator.below(left) as usize);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn solved(loss: Loss, max_iter: usize) -> Machine {
        let problem = Problem {
            x: array![[-2.0], [-1.0], [1.0], [2.0], [-3.0]],
            signs: vec![-1.0, -1.0, 1.0, 1.0, -1.0],
            loss,
            c: 1.0,
            tol: 1e-10,
            max_iter,
        };
        problem.solve()
    }

    #[test]
    fn the_optimum_of_a_problem_that_can_be_solved_by_hand() {
        // Both rows next to the margin bind: w = 1 and b = 0 leave no loss.
        let hinge = solved(Loss::Hinge, 1000);
        assert!((hinge.coef[0] - 1.0).abs() < 1e-9 && hinge.intercept.abs() < 1e-9);
        // w + 2 (w - 1) * 2 = 0 for these two rows.
        let squared = solved(Loss::SquaredHinge, 1000);
        assert!((squared.coef[0] - 0.8).abs() < 1e-9 && squared.intercept.abs() < 1e-9);
        assert!(hinge.n_iter < 1000 && squared.n_iter < 1000);
    }

    #[test]
    fn the_limit_of_passes_is_kept() {
        assert_eq!(solved(Loss::SquaredHinge, 2).n_iter, 2);
    }
}
