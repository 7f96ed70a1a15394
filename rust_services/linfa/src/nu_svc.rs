//! `nu_svc.fit`, `nu_svc.predict`, `nu_svc_ovo.fit`: linfa-svm's machines of a share nu, alone or for each pair.

use linfa::ParamGuard;
use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};

use crate::machines::{Kernel, Rows, decision_of, ended, fit as fit_machine, fit_part, positive};
use crate::pairs::highest;
use crate::svc::require_two;

/// For the first class or the second, fitted on the rows of both.
struct Machine {
    speaks: (usize, usize),
    rows: Vec<usize>,
    svm: Svm<f64, bool>,
    /// Of the linear kernel. linfa divides weights and threshold by the margin, but not the hyperplane that it keeps.
    plane: Option<Array1<f64>>,
}

impl Machine {
    /// False where all support vectors of a side are at a bound: linfa then takes the larger of infinity and a slope for
    /// the margin, divides by it, and calls that converged.
    fn has_margin(&self) -> bool {
        self.svm.alpha.iter().any(|alpha| alpha.abs() > 0.0)
    }

    fn decide(&self, row: ArrayView1<'_, f64>) -> f64 {
        match &self.plane {
            Some(plane) => plane.dot(&row) - self.svm.rho,
            None => decision_of(&self.svm, row),
        }
    }
}

pub(crate) struct NuFit {
    rows: Rows,
    kernel: Kernel,
    params: SvmValidParams<f64, bool>,
    /// Of each machine the class that it speaks for, and the other one.
    pairs: Vec<(usize, usize)>,
    machines: Vec<Machine>,
}

/// One machine, positive for class 1. `x_train` f64 (n, d), `y_train` i64 (n,) of classes from 0 on, `x_test` f64 (m, d),
/// `nu`, `kernel`, `gamma`, `tol`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<NuFit, Error> {
    NuFit::take(inputs, params, |classes| {
        require_two(classes)?;
        Ok(vec![(1, 0)])
    })
}

/// As [`fit`], of pairs of classes in the order (0,1), (0,2), (1,2) and so on, positive for the first.
pub(crate) fn fit_ovo(inputs: &mut Inputs, params: &mut Params) -> Result<NuFit, Error> {
    NuFit::take(inputs, params, |classes| {
        Ok((0..classes)
            .flat_map(|first| (first + 1..classes).map(move |second| (first, second)))
            .collect())
    })
}

impl NuFit {
    fn take(
        inputs: &mut Inputs,
        params: &mut Params,
        pairs: impl FnOnce(usize) -> Result<Vec<(usize, usize)>, Error>,
    ) -> Result<Self, Error> {
        let (nu, tol) = (positive(params, "nu")?, positive(params, "tol")?);
        let kernel = Kernel::take(params)?;
        let rows = Rows::take(inputs, kernel)?;
        let pairs = pairs(rows.classes)?;
        for &pair in &pairs {
            require_feasible(nu, pair, &rows.y_train)?;
        }
        let set = kernel.set(Svm::<f64, bool>::params().nu_weight(nu), tol);
        Ok(Self {
            rows,
            kernel,
            params: set.check().map_err(|error| Error::params(error.to_string()))?,
            pairs,
            machines: Vec::new(),
        })
    }

    fn machine(&self, speaks: (usize, usize)) -> Result<Machine, Error> {
        let y = &self.rows.y_train;
        let in_pair = |row: &usize| y[*row] == speaks.0 || y[*row] == speaks.1;
        let rows: Vec<usize> = (0..y.len()).filter(in_pair).collect();
        let x = &self.rows.x_train;
        // Rows are copied only where some are left out.
        let svm = if rows.len() == y.len() {
            fit_machine(&self.params, x.view(), y, speaks.0)?
        } else {
            fit_part(&self.params, x, y, &rows, speaks.0)?
        };
        let plane = (self.kernel == Kernel::Linear).then(|| self.plane(&rows, &svm));
        Ok(Machine {
            speaks,
            rows,
            svm,
            plane,
        })
    }

    fn plane(&self, rows: &[usize], svm: &Svm<f64, bool>) -> Array1<f64> {
        let mut plane = Array1::zeros(self.rows.x_train.ncols());
        for (&row, &alpha) in rows.iter().zip(&svm.alpha) {
            plane.scaled_add(alpha, &self.rows.x_train.row(row));
        }
        plane
    }
}

