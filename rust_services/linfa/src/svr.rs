//! `svr.fit`, `svr.predict`: linfa-svm's regression with a tube of `epsilon`.

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use linfa_svm::{Svm, SvmValidParams};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, s};

use crate::machines::{Kernel, decisions, ended, positive};

pub(crate) struct SvrFit {
    x_train: Array2<f64>,
    y_train: Array1<f64>,
    x_test: Array2<f64>,
    params: SvmValidParams<f64, f64>,
    svm: Option<Svm<f64, f64>>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `x_test` f64 (m, d), `c`, `epsilon`, `kernel`, `gamma`, `tol`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<SvrFit, Error> {
    let (c, epsilon, tol) = (
        positive(params, "c")?,
        positive(params, "epsilon")?,
        positive(params, "tol")?,
    );
    let kernel = Kernel::take(params)?;
    let x_train = inputs.f64_2d("x_train")?;
    let y_train = inputs.f64_1d("y_train")?;
    let x_test = inputs.f64_2d("x_test")?;
    let ((n, d), columns) = (x_train.dim(), x_test.ncols());
    require(n == y_train.len(), || {
        format!("y_train has {} rows; x_train has {n}", y_train.len())
    })?;
    require(n >= 1 && d >= 1, || {
        format!("x_train is {n} x {d}; awaited at least one row and column")
    })?;
    require(d == columns, || {
        format!("x_test has {columns} columns; x_train has {d}")
    })?;
    // linfa's `eps` is the stop and this the tube, though its documentation calls both epsilon.
    let set = kernel.set(Svm::<f64, f64>::params().c_svr(c, Some(epsilon)), tol);
    Ok(SvrFit {
        x_train: kernel.rows(x_train),
        y_train,
        x_test: kernel.rows(x_test),
        params: set.check().map_err(|error| Error::params(error.to_string()))?,
        svm: None,
    })
}

impl Job for SvrFit {
    fn step(&mut self) -> Result<(), Error> {
        let data = DatasetBase::new(self.x_train.view(), self.y_train.view());
        self.svm = Some(self.params.fit(&data).map_err(Error::bug)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let svm = self.svm.as_ref().ok_or_else(|| Error::bug("no machine was fitted"))?;
        let outputs = Outputs::new().tensor("pred", decisions(svm, self.x_test.view()));
        let members: Vec<usize> = (0..self.y_train.len()).collect();
        ended(outputs, std::iter::once((svm, &members[..])), members.len())
    }
}

pub(crate) struct SvrPredict {
    svm: Svm<f64, f64>,
    x_test: Array2<f64>,
    rows: usize,
    batches: Batches<Array1<f64>>,
}

/// As [`fit`], and `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<SvrPredict, Error> {
    let batch = params.count("batch")?;
    let mut job = fit(inputs, params)?;
    let batches = Batches::new("x_test", job.x_test.nrows(), batch)?;
    job.step()?;
    Ok(SvrPredict {
        svm: job.svm.ok_or_else(|| Error::bug("no machine was fitted"))?,
        x_test: job.x_test,
        rows: job.y_train.len(),
        batches,
    })
}

impl Job for SvrPredict {
    fn step(&mut self) -> Result<(), Error> {
        let pred = decisions(&self.svm, self.x_test.slice(s![self.batches.rows(), ..]));
        self.batches.answer(pred);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", self.batches.first()?.clone())
            .receipt("rows", self.rows)
            .receipt("machines", 1_i64)
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn job(epsilon: f64) -> SvrFit {
        let mut inputs = Inputs::default()
            .with("x_train", array![[0.0], [1.0], [2.0], [3.0]])
            .with("y_train", array![0.0, 1.0, 2.0, 3.0])
            .with("x_test", array![[0.0], [3.0]]);
        let mut params = Params::default()
            .with("c", 100.0)
            .with("epsilon", epsilon)
            .with("kernel", "linear")
            .with("gamma", 1.0)
            .with("tol", 1e-9);
        let mut job = fit(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        job
    }

    #[test]
    fn epsilon_is_the_tube_and_tol_the_stop() {
        // The flattest line that stays within the tube: its ends are epsilon from those of the data.
        for epsilon in [0.25, 1.0] {
            let job = job(epsilon);
            let pred = decisions(job.svm.as_ref().unwrap(), job.x_test.view());
            assert!((pred[0] - epsilon).abs() < 1e-6 && (pred[1] - (3.0 - epsilon)).abs() < 1e-6);
            let (eps, shrinking) = (job.params.solver_params().eps, job.params.solver_params().shrinking);
            assert!((eps - 1e-9).abs() < 1e-20 && !shrinking);
        }
    }
}
