//! `gaussian_mixture.em`, `gaussian_mixture.predict`: expectation and maximisation on linfa-linalg.
//!
//! linfa's own fit draws its start by ten runs of k-means and calls it an error if it does not converge.

use linfa_linalg::cholesky::Cholesky;
use linfa_linalg::triangular::{SolveTriangularInplace, UPLO};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, Axis, ShapeBuilder, Zip, concatenate, s};

use crate::mixture_start::Problem;

/// A Gaussian with its weight. `root` R (d, d): the precision is R R'.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) weight: f64,
    pub(crate) mean: Array1<f64>,
    pub(crate) root: Array2<f64>,
    pub(crate) covariance: Array2<f64>,
}

impl Part {
    /// The most likely one for rows (n, d) that belong to it by `shares` (n,); the floor is added to the diagonal.
    fn maximised(x: &Array2<f64>, shares: &Array1<f64>, floor: f64) -> Result<Self, Error> {
        let size = shares.sum();
        let mean = shares.dot(x) / size;
        let mut centred = x - &mean;
        let scales = shares.mapv(f64::sqrt);
        centred *= &scales.view().insert_axis(Axis(1));
        let mut covariance = centred.t().dot(&centred) / size;
        covariance.diag_mut().map_inplace(|value| *value += floor);
        let inverse = covariance
            .cholesky()
            .and_then(|lower| lower.solve_triangular_into(Array2::eye(x.ncols()), UPLO::Lower))
            .map_err(Error::bug)?;
        Ok(Self {
            weight: size / count(x.nrows()),
            mean,
            root: inverse.reversed_axes(),
            covariance,
        })
    }