/// The weights of each side must add up to half of nu n, and none is above 1.
fn require_feasible(nu: f64, pair: (usize, usize), y: &[usize]) -> Result<(), Error> {
    let [one, other] = [pair.0, pair.1].map(|class| count(y, class));
    let limit = 2.0 * one.min(other) / (one + other);
    require(nu * (one + other) / 2.0 <= one.min(other), || {
        let (first, second) = (pair.0.min(pair.1), pair.0.max(pair.1));
        format!(
            "nu is {nu}; awaited above 0 and at most {limit:.6}: 2 min(n+, n-) / n of the classes {first} and {second}"
        )
    })
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
fn count(y: &[usize], class: usize) -> f64 {
    y.iter().filter(|&&label| label == class).count() as f64
}

/// Decision values, (m, machines), and labels: the class with most votes, the lowest of several.
fn decide(machines: &[Machine], classes: usize, x: ArrayView2<'_, f64>) -> (Array2<f64>, Array1<i64>) {
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

impl Job for NuFit {
    fn step(&mut self) -> Result<(), Error> {
        self.machines = self
            .pairs
            .iter()
            .map(|&pair| self.machine(pair))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (decision, labels) = decide(&self.machines, self.rows.classes, self.rows.x_test.view());
        let outputs = Outputs::new().tensor("labels", labels).tensor("decision", decision);
        let machines = self.machines.iter();
        let outputs = ended(
            outputs,
            machines.map(|machine| (&machine.svm, &machine.rows[..])),
            self.rows.y_train.len(),
        )?;
        Ok(if self.machines.iter().all(Machine::has_margin) {
            outputs
        } else {
            outputs.receipt("converged", false)
        })
    }
}

pub(crate) struct NuPredict {
    fitted: NuFit,
    batches: Batches<(Array2<f64>, Array1<i64>)>,
}

/// As [`fit`], and `batch`: fitted here, decided in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<NuPredict, Error> {
    let batch = params.count("batch")?;
    let mut fitted = fit(inputs, params)?;
    let batches = Batches::new("x_test", fitted.rows.x_test.nrows(), batch)?;
    fitted.step()?;
    Ok(NuPredict { fitted, batches })
}

impl Job for NuPredict {
    fn step(&mut self) -> Result<(), Error> {
        let rows = &self.fitted.rows;
        let x = rows.x_test.slice(s![self.batches.rows(), ..]);
        let answer = decide(&self.fitted.machines, rows.classes, x);
        self.batches.answer(answer);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (decision, labels) = self.batches.first()?.clone();
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("decision", decision)
            .receipt("rows", self.fitted.rows.y_train.len())
            .receipt("machines", self.fitted.machines.len())
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params(kernel: &str, nu: f64) -> Params {
        Params::default()
            .with("nu", nu)
            .with("kernel", kernel)
            .with("gamma", 1.0)
            .with("tol", 1e-9)
    }

    fn inputs() -> Inputs {
        Inputs::default()
            .with("x_train", array![[-1.0], [-2.0], [-1.5], [1.0], [3.0]])
            .with("y_train", array![0_i64, 0, 0, 1, 1])
            .with("x_test", array![[-1.0], [0.5], [1.0]])
    }

    #[test]
    fn a_linear_machine_is_on_the_scale_of_its_margin() {
        // Each side weighs 1.5: its nearest row 1 and the next one, which so lies on the margin, 0.5.
        let mut job = fit(&mut inputs(), &mut params("linear", 0.6)).unwrap();
        job.step().unwrap();
        let (decision, labels) = decide(&job.machines, 2, job.rows.x_test.view());
        assert_eq!(labels, array![0, 0, 1]);
        for (value, awaited) in decision.iter().zip([-7.0 / 9.0, -1.0 / 9.0, 1.0 / 9.0]) {
            assert!((value - awaited).abs() < 1e-6);
        }
    }

    #[test]
    fn a_side_without_a_weight_between_its_bounds_has_not_converged() {
        for (nu, converged) in [(0.4, false), (0.6, true)] {
            let mut job = fit(&mut inputs(), &mut params("linear", nu)).unwrap();
            job.step().unwrap();
            assert_eq!(job.outputs().unwrap().tensors()["receipt.converged"], converged.into());
        }
    }

    #[test]
    fn a_share_that_one_side_cannot_carry_is_refused() {
        assert!(fit(&mut inputs(), &mut params("rbf", 0.8)).is_ok());
        let refusal = fit(&mut inputs(), &mut params("rbf", 0.81)).err().unwrap();
        let words = "params: nu is 0.81; awaited above 0 and at most 0.800000: \
                     2 min(n+, n-) / n of the classes 0 and 1";
        assert_eq!(refusal.to_string(), words);
        assert!(fit_ovo(&mut inputs(), &mut params("rbf", 0.81)).is_err());
    }
}
