//! `kmeans.fit`: linfa-clustering's Lloyd from given centres.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use linfa::traits::{Fit, Predict};
use linfa::{DatasetBase, Float, ParamGuard};
use linfa_clustering::{KMeans, KMeansInit, KMeansParams, KMeansValidParams};
use linfa_nn::distance::{Distance, L2Dist};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView, Dimension};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

/// linfa must have a tolerance above 0; at this one it stops when the centres stand still.
const TOLERANCE: f64 = 1e-9;

/// linfa does not tell how many iterations ran. It measures how far the centres moved once in each of them, by the only
/// call of `distance` (points are compared by `rdistance`); this type notes those calls and passes everything on.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<Moves>);

#[derive(Debug, Default)]
struct Moves {
    count: AtomicU64,
    /// How far the centres moved last, as the bits of an f64.
    last: AtomicU64,
}

impl<F: Float> Distance<F> for Counted {
    fn distance<D: Dimension>(&self, a: ArrayView<F, D>, b: ArrayView<F, D>) -> F {
        let moved = L2Dist.distance(a, b);
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0
            .last
            .store(moved.to_f64().unwrap_or(f64::NAN).to_bits(), Ordering::Relaxed);
        moved
    }

    #[inline]
    fn rdistance<D: Dimension>(&self, a: ArrayView<F, D>, b: ArrayView<F, D>) -> F {
        L2Dist.rdistance(a, b)
    }

    #[inline]
    fn rdist_to_dist(&self, rdist: F) -> F {
        Distance::<F>::rdist_to_dist(&L2Dist, rdist)
    }

    #[inline]
    fn dist_to_rdist(&self, dist: F) -> F {
        Distance::<F>::dist_to_rdist(&L2Dist, dist)
    }
}

pub(crate) struct KMeansFit {
    data: DatasetBase<Array2<f64>, Array1<()>>,
    params: KMeansValidParams<f64, Xoshiro256Plus, Counted>,
    moves: Arc<Moves>,
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

    let counted = Counted::default();
    let moves = Arc::clone(&counted.0);
    // The generator is never asked: the start is given.
    let params = KMeansParams::new(k, Xoshiro256Plus::seed_from_u64(0), counted)
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
        self.moves.count.store(0, Ordering::Relaxed);
        self.model = Some(self.params.fit(&self.data).map_err(Error::bug)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        let labels = model.predict(&self.data.records);
        let labels = labels.mapv(|label| i64::try_from(label).expect("fewer than 2^63 clusters"));
        let n_iter = i64::try_from(self.moves.count.load(Ordering::Relaxed)).map_err(Error::bug)?;
        let moved = f64::from_bits(self.moves.last.load(Ordering::Relaxed));
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("centres", model.centroids().clone())
            .receipt("rows", self.data.records.nrows())
            .receipt("n_iter", n_iter)
            .receipt("converged", moved < TOLERANCE))
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
