//! `knn_regress.predict`: every distance, and the mean target of the nearest.

use std::ops::Range;

use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView1};

use crate::descent::count;
use crate::parts::in_parts;

/// Rows whose distances are computed before any is looked at: few enough for them to stay in the nearest cache.
const BLOCK: usize = 512;

/// Predictions (batch,) and neighbours (batch, k).
type Answer = (Array1<f64>, Array2<i64>);

pub(crate) struct KnnPredict {
    /// The training rows by column, one after the other, so that one difference does for several rows at once.
    columns: Vec<f64>,
    y_train: Array1<f64>,
    x_test: Array2<f64>,
    k: usize,
    batches: Batches<Answer>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `x_test` f64 (m, d), `k`, `index` "brute", `batch`.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<KnnPredict, Error> {
    let (x_train, y_train, x_test) = (
        inputs.f64_2d("x_train")?,
        inputs.f64_1d("y_train")?,
        inputs.f64_2d("x_test")?,
    );
    let (k, index) = (params.count("k")?, params.text("index")?);
    let ((n, d), (queries, columns)) = (x_train.dim(), x_test.dim());
    require(n == y_train.len(), || {
        format!("y_train has {} rows; x_train has {n}", y_train.len())
    })?;
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    require(k <= n, || format!("k is {k}; x_train has {n} rows"))?;
    require(index == "brute", || format!("index is {index:?}; awaited \"brute\""))?;
    Ok(KnnPredict {
        columns: x_train.t().iter().copied().collect(),
        y_train,
        x_test,
        k,
        batches: Batches::new("x_test", queries, params.count("batch")?)?,
    })
}

impl KnnPredict {
    /// The k nearest rows with their squared distances, nearest first, the lowest of equally near ones first.
    fn nearest(&self, query: ArrayView1<'_, f64>) -> Vec<(f64, usize)> {
        let mut found: Vec<(f64, usize)> = Vec::with_capacity(self.k + 1);
        let rows = self.y_train.len();
        for start in (0..rows).step_by(BLOCK) {
            let mut distances = [0.0; BLOCK];
            let block = &mut distances[..BLOCK.min(rows - start)];
            for (column, at) in self.columns.chunks_exact(rows).zip(query) {
                for (distance, value) in block.iter_mut().zip(&column[start..]) {
                    *distance += (value - at) * (value - at);
                }
            }
            for (row, &distance) in (start..).zip(block.iter()) {
                if found.len() < self.k || distance < found[self.k - 1].0 {
                    // Behind those that are as near: rows come in ascending order.
                    let place = found.partition_point(|&(other, _)| other <= distance);
                    found.insert(place, (distance, row));
                    found.truncate(self.k);
                }
            }
        }
        found
    }

    fn answer(&self) -> Result<Answer, Error> {
        let Range { start, .. } = self.batches.rows();
        let batch = self.batches.size();
        let found = in_parts(batch, |part| {
            part.map(|query| self.nearest(self.x_test.row(start + query)))
                .collect::<Vec<_>>()
        });
        let (mut pred, mut neighbours) = (Array1::zeros(batch), Array2::zeros((batch, self.k)));
        for ((nearest, mean), mut row) in found.iter().flatten().zip(&mut pred).zip(neighbours.rows_mut()) {
            *mean = nearest.iter().map(|&(_, row)| self.y_train[row]).sum::<f64>() / count(self.k);
            for (to, &(_, from)) in row.iter_mut().zip(nearest) {
                *to = i64::try_from(from).map_err(Error::bug)?;
            }
        }
        Ok((pred, neighbours))
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
        let (rows, predicted) = (self.y_train.len(), pred.len());
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

    #[test]
    fn ties_go_to_the_lowest_row_and_targets_are_averaged() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[5.0], [1.0], [-1.0], [1.0], [0.5]])
            .with("y_train", array![9.0, 1.0, 2.0, 4.0, 6.0])
            .with("x_test", array![[0.0]]);
        let mut job = predict(&mut inputs, &mut params(3, 1)).unwrap();
        job.step().unwrap();
        assert_eq!(job.batches.first(), Ok(&(array![3.0], array![[4, 1, 2]])));
    }

    #[test]
    fn rows_of_every_block_are_found() {
        let n = 2 * BLOCK + 3;
        let x = Array2::from_shape_fn((n, 1), |(row, _)| count(row));
        let mut inputs = Inputs::default()
            .with("x_test", array![[count(BLOCK) - 0.4], [count(n)]])
            .with("y_train", x.column(0).to_owned())
            .with("x_train", x);
        let mut job = predict(&mut inputs, &mut params(2, 2)).unwrap();
        job.step().unwrap();
        let (_, neighbours) = job.batches.first().unwrap();
        let row = |row| i64::try_from(row).unwrap();
        assert_eq!(
            neighbours,
            array![[row(BLOCK), row(BLOCK - 1)], [row(n - 1), row(n - 2)]]
        );
    }
}
