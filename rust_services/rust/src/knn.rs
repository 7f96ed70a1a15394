//! `knn_classify.predict` and `knn_regress.predict`: the nearest of all rows, and what is made of them.

use mlfleet_sdk::{Batches, Element, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, s};

use crate::descent::count;
use crate::nearest::Rows;
use crate::parts::in_parts;

/// Of other services: none of them is written here.
const TREES: [&str; 2] = ["kd_tree", "ball_tree"];

/// Training targets, and a prediction out of those of the neighbours.
pub(crate) trait Decide: Sized + Sync {
    type Pred: Element + Send;

    /// The tensor `y_train`, and how many targets it has.
    fn take(inputs: &mut Inputs) -> Result<(Self, usize), Error>;

    /// Of the rows' targets.
    fn decide(&self, neighbours: &[usize]) -> Self::Pred;
}

/// The label most of the neighbours have; the smallest of several.
pub(crate) struct Vote(Array1<i64>);

impl Decide for Vote {
    type Pred = i64;

    fn take(inputs: &mut Inputs) -> Result<(Self, usize), Error> {
        let labels = inputs.i64_1d("y_train")?;
        let rows = labels.len();
        Ok((Self(labels), rows))
    }

    fn decide(&self, neighbours: &[usize]) -> i64 {
        let mut labels: Vec<_> = neighbours.iter().map(|&row| self.0[row]).collect();
        labels.sort_unstable();
        let (mut winner, mut most) = (0, 0);
        for same in labels.chunk_by(i64::eq) {
            if same.len() > most {
                (winner, most) = (same[0], same.len());
            }
        }
        winner
    }
}

/// The mean of the neighbours' targets.
pub(crate) struct Mean(Array1<f64>);

impl Decide for Mean {
    type Pred = f64;

    fn take(inputs: &mut Inputs) -> Result<(Self, usize), Error> {
        let targets = inputs.f64_1d("y_train")?;
        let rows = targets.len();
        Ok((Self(targets), rows))
    }

    fn decide(&self, neighbours: &[usize]) -> f64 {
        neighbours.iter().map(|&row| self.0[row]).sum::<f64>() / count(neighbours.len())
    }
}

/// Predictions (batch,) and neighbours (batch, k).
type Answer<P> = (Array1<P>, Array2<i64>);

pub(crate) struct KnnPredict<D: Decide> {
    rows: Rows,
    decide: D,
    x_test: Array2<f64>,
    k: usize,
    batches: Batches<Answer<D::Pred>>,
}

/// `x_train` f64 (n, d), `y_train` (n,), `x_test` f64 (m, d), `k`, `index` "brute", `batch`.
pub(crate) fn predict<D: Decide>(inputs: &mut Inputs, params: &mut Params) -> Result<KnnPredict<D>, Error> {
    let (x_train, (decide, targets)) = (inputs.f64_2d("x_train")?, D::take(inputs)?);
    let x_test = inputs.f64_2d("x_test")?;
    let (k, index) = (params.count("k")?, params.text("index")?);
    let ((n, d), columns) = (x_train.dim(), x_test.ncols());
    require(n == targets, || format!("y_train has {targets} rows; x_train has {n}"))?;
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    require(k <= n, || format!("k is {k}; x_train has {n} rows"))?;
    if TREES.contains(&index.as_str()) {
        return Err(Error::unsupported(format!(
            "rust searches by brute force alone, not by {index}"
        )));
    }
    require(index == "brute", || format!("index is {index:?}; awaited \"brute\""))?;
    Ok(KnnPredict {
        rows: Rows::new(x_train),
        decide,
        batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
        x_test,
        k,
    })
}

impl<D: Decide> KnnPredict<D> {
    fn answer(&self) -> Result<Answer<D::Pred>, Error> {
        let batch = self.x_test.slice(s![self.batches.rows(), ..]);
        let (rows, decide, k) = (&self.rows, &self.decide, self.k);
        let parts = in_parts(batch.nrows(), |part| {
            let nearest = rows.nearest(batch.slice(s![part, ..]), k);
            let pred: Vec<_> = nearest.iter().map(|rows| decide.decide(rows)).collect();
            (pred, nearest)
        });
        let (pred, nearest): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let neighbours: Result<Vec<_>, _> = nearest.into_iter().flatten().flatten().map(i64::try_from).collect();
        let shape = (self.batches.size(), self.k);
        let neighbours = Array2::from_shape_vec(shape, neighbours.map_err(Error::bug)?).map_err(Error::bug)?;
        Ok((pred.into_iter().flatten().collect(), neighbours))
    }
}

impl<D: Decide> Job for KnnPredict<D> {
    fn step(&mut self) -> Result<(), Error> {
        let answer = self.answer()?;
        self.batches.answer(answer);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (pred, neighbours) = self.batches.first()?.clone();
        let (rows, predicted) = (self.rows.count(), pred.len());
        Ok(Outputs::new()
            .tensor("pred", pred)
            .tensor("neighbours", neighbours)
            .receipt("rows", rows)
            .receipt("rows_predicted", predicted)
            .receipt("distances", rows * predicted))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params(k: i64, batch: i64) -> Params {
        let params = Params::default().with("k", k).with("batch", batch);
        params.with("index", "brute")
    }

    fn inputs() -> Inputs {
        Inputs::default()
            .with("x_train", array![[5.0], [1.0], [-1.0], [1.0], [0.5]])
            .with("x_test", array![[0.0]])
    }

    #[test]
    fn targets_of_the_nearest_are_averaged() {
        let mut inputs = inputs().with("y_train", array![9.0, 1.0, 2.0, 4.0, 6.0]);
        let mut job = predict::<Mean>(&mut inputs, &mut params(3, 1)).unwrap();
        job.step().unwrap();
        assert_eq!(job.batches.first(), Ok(&(array![3.0], array![[4, 1, 2]])));
    }

    #[test]
    fn of_equal_votes_the_smallest_label_wins() {
        let mut inputs = inputs().with("y_train", array![9_i64, 7, 3, 3, 7]);
        let mut job = predict::<Vote>(&mut inputs, &mut params(4, 1)).unwrap();
        job.step().unwrap();
        assert_eq!(job.batches.first(), Ok(&(array![3], array![[4, 1, 2, 3]])));
    }
}
