//! `svc_ovo.fit`: one of linfa-svm's binary machines for each pair of classes.

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, Axis};

/// linfa's shrinking returns wrong models as converged, and panics: it stays off, here and in every framework.
const SHRINKING: bool = false;

/// linfa-svm counts a row as a support vector beyond this weight.
const SUPPORT: f64 = 100.0 * f64::EPSILON;

/// The machine of a pair of classes and the training rows it was fitted on.
struct Machine {
    pair: (usize, usize),
    rows: Vec<usize>,
    svm: Svm<f64, bool>,
}

pub(crate) struct SvcFit {
    x_train: Array2<f64>,
    y_train: Vec<usize>,
    classes: usize,
    x_test: Array2<f64>,
    params: SvmValidParams<f64, bool>,
    machines: Vec<Machine>,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,) of classes 0..c, `x_test` f64 (m, d), `c`, `kernel` "rbf", `gamma`, `tol`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<SvcFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let labels = inputs.i64_1d("y_train")?;
    let x_test = inputs.f64_2d("x_test")?;
    let ((n, d), columns) = (x_train.dim(), x_test.ncols());
    require(n == labels.len(), || {
        format!("y_train has {} rows; x_train has {n}", labels.len())
    })?;
    require(d >= 1, || "x_train has no columns".to_owned())?;
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    let (y_train, classes) = classes(&labels)?;
    Ok(SvcFit {
        x_train,
        y_train,
        classes,
        x_test,
        params: machine_params(params)?,
        machines: Vec::new(),
    })
}

/// The labels as indices, and the number of classes; each class from 0 on must be there.
fn classes(labels: &Array1<i64>) -> Result<(Vec<usize>, usize), Error> {
    let y_train: Vec<usize> = labels
        .iter()
        .map(|&label| usize::try_from(label).map_err(|_| Error::params(format!("y_train has the class {label}"))))
        .collect::<Result<_, _>>()?;
    let mut found = y_train.clone();
    found.sort_unstable();
    found.dedup();
    require(found.len() >= 2, || {
        format!("y_train has {} classes; awaited at least 2", found.len())
    })?;
    let gapless = found.iter().enumerate().all(|(place, &class)| place == class);
    require(gapless, || {
        format!("y_train has the classes {found:?}; awaited 0, 1, 2 and so on")
    })?;
    Ok((y_train, found.len()))
}

fn machine_params(params: &mut Params) -> Result<SvmValidParams<f64, bool>, Error> {
    let (c, gamma, tol) = (params.float("c")?, params.float("gamma")?, params.float("tol")?);
    for (name, value) in [("c", c), ("gamma", gamma), ("tol", tol)] {
        require(value > 0.0, || format!("{name} is {value}; awaited above 0"))?;
    }
    let kernel = params.text("kernel")?;
    require(kernel == "rbf", || format!("kernel is {kernel:?}; awaited \"rbf\""))?;
    Svm::<f64, bool>::params()
        .pos_neg_weights(c, c)
        .gaussian_kernel(1.0 / gamma)
        .eps(tol)
        .shrinking(SHRINKING)
        .check()
        .map_err(|error| Error::params(error.to_string()))
}

impl SvcFit {
    /// Fits the pair's machine: positive for its first class.
    fn machine(&self, pair: (usize, usize)) -> Result<Machine, Error> {
        let in_pair = |row: &usize| self.y_train[*row] == pair.0 || self.y_train[*row] == pair.1;
        let rows: Vec<usize> = (0..self.y_train.len()).filter(in_pair).collect();
        let x = self.x_train.select(Axis(0), &rows);
        let positive: Array1<bool> = rows.iter().map(|&row| self.y_train[row] == pair.0).collect();
        let svm = self.params.fit(&DatasetBase::new(x, positive)).map_err(Error::bug)?;
        Ok(Machine { pair, rows, svm })
    }

