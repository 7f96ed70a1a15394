//! `svc.fit`, `svc.predict`: linfa-svm's binary machine, positive for class 1.

use linfa::ParamGuard;
use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, Axis, s};

use crate::machines::{Kernel, Rows, decisions, ended, fit as fit_machine, positive};

/// `c`, `kernel`, `gamma`, `tol`: C-SVC with one C for both sides.
pub(crate) fn machine_params(params: &mut Params) -> Result<(Kernel, SvmValidParams<f64, bool>), Error> {
    let (c, tol) = (positive(params, "c")?, positive(params, "tol")?);
    let kernel = Kernel::take(params)?;
    let set = kernel.set(Svm::<f64, bool>::params().pos_neg_weights(c, c), tol);
    let set = set.check().map_err(|error| Error::params(error.to_string()))?;
    Ok((kernel, set))
}

/// Refuses more classes than one machine tells apart.
pub(crate) fn require_two(classes: usize) -> Result<(), Error> {
    require(classes == 2, || format!("y_train has {classes} classes; awaited 2"))
}

/// Class 1 where the decision value is above 0.
pub(crate) fn labels(decision: &Array1<f64>) -> Array1<i64> {
    decision.mapv(|value| i64::from(value > 0.0))
}

pub(crate) struct SvcFit {
    rows: Rows,
    params: SvmValidParams<f64, bool>,
    svm: Option<Svm<f64, bool>>,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,) of classes 0 and 1, `x_test` f64 (m, d), `c`, `kernel`, `gamma`, `tol`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<SvcFit, Error> {
    let (kernel, params) = machine_params(params)?;
    let rows = Rows::take(inputs, kernel)?;
    require_two(rows.classes)?;
    Ok(SvcFit {
        rows,
        params,
        svm: None,
    })
}

impl Job for SvcFit {
    fn step(&mut self) -> Result<(), Error> {
        let (x, y) = (self.rows.x_train.view(), &self.rows.y_train);
        self.svm = Some(fit_machine(&self.params, x, y, 1)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let svm = self.svm.as_ref().ok_or_else(|| Error::bug("no machine was fitted"))?;
        let decision = decisions(svm, self.rows.x_test.view());
        let outputs = Outputs::new()
            .tensor("labels", labels(&decision))
            .tensor("decision", decision.insert_axis(Axis(1)));
        let members: Vec<usize> = (0..self.rows.y_train.len()).collect();
        ended(outputs, std::iter::once((svm, &members[..])), members.len())
    }
}

pub(crate) struct SvcPredict {
    svm: Svm<f64, bool>,
    x_test: Array2<f64>,
    rows: usize,
    batches: Batches<(Array1<i64>, Array1<f64>)>,
}

/// As [`fit`], and `batch`: fitted here, decided in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<SvcPredict, Error> {
    let batch = params.count("batch")?;
    let mut job = fit(inputs, params)?;
    let batches = Batches::new("x_test", job.rows.x_test.nrows(), batch)?;
    job.step()?;
    Ok(SvcPredict {
        svm: job.svm.ok_or_else(|| Error::bug("no machine was fitted"))?,
        x_test: job.rows.x_test,
        rows: job.rows.y_train.len(),
        batches,
    })
}

impl Job for SvcPredict {
    fn step(&mut self) -> Result<(), Error> {
        let decision = decisions(&self.svm, self.x_test.slice(s![self.batches.rows(), ..]));
        self.batches.answer((labels(&decision), decision));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let (labels, decision) = self.batches.first()?.clone();
        Ok(Outputs::new()
            .tensor("labels", labels)
            .tensor("decision", decision.insert_axis(Axis(1)))
            .receipt("rows", self.rows)
            .receipt("machines", 1_i64)
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_machine_speaks_for_class_1() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[5.0], [5.1], [0.0], [0.1]])
            .with("y_train", array![1_i64, 1, 0, 0])
            .with("x_test", array![[5.0], [0.0]]);
        let mut params = Params::default()
            .with("c", 1.0)
            .with("gamma", 0.5)
            .with("tol", 1e-3)
            .with("kernel", "rbf");
        let mut job = fit(&mut inputs, &mut params).unwrap();
        assert!(!job.params.solver_params().shrinking);
        job.step().unwrap();
        let decision = decisions(job.svm.as_ref().unwrap(), job.rows.x_test.view());
        assert_eq!(labels(&decision), array![1, 0]);
    }
}
