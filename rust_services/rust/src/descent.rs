//! Gradient descent for least squares, from zero, with an intercept: steps that read every row.

use std::ops::Range;

use crate::panels::{Panels, Sums};
use crate::parts::in_parts;

pub(crate) type Fit = mlfleet_sdk::descent::Fit<Vec<f64>, f64>;

/// How often a step reads a row.
#[derive(Clone, Copy)]
pub(crate) enum Reading {
    /// For the errors of all rows, then for the gradient.
    Twice,
    /// Both products of a panel while it is in the nearest cache.
    Once,
}

/// That many steps on data of at least one row and column.
pub(crate) fn descend(data: &Panels, reading: Reading, lr: f64, iterations: usize) -> Fit {
    let mut fit = Fit {
        coef: vec![0.0; data.columns()],
        ..Fit::default()
    };
    let (rate, rows) = (lr / count(data.rows()), count(data.rows()));
    for _ in 0..iterations {
        let parts = in_parts(data.count(), |panels| pass(data, reading, panels, &fit));
        let total = parts.iter().fold(Sums::zero(data.columns()), Sums::plus);
        for (coef, lanes) in fit.coef.iter_mut().zip(&total.gradient) {
            *coef -= rate * lanes.iter().sum::<f64>();
        }
        fit.intercept -= rate * total.offset;
        fit.last_loss = total.squares / (2.0 * rows);
        fit.rows_read += total.rows_read;
        fit.steps += 1;
    }
    fit
}

/// What a step needs of these panels, by the widest vectors that both this code and the CPU know.
fn pass(data: &Panels, reading: Reading, panels: Range<usize>, fit: &Fit) -> Sums {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[expect(unsafe_code, reason = "the CPU has just been asked for AVX2 and FMA")]
        return unsafe { pass_avx2(data, reading, panels, fit) };
    }
    pass_with::<false>(data, reading, panels, fit)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn pass_avx2(data: &Panels, reading: Reading, panels: Range<usize>, fit: &Fit) -> Sums {
    pass_with::<true>(data, reading, panels, fit)
}

#[expect(
    clippy::inline_always,
    reason = "it takes the vectors of the function that it is inlined into"
)]
#[inline(always)]
fn pass_with<const FMA: bool>(data: &Panels, reading: Reading, panels: Range<usize>, fit: &Fit) -> Sums {
    let mut sums = Sums::zero(data.columns());
    match reading {
        Reading::Once => {
            for panel in panels {
                let errors = data.errors::<FMA>(panel, &fit.coef, fit.intercept, &mut sums);
                data.add_gradient::<FMA>(panel, &errors, &mut sums);
                sums.rows_read += data.filled(panel);
            }
        }
        Reading::Twice => {
            let mut errors = Vec::with_capacity(panels.len());
            for panel in panels.clone() {
                errors.push(data.errors::<FMA>(panel, &fit.coef, fit.intercept, &mut sums));
                sums.rows_read += data.filled(panel);
            }
            for (panel, errors) in panels.zip(&errors) {
                data.add_gradient::<FMA>(panel, errors, &mut sums);
                sums.rows_read += data.filled(panel);
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// What the steps compute with on this CPU.
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
