//! `nu_svc.fit`, `nu_svc.predict`, `nu_svc_ovo.fit`: linfa-svm's machines of a share nu, alone or for each pair.

use linfa::ParamGuard;
use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, s};

use crate::machines::{Kernel, Rows, ended, positive};
use crate::nu_machine::{Machine, decide};
use crate::svc::require_two;

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

impl Job for NuFit {
    fn step(&mut self) -> Result<(), Error> {
        self.machines = self
            .pairs
            .iter()
            .map(|&pair| Machine::fit(&self.params, self.kernel, &self.rows, pair))
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
