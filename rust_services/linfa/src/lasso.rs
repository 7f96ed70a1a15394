//! `lasso.fit`, `lasso.predict`, `elastic_net.*`: linfa-elasticnet's coordinate descent, on data that come centred.
//!
//! linfa centres y and not X: on raw data its intercept, and with it every coefficient, belongs to another problem.

use linfa::traits::{Fit, Predict as _};
use linfa::{DatasetBase, ParamGuard};
use linfa_elasticnet::{ElasticNet, ElasticNetValidParams};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2};

use crate::regression::{Predict, column_major, count, training};

/// A coefficient beyond it counts as one.
const NONZERO: f64 = 1e-6;

/// All of the lasso's penalty is on the first norm.
const LASSO: f64 = 1.0;

/// The limits and penalties of a fit.
pub(crate) struct Descent {
    params: ElasticNetValidParams<f64>,
    tol: f64,
    max_iter: usize,
}

impl Descent {
    pub(crate) fn lasso(params: &mut Params) -> Result<Self, Error> {
        Self::take(params, LASSO)
    }

    fn elastic_net(params: &mut Params) -> Result<Self, Error> {
        let l1_ratio = params.float("l1_ratio")?;
        require(l1_ratio > 0.0 && l1_ratio <= 1.0, || {
            format!("l1_ratio is {l1_ratio}; awaited above 0 and at most 1")
        })?;
        Self::take(params, l1_ratio)
    }

    fn take(params: &mut Params, l1_ratio: f64) -> Result<Self, Error> {
        let (alpha, tol, max_iter) = (params.float("alpha")?, params.float("tol")?, params.count("max_iter")?);
        for (name, value) in [("alpha", alpha), ("tol", tol)] {
            require(value > 0.0, || format!("{name} is {value}; awaited a number above 0"))?;
        }
        let limit = u32::try_from(max_iter)
            .map_err(|_| Error::params(format!("max_iter is {max_iter}; awaited below 2^32")))?;
        let params = ElasticNet::params()
            .penalty(alpha)
            .l1_ratio(l1_ratio)
            .with_intercept(false)
            .tolerance(tol)
            .max_iterations(limit)
            .check()
            .map_err(|error| Error::params(error.to_string()))?;
        Ok(Self { params, tol, max_iter })
    }

    pub(crate) fn fit(&self, data: &Data) -> Result<ElasticNet<f64>, Error> {
        self.params.fit(data).map_err(|error| Error::bug(error.to_string()))
    }

    /// linfa does not tell. Its gap is a made-up one until it was looked at, so a fit that ran to the limit is not done.
    pub(crate) fn converged(&self, model: &ElasticNet<f64>, y: &Array1<f64>) -> bool {
        steps(model) < self.max_iter && model.duality_gap() < self.tol * y.dot(y)
    }
}

type Data = DatasetBase<Array2<f64>, Array1<f64>>;

fn steps(model: &ElasticNet<f64>) -> usize {
    usize::try_from(model.n_steps()).expect("32 bits or more")
}

/// `x_train` column-major, and `y_train`.
fn data(inputs: &mut Inputs) -> Result<Data, Error> {
    let (x, y) = training(inputs)?;
    Ok(DatasetBase::new(column_major(&x), y))
}

pub(crate) struct ElasticNetFit {
    data: Data,
    descent: Descent,
    model: Option<ElasticNet<f64>>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), both centred; `alpha`, `tol`, `max_iter`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<ElasticNetFit, Error> {
    prepared(inputs, Descent::lasso(params)?)
}

/// As [`fit`], and `l1_ratio`.
pub(crate) fn elastic_net_fit(inputs: &mut Inputs, params: &mut Params) -> Result<ElasticNetFit, Error> {
    prepared(inputs, Descent::elastic_net(params)?)
}

/// As [`fit`], and `x_test` f64 (m, d), `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<Predict, Error> {
    let descent = Descent::lasso(params)?;
    predicting(inputs, params, &descent)
}

/// As [`predict`], and `l1_ratio`.
pub(crate) fn elastic_net_predict(inputs: &mut Inputs, params: &mut Params) -> Result<Predict, Error> {
    let descent = Descent::elastic_net(params)?;
    predicting(inputs, params, &descent)
}

fn prepared(inputs: &mut Inputs, descent: Descent) -> Result<ElasticNetFit, Error> {
    Ok(ElasticNetFit {
        data: data(inputs)?,
        descent,
        model: None,
    })
}

fn predicting(inputs: &mut Inputs, params: &mut Params, descent: &Descent) -> Result<Predict, Error> {
    let data = data(inputs)?;
    let model = descent.fit(&data)?;
    let converged = descent.converged(&model, &data.targets);
    let predict = Box::new(move |rows: &ArrayView2<'_, f64>| model.predict(rows));
    Predict::new(inputs, params, data.records.dim(), predict, Some(converged))
}

impl Job for ElasticNetFit {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(self.descent.fit(&self.data)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        let (coef, rows) = (model.hyperplane(), self.data.records.nrows());
        Ok(Outputs::new()
            .tensor("coef", coef.clone())
            .receipt("rows", rows)
            .receipt("n_iter", steps(model))
            // scikit-learn's is divided by the rows, as the objective is.
            .receipt("gap", model.duality_gap() / count(rows))
            .receipt("nonzero", coef.iter().filter(|value| value.abs() > NONZERO).count())
            .receipt("column_major", self.data.records.t().is_standard_layout())
            .receipt("converged", self.descent.converged(model, &self.data.targets)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params() -> Params {
        Params::default()
            .with("alpha", 0.5)
            .with("tol", 1e-8)
            .with("max_iter", 100_i64)
    }

    fn inputs() -> Inputs {
        Inputs::default()
            .with("x_train", array![[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
            .with("y_train", array![-2.1, 1.9, -1.9, 2.1])
    }

    #[test]
    fn a_single_column_is_shrunk_by_alpha_and_a_weak_one_dropped() {
        let mut job = fit(&mut inputs(), &mut params()).unwrap();
        job.step().unwrap();
        let model = job.model.as_ref().unwrap();
        assert!((model.hyperplane()[0] - 1.5).abs() < 1e-12);
        assert!(model.hyperplane()[1].abs() < f64::EPSILON);
        assert!(job.descent.converged(model, &job.data.targets));
        let outputs = job.outputs().unwrap();
        assert_eq!(outputs.tensors()["receipt.nonzero"], 1_i64.into());
        assert_eq!(outputs.tensors()["receipt.column_major"], true.into());
    }

    #[test]
    fn no_penalty_and_a_ratio_outside_0_to_1_are_refused() {
        for alpha in [0.0, -1.0] {
            assert!(fit(&mut inputs(), &mut params().with("alpha", alpha)).is_err());
        }
        for l1_ratio in [0.0, 1.5] {
            assert!(elastic_net_fit(&mut inputs(), &mut params().with("l1_ratio", l1_ratio)).is_err());
        }
    }

    #[test]
    fn a_fit_that_ran_to_its_limit_is_not_called_converged() {
        let correlated = array![[1.0, 1.01], [2.0, 1.98], [-1.0, -1.03], [-2.0, -1.96]];
        let mut inputs = inputs().with("x_train", correlated);
        let mut job = fit(&mut inputs, &mut params().with("alpha", 1e-6).with("max_iter", 3_i64)).unwrap();
        job.step().unwrap();
        assert_eq!(job.outputs().unwrap().tensors()["receipt.converged"], false.into());
    }
}
