//! `gd_regression.predict`: what a model by gradient descent makes of a batch of rows.

use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, s};

use crate::gd;

pub(crate) struct Predict {
    coef: Array1<f64>,
    intercept: f64,
    x_test: Array2<f64>,
    batches: Batches<Array1<f64>>,
    rows: usize,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `x_test` f64 (m, d), `lr`, `iterations`, `batch`: fitted here, predicted
/// in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<Predict, Error> {
    let x_test = inputs.f64_2d("x_test")?;
    let x_train = inputs.f64_2d("x_train")?;
    let y_train = inputs.f64_1d("y_train")?;
    let (lr, iterations) = (params.float("lr")?, params.int("iterations")?);
    let (rows, (width, columns)) = (x_train.nrows(), (x_train.ncols(), x_test.ncols()));
    let mut data = Inputs::default().with("x_train", x_train).with("y_train", y_train);
    // By the Gram matrix, which is read once: how the model came about is no part of what is timed.
    let asked = Params::default().with("lr", lr).with("iterations", iterations);
    let (coef, intercept) = gd::fitted(&mut data, &mut asked.with("schedule", "gram"))?;
    require(width == columns, || {
        format!("x_test has {columns} columns; x_train has {width}")
    })?;
    Ok(Predict {
        coef,
        intercept,
        batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
        x_test,
        rows,
    })
}

impl Job for Predict {
    fn step(&mut self) -> Result<(), Error> {
        let rows = self.x_test.slice(s![self.batches.rows(), ..]);
        let pred = rows.dot(&self.coef) + self.intercept;
        self.batches.answer(pred);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("pred", self.batches.first()?.clone())
            .receipt("rows", self.rows)
            .receipt("rows_predicted", self.batches.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn many_steps_predict_as_least_squares_does() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[-1.0], [0.0], [1.0]])
            .with("y_train", array![1.0, 3.0, 5.0])
            .with("x_test", array![[2.0], [10.0]]);
        let params = Params::default()
            .with("lr", 0.5)
            .with("iterations", 300_i64)
            .with("batch", 2_i64);
        let mut params = params;
        let mut job = predict(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        let found = job.batches.first().unwrap();
        assert!((found - &array![7.0, 23.0]).iter().all(|apart| apart.abs() < 1e-9));
    }
}
