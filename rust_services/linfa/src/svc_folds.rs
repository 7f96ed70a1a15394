//! `svc.cross_validate`, `svc.calibrate`, `svc.predict_proba`: loops over linfa-svm's fit, by delivered folds.

use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::folds::{Fold, folds};
use crate::machines::{Rows, decision_of, decisions, fit as fit_machine, fit_part, training};
use crate::platt::Sigmoid;
use crate::svc::{labels, machine_params, require_two};

/// What is learnt from, and which rows each fold holds out.
struct Folds {
    x: Array2<f64>,
    y: Vec<usize>,
    parts: Vec<Fold>,
    params: SvmValidParams<f64, bool>,
}

impl Folds {
    /// `folds` i64 (n,) in 0..k; the rows outside each fold must be of both classes.
    fn new(
        inputs: &mut Inputs,
        x: Array2<f64>,
        y: Vec<usize>,
        classes: usize,
        params: SvmValidParams<f64, bool>,
    ) -> Result<Self, Error> {
        require_two(classes)?;
        let parts = folds(inputs, y.len())?;
        for (number, part) in parts.iter().enumerate() {
            let ones = part.fitted.iter().filter(|&&row| y[row] == 1).count();
            require(0 < ones && ones < part.fitted.len(), || {
                format!("folds: the rows outside fold {number} hold 1 class; awaited 2")
            })?;
        }
        Ok(Self { x, y, parts, params })
    }

    /// Decision values of each row by the machine that did not see it.
    fn decide(&self) -> Result<Array1<f64>, Error> {
        let mut decision = Array1::zeros(self.y.len());
        for Fold { fitted, held } in &self.parts {
            let svm = fit_part(&self.params, &self.x, &self.y, fitted, 1)?;
            for &row in held {
                decision[row] = decision_of(&svm, self.x.row(row));
            }
        }
        Ok(decision)
    }

    /// The sigmoid of out-of-fold decisions, and a machine on all rows.
    fn calibrate(&self) -> Result<(Svm<f64, bool>, Sigmoid), Error> {
        let positive: Vec<bool> = self.y.iter().map(|&class| class == 1).collect();
        let sigmoid = Sigmoid::fit(&self.decide()?, &positive)?;
        Ok((fit_machine(&self.params, self.x.view(), &self.y, 1)?, sigmoid))
    }

    fn receipt(&self, outputs: Outputs, fits: usize) -> Outputs {
        outputs
            .receipt("rows", self.y.len())
            .receipt("machines", fits)
            .receipt("fits", fits)
    }
}

pub(crate) struct CrossValidate {
    folds: Folds,
    decision: Array1<f64>,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,) of classes 0 and 1, `folds` i64 (n,), `c`, `kernel`, `gamma`, `tol`.
pub(crate) fn cross_validate(inputs: &mut Inputs, params: &mut Params) -> Result<CrossValidate, Error> {
    let (kernel, params) = machine_params(params)?;
    let (x, y, classes) = training(inputs, kernel)?;
    Ok(CrossValidate {
        folds: Folds::new(inputs, x, y, classes, params)?,
        decision: Array1::zeros(0),
    })
}

impl Job for CrossValidate {
    fn step(&mut self) -> Result<(), Error> {
        self.decision = self.folds.decide()?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let outputs = Outputs::new()
            .tensor("labels", labels(&self.decision))
            .tensor("decision", self.decision.clone().insert_axis(Axis(1)));
        Ok(self.folds.receipt(outputs, self.folds.parts.len()))
    }
}

pub(crate) struct Calibrate {
    folds: Folds,
    x_test: Array2<f64>,
    model: Option<(Svm<f64, bool>, Sigmoid)>,
}

/// As [`cross_validate`], and `x_test` f64 (m, d).
pub(crate) fn calibrate(inputs: &mut Inputs, params: &mut Params) -> Result<Calibrate, Error> {
    let (kernel, params) = machine_params(params)?;
    let rows = Rows::take(inputs, kernel)?;
    Ok(Calibrate {
        folds: Folds::new(inputs, rows.x_train, rows.y_train, rows.classes, params)?,
        x_test: rows.x_test,
        model: None,
    })
}

/// Probabilities (m, 2) of both classes.
fn probabilities((svm, sigmoid): &(Svm<f64, bool>, Sigmoid), x: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut proba = Array2::zeros((x.nrows(), 2));
    for (mut both, decision) in proba.rows_mut().into_iter().zip(decisions(svm, x)) {
        both[1] = sigmoid.probability(decision);
        both[0] = 1.0 - both[1];
    }
    proba
}

impl Job for Calibrate {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(self.folds.calibrate()?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self
            .model
            .as_ref()
            .ok_or_else(|| Error::bug("nothing was calibrated"))?;
        let outputs = Outputs::new().tensor("proba", probabilities(model, self.x_test.view()));
        Ok(self.folds.receipt(outputs, self.folds.parts.len() + 1))
    }
}

pub(crate) struct PredictProba {
    folds: Folds,
    x_test: Array2<f64>,
    model: (Svm<f64, bool>, Sigmoid),
    batches: Batches<Array2<f64>>,
}

/// As [`calibrate`], and `batch`: calibrated here, probabilities in the steps.
pub(crate) fn predict_proba(inputs: &mut Inputs, params: &mut Params) -> Result<PredictProba, Error> {
    let batch = params.count("batch")?;
    let Calibrate { folds, x_test, .. } = calibrate(inputs, params)?;
    Ok(PredictProba {
        batches: Batches::new("x_test", x_test.nrows(), batch)?,
        model: folds.calibrate()?,
        folds,
        x_test,
    })
}

impl Job for PredictProba {
    fn step(&mut self) -> Result<(), Error> {
        let proba = probabilities(&self.model, self.x_test.slice(s![self.batches.rows(), ..]));
        self.batches.answer(proba);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let outputs = Outputs::new()
            .tensor("proba", self.batches.first()?.clone())
            .receipt("rows_predicted", self.batches.size());
        Ok(self.folds.receipt(outputs, self.folds.parts.len() + 1))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn job(y: Array1<i64>, folds: Array1<i64>) -> Result<CrossValidate, Error> {
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0], [0.2], [5.0], [5.2], [0.1], [5.1]])
            .with("y_train", y)
            .with("folds", folds);
        let params = Params::default().with("c", 1.0).with("gamma", 0.5);
        cross_validate(&mut inputs, &mut params.with("tol", 1e-3).with("kernel", "linear"))
    }

    #[test]
    fn each_row_is_decided_by_the_machine_that_did_not_see_it() {
        let mut job = job(array![0, 0, 1, 1, 0, 1], array![0, 1, 0, 1, 2, 2]).unwrap();
        job.step().unwrap();
        assert_eq!(labels(&job.decision), array![0, 0, 1, 1, 0, 1]);
        let svm = fit_part(&job.folds.params, &job.folds.x, &job.folds.y, &[0, 2, 4, 5], 1).unwrap();
        assert!((job.decision[3] - decision_of(&svm, job.folds.x.row(3))).abs() < 1e-12);
    }

    #[test]
    fn folds_that_leave_one_class_are_refused() {
        let refusal = job(array![0, 0, 1, 1, 0, 1], array![0, 1, 2, 2, 1, 2]).err().unwrap();
        assert!(refusal.to_string().contains("outside fold 2 hold 1 class"), "{refusal}");
    }
}
