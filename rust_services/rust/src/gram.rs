//! Gradient descent by the Gram matrix: X is read once, whatever the number of steps.

use mlfleet_sdk::Error;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::descent::{Fit, count};
use crate::parts::in_parts;

/// Rows that are framed and multiplied at once: 1 MB at 40 columns, which stays in a second-level cache.
const BLOCK: usize = 3_000;

/// That many steps; `x` (n, d), `y` (n,), both with at least one element.
pub(crate) fn gram(x: ArrayView2<f64>, y: ArrayView1<f64>, lr: f64, iterations: usize) -> Result<Fit, Error> {
    let (n, d) = x.dim();
    let parts = in_parts(n, |rows| {
        framed_products(&x.slice(s![rows.clone(), ..]), &y.slice(s![rows]))
    });
    let sums = parts
        .into_iter()
        .reduce(|a, b| a + b)
        .ok_or_else(|| Error::bug("no rows"))?;
    let sums = sums / count(n);
    let (products, right, square) = (
        sums.slice(s![..=d, ..=d]),
        sums.slice(s![..=d, d + 1]),
        sums[(d + 1, d + 1)],
    );
    let mut weights = Array1::zeros(d + 1);
    let mut fit = Fit {
        rows_read: n,
        ..Fit::default()
    };
    for _ in 0..iterations {
        let image = products.dot(&weights);
        fit.last_loss = f64::midpoint(weights.dot(&image), square) - weights.dot(&right);
        weights.scaled_add(-lr, &(image - right));
        fit.steps += 1;
    }
    fit.intercept = weights[0];
    fit.coef = weights.iter().skip(1).copied().collect();
    Ok(fit)
}

/// [1 x y]' [1 x y] (d + 2, d + 2).
fn framed_products(x: &ArrayView2<f64>, y: &ArrayView1<f64>) -> Array2<f64> {
    let width = x.ncols() + 2;
    let mut products = Array2::zeros((width, width));
    let mut frame = Array2::ones((BLOCK.min(x.nrows()), width));
    for (rows, targets) in x
        .axis_chunks_iter(Axis(0), BLOCK)
        .zip(y.axis_chunks_iter(Axis(0), BLOCK))
    {
        let mut framed = frame.slice_mut(s![..rows.nrows(), ..]);
        framed.slice_mut(s![.., 1..width - 1]).assign(&rows);
        framed.column_mut(width - 1).assign(&targets);
        general_mat_mul(1.0, &framed.t(), &framed, 1.0, &mut products);
    }
    products
}
