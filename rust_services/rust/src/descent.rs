//! Gradient descent for least squares, from zero, with an intercept: each step reads every row once.

use crate::parts::in_parts;

/// Numbers added beside each other, so that no addition waits for the one before.
const LANES: usize = 8;

/// Rows that are read a second time, for the gradient, before they leave the nearest cache: 10 KiB at 40 columns.
const BLOCK: usize = 32;

/// Columns whose sums are held in registers at once: 10 of AVX2's 16.
const GROUP: usize = 40;

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
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[expect(unsafe_code, reason = "the CPU has just been asked for AVX2 and FMA")]
            unsafe {
                self.add_avx2(x, y, coef, intercept);
            }
            return;
        }
        self.add_rows::<false>(x, y, coef, intercept);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn add_avx2(&mut self, x: &[f64], y: &[f64], coef: &[f64], intercept: f64) {
        self.add_rows::<true>(x, y, coef, intercept);
    }

    /// The residuals of a block of rows, then its gradient, while the block is in the nearest cache.
    #[expect(
        clippy::inline_always,
        reason = "it takes the vectors of the function that it is inlined into"
    )]
    #[inline(always)]
    fn add_rows<const FMA: bool>(&mut self, x: &[f64], y: &[f64], coef: &[f64], intercept: f64) {
        let mut residuals = [0.0; BLOCK];
        for (rows, targets) in x.chunks(BLOCK * coef.len()).zip(y.chunks(BLOCK)) {
            let residuals = &mut residuals[..targets.len()];
            for ((residual, row), target) in residuals.iter_mut().zip(rows.chunks_exact(coef.len())).zip(targets) {
                *residual = dot::<FMA>(row, coef) + intercept - target;
            }
            for &residual in &*residuals {
                self.offset += residual;
                self.squares += residual * residual;
            }
            add_products::<FMA>(rows, residuals, &mut self.gradient);
            self.rows += targets.len();
        }
    }
}

/// Adds to each sum its column of `rows` times the residuals; sums stay in registers over the whole block.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn add_products<const FMA: bool>(rows: &[f64], residuals: &[f64], sums: &mut [f64]) {
    let columns = sums.len();
    let (groups, rest) = sums.as_chunks_mut::<GROUP>();
    let done = groups.len() * GROUP;
    for (number, sums) in groups.iter_mut().enumerate() {
        let mut held = *sums;
        for (row, &residual) in rows.chunks_exact(columns).zip(residuals) {
            for (sum, &value) in held.iter_mut().zip(&row[number * GROUP..][..GROUP]) {
                *sum = plus_product::<FMA>(*sum, residual, value);
            }
        }
        *sums = held;
    }
    for (row, &residual) in rows.chunks_exact(columns).zip(residuals) {
        for (sum, &value) in rest.iter_mut().zip(&row[done..]) {
            *sum = plus_product::<FMA>(*sum, residual, value);
        }
    }
}

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn dot<const FMA: bool>(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = plus_product::<FMA>(*lane, *a, *b);
        }
    }
    // By halves: a sum in order would wait for each addition.
    let mut width = LANES / 2;
    while width >= 1 {
        let (low, high) = lanes.split_at_mut(width);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        width /= 2;
    }
    a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>() + lanes[0]
}

/// With one rounding where the CPU can do it in one instruction; in software that would take a hundred.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn plus_product<const FMA: bool>(sum: f64, a: f64, b: f64) -> f64 {
    if FMA { a.mul_add(b, sum) } else { sum + a * b }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// What `gd_regression.fit` computes with on this CPU.
pub(crate) fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        return "avx2 and fma, chosen at run time";
    }
    "those of the target"
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
pub(crate) fn count(rows: usize) -> f64 {
    rows as f64
}
