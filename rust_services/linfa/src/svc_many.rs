//! `svc_ovo.fit`, `svc_ovo.predict`, `svc_ovr.fit`: several of linfa-svm's binary machines for more than two classes.

use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, s};

use crate::machines::{Rows, decisions, ended, fit as fit_machine};
use crate::pairs::{Pairs, highest};
use crate::svc::machine_params;

pub(crate) struct OvoFit {
    rows: Rows,
    params: SvmValidParams<f64, bool>,
    pairs: Option<Pairs>,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,) of classes 0..c, `x_test` f64 (m, d), `c`, `kernel`, `gamma`, `tol`.
pub(crate) fn fit_ovo(inputs: &mut Inputs, params: &mut Params) -> Result<OvoFit, Error> {
    let (kernel, params) = machine_params(params)?;
    Ok(OvoFit {
        rows: Rows::take(inputs, kernel)?,
        params,
        pairs: None,
    })
}

impl Job for OvoFit {
    fn step(&mut self) -> Result<(), Error> {
        self.pairs = Some(Pairs::fit(&self.params, &self.rows)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let pairs = self.pairs.as_ref().ok_or_else(|| Error::bug("no machine was fitted"))?;
        let (decision, labels) = pairs.decide(self.rows.x_test.view());
        let outputs = Outputs::new().tensor("labels", labels).tensor("decision", decision);
        pairs.receipt(outputs, self.rows.y_train.len())
    }
}

pub(crate) struct OvoPredict {
    pairs: Pairs,
    x_test: Array2<f64>,
    rows: usize,
    batches: Batches<(Array2<f64>, Array1<i64>)>,
}

/// As [`fit_ovo`], and `batch`: fitted here, decided in the steps.
pub(crate) fn predict_ovo(inputs: &mut Inputs, params: &mut Params) -> Result<OvoPredict, Error> {
    let batch = params.count("batch")?;
    let mut job = fit_ovo(inputs, params)?;
    let batches = Batches::new("x_test", job.rows.x_test.nrows(), batch)?;
    job.step()?;
    Ok(OvoPredict {
        pairs: job.pairs.ok_or_else(|| Error::bug("no machine was fitted"))?,
        x_test: job.rows.x_test,
        rows: job.rows.y_train.len(),
        batches,
    })
}

impl Job for OvoPredict {
    fn step(&mut self) -> Result<(), Error> {
        let answer = self.pairs.decide(self.x_test.slice(s![self.batches.rows(), ..]));
        self.batches.answer(answer);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (decision, labels) = self.batches.first()?.clone();
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("decision", decision)
            .receipt("rows", self.rows)
            .receipt("machines", self.pairs.count())
            .receipt("rows_predicted", self.batches.size()))
    }
}

pub(crate) struct OvrFit {
    rows: Rows,
    params: SvmValidParams<f64, bool>,
    machines: Vec<Svm<f64, bool>>,
}

/// As [`fit_ovo`], of at least three classes: with two, both machines would be one.
pub(crate) fn fit_ovr(inputs: &mut Inputs, params: &mut Params) -> Result<OvrFit, Error> {
    let (kernel, params) = machine_params(params)?;
    let rows = Rows::take(inputs, kernel)?;
    require(rows.classes > 2, || {
        format!(
            "y_train has {} classes; awaited at least 3, each against the rest",
            rows.classes
        )
    })?;
    Ok(OvrFit {
        rows,
        params,
        machines: Vec::new(),
    })
}

impl OvrFit {
    /// Decision values on `x_test`, (m, classes), and the class with the largest.
    fn decide(&self) -> (Array2<f64>, Array1<i64>) {
        let x = self.rows.x_test.view();
        let mut decision = Array2::zeros((x.nrows(), self.machines.len()));
        for (machine, mut values) in self.machines.iter().zip(decision.columns_mut()) {
            values.assign(&decisions(machine, x));
        }
        let labels = decision.rows().into_iter().map(|row| highest(&row.to_vec())).collect();
        (decision, labels)
    }
}

impl Job for OvrFit {
    fn step(&mut self) -> Result<(), Error> {
        let (x, y) = (self.rows.x_train.view(), &self.rows.y_train);
        let machine = |class| fit_machine(&self.params, x, y, class);
        self.machines = (0..self.rows.classes).map(machine).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (decision, labels) = self.decide();
        let outputs = Outputs::new().tensor("labels", labels).tensor("decision", decision);
        let members: Vec<usize> = (0..self.rows.y_train.len()).collect();
        let machines = self.machines.iter().map(|machine| (machine, &members[..]));
        ended(outputs, machines, members.len())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn each_class_against_the_rest_and_the_largest_decision_wins() {
        let params = || {
            Params::default()
                .with("c", 1.0)
                .with("gamma", 0.5)
                .with("tol", 1e-3)
                .with("kernel", "rbf")
        };
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
            .with("y_train", array![0_i64, 0, 1, 1, 2, 2])
            .with("x_test", array![[0.05], [5.05], [9.05]]);
        let mut job = fit_ovr(&mut inputs, &mut params()).unwrap();
        job.step().unwrap();
        let (decision, labels) = job.decide();
        assert_eq!(labels, array![0, 1, 2]);
        assert!(decision[(1, 1)] > 0.0 && decision[(1, 0)] < 0.0 && decision[(1, 2)] < 0.0);

        let mut two = Inputs::default()
            .with("x_train", array![[0.0], [5.0]])
            .with("y_train", array![0_i64, 1])
            .with("x_test", array![[0.0]]);
        assert!(fit_ovr(&mut two, &mut params()).is_err());
    }
}
