//! The nearest of all rows, by products of blocks: half the squared distance, less the query's own share, is
//! |x|^2 / 2 - q x.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

/// Queries and rows of one product: few enough for what it gives (256 KiB) to stay in a core's second cache until it is
/// looked at, and for the queries in the first.
const QUERIES: usize = 64;
const ROWS: usize = 512;

/// Distances that are looked at together: whether any is nearer is one comparison of vectors.
const LANES: usize = 8;

/// Training rows and half of each one's square.
pub(crate) struct Rows {
    x: Array2<f64>,
    half_squares: Vec<f64>,
}

impl Rows {
    /// (n, d) in row-major order.
    pub(crate) fn new(x: Array2<f64>) -> Self {
        let half_squares = x.rows().into_iter().map(|row| row.dot(&row) / 2.0).collect();
        Self { x, half_squares }
    }

    pub(crate) fn count(&self) -> usize {
        self.half_squares.len()
    }

    /// Of each query (m, d) the k nearest rows, nearest first, the lowest of equally near ones first.
    pub(crate) fn nearest(&self, queries: ArrayView2<'_, f64>, k: usize) -> Vec<Vec<usize>> {
        let mut apart = vec![0.0; QUERIES * ROWS];
        let mut found = Vec::with_capacity(queries.nrows());
        for first in (0..queries.nrows()).step_by(QUERIES) {
            let block = queries.slice(s![first..queries.nrows().min(first + QUERIES), ..]);
            let mut kept: Vec<_> = (0..block.nrows()).map(|_| Kept::new(k)).collect();
            for start in (0..self.count()).step_by(ROWS) {
                let rows = start..self.count().min(start + ROWS);
                let apart = &mut apart[..block.nrows() * rows.len()];
                self.measure(block, rows.clone(), apart);
                for (kept, apart) in kept.iter_mut().zip(apart.chunks_exact(rows.len())) {
                    kept.look_at(rows.start, apart);
                }
            }
            found.extend(kept.into_iter().map(Kept::rows));
        }
        found
    }

    /// What each query and row lie apart, (queries, rows) in row-major order.
    fn measure(&self, queries: ArrayView2<'_, f64>, rows: Range<usize>, apart: &mut [f64]) {
        let halves = &self.half_squares[rows.clone()];
        if queries.nrows() == 1 {
            let query = queries.row(0);
            // A product of matrices would first copy the rows into an order of its own, which takes longer than this.
            let x = self.x.slice(s![rows, ..]);
            for ((apart, half), row) in apart.iter_mut().zip(halves).zip(x.outer_iter()) {
                *apart = half - row.dot(&query);
            }
            return;
        }
        for line in apart.chunks_exact_mut(rows.len()) {
            line.copy_from_slice(halves);
        }
        let shape = (queries.nrows(), rows.len());
        let mut apart = ArrayViewMut2::from_shape(shape, apart).expect("as many as the block has pairs");
        let x = self.x.slice(s![rows, ..]);
        general_mat_mul(-1.0, &queries, &x.t(), 1.0, &mut apart);
    }
}

/// The k nearest so far, nearest first.
struct Kept {
    k: usize,
    found: Vec<(f64, usize)>,
    /// Of the farthest, once there are k.
    limit: f64,
}

impl Kept {
    fn new(k: usize) -> Self {
        Self {
            k,
            found: Vec::with_capacity(k + 1),
            limit: f64::INFINITY,
        }
    }

    /// The rows from `start` on.
    #[expect(clippy::needless_bitwise_bool, reason = "a lazy operator would branch at each lane")]
    fn look_at(&mut self, start: usize, apart: &[f64]) {
        for (lanes, place) in apart.chunks(LANES).zip((start..).step_by(LANES)) {
            if lanes
                .iter()
                .fold(false, |nearer, &distance| nearer | (distance < self.limit))
            {
                for (row, &distance) in (place..).zip(lanes) {
                    self.take(row, distance);
                }
            }
        }
    }

    fn take(&mut self, row: usize, distance: f64) {
        if distance < self.limit {
            // Behind those that are as near: rows come in ascending order.
            let place = self.found.partition_point(|&(other, _)| other <= distance);
            self.found.insert(place, (distance, row));
            self.found.truncate(self.k);
            if self.found.len() == self.k {
                self.limit = self.found[self.k - 1].0;
            }
        }
    }

    fn rows(self) -> Vec<usize> {
        self.found.into_iter().map(|(_, row)| row).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::descent::count;

    #[test]
    fn ties_go_to_the_lowest_row() {
        let rows = Rows::new(array![[5.0], [1.0], [-1.0], [1.0], [0.5]]);
        assert_eq!(rows.nearest(array![[0.0]].view(), 4), [[4, 1, 2, 3]]);
    }

    #[test]
    fn rows_and_queries_of_every_block_are_found() {
        let n = 2 * ROWS + 3;
        let rows = Rows::new(Array2::from_shape_fn((n, 1), |(row, _)| count(row)));
        let queries = Array2::from_shape_fn((n, 1), |(row, _)| count(row) + 0.1);
        for (row, found) in rows.nearest(queries.view(), 2).into_iter().enumerate() {
            let second = if row + 1 < n { row + 1 } else { row - 1 };
            assert_eq!(found, [row, second]);
        }
    }
}
