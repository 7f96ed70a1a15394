//! Nearest rows by linfa-nn's indexes, ties by the lowest row.

use std::ptr::NonNull;

use linfa_nn::distance::{Distance, L2Dist};
use linfa_nn::{BallTree, KdTree, LinearSearch, NearestNeighbour, NearestNeighbourIndex};
use mlfleet_sdk::{Error, Params, require};
use ndarray::{Array2, ArrayView1};

/// What a job searches by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Every row; nothing is built.
    Brute,
    KdTree,
    BallTree,
}

impl Kind {
    /// The parameter `index`, one of the words.
    pub(crate) fn take(params: &mut Params, awaited: &[Self]) -> Result<Self, Error> {
        let index = params.text("index")?;
        let found = awaited.iter().copied().find(|kind| kind.word() == index);
        found.ok_or_else(|| {
            let words: Vec<_> = awaited.iter().map(|kind| kind.word()).collect();
            Error::params(format!("index is {index:?}; awaited one of {}", words.join(", ")))
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Brute => "brute",
            Self::KdTree => "kd_tree",
            Self::BallTree => "ball_tree",
        }
    }

    fn build(self, rows: &Array2<f64>) -> Result<Box<Index<'_>>, Error> {
        match self {
            Self::Brute => LinearSearch.from_batch(rows, L2Dist),
            Self::KdTree => KdTree.from_batch(rows, L2Dist),
            Self::BallTree => BallTree.from_batch(rows, L2Dist),
        }
        .map_err(Error::bug)
    }
}

type Index<'a> = dyn NearestNeighbourIndex<f64> + Send + Sync + 'a;

/// Rows, and an index of linfa's that borrows them.
pub(crate) struct Indexed {
    kind: Kind,
    /// From `Box::into_raw`, and given back by `drop` alone.
    rows: NonNull<Array2<f64>>,
    /// Borrows `rows`, so it goes first.
    index: Option<Box<Index<'static>>>,
}

impl Indexed {
    /// Rows (n, d) in row-major order, of which nothing is built yet.
    pub(crate) fn new(rows: Array2<f64>, kind: Kind) -> Self {
        Self {
            kind,
            rows: NonNull::from(Box::leak(Box::new(rows))),
            index: None,
        }
    }

    /// Builds the index, in place of the one that was there.
    pub(crate) fn build(&mut self) -> Result<(), Error> {
        #[expect(
            unsafe_code,
            reason = "the rows stay in their place, unchanged, until `drop` has freed the index"
        )]
        let rows: &'static Array2<f64> = unsafe { self.rows.as_ref() };
        self.index = Some(self.kind.build(rows)?);
        Ok(())
    }

    pub(crate) fn rows(&self) -> &Array2<f64> {
        #[expect(unsafe_code, reason = "as above")]
        unsafe {
            self.rows.as_ref()
        }
    }

    /// Whether every distance is computed.
    pub(crate) fn is_brute(&self) -> bool {
        self.kind == Kind::Brute
    }

    /// The k nearest rows, nearest first, the lowest of equally near ones first. linfa gives equally near rows in the
    /// order of its heap, so more are asked for until a farther one shows that none of the tied rows is missing.
    pub(crate) fn nearest(&self, query: ArrayView1<'_, f64>, k: usize) -> Result<Vec<usize>, Error> {
        let index = self.index.as_ref().ok_or_else(|| Error::bug("no index was built"))?;
        let rows = self.rows().nrows();
        let mut asked = rows.min(k + 1);
        loop {
            let mut found: Vec<_> = index
                .k_nearest(query, asked)
                .map_err(Error::bug)?
                .into_iter()
                .map(|(point, row)| (L2Dist.rdistance(query, point), row))
                .collect();
            found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if asked == rows || found[k - 1].0 < found[asked - 1].0 {
                return Ok(found.into_iter().take(k).map(|(_, row)| row).collect());
            }
            asked = rows.min(asked * 2);
        }
    }
}

impl Drop for Indexed {
    fn drop(&mut self) {
        self.index = None;
        #[expect(unsafe_code, reason = "the rows are of `Box`, and nothing borrows them any more")]
        drop(unsafe { Box::from_raw(self.rows.as_ptr()) });
    }
}

/// The parameter `k`, as many rows at most.
pub(crate) fn take_k(params: &mut Params, rows: usize) -> Result<usize, Error> {
    let k = params.count("k")?;
    require(k <= rows, || format!("k is {k}; x_train has {rows} rows"))?;
    Ok(k)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn every_index_gives_ties_by_the_lowest_row() {
        let grid = Array2::from_shape_fn((400, 2), |(row, column)| {
            let place = if column == 0 { row % 20 } else { row / 20 };
            f64::from(u32::try_from(place).unwrap())
        });
        let mut every = Vec::new();
        for kind in [Kind::Brute, Kind::KdTree, Kind::BallTree] {
            let mut indexed = Indexed::new(grid.clone(), kind);
            assert!(indexed.nearest(array![0.0, 0.0].view(), 1).is_err());
            indexed.build().unwrap();
            indexed.build().unwrap();
            every.push(indexed.nearest(array![5.0, 5.0].view(), 8).unwrap());
        }
        assert_eq!(every, [[105, 85, 104, 106, 125, 84, 86, 124]; 3]);
    }

    #[test]
    fn equal_rows_are_all_found() {
        for kind in [Kind::Brute, Kind::KdTree, Kind::BallTree] {
            let mut indexed = Indexed::new(Array2::ones((100, 3)), kind);
            indexed.build().unwrap();
            assert_eq!(indexed.nearest(array![0.0, 0.0, 0.0].view(), 3), Ok(vec![0, 1, 2]));
        }
    }
}
