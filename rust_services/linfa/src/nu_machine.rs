//! linfa-svm's machine of a share nu, for one of two classes: on the scale of its margin, where it has one.

use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::Error;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::machines::{Kernel, Rows, decision_of, fit, fit_part};
use crate::pairs::highest;

/// For the first class or the second, fitted on the rows of both.
pub(crate) struct Machine {
    speaks: (usize, usize),
    pub(crate) rows: Vec<usize>,
    pub(crate) svm: Svm<f64, bool>,
    /// Of the linear kernel. linfa divides weights and threshold by the margin, but not the hyperplane that it keeps.
    plane: Option<Array1<f64>>,
}

impl Machine {
    /// Of the rows of those two classes; rows are copied only where some are left out.
    pub(crate) fn fit(
        params: &SvmValidParams<f64, bool>,
        kernel: Kernel,
        of: &Rows,
        speaks: (usize, usize),
    ) -> Result<Self, Error> {
        let (x, y) = (&of.x_train, &of.y_train);
        let in_pair = |row: &usize| y[*row] == speaks.0 || y[*row] == speaks.1;
        let rows: Vec<usize> = (0..y.len()).filter(in_pair).collect();
        let svm = if rows.len() == y.len() {
            fit(params, x.view(), y, speaks.0)?
        } else {
            fit_part(params, x, y, &rows, speaks.0)?
        };
        let plane = (kernel == Kernel::Linear).then(|| plane(x, &rows, &svm));
        Ok(Self {
            speaks,
            rows,
            svm,
            plane,
        })
    }

    /// False where all support vectors of a side are at a bound: linfa then takes the larger of infinity and a slope for
    /// the margin, divides by it, and calls that converged.
    pub(crate) fn has_margin(&self) -> bool {
        self.svm.alpha.iter().any(|alpha| alpha.abs() > 0.0)
    }

    fn decide(&self, row: ArrayView1<'_, f64>) -> f64 {
        match &self.plane {
            Some(plane) => plane.dot(&row) - self.svm.rho,
            None => decision_of(&self.svm, row),
        }
    }
}

fn plane(x: &Array2<f64>, rows: &[usize], svm: &Svm<f64, bool>) -> Array1<f64> {
    let mut plane = Array1::zeros(x.ncols());
    for (&row, &alpha) in rows.iter().zip(&svm.alpha) {
        plane.scaled_add(alpha, &x.row(row));
    }
    plane
}

/// Decision values, (m, machines), and labels: the class with most votes, the lowest of several.
pub(crate) fn decide(machines: &[Machine], classes: usize, x: ArrayView2<'_, f64>) -> (Array2<f64>, Array1<i64>) {
    let mut decision = Array2::zeros((x.nrows(), machines.len()));
    let mut labels = Array1::zeros(x.nrows());
    let mut votes = vec![0_u32; classes];
    for ((row, mut values), label) in x.rows().into_iter().zip(decision.rows_mut()).zip(&mut labels) {
        votes.fill(0);
        for (machine, value) in machines.iter().zip(&mut values) {
            *value = machine.decide(row);
            let (first, second) = machine.speaks;
            votes[if *value > 0.0 { first } else { second }] += 1;
        }
        *label = highest(&votes);
    }
    (decision, labels)
}
