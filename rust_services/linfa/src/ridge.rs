//! `ridge.fit`, `ridge.predict`: least squares with a penalty, in closed form by Cholesky.
//!
//! linfa's own ridge is coordinate descent that never meets its stopping rule and always runs to its limit.

use linfa_linalg::cholesky::SolveCInplace;
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, Axis, ShapeBuilder, s};

/// Training data and penalty.
struct Problem {
    /// (n, d) in column-major order, in which columns are centred and multiplied.
    x: Array2<f64>,
    y: Array1<f64>,
    alpha: f64,
}

struct Model {
    coef: Array1<f64>,
    intercept: f64,
}

impl Problem {
    fn take(inputs: &mut Inputs, params: &mut Params) -> Result<Self, Error> {
        let x_train = inputs.f64_2d("x_train")?;
        let y = inputs.f64_1d("y_train")?;
        let alpha = params.float("alpha")?;
        let (n, d) = x_train.dim();
        require(n == y.len(), || {
            format!("y_train has {} rows; x_train has {n}", y.len())
        })?;
        require(n >= 1 && d >= 1, || {
            format!("x_train is {n} x {d}; awaited at least one row and column")
        })?;
        require(alpha >= 0.0, || format!("alpha is {alpha}; awaited at least 0"))?;
        let mut x = Array2::zeros((n, d).f());
        x.assign(&x_train);
        Ok(Self { x, y, alpha })
    }

    /// Centres both sides, so that the intercept is not penalised, and solves (X'X + alpha I) coef = X'y.
    fn fit(&self) -> Result<Model, Error> {
        let (n, d) = self.x.dim();
        let x_mean = Array1::from_iter(self.x.columns().into_iter().map(|column| column.sum() / count(n)));
        let y_mean = self.y.sum() / count(n);
        let centred = &self.x - &x_mean;
        let y = &self.y - y_mean;
        let mut gram = centred.t().dot(&centred);
        gram.diag_mut().map_inplace(|value| *value += self.alpha);
        let right = centred.t().dot(&y).insert_axis(Axis(1));
        let coef = gram
            .solvec_into(right)
            .map_err(|error| Error::params(format!("X'X + alpha I ({d} x {d}) has no Cholesky factor: {error}")))?
            .remove_axis(Axis(1));
        let intercept = y_mean - x_mean.dot(&coef);
        Ok(Model { coef, intercept })
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
pub(crate) fn count(rows: usize) -> f64 {
    rows as f64
}

pub(crate) struct RidgeFit {
    problem: Problem,
    model: Option<Model>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `alpha`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<RidgeFit, Error> {
    Ok(RidgeFit {
        problem: Problem::take(inputs, params)?,
        model: None,
    })
}

impl Job for RidgeFit {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(self.problem.fit()?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        Ok(Outputs::new()
            .tensor("coef", model.coef.clone())
            .tensor("intercept", model.intercept)
            .receipt("rows", self.problem.x.nrows()))
    }
}

pub(crate) struct RidgePredict {
    model: Model,
    x_test: Array2<f64>,
    batches: Batches<Array1<f64>>,
    rows: usize,
}

/// As [`fit`], and `x_test` f64 (m, d), `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<RidgePredict, Error> {
    let problem = Problem::take(inputs, params)?;
    let x_test = inputs.f64_2d("x_test")?;
    let (d, columns) = (problem.x.ncols(), x_test.ncols());
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    Ok(RidgePredict {
        batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
        model: problem.fit()?,
        x_test,
        rows: problem.x.nrows(),
    })
}

impl Job for RidgePredict {
    fn step(&mut self) -> Result<(), Error> {
        let mut pred = self.x_test.slice(s![self.batches.rows(), ..]).dot(&self.model.coef);
        pred += self.model.intercept;
        self.batches.answer(pred);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", self.batches.first()?.clone())
            .receipt("rows", self.rows)
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_intercept_is_not_penalised() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[-1.0], [0.0], [1.0]])
            .with("y_train", array![8.0, 10.0, 12.0]);
        let mut job = fit(&mut inputs, &mut Params::default().with("alpha", 2.0)).unwrap();
        job.step().unwrap();
        let model = job.model.unwrap();
        assert_eq!((model.coef, model.intercept), (array![1.0], 10.0));
    }

    #[test]
    fn a_singular_problem_is_refused() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[3.0], [3.0]])
            .with("y_train", array![1.0, 2.0]);
        let mut job = fit(&mut inputs, &mut Params::default().with("alpha", 0_i64)).unwrap();
        assert!(job.step().is_err());
    }
}
