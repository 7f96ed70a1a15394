//! `knn_classify` and `knn_regress`, `.predict` and `.fit`: linfa-nn's indexes, and what is made of the neighbours.

use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::decide::Decide;
use crate::search::{Indexed, Kind, take_k};

/// Predictions (m,) and neighbours (m, k).
type Answer<P> = (Array1<P>, Array2<i64>);

/// What a search needs, and the rows it answers.
struct Search<D> {
    indexed: Indexed,
    decide: D,
    k: usize,
    x_test: Array2<f64>,
}

impl<D: Decide> Search<D> {
    /// `x_train` f64 (n, d), `y_train` (n,), `x_test` f64 (m, d), `k`, `index`.
    fn take(inputs: &mut Inputs, params: &mut Params, awaited: &[Kind]) -> Result<Self, Error> {
        let x_train = inputs.f64_2d("x_train")?;
        let ((n, d), x_test) = (x_train.dim(), inputs.f64_2d("x_test")?);
        let columns = x_test.ncols();
        require(d >= 1, || "x_train has no columns".to_owned())?;
        require(d == columns, || {
            format!("x_test has {columns} columns; x_train has {d}")
        })?;
        Ok(Self {
            decide: D::take(inputs, n)?,
            k: take_k(params, n)?,
            indexed: Indexed::new(x_train, Kind::take(params, awaited)?),
            x_test,
        })
    }
}

/// Of each query.
fn answer<D: Decide>(
    indexed: &Indexed,
    decide: &mut D,
    k: usize,
    queries: ArrayView2<'_, f64>,
) -> Result<Answer<D::Pred>, Error> {
    let mut pred = Vec::with_capacity(queries.nrows());
    let mut neighbours = Array2::zeros((queries.nrows(), k));
    for (query, mut row) in queries.rows().into_iter().zip(neighbours.rows_mut()) {
        let nearest = indexed.nearest(query, k)?;
        pred.push(decide.decide(&nearest));
        for (to, from) in row.iter_mut().zip(nearest) {
            *to = i64::try_from(from).map_err(Error::bug)?;
        }
    }
    Ok((Array1::from_vec(pred), neighbours))
}

pub(crate) struct KnnPredict<D: Decide> {
    search: Search<D>,
    batches: Batches<Answer<D::Pred>>,
}

/// As a search, by any index; and `batch`. The index is built here.
pub(crate) fn predict<D: Decide>(inputs: &mut Inputs, params: &mut Params) -> Result<KnnPredict<D>, Error> {
    let mut search = Search::take(inputs, params, &[Kind::Brute, Kind::KdTree, Kind::BallTree])?;
    search.indexed.build()?;
    Ok(KnnPredict {
        batches: Batches::new("x_test", search.x_test.nrows(), params.count("batch")?)?,
        search,
    })
}

impl<D: Decide> Job for KnnPredict<D> {
    fn step(&mut self) -> Result<(), Error> {
        let Search {
            indexed,
            decide,
            k,
            x_test,
        } = &mut self.search;
        let found = answer(indexed, decide, *k, x_test.slice(s![self.batches.rows(), ..]))?;
        self.batches.answer(found);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (pred, neighbours) = self.batches.first()?.clone();
        let (rows, predicted) = (self.search.indexed.rows().nrows(), pred.len());
        let outputs = Outputs::new()
            .tensor("pred", pred)
            .tensor("neighbours", neighbours)
            .receipt("rows", rows)
            .receipt("rows_predicted", predicted);
        Ok(if self.search.indexed.is_brute() {
            outputs.receipt("distances", rows * predicted)
        } else {
            outputs
        })
    }
}

pub(crate) struct KnnFit<D>(Search<D>);

/// As a search, by a tree, which the steps build.
pub(crate) fn fit<D: Decide>(inputs: &mut Inputs, params: &mut Params) -> Result<KnnFit<D>, Error> {
    Search::take(inputs, params, &[Kind::KdTree, Kind::BallTree]).map(KnnFit)
}

impl<D: Decide> Job for KnnFit<D> {
    fn step(&mut self) -> Result<(), Error> {
        self.0.indexed.build()
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let search = &mut self.0;
        let (pred, neighbours) = answer(&search.indexed, &mut search.decide, search.k, search.x_test.view())?;
        Ok(Outputs::new()
            .receipt("rows", search.indexed.rows().nrows())
            .receipt("rows_predicted", pred.len())
            .tensor("pred", pred)
            .tensor("neighbours", neighbours))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::decide::{Mean, Vote};

    fn inputs() -> Inputs {
        Inputs::default()
            .with("x_train", array![[5.0], [1.0], [-1.0], [1.0], [-1.0], [1.0]])
            .with("x_test", array![[0.0]])
    }

    fn params(index: &str) -> Params {
        let params = Params::default().with("k", 4_i64).with("index", index);
        params.with("batch", 1_i64)
    }

    #[test]
    fn ties_go_to_the_lowest_row_and_the_smallest_label() {
        for index in ["brute", "kd_tree", "ball_tree"] {
            let mut inputs = inputs().with("y_train", array![1_i64, 9, 4, 9, 4, 9]);
            let mut job = predict::<Vote>(&mut inputs, &mut params(index)).unwrap();
            job.step().unwrap();
            assert_eq!(job.batches.first(), Ok(&(array![4], array![[1, 2, 3, 4]])));
        }
    }

    #[test]
    fn targets_are_averaged() {
        let mut inputs = inputs().with("y_train", array![1.0, 2.0, 3.0, 4.0, 7.0, 9.0]);
        let mut job = predict::<Mean>(&mut inputs, &mut params("brute")).unwrap();
        job.step().unwrap();
        assert_eq!(job.batches.first(), Ok(&(array![4.0], array![[1, 2, 3, 4]])));
    }
}
