//! `lasso.cross_validate`: a loop over linfa-elasticnet's fit, by delivered folds.

use linfa::DatasetBase;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};
use ndarray::{Array1, Array2};

use crate::folds::{Fold, folds};
use crate::lasso::Descent;
use crate::regression::{column_major, count, means, picked, training};

pub(crate) struct LassoValidate {
    x: Array2<f64>,
    y: Array1<f64>,
    folds: Vec<Fold>,
    descent: Descent,
    pred: Array1<f64>,
    fits: usize,
    converged: bool,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), which need not be centred, and `folds` i64 (n,); `alpha`, `tol`, `max_iter`.
pub(crate) fn cross_validate(inputs: &mut Inputs, params: &mut Params) -> Result<LassoValidate, Error> {
    let (x, y) = training(inputs)?;
    Ok(LassoValidate {
        folds: folds(inputs, x.nrows())?,
        descent: Descent::lasso(params)?,
        pred: Array1::zeros(y.len()),
        x: column_major(&x),
        y,
        fits: 0,
        converged: false,
    })
}

impl Job for LassoValidate {
    /// Each fit centres its own rows; each row is predicted by the fit that held its fold out.
    fn step(&mut self) -> Result<(), Error> {
        (self.fits, self.converged) = (0, true);
        for fold in &self.folds {
            let mut x = picked(&self.x, &fold.fitted);
            let mut y: Array1<f64> = fold.fitted.iter().map(|&row| self.y[row]).collect();
            let (mean, offset) = (means(&x), y.sum() / count(y.len()));
            x -= &mean;
            y -= offset;
            let data = DatasetBase::new(x, y);
            let model = self.descent.fit(&data)?;
            let found = (picked(&self.x, &fold.held) - &mean).dot(model.hyperplane()) + offset;
            for (&row, value) in fold.held.iter().zip(found) {
                self.pred[row] = value;
            }
            self.fits += 1;
            self.converged &= self.descent.converged(&model, &data.targets);
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", self.pred.clone())
            .receipt("rows", self.x.nrows())
            .receipt("fits", self.fits)
            .receipt("converged", self.converged))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn each_fit_of_a_validation_centres_its_own_rows() {
        let x = array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]];
        let y = array![1.0, 3.0, 5.0, 7.0, 9.0, 11.0];
        let mut inputs = Inputs::default()
            .with("x_train", x)
            .with("y_train", y.clone())
            .with("folds", array![0_i64, 1, 0, 1, 0, 1]);
        let mut params = Params::default()
            .with("alpha", 1e-9)
            .with("tol", 1e-8)
            .with("max_iter", 100_i64);
        let mut job = cross_validate(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        assert!((&job.pred - &y).iter().all(|apart| apart.abs() < 1e-6));
        assert_eq!((job.fits, job.converged), (2, true));
    }
}
