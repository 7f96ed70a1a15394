//! How many iterations of k-means ran, which linfa does not tell.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use linfa::Float;
use linfa_clustering::{KMeans, KMeansValidParams};
use linfa_nn::distance::{Distance, L2Dist};
use mlfleet_sdk::Error;
use ndarray::{ArrayView, Dimension};
use rand_xoshiro::Xoshiro256Plus;

/// linfa measures how far the centres moved once in each iteration, by the only call of `distance` (points are compared
/// by `rdistance`); this type notes those calls and passes everything on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(Arc<Mutex<Vec<Move>>>);

/// An iteration: how far the centres moved, and the sum of their coordinates, by which they are known again.
#[derive(Clone, Copy, Debug)]
struct Move {
    by: f64,
    to: f64,
}

/// The iterations from one start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
    /// Sum of the coordinates of its centres.
    end: f64,
}

impl<F: Float> Distance<F> for Counted {
    fn distance<D: Dimension>(&self, a: ArrayView<F, D>, b: ArrayView<F, D>) -> F {
        let to = b.sum().to_f64().unwrap_or(f64::NAN);
        let moved = L2Dist.distance(a, b);
        let by = moved.to_f64().unwrap_or(f64::NAN);
        self.moves().push(Move { by, to });
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

impl Counted {
    fn moves(&self) -> MutexGuard<'_, Vec<Move>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before another fit.
    pub(crate) fn forget(&self) {
        self.moves().clear();
    }

    /// The runs of the last fit, in order.
    pub(crate) fn runs(&self, params: &KMeansValidParams<f64, Xoshiro256Plus, Self>) -> Vec<Run> {
        let (mut found, mut iterations) = (Vec::new(), 0);
        for step in &*self.moves() {
            iterations += 1;
            let converged = step.by < params.tolerance();
            if converged || iterations as u64 == params.max_n_iterations() {
                found.push(Run {
                    iterations,
                    converged,
                    end: step.to,
                });
                iterations = 0;
            }
        }
        found
    }

    /// The run that the model is of.
    pub(crate) fn best(
        &self,
        params: &KMeansValidParams<f64, Xoshiro256Plus, Self>,
        model: &KMeans<f64, Self>,
    ) -> Result<Run, Error> {
        let end = model.centroids().sum();
        self.runs(params)
            .into_iter()
            .find(|run| run.end.to_bits() == end.to_bits())
            .ok_or_else(|| Error::bug("no run ended in the model's centres"))
    }
}
