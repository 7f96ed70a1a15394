//! `gaussian_mixture.fit`: linfa-clustering's own mixture, whose start is ten runs of k-means.

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use linfa_clustering::{GaussianMixtureModel, GmmValidParams};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::mixture::likeliest;

pub(crate) struct MixtureFit {
    data: DatasetBase<Array2<f64>, Array1<()>>,
    params: GmmValidParams<f64, Xoshiro256Plus>,
    model: Option<GaussianMixtureModel<f64>>,
}

/// `x_train` f64 (n, d), `k`, `tol`, `floor`, `max_iter`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<MixtureFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let (k, max_iter) = (params.count("k")?, params.count("max_iter")?);
    let (n, d) = x_train.dim();
    require(d >= 1, || "x_train has no columns".to_owned())?;
    require((2..=n).contains(&k), || {
        format!("k is {k}; awaited 2 to {n}, the rows of x_train")
    })?;
    let (tol, floor) = (params.float("tol")?, params.float("floor")?);
    for (name, value) in [("tol", tol), ("floor", floor)] {
        require(value > 0.0, || format!("{name} is {value}; awaited a number above 0"))?;
    }
    let params = GaussianMixtureModel::params(k)
        .tolerance(tol)
        .reg_covariance(floor)
        .max_n_iterations(max_iter as u64)
        .with_rng(Xoshiro256Plus::seed_from_u64(params.seed()))
        .check()
        .map_err(|error| Error::params(error.to_string()))?;
    Ok(MixtureFit {
        data: DatasetBase::from(x_train),
        params,
        model: None,
    })
}

impl Job for MixtureFit {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(self.params.fit(&self.data).map_err(Error::bug)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        let proba = model.predict_proba(&self.data.records);
        let (k, d) = model.means().dim();
        let covariances = model
            .covariances()
            .clone()
            .into_shape_with_order((k * d, d))
            .map_err(Error::bug)?;
        Ok(Outputs::new()
            .tensor("weights", model.weights().clone())
            .tensor("means", model.means().clone())
            .tensor("covariances", covariances)
            .tensor("labels", likeliest(&proba))
            .tensor("proba", proba.as_standard_layout().into_owned())
            .receipt("rows", self.data.records.nrows())
            // linfa returns an error where it does not converge.
            .receipt("converged", true))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn two_heaps_are_found_and_too_few_iterations_are_an_error() {
        let x = array![[0.0], [1.0], [2.0], [100.0], [101.0], [103.0]];
        let job = |max_iter: i64| {
            let mut params = Params::default()
                .with("k", 2_i64)
                .with("tol", 1e-6)
                .with("floor", 1e-3)
                .with("max_iter", max_iter);
            fit(&mut Inputs::default().with("x_train", x.clone()), &mut params).unwrap()
        };
        let mut enough = job(100);
        enough.step().unwrap();
        let weights = enough.model.unwrap().weights().clone();
        assert!((weights[0] - 0.5).abs() < 1e-9);
        assert!(job(1).step().is_err());
    }
}
