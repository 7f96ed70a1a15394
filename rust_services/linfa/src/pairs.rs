//! A machine for each pair of classes, and their votes.

use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Error, Outputs};
use ndarray::{Array1, Array2, ArrayView2};

use crate::machines::{Rows, decision_of, ended, fit_part};

/// A machine for each pair of classes, positive for the first of them.
pub(crate) struct Pairs {
    classes: usize,
    machines: Vec<Pair>,
}

/// For the first class or the second, fitted on the rows of both.
struct Pair {
    speaks: (usize, usize),
    rows: Vec<usize>,
    svm: Svm<f64, bool>,
}

impl Pairs {
    /// In the order (0,1), (0,2), (1,2) and so on.
    pub(crate) fn fit(params: &SvmValidParams<f64, bool>, rows: &Rows) -> Result<Self, Error> {
        let classes = rows.classes;
        let pairs = (0..classes).flat_map(|first| (first + 1..classes).map(move |second| (first, second)));
        let machine = |pair: (usize, usize)| {
            let in_pair = |row: &usize| rows.y_train[*row] == pair.0 || rows.y_train[*row] == pair.1;
            let members: Vec<usize> = (0..rows.y_train.len()).filter(in_pair).collect();
            let svm = fit_part(params, &rows.x_train, &rows.y_train, &members, pair.0)?;
            Ok(Pair {
                speaks: pair,
                rows: members,
                svm,
            })
        };
        Ok(Self {
            classes,
            machines: pairs.map(machine).collect::<Result<_, _>>()?,
        })
    }

    /// How many machines there are.
    pub(crate) fn count(&self) -> usize {
        self.machines.len()
    }

    /// Decision values, (m, machines), and the class with most votes, the lowest of several.
    pub(crate) fn decide(&self, x: ArrayView2<'_, f64>) -> (Array2<f64>, Array1<i64>) {
        let mut decision = Array2::zeros((x.nrows(), self.machines.len()));
        let mut labels = Array1::zeros(x.nrows());
        let mut votes = vec![0_u32; self.classes];
        for ((row, mut values), label) in x.rows().into_iter().zip(decision.rows_mut()).zip(&mut labels) {
            votes.fill(0);
            for (machine, value) in self.machines.iter().zip(&mut values) {
                *value = decision_of(&machine.svm, row);
                let (first, second) = machine.speaks;
                votes[if *value > 0.0 { first } else { second }] += 1;
            }
            *label = highest(&votes);
        }
        (decision, labels)
    }

    /// Adds what the machines did: how many, iterations, whether all converged, rows that support at least one.
    pub(crate) fn receipt(&self, outputs: Outputs, rows: usize) -> Result<Outputs, Error> {
        let machines = self.machines.iter();
        ended(outputs, machines.map(|machine| (&machine.svm, &machine.rows[..])), rows)
    }
}

/// The place of the highest value, the first of several.
pub(crate) fn highest<T: PartialOrd>(values: &[T]) -> i64 {
    let mut place = 0;
    for (other, value) in values.iter().enumerate() {
        if *value > values[place] {
            place = other;
        }
    }
    i64::try_from(place).expect("fewer than 2^63 classes")
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::array;

    use super::*;
    use crate::machines::Kernel;

    #[test]
    fn machines_come_in_the_order_of_pairs_and_speak_for_the_first_class() {
        let rows = Rows {
            x_train: array![[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]],
            y_train: vec![0, 0, 1, 1, 2, 2],
            classes: 3,
            x_test: array![[0.05], [5.05], [9.05]],
        };
        let kernel = Kernel::Rbf { gamma: 0.5 };
        let params = kernel.set(Svm::<f64, bool>::params(), 1e-3).check().unwrap();
        let pairs = Pairs::fit(&params, &rows).unwrap();
        let (decision, labels) = pairs.decide(rows.x_test.view());
        assert_eq!(labels, array![0, 1, 2]);
        let order: Vec<_> = pairs.machines.iter().map(|machine| machine.speaks).collect();
        assert_eq!(order, [(0, 1), (0, 2), (1, 2)]);
        assert!(decision[(0, 0)] > 0.0 && decision[(1, 0)] < 0.0 && decision[(1, 2)] > 0.0);
    }

    #[test]
    fn of_several_highest_the_first_wins() {
        assert_eq!(highest(&[1, 3, 3]), 1);
        assert_eq!(highest(&[-0.5, -0.5]), 0);
    }
}