    /// ln of weight times density of each row, (n,).
    fn log_joint(&self, x: &ArrayView2<'_, f64>) -> Array1<f64> {
        let shift = self.mean.dot(&self.root);
        let constant = self.weight.ln() + self.root.diag().mapv(f64::ln).sum()
            - 0.5 * count(x.ncols()) * (2.0 * std::f64::consts::PI).ln();
        x.dot(&self.root)
            .rows()
            .into_iter()
            .map(|row| {
                let squares: f64 = row.iter().zip(&shift).map(|(value, mean)| (value - mean).powi(2)).sum();
                constant - 0.5 * squares
            })
            .collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
fn count(rows: usize) -> f64 {
    rows as f64
}

/// ln of weight times density, (n, k) in column-major order, in which parts take their shares.
fn log_joint(parts: &[Part], x: &ArrayView2<'_, f64>) -> Array2<f64> {
    let mut found = Array2::zeros((x.nrows(), parts.len()).f());
    for (part, mut column) in parts.iter().zip(found.columns_mut()) {
        column.assign(&part.log_joint(x));
    }
    found
}

/// Of each row the probability of each part, (n, k).
fn responsibilities(parts: &[Part], x: &ArrayView2<'_, f64>) -> Array2<f64> {
    let mut shares = log_joint(parts, x);
    let largest = shares.fold_axis(Axis(1), f64::NEG_INFINITY, |a, b| a.max(*b));
    shares -= &largest.insert_axis(Axis(1));
    shares.mapv_inplace(f64::exp);
    let sums = shares.sum_axis(Axis(1));
    shares /= &sums.insert_axis(Axis(1));
    shares
}

/// Of each row the place of the largest value, the first of several.
pub(crate) fn likeliest(values: &Array2<f64>) -> Array1<i64> {
    let mut best = values.column(0).to_owned();
    let mut found = Array1::zeros(values.nrows());
    for (place, column) in (0_i64..).zip(values.columns()) {
        Zip::from(&mut found)
            .and(&mut best)
            .and(&column)
            .for_each(|label, best, &value| {
                if value > *best {
                    (*label, *best) = (place, value);
                }
            });
    }
    found
}

/// The parts after so many steps from the start.
fn em(problem: &Problem) -> Result<Vec<Part>, Error> {
    let mut parts = problem.start.clone();
    for _ in 0..problem.iterations {
        let shares = responsibilities(&parts, &problem.x.view());
        parts = shares
            .columns()
            .into_iter()
            .map(|column| Part::maximised(&problem.x, &column.to_owned(), problem.floor))
            .collect::<Result<_, _>>()?;
    }
    Ok(parts)
}

/// Parts, and of each training row their probabilities and the likeliest.
struct Fitted {
    parts: Vec<Part>,
    shares: Array2<f64>,
    labels: Array1<i64>,
}

pub(crate) struct MixtureEm {
    problem: Problem,
    fitted: Option<Fitted>,
}

/// As [`Problem::take`].
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<MixtureEm, Error> {
    Ok(MixtureEm {
        problem: Problem::take(inputs, params)?,
        fitted: None,
    })
}

impl Job for MixtureEm {
    fn step(&mut self) -> Result<(), Error> {
        let parts = em(&self.problem)?;
        let shares = responsibilities(&parts, &self.problem.x.view());
        let labels = likeliest(&shares);
        self.fitted = Some(Fitted { parts, shares, labels });
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let fitted = self.fitted.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        let means: Vec<_> = fitted
            .parts
            .iter()
            .map(|part| part.mean.view().insert_axis(Axis(0)))
            .collect();
        let covariances: Vec<_> = fitted.parts.iter().map(|part| part.covariance.view()).collect();
        Ok(Outputs::new()
            .tensor(
                "weights",
                fitted.parts.iter().map(|part| part.weight).collect::<Array1<_>>(),
            )
            .tensor("means", concatenate(Axis(0), &means).map_err(Error::bug)?)
            .tensor("covariances", concatenate(Axis(0), &covariances).map_err(Error::bug)?)
            .tensor("proba", fitted.shares.as_standard_layout().into_owned())
            .tensor("labels", fitted.labels.clone())
            .receipt("rows", self.problem.x.nrows())
            .receipt("n_iter", self.problem.iterations))
    }
}

pub(crate) struct MixturePredict {
    parts: Vec<Part>,
    x_test: Array2<f64>,
    batches: Batches<Array2<f64>>,
    rows: usize,
}

/// As [`fit`], and `x_test` f64 (m, d), `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<MixturePredict, Error> {
    let problem = Problem::take(inputs, params)?;
    let x_test = inputs.f64_2d("x_test")?;
    require(x_test.ncols() == problem.x.ncols(), || {
        format!(
            "x_test has {} columns; x_train has {}",
            x_test.ncols(),
            problem.x.ncols()
        )
    })?;
    Ok(MixturePredict {
        batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
        parts: em(&problem)?,
        x_test,
        rows: problem.x.nrows(),
    })
}

impl Job for MixturePredict {
    fn step(&mut self) -> Result<(), Error> {
        let rows = self.x_test.slice(s![self.batches.rows(), ..]);
        self.batches.answer(responsibilities(&self.parts, &rows));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let proba = self.batches.first()?;
        Ok(Outputs::new()
            .tensor("proba", proba.as_standard_layout().into_owned())
            .tensor("pred", likeliest(proba))
            .receipt("rows", self.rows)
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn two_heaps_end_in_their_own_means_variances_and_shares() {
        let problem = Problem {
            x: array![[0.0], [2.0], [100.0], [102.0], [104.0], [98.0]],
            start: [10.0, 90.0]
                .map(|mean| Part {
                    weight: 0.5,
                    mean: array![mean],
                    root: array![[0.1]],
                    covariance: array![[100.0]],
                })
                .to_vec(),
            iterations: 5,
            floor: 0.5,
        };
        let parts = em(&problem).unwrap();
        assert!((parts[0].weight - 1.0 / 3.0).abs() < 1e-12);
        assert!((parts[0].mean[0] - 1.0).abs() < 1e-12 && (parts[1].mean[0] - 101.0).abs() < 1e-12);
        assert!((parts[0].covariance[(0, 0)] - 1.5).abs() < 1e-12);
        assert!((parts[1].root[(0, 0)].powi(-2) - 5.5).abs() < 1e-12);
        assert_eq!(
            likeliest(&responsibilities(&parts, &problem.x.view())),
            array![0, 0, 1, 1, 1, 1]
        );
    }
}