    /// Decision values on `x_test`, (m, machines), and the class with most votes, the lowest of several.
    fn decide(&self) -> (Array2<f64>, Array1<i64>) {
        let mut decision = Array2::zeros((self.x_test.nrows(), self.machines.len()));
        let mut labels = Array1::zeros(self.x_test.nrows());
        for ((row, mut values), label) in self.x_test.rows().into_iter().zip(decision.rows_mut()).zip(&mut labels) {
            let mut votes = vec![0_u32; self.classes];
            for (machine, value) in self.machines.iter().zip(&mut values) {
                *value = machine.svm.weighted_sum(&row) - machine.svm.rho;
                let (first, second) = machine.pair;
                votes[if *value > 0.0 { first } else { second }] += 1;
            }
            let most = votes.iter().max().copied();
            let winner = votes.iter().position(|&count| Some(count) == most).unwrap_or_default();
            *label = i64::try_from(winner).expect("fewer than 2^63 classes");
        }
        (decision, labels)
    }

    /// Distinct training rows that support at least one machine.
    fn support(&self) -> usize {
        let mut supports = vec![false; self.y_train.len()];
        for machine in &self.machines {
            for (&row, alpha) in machine.rows.iter().zip(&machine.svm.alpha) {
                supports[row] |= alpha.abs() > SUPPORT;
            }
        }
        supports.into_iter().filter(|&supports| supports).count()
    }
}

/// Iterations of a machine and whether it met its tolerance, which linfa-svm tells only in its printed form.
fn stopped(svm: &Svm<f64, bool>) -> Result<(i64, bool), Error> {
    let printed = svm.to_string();
    let unknown = || Error::bug(format!("linfa-svm prints {printed:?}; its wording has changed"));
    let (rest, converged) = match printed.strip_prefix("Exited after ") {
        Some(rest) => (rest, true),
        None => (
            printed
                .strip_prefix("Reached maximal iterations ")
                .ok_or_else(unknown)?,
            false,
        ),
    };
    let n_iter = rest
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .ok_or_else(unknown)?;
    Ok((n_iter, converged))
}

impl Job for SvcFit {
    fn step(&mut self) -> Result<(), Error> {
        let pairs = (0..self.classes).flat_map(|first| (first + 1..self.classes).map(move |second| (first, second)));
        self.machines = pairs.map(|pair| self.machine(pair)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (decision, labels) = self.decide();
        let (mut n_iter, mut converged) = (0, true);
        for machine in &self.machines {
            let (count, met) = stopped(&machine.svm)?;
            n_iter += count;
            converged &= met;
        }
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("decision", decision)
            .receipt("rows", self.x_train.nrows())
            .receipt("machines", self.machines.len())
            .receipt("n_iter", n_iter)
            .receipt("n_support", self.support())
            .receipt("converged", converged))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params() -> Params {
        Params::default()
            .with("c", 1.0)
            .with("gamma", 0.5)
            .with("tol", 1e-3)
            .with("kernel", "rbf")
    }

    #[test]
    fn shrinking_stays_off() {
        let machine = machine_params(&mut params()).unwrap();
        assert!(!machine.solver_params().shrinking);
    }

    #[test]
    fn machines_come_in_the_order_of_pairs_and_speak_for_the_first_class() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
            .with("y_train", array![0_i64, 0, 1, 1, 2, 2])
            .with("x_test", array![[0.05], [5.05], [9.05]]);
        let mut job = fit(&mut inputs, &mut params()).unwrap();
        job.step().unwrap();
        let (decision, labels) = job.decide();
        assert_eq!(labels, array![0, 1, 2]);
        let pairs: Vec<_> = job.machines.iter().map(|machine| machine.pair).collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (1, 2)]);
        assert!(decision[(0, 0)] > 0.0 && decision[(1, 0)] < 0.0 && decision[(1, 2)] > 0.0);
        let (n_iter, converged) = stopped(&job.machines[0].svm).unwrap();
        assert!(n_iter > 0 && converged);
    }

    #[test]
    fn classes_must_be_gapless_and_at_least_two() {
        assert!(classes(&array![0, 2]).is_err());
        assert!(classes(&array![0, 0]).is_err());
        assert!(classes(&array![-1, 0]).is_err());
        assert_eq!(classes(&array![1, 0, 1]), Ok((vec![1, 0, 1], 2)));
    }
}
