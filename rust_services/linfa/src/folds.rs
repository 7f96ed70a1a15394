//! Delivered folds: which rows each fit holds out.

use mlfleet_sdk::{Error, Inputs, require};

/// The rows that a fit gets, and those it is asked about.
pub(crate) struct Fold {
    pub(crate) fitted: Vec<usize>,
    pub(crate) held: Vec<usize>,
}

/// `folds` i64 (n,): of each of `rows` rows the fold 0, 1, 2 ... that holds it out; none may be empty.
pub(crate) fn folds(inputs: &mut Inputs, rows: usize) -> Result<Vec<Fold>, Error> {
    let ids = inputs.i64_1d("folds")?.to_vec();
    require(ids.len() == rows, || {
        format!("folds has {} rows; x_train has {rows}", ids.len())
    })?;
    let mut found = ids.clone();
    found.sort_unstable();
    found.dedup();
    let gapless = (0..).zip(&found).all(|(place, &fold)| place == fold);
    require(gapless, || {
        format!("folds has the ids {found:?}; awaited rows in each of 0, 1, 2 and so on")
    })?;
    require(found.len() >= 2, || {
        format!("folds has {} fold; awaited at least 2", found.len())
    })?;
    let split = |&fold: &i64| {
        let (held, fitted) = (0..rows).partition(|&row| ids[row] == fold);
        Fold { fitted, held }
    };
    Ok(found.iter().map(split).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn refusal(ids: ndarray::Array1<i64>) -> String {
        let rows = ids.len();
        folds(&mut Inputs::default().with("folds", ids), rows)
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn each_row_is_held_out_once() {
        let mut inputs = Inputs::default().with("folds", array![1_i64, 0, 2, 0]);
        let found = folds(&mut inputs, 4).unwrap();
        let held: Vec<_> = found.iter().map(|fold| fold.held.clone()).collect();
        assert_eq!(held, [vec![1, 3], vec![0], vec![2]]);
        assert_eq!(found[0].fitted, [0, 2]);
    }

    #[test]
    fn a_fold_without_rows_and_a_single_fold_are_refused() {
        assert!(refusal(array![0, 2, 2]).contains("[0, 2]"));
        assert!(refusal(array![-1, 0, 1]).contains("awaited rows in each"));
        assert!(refusal(array![0, 0]).contains("at least 2"));
    }
}
