//! Gradient descent for least squares, from zero, with an intercept: each step reads every row once.

use crate::parts::in_parts;

/// Numbers added beside each other, so that no addition waits for the one before.
const LANES: usize = 8;

/// Where the steps ended, what the last one found (half the mean square), and what all of them did.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fit {
    pub(crate) coef: Vec<f64>,
    pub(crate) intercept: f64,
    pub(crate) last_loss: f64,
    pub(crate) steps: usize,
    pub(crate) rows_read: usize,
}

/// Sums over rows of what a step needs.
struct Sums {
    gradient: Vec<f64>,
    offset: f64,
    squares: f64,
    rows: usize,
}

/// That many steps; `x` (n, d) row-major, `y` (n,), both with at least one element.
pub(crate) fn fused(x: &[f64], y: &[f64], lr: f64, iterations: usize) -> Fit {
    let (n, d) = (y.len(), x.len() / y.len());
    let mut fit = Fit {
        coef: vec![0.0; d],
        ..Fit::default()
    };
    for _ in 0..iterations {
        let parts = in_parts(n, |rows| {
            let mut sums = Sums::zero(d);
            sums.add(&x[rows.start * d..rows.end * d], &y[rows], &fit.coef, fit.intercept);
            sums
        });
        let total = parts.iter().fold(Sums::zero(d), Sums::plus);
        let rate = lr / count(total.rows);
        for (coef, gradient) in fit.coef.iter_mut().zip(&total.gradient) {
            *coef -= rate * gradient;
        }
        fit.intercept -= rate * total.offset;
        fit.last_loss = total.squares / (2.0 * count(total.rows));
        fit.rows_read += total.rows;
        fit.steps += 1;
    }
    fit
}

impl Sums {
    fn zero(columns: usize) -> Self {
        Self {
            gradient: vec![0.0; columns],
            offset: 0.0,
            squares: 0.0,
            rows: 0,
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.gradient.iter_mut().zip(&other.gradient) {
            *mine += theirs;
        }
        self.offset += other.offset;
        self.squares += other.squares;
        self.rows += other.rows;
        self
    }

    /// Adds rows, by the widest vectors that both this code and the CPU know.
    fn add(&mut self, x: &[f64], y: &[f64], coef: &[f64], intercept: f64) {
        let gradient = &mut self.gradient[..];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the CPU has just been asked for AVX2")]
            let sums = unsafe { add_avx2(x, y, coef, intercept, gradient) };
            return self.note(sums);
        }
        let sums = add_rows(x, y, coef, intercept, gradient);
        self.note(sums);
    }

    fn note(&mut self, (offset, squares, rows): (f64, f64, usize)) {
        self.offset += offset;
        self.squares += squares;
        self.rows += rows;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_avx2(x: &[f64], y: &[f64], coef: &[f64], intercept: f64, gradient: &mut [f64]) -> (f64, f64, usize) {
    add_rows(x, y, coef, intercept, gradient)
}

/// Residual and gradient of each row while it is in the nearest cache; gives offset, squares and rows.
#[expect(
    clippy::inline_always,
    reason = "it takes the vectors of the function that it is inlined into"
)]
#[inline(always)]
fn add_rows(x: &[f64], y: &[f64], coef: &[f64], intercept: f64, gradient: &mut [f64]) -> (f64, f64, usize) {
    let (mut offset, mut squares, mut rows) = (0.0, 0.0, 0);
    for (row, target) in x.chunks_exact(coef.len()).zip(y) {
        let residual = dot(row, coef) + intercept - target;
        for (sum, value) in gradient.iter_mut().zip(row) {
            *sum += residual * value;
        }
        offset += residual;
        squares += residual * residual;
        rows += 1;
    }
    (offset, squares, rows)
}

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// What `gd_regression.fit` computes with on this CPU.
pub(crate) fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return "avx2, chosen at run time";
    }
    "those of the target"
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
pub(crate) fn count(rows: usize) -> f64 {
    rows as f64
}
