//! `dbscan.fit`: linfa-clustering's DBSCAN on linfa-nn's k-d tree.

use linfa::ParamGuard;
use linfa::traits::Transformer;
use linfa_clustering::{Dbscan, DbscanValidParams};
use linfa_nn::distance::L2Dist;
use linfa_nn::{CommonNearestNeighbour, NearestNeighbour};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};

/// Its linear search leaves out rows exactly `eps` away; the trees take them, as every other library does.
const INDEX: CommonNearestNeighbour = CommonNearestNeighbour::KdTree;

/// The label of rows in no cluster.
const NOISE: i64 = -1;

pub(crate) struct DbscanFit {
    x_train: Array2<f64>,
    params: DbscanValidParams<f64, L2Dist, CommonNearestNeighbour>,
    labels: Option<Array1<Option<usize>>>,
}

/// `x_train` f64 (n, d), `eps`, `min_samples`: a row counts itself.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<DbscanFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let (eps, min_samples) = (params.float("eps")?, params.count("min_samples")?);
    require(x_train.ncols() >= 1, || "x_train has no columns".to_owned())?;
    require(eps > 0.0, || format!("eps is {eps}; awaited a number above 0"))?;
    require(min_samples >= 2, || {
        format!("min_samples is {min_samples}; awaited at least 2")
    })?;
    let params = Dbscan::params_with(min_samples, L2Dist, INDEX)
        .tolerance(eps)
        .check()
        .map_err(|error| Error::params(error.to_string()))?;
    Ok(DbscanFit {
        x_train,
        params,
        labels: None,
    })
}

impl DbscanFit {
    /// Rows with at least `min_samples` near them. linfa does not tell, so its index is asked once more.
    fn core(&self) -> Result<usize, Error> {
        let index = INDEX.from_batch(&self.x_train, L2Dist).map_err(Error::bug)?;
        let mut found = 0;
        for row in self.x_train.rows() {
            let near = index.within_range(row, self.params.tolerance()).map_err(Error::bug)?;
            found += usize::from(near.len() >= self.params.minimum_points());
        }
        Ok(found)
    }
}

impl Job for DbscanFit {
    fn step(&mut self) -> Result<(), Error> {
        self.labels = Some(self.params.transform(&self.x_train));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let labels = self.labels.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        let labels =
            labels.mapv(|label| label.map_or(NOISE, |label| i64::try_from(label).expect("fewer than 2^63 clusters")));
        Ok(Outputs::new()
            .tensor("labels", labels)
            .receipt("rows", self.x_train.nrows())
            .receipt("core", self.core()?))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_row_counts_itself_and_one_exactly_eps_away() {
        let mut inputs = Inputs::default().with("x_train", array![[0.0], [1.0], [2.0], [9.0]]);
        let mut params = Params::default().with("eps", 1.0).with("min_samples", 3_i64);
        let mut job = fit(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        let outputs = job.outputs().unwrap();
        assert_eq!(outputs.tensors()["labels"], array![0_i64, 0, 0, -1].into());
        assert_eq!(outputs.tensors()["receipt.core"], 1_i64.into());
    }

    #[test]
    fn a_single_neighbour_is_refused() {
        let mut inputs = Inputs::default().with("x_train", array![[0.0], [1.0]]);
        let mut params = Params::default().with("eps", 1.0).with("min_samples", 1_i64);
        assert!(fit(&mut inputs, &mut params).is_err());
    }
}
