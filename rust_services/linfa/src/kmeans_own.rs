//! `kmeans_pp.fit`, `kmeans_defaults.fit`: k-means from starts that linfa-clustering draws itself.

use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, ParamGuard};
use linfa_clustering::{KMeans, KMeansInit, KMeansParams, KMeansValidParams};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::kmeans::{TOLERANCE, whole};
use crate::kmeans_moves::{Counted, Run};

type Valid = KMeansValidParams<f64, Xoshiro256Plus, Counted>;

/// A k-means with its own starts, whatever they are.
struct Own {
    data: DatasetBase<Array2<f64>, Array1<()>>,
    params: Valid,
    moves: Counted,
    model: Option<KMeans<f64, Counted>>,
}

/// `x_train` f64 (n, d) and `k`, refused where they do not fit.
fn take(inputs: &mut Inputs, params: &mut Params) -> Result<(Array2<f64>, usize), Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let k = params.count("k")?;
    let (n, d) = x_train.dim();
    require(d >= 1, || "x_train has no columns".to_owned())?;
    require((2..=n).contains(&k), || {
        format!("k is {k}; awaited 2 to {n}, the rows of x_train")
    })?;
    Ok((x_train, k))
}

impl Own {
    /// linfa's defaults but for the generator, which every fit takes from the seed anew, and what `set` changes.
    fn new(
        x_train: Array2<f64>,
        k: usize,
        seed: u64,
        set: impl FnOnce(KMeansParams<f64, Xoshiro256Plus, Counted>) -> KMeansParams<f64, Xoshiro256Plus, Counted>,
    ) -> Result<Self, Error> {
        let moves = Counted::default();
        let params = KMeansParams::new(k, Xoshiro256Plus::seed_from_u64(seed), moves.clone());
        Ok(Self {
            data: DatasetBase::from(x_train),
            params: set(params).check().map_err(|error| Error::params(error.to_string()))?,
            moves,
            model: None,
        })
    }

    fn fit(&mut self) -> Result<(), Error> {
        self.moves.forget();
        self.model = Some(self.params.fit(&self.data).map_err(Error::bug)?);
        Ok(())
    }

    /// Labels and centres of the best run, the starts that ran, and that run.
    fn outputs(&self) -> Result<(Outputs, Run), Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        // Its own counts are those of the last run, not of the best: labels are asked for anew.
        let outputs = Outputs::new()
            .tensor("labels", whole(&model.predict(&self.data.records)))
            .tensor("centres", model.centroids().clone())
            .receipt("rows", self.data.records.nrows())
            .receipt("starts", self.moves.runs(&self.params).len());
        Ok((outputs, self.moves.best(&self.params, model)?))
    }
}

pub(crate) struct KMeansPp(Own);

/// `x_train` f64 (n, d), `k`, `init` "k-means++" or "random", `n_init` runs until stable, `max_iter`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<KMeansPp, Error> {
    let (x_train, k) = take(inputs, params)?;
    let (init, n_init, max_iter) = (params.text("init")?, params.count("n_init")?, params.count("max_iter")?);
    let method = match init.as_str() {
        "k-means++" => KMeansInit::KMeansPlusPlus,
        "random" => KMeansInit::Random,
        _ => {
            return Err(Error::params(format!(
                "init is {init:?}; awaited \"k-means++\" or \"random\""
            )));
        }
    };
    let own = Own::new(x_train, k, params.seed(), |given| {
        given
            .n_runs(n_init)
            .init_method(method)
            .tolerance(TOLERANCE)
            .max_n_iterations(max_iter as u64)
    })?;
    Ok(KMeansPp(own))
}

impl Job for KMeansPp {
    fn step(&mut self) -> Result<(), Error> {
        self.0.fit()
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (outputs, best) = self.0.outputs()?;
        Ok(outputs
            .receipt("n_iter", best.iterations)
            .receipt("converged", best.converged))
    }
}

pub(crate) struct KMeansDefaults(Own);

/// `x_train` f64 (n, d), `k`: what one gets who sets nothing else.
pub(crate) fn defaults(inputs: &mut Inputs, params: &mut Params) -> Result<KMeansDefaults, Error> {
    let (x_train, k) = take(inputs, params)?;
    Ok(KMeansDefaults(Own::new(x_train, k, params.seed(), |given| given)?))
}

impl Job for KMeansDefaults {
    fn step(&mut self) -> Result<(), Error> {
        self.0.fit()
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (outputs, best) = self.0.outputs()?;
        Ok(outputs.receipt("iterations", best.iterations))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn inputs() -> Inputs {
        Inputs::default().with("x_train", array![[0.0], [1.0], [2.0], [10.0], [11.0], [12.5]])
    }

    fn params(n_init: i64) -> Params {
        Params::default()
            .with("k", 2_i64)
            .with("init", "random")
            .with("n_init", n_init)
            .with("max_iter", 300_i64)
    }

    #[test]
    fn every_start_is_counted_and_iterations_are_those_of_the_best() {
        let mut job = fit(&mut inputs(), &mut params(7)).unwrap();
        job.step().unwrap();
        job.step().unwrap();
        let runs = job.0.moves.runs(&job.0.params);
        let (outputs, best) = job.0.outputs().unwrap();
        assert_eq!(runs.len(), 7);
        assert!(best.converged && runs.contains(&best));
        assert_eq!(outputs.tensors()["receipt.starts"], 7_i64.into());
    }

    #[test]
    fn linfa_takes_ten_starts_of_its_own_accord() {
        let mut job = defaults(&mut inputs(), &mut Params::default().with("k", 2_i64)).unwrap();
        job.step().unwrap();
        assert_eq!(job.outputs().unwrap().tensors()["receipt.starts"], 10_i64.into());
    }

    #[test]
    fn more_parts_than_rows_and_other_starts_are_refused() {
        assert!(fit(&mut inputs(), &mut params(1).with("k", 7_i64)).is_err());
        assert!(fit(&mut inputs(), &mut params(1).with("init", "k-means||")).is_err());
    }
}
