//! `linear_svc.fit`, `linear_svc.predict`: linfa has no linear machine with a penalised intercept; it is written here.

use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::dual_descent::{Loss, Machine, Problem};

/// `x_train` f64 (n, d), `y_train` i64 (n,) of the classes 0 and 1, `x_test` f64 (m, d), `c`, `loss`, `tol`, `max_iter`.
fn take(inputs: &mut Inputs, params: &mut Params) -> Result<(Problem, Array2<f64>), Error> {
    let x = inputs.f64_2d("x_train")?;
    let labels = inputs.i64_1d("y_train")?;
    let x_test = inputs.f64_2d("x_test")?;
    let ((n, d), columns) = (x.dim(), x_test.ncols());
    require(n == labels.len(), || {
        format!("y_train has {} rows; x_train has {n}", labels.len())
    })?;
    require(d >= 1, || "x_train has no columns; awaited at least 1".to_owned())?;
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    require(classes == [0, 1], || {
        format!(
            "y_train holds {} classes {classes:?}; awaited 2: 0 and 1",
            classes.len()
        )
    })?;
    let (c, tol) = (params.float("c")?, params.float("tol")?);
    for (name, value) in [("c", c), ("tol", tol)] {
        require(value > 0.0, || format!("{name} is {value}; awaited above 0"))?;
    }
    let loss = match params.text("loss")?.as_str() {
        "hinge" => Loss::Hinge,
        "squared_hinge" => Loss::SquaredHinge,
        found => {
            return Err(Error::params(format!(
                "loss is {found:?}; awaited \"hinge\" or \"squared_hinge\""
            )));
        }
    };
    let signs = labels
        .iter()
        .map(|&label| if label == 1 { 1.0 } else { -1.0 })
        .collect();
    let max_iter = params.count("max_iter")?;
    Ok((
        Problem {
            x,
            signs,
            loss,
            c,
            tol,
            max_iter,
        },
        x_test,
    ))
}

impl Machine {
    fn decide(&self, x: &ArrayView2<'_, f64>) -> Array1<f64> {
        x.dot(&self.coef) + self.intercept
    }
}

pub(crate) struct LinearSvcFit {
    problem: Problem,
    x_test: Array2<f64>,
    machine: Option<Machine>,
}

/// See [`take`].
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<LinearSvcFit, Error> {
    let (problem, x_test) = take(inputs, params)?;
    Ok(LinearSvcFit {
        problem,
        x_test,
        machine: None,
    })
}

impl Job for LinearSvcFit {
    fn step(&mut self) -> Result<(), Error> {
        self.machine = Some(self.problem.solve());
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let machine = self
            .machine
            .as_ref()
            .ok_or_else(|| Error::bug("no machine was fitted"))?;
        Ok(Outputs::new()
            .tensor("coef", machine.coef.clone())
            .tensor("intercept", machine.intercept)
            .tensor("decision", machine.decide(&self.x_test.view()))
            .receipt("rows", self.problem.x.nrows())
            .receipt("machines", 1_i64)
            .receipt("n_iter", machine.n_iter)
            .receipt("converged", machine.n_iter < self.problem.max_iter))
    }
}

pub(crate) struct LinearSvcPredict {
    machine: Machine,
    rows: usize,
    converged: bool,
    x_test: Array2<f64>,
    /// Labels and decision values.
    batches: Batches<(Array1<i64>, Array1<f64>)>,
}

/// As [`fit`], and `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<LinearSvcPredict, Error> {
    let (problem, x_test) = take(inputs, params)?;
    let batches = Batches::new("x_test", x_test.nrows(), params.count("batch")?)?;
    let machine = problem.solve();
    Ok(LinearSvcPredict {
        converged: machine.n_iter < problem.max_iter,
        machine,
        rows: problem.x.nrows(),
        x_test,
        batches,
    })
}

impl Job for LinearSvcPredict {
    fn step(&mut self) -> Result<(), Error> {
        let decision = self.machine.decide(&self.x_test.slice(s![self.batches.rows(), ..]));
        let labels = decision.mapv(|value| i64::from(value > 0.0));
        self.batches.answer((labels, decision));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (labels, decision) = self.batches.first()?.clone();
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("decision", decision)
            .receipt("rows", self.rows)
            .receipt("machines", 1_i64)
            .receipt("rows_predicted", self.batches.size())
            .receipt("converged", self.converged))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn params(loss: &str) -> Params {
        Params::default()
            .with("c", 1.0)
            .with("loss", loss)
            .with("tol", 1e-6)
            .with("max_iter", 100_i64)
    }

    fn inputs() -> Inputs {
        Inputs::default()
            .with("x_train", array![[-1.0], [1.0], [-3.0], [4.0]])
            .with("x_test", array![[-0.5], [0.25], [9.0]])
    }

    #[test]
    fn positive_decisions_speak_for_class_1() {
        let mut given = inputs().with("y_train", array![0_i64, 1, 0, 1]);
        let mut job = predict(&mut given, &mut params("hinge").with("batch", 3_i64)).unwrap();
        job.step().unwrap();
        let (labels, decision) = job.batches.first().unwrap();
        assert_eq!(labels, array![0, 1, 1]);
        assert!((decision[0] + 0.5).abs() < 1e-5);
    }

    #[test]
    fn other_classes_than_0_and_1_are_refused() {
        for labels in [array![0_i64, 0, 0, 0], array![0, 1, 2, 1], array![1, 2, 1, 2]] {
            let refusal = fit(&mut inputs().with("y_train", labels), &mut params("hinge")).err();
            assert!(refusal.unwrap().to_string().contains("awaited 2: 0 and 1"));
        }
    }
}
