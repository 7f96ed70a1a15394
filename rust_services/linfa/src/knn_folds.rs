//! `knn_classify.cross_validate`: of each fold's rows the vote of their neighbours among all others.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, Axis};

use crate::decide::{Decide, Vote};
use crate::folds::{Fold, folds};
use crate::search::{Indexed, Kind};

pub(crate) struct KnnValidate {
    x_train: Array2<f64>,
    y_train: Array1<i64>,
    folds: Vec<Fold>,
    k: usize,
    kind: Kind,
    pred: Array1<i64>,
    fits: usize,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,), `folds` i64 (n,) of 0, 1 ..., `k`, `index`.
pub(crate) fn validate(inputs: &mut Inputs, params: &mut Params) -> Result<KnnValidate, Error> {
    let (x_train, y_train) = (inputs.f64_2d("x_train")?, inputs.i64_1d("y_train")?);
    let (n, d) = x_train.dim();
    require(d >= 1, || "x_train has no columns".to_owned())?;
    let labels = y_train.len();
    require(labels == n, || format!("y_train has {labels} rows; x_train has {n}"))?;
    let folds = folds(inputs, n)?;
    let fewest = folds.iter().map(|fold| fold.fitted.len()).min().unwrap_or(0);
    let k = params.count("k")?;
    require(k <= fewest, || {
        format!("k is {k}; x_train has {n} rows, {fewest} without a fold's")
    })?;
    Ok(KnnValidate {
        pred: Array1::zeros(n),
        x_train,
        y_train,
        folds,
        k,
        kind: Kind::take(params, &[Kind::Brute, Kind::KdTree, Kind::BallTree])?,
        fits: 0,
    })
}

impl Job for KnnValidate {
    fn step(&mut self) -> Result<(), Error> {
        self.fits = 0;
        for Fold { fitted, held } in &self.folds {
            let mut indexed = Indexed::new(self.x_train.select(Axis(0), fitted), self.kind);
            indexed.build()?;
            let labels: Vec<_> = fitted.iter().map(|&row| self.y_train[row]).collect();
            let mut vote = Vote::new(&labels);
            for &row in held {
                self.pred[row] = vote.decide(&indexed.nearest(self.x_train.row(row), self.k)?);
            }
            self.fits += 1;
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", self.pred.clone())
            .receipt("rows", self.pred.len())
            .receipt("fits", self.fits))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_row_is_judged_by_the_other_folds_alone() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
            .with("y_train", array![7_i64, 5, 5, 8, 8, 6])
            .with("folds", array![0_i64, 1, 1, 0, 0, 1]);
        let mut params = Params::default().with("k", 1_i64).with("index", "brute");
        let mut job = validate(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        job.step().unwrap();
        assert_eq!((job.pred, job.fits), (array![5, 7, 7, 6, 6, 8], 2));
    }
}
