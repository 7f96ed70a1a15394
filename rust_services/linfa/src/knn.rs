//! `knn_classify.predict`: linfa-nn's linear search and a vote among the neighbours.

use linfa_nn::distance::{Distance, L2Dist};
use linfa_nn::{LinearSearch, NearestNeighbour, NearestNeighbourIndex};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView1, s};

/// Predictions and neighbours of one batch: (batch,) and (batch, k).
type Answer = (Array1<i64>, Array2<i64>);

pub(crate) struct KnnPredict {
    x_train: Array2<f64>,
    /// The classes in ascending order, and of each training row the place of its class among them.
    classes: Vec<i64>,
    class_of: Vec<usize>,
    k: usize,
    x_test: Array2<f64>,
    batches: Batches<Answer>,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,), `x_test` f64 (m, d), `k`, `index` "brute", `batch`.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<KnnPredict, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let y_train = inputs.i64_1d("y_train")?;
    let x_test = inputs.f64_2d("x_test")?;
    let (k, index) = (params.count("k")?, params.text("index")?);
    let ((n, d), columns) = (x_train.dim(), x_test.ncols());
    require(n == y_train.len(), || {
        format!("y_train has {} rows; x_train has {n}", y_train.len())
    })?;
    require(d >= 1, || "x_train has no columns".to_owned())?;
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    require(k <= n, || format!("k is {k}; x_train has {n} rows"))?;
    require(index == "brute", || format!("index is {index:?}; awaited \"brute\""))?;

    let mut classes = y_train.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let class_of = y_train
        .iter()
        .map(|label| classes.partition_point(|class| class < label))
        .collect();
    Ok(KnnPredict {
        batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
        x_train,
        classes,
        class_of,
        k,
        x_test,
    })
}

impl KnnPredict {
    /// The class most of the neighbours have; the smallest of several.
    fn vote(&self, neighbours: &[usize], votes: &mut [u32]) -> i64 {
        votes.fill(0);
        for &row in neighbours {
            votes[self.class_of[row]] += 1;
        }
        let most = votes.iter().max().copied().unwrap_or_default();
        let winner = votes.iter().position(|&count| count == most).unwrap_or_default();
        self.classes[winner]
    }

    fn answer(&self) -> Result<Answer, Error> {
        // A linear search has nothing to build: its index is a view of the rows, so making it here costs nothing.
        let index = LinearSearch.from_batch(&self.x_train, L2Dist).map_err(Error::bug)?;
        let mut pred = Array1::zeros(self.batches.size());
        let mut neighbours = Array2::zeros((self.batches.size(), self.k));
        let mut votes = vec![0; self.classes.len()];
        let queries = self.x_test.slice(s![self.batches.rows(), ..]);
        for ((query, label), mut row) in queries.rows().into_iter().zip(&mut pred).zip(neighbours.rows_mut()) {
            let nearest = nearest(&*index, query, self.k, self.x_train.nrows())?;
            *label = self.vote(&nearest, &mut votes);
            for (to, from) in row.iter_mut().zip(nearest) {
                *to = i64::try_from(from).map_err(Error::bug)?;
            }
        }
        Ok((pred, neighbours))
    }
}

/// The k nearest rows, nearest first, the lowest of equally near ones first. linfa gives equally near rows in the order
/// of its heap, so more are asked for until a farther one shows that none of the tied rows is missing.
fn nearest(
    index: &dyn NearestNeighbourIndex<f64>,
    query: ArrayView1<'_, f64>,
    k: usize,
    rows: usize,
) -> Result<Vec<usize>, Error> {
    let mut asked = rows.min(k + 1);
    loop {
        let mut found: Vec<_> = index
            .k_nearest(query, asked)
            .map_err(Error::bug)?
            .into_iter()
            .map(|(point, row)| (L2Dist.rdistance(query, point), row))
            .collect();
        if asked == rows || found[k - 1].0 < found[asked - 1].0 {
            found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            return Ok(found.into_iter().take(k).map(|(_, row)| row).collect());
        }
        asked = rows.min(asked * 2);
    }
}

impl Job for KnnPredict {
    fn step(&mut self) -> Result<(), Error> {
        let answer = self.answer()?;
        self.batches.answer(answer);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (pred, neighbours) = self.batches.first()?.clone();
        let rows = self.x_train.nrows();
        Ok(Outputs::new()
            .tensor("pred", pred)
            .tensor("neighbours", neighbours)
            .receipt("rows", rows)
            .receipt("rows_predicted", self.batches.size())
            .receipt("distances", rows * self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn ties_go_to_the_lowest_row_and_the_smallest_label() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[5.0], [1.0], [-1.0], [1.0], [-1.0], [1.0]])
            .with("y_train", array![1_i64, 9, 4, 9, 4, 9])
            .with("x_test", array![[0.0]]);
        let params = Params::default()
            .with("k", 4_i64)
            .with("index", "brute")
            .with("batch", 1_i64);
        let mut params = params;
        let mut job = predict(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        assert_eq!(job.batches.first(), Ok(&(array![4], array![[1, 2, 3, 4]])));
    }
}
