//! `ridge.fit`, `ridge.predict`, `ridge.cross_validate`: least squares with a penalty, in closed form by Cholesky.
//!
//! linfa's own ridge is coordinate descent that never meets its stopping rule and always runs to its limit.

use linfa_linalg::cholesky::SolveCInplace;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::folds::{Fold, folds};
use crate::regression::{Predict, column_major, count, means, picked, training};

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
        let (x, y) = training(inputs)?;
        let alpha = params.float("alpha")?;
        require(alpha >= 0.0, || format!("alpha is {alpha}; awaited at least 0"))?;
        Ok(Self {
            x: column_major(&x),
            y,
            alpha,
        })
    }

    /// Centres both sides, so that the intercept is not penalised, and solves (X'X + alpha I) coef = X'y.
    fn fit(&self) -> Result<Model, Error> {
        let (n, d) = self.x.dim();
        let x_mean = means(&self.x);
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

/// As [`fit`], and `x_test` f64 (m, d), `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<Predict, Error> {
    let problem = Problem::take(inputs, params)?;
    let model = problem.fit()?;
    let predict = Box::new(move |rows: &ArrayView2<f64>| rows.dot(&model.coef) + model.intercept);
    Predict::new(inputs, params, problem.x.dim(), predict, None)
}

pub(crate) struct RidgeValidate {
    problem: Problem,
    folds: Vec<Fold>,
    pred: Array1<f64>,
    fits: usize,
}

/// As [`fit`], and `folds` i64 (n,).
pub(crate) fn cross_validate(inputs: &mut Inputs, params: &mut Params) -> Result<RidgeValidate, Error> {
    let problem = Problem::take(inputs, params)?;
    Ok(RidgeValidate {
        folds: folds(inputs, problem.x.nrows())?,
        pred: Array1::zeros(problem.y.len()),
        problem,
        fits: 0,
    })
}

impl Job for RidgeValidate {
    /// Each row is predicted by the fit that held its fold out.
    fn step(&mut self) -> Result<(), Error> {
        self.fits = 0;
        for fold in &self.folds {
            let part = Problem {
                x: picked(&self.problem.x, &fold.fitted),
                y: fold.fitted.iter().map(|&row| self.problem.y[row]).collect(),
                alpha: self.problem.alpha,
            };
            let model = part.fit()?;
            let found = picked(&self.problem.x, &fold.held).dot(&model.coef) + model.intercept;
            for (&row, value) in fold.held.iter().zip(found) {
                self.pred[row] = value;
            }
            self.fits += 1;
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", self.pred.clone())
            .receipt("rows", self.problem.x.nrows())
            .receipt("fits", self.fits))
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

    #[test]
    fn rows_that_are_held_out_do_not_enter_their_own_fit() {
        let x = array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]];
        let y = array![1.0, 3.0, 5.0, 7.0, 9.0, 99.0];
        let mut inputs = Inputs::default()
            .with("x_train", x)
            .with("y_train", y)
            .with("folds", array![1_i64, 0, 1, 0, 0, 2]);
        let mut job = cross_validate(&mut inputs, &mut Params::default().with("alpha", 0.0)).unwrap();
        job.step().unwrap();
        job.step().unwrap();
        assert!((job.pred[5] - 11.0).abs() < 1e-9);
        assert_eq!(job.fits, 3);
    }
}
