//! `kmeans.fit`, `kmeans.predict`: linfa-clustering's Lloyd from given centres.

use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, ParamGuard};
use linfa_clustering::{KMeans, KMeansInit, KMeansParams, KMeansValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, s};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::kmeans_moves::Counted;

/// linfa must have a tolerance above 0; at this one it stops when the centres stand still.
pub(crate) const TOLERANCE: f64 = 1e-9;

pub(crate) struct KMeansFit {
    data: DatasetBase<Array2<f64>, Array1<()>>,
    params: KMeansValidParams<f64, Xoshiro256Plus, Counted>,
    moves: Counted,
    model: Option<KMeans<f64, Counted>>,
}

/// `x_train` f64 (n, d), `start` f64 (k, d), `max_iter`; one run from `start` until stable.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<KMeansFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let start = inputs.f64_2d("start")?;
    let max_iter = params.count("max_iter")?;
    let ((n, d), (k, columns)) = (x_train.dim(), start.dim());
    require(d == columns, || format!("start has {columns} columns; x_train has {d}"))?;
    require((1..=n).contains(&k), || {
        format!("start has {k} rows; awaited 1 to {n}, the rows of x_train")
    })?;
    require(d >= 1, || "x_train has no columns".to_owned())?;

    let moves = Counted::default();
    // The generator is never asked: the start is given.
    let params = KMeansParams::new(k, Xoshiro256Plus::seed_from_u64(0), moves.clone())
        .n_runs(1)
        .init_method(KMeansInit::Precomputed(start))
        .tolerance(TOLERANCE)
        .max_n_iterations(max_iter as u64)
        .check()
        .map_err(|error| Error::params(error.to_string()))?;
    Ok(KMeansFit {
        data: DatasetBase::from(x_train),
        params,
        moves,
        model: None,
    })
}

impl Job for KMeansFit {
    fn step(&mut self) -> Result<(), Error> {
        self.moves.forget();
        self.model = Some(self.params.fit(&self.data).map_err(Error::bug)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        let labels = whole(&model.predict(&self.data.records));
        let run = self.moves.best(&self.params, model)?;
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("centres", model.centroids().clone())
            .receipt("rows", self.data.records.nrows())
            .receipt("n_iter", run.iterations)
            .receipt("converged", run.converged))
    }
}

/// Labels as they travel.
pub(crate) fn whole(labels: &Array1<usize>) -> Array1<i64> {
    labels.mapv(|label| i64::try_from(label).expect("fewer than 2^63 clusters"))
}

pub(crate) struct KMeansPredict {
    model: KMeans<f64, Counted>,
    x_test: Array2<f64>,
    batches: Batches<Array1<usize>>,
    rows: usize,
}

/// As [`fit`], and `x_test` f64 (m, d), `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<KMeansPredict, Error> {
    let job = fit(inputs, params)?;
    let x_test = inputs.f64_2d("x_test")?;
    let (d, columns) = (job.data.records.ncols(), x_test.ncols());
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    Ok(KMeansPredict {
        batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
        model: job.params.fit(&job.data).map_err(Error::bug)?,
        x_test,
        rows: job.data.records.nrows(),
    })
}

impl Job for KMeansPredict {
    fn step(&mut self) -> Result<(), Error> {
        let rows = self.x_test.slice(s![self.batches.rows(), ..]);
        self.batches.answer(self.model.predict(&rows));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", whole(self.batches.first()?))
            .receipt("rows", self.rows)
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use mlfleet_sdk::Tensor;
    use ndarray::array;

    use super::*;

    fn receipt(max_iter: i64) -> (Tensor, Tensor) {
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0], [1.0], [2.0], [10.0], [11.0]])
            .with("start", array![[0.0], [1.0]]);
        let mut job = fit(&mut inputs, &mut Params::default().with("max_iter", max_iter)).unwrap();
        job.step().unwrap();
        job.step().unwrap();
        let outputs = job.outputs().unwrap();
        let tensors = outputs.tensors();
        (tensors["receipt.n_iter"].clone(), tensors["receipt.converged"].clone())
    }

    #[test]
    fn iterations_are_those_of_one_fit() {
        assert_eq!(receipt(2), (2_i64.into(), false.into()));
        let (n_iter, converged) = receipt(300);
        assert_eq!(converged, true.into());
        assert!(n_iter != 300_i64.into());
    }
}
