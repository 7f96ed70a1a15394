//! What a mixture's steps start from, checked.

use linfa_linalg::cholesky::Cholesky;
use mlfleet_sdk::{Error, Inputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::mixture::Part;

/// scikit-learn's own limit.
const SUM_TOLERANCE: f64 = 1e-8;
/// Of symmetry, relative to the largest number.
const ROUNDING: f64 = 1e-8;

/// Rows (n, d), the parts of the start, how many steps, and what is added to the diagonal of every covariance.
pub(crate) struct Problem {
    pub(crate) x: Array2<f64>,
    pub(crate) start: Vec<Part>,
    pub(crate) iterations: usize,
    pub(crate) floor: f64,
}

impl Problem {
    /// `x_train` f64 (n, d), `weights` f64 (k,), `means` f64 (k, d), `precisions` f64 (k d, d): stacked; `iterations`,
    /// `floor`.
    pub(crate) fn take(inputs: &mut Inputs, params: &mut Params) -> Result<Self, Error> {
        let x = inputs.f64_2d("x_train")?;
        let weights = inputs.f64_1d("weights")?;
        let means = inputs.f64_2d("means")?;
        let precisions = inputs.f64_2d("precisions")?;
        let (iterations, floor) = (params.count("iterations")?, params.float("floor")?);
        require(floor > 0.0, || format!("floor is {floor}; awaited a number above 0"))?;
        fitting(&x, &weights, &means, &precisions)?;
        let start = weights
            .iter()
            .zip(means.rows())
            .zip(precisions.axis_chunks_iter(Axis(0), x.ncols()))
            .enumerate()
            .map(|(number, ((&weight, mean), precision))| {
                Ok(Part {
                    weight,
                    mean: mean.to_owned(),
                    root: root(number, &precision)?,
                    // Of the start none is asked for.
                    covariance: Array2::zeros((0, 0)),
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            x,
            start,
            iterations,
            floor,
        })
    }
}

/// Refuses a start whose shapes or weights do not fit the rows.
fn fitting(x: &Array2<f64>, weights: &Array1<f64>, means: &Array2<f64>, precisions: &Array2<f64>) -> Result<(), Error> {
    let ((n, d), k) = (x.dim(), weights.len());
    require(d >= 1, || "x_train has no columns".to_owned())?;
    for (name, parts) in [("weights", k), ("means", means.nrows())] {
        require((1..=n).contains(&parts), || {
            format!("{name} has {parts} parts; awaited 1 to {n}, the rows of x_train")
        })?;
    }
    require(means.nrows() == k, || {
        format!("means has {} rows; weights has {k}", means.nrows())
    })?;
    require(means.ncols() == d, || {
        format!("means has {} columns; x_train has {d}", means.ncols())
    })?;
    require(precisions.dim() == (k * d, d), || {
        format!("precisions is {:?}; awaited {:?}", precisions.dim(), (k * d, d))
    })?;
    let least = weights.iter().copied().fold(f64::INFINITY, f64::min);
    require(least > 0.0, || {
        format!("weights holds {least}; awaited numbers above 0")
    })?;
    let sum = weights.sum();
    require((sum - 1.0).abs() <= SUM_TOLERANCE, || {
        format!("weights add up to {sum}; awaited 1")
    })
}

/// R of R R' = precision.
fn root(number: usize, precision: &ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
    let refused = || {
        Error::params(format!(
            "matrix {number} of precisions is not symmetric and positive definite, as awaited"
        ))
    };
    let largest = precision.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let skew = (precision - &precision.t()).iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    if skew > ROUNDING * largest {
        return Err(refused());
    }
    precision.cholesky().map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn taken(weights: Array1<f64>, precisions: Array2<f64>) -> Result<Problem, Error> {
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
            .with("weights", weights)
            .with("means", array![[0.0, 0.0], [1.0, 1.0]])
            .with("precisions", precisions);
        let mut params = Params::default().with("iterations", 1_i64).with("floor", 1e-3);
        Problem::take(&mut inputs, &mut params)
    }

    #[test]
    fn a_start_that_is_no_mixture_is_refused() {
        let fine = array![[4.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, 2.0]];
        let problem = taken(array![0.25, 0.75], fine.clone()).unwrap();
        assert_eq!(problem.start[0].root, array![[2.0, 0.0], [0.0, 1.0]]);
        assert!(taken(array![0.25, 0.5], fine.clone()).is_err());
        assert!(taken(array![1.25, -0.25], fine).is_err());
        let skewed = array![[4.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 2.0]];
        assert!(taken(array![0.25, 0.75], skewed).is_err());
        let indefinite = array![[4.0, 0.0], [0.0, 1.0], [1.0, 2.0], [2.0, 1.0]];
        assert!(taken(array![0.25, 0.75], indefinite).is_err());
    }
}
