//! `gd_regression.fit`: so many full steps of gradient descent, from zero, with an intercept, in double precision.

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use mlfleet_sdk::descent::{Schedule, Steps, asked};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};

use crate::device::{device, failed, finished};
use crate::weights::{array, tensor};

/// Coefficients (d, 1), the others (1, 1).
type Fit = mlfleet_sdk::descent::Fit<Tensor>;

pub(crate) struct Descent {
    /// (n, d).
    x: Tensor,
    /// (n, 1).
    y: Tensor,
    asked: Steps,
    device: Device,
    fit: Option<Fit>,
}

/// As every service takes it.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<Descent, Error> {
    let (x, y, asked) = asked(inputs, params)?;
    let device = device()?;
    Ok(Descent {
        x: tensor(&x.into_dyn(), &device).map_err(failed)?,
        y: tensor(&y.into_dyn(), &device)
            .and_then(|y| y.unsqueeze(1))
            .map_err(failed)?,
        asked,
        device,
        fit: None,
    })
}

impl Descent {
    fn descend(&self) -> CandleResult<Fit> {
        match self.asked.schedule {
            Schedule::TwoPass | Schedule::Fused => self.walk(),
            Schedule::Gram => self.gram(),
        }
    }

    fn rows(&self) -> usize {
        self.x.dims()[0]
    }

    fn columns(&self) -> usize {
        self.x.dims()[1]
    }

    fn zeros(&self, rows: usize, columns: usize) -> CandleResult<Tensor> {
        Tensor::zeros((rows, columns), DType::F64, &self.device)
    }

    fn blocks(&self) -> CandleResult<Vec<(Tensor, Tensor)>> {
        let (all, block) = (self.rows(), self.asked.schedule.block_rows(self.rows(), self.columns()));
        (0..all)
            .step_by(block)
            .map(|start| {
                let rows = block.min(all - start);
                Ok((self.x.narrow(0, start, rows)?, self.y.narrow(0, start, rows)?))
            })
            .collect()
    }

    /// Steps by blocks, with both products of each.
    fn walk(&self) -> CandleResult<Fit> {
        let (blocks, reads) = (self.blocks()?, self.asked.schedule.reads());
        let (columns, rows) = (self.columns(), count(self.rows()));
        let mut fit = Fit {
            coef: self.zeros(columns, 1)?,
            intercept: self.zeros(1, 1)?,
            last_loss: self.zeros(1, 1)?,
            steps: 0,
            rows_read: 0,
        };
        for _ in 0..self.asked.iterations {
            let (mut gradient, mut offset, mut squares) =
                (self.zeros(columns, 1)?, self.zeros(1, 1)?, self.zeros(1, 1)?);
            for (x, y) in &blocks {
                let residual = (x.matmul(&fit.coef)?.broadcast_add(&fit.intercept)? - y)?;
                gradient = (gradient + x.t()?.matmul(&residual)?)?;
                offset = (offset + residual.sum_keepdim(0)?)?;
                squares = (squares + residual.t()?.matmul(&residual)?)?;
                fit.rows_read += reads * x.dims()[0];
            }
            fit.coef = (fit.coef - (gradient * (self.asked.lr / rows))?)?;
            fit.intercept = (fit.intercept - (offset * (self.asked.lr / rows))?)?;
            fit.last_loss = (squares / (2.0 * rows))?;
            fit.steps += 1;
        }
        Ok(fit)
    }

    fn gram(&self) -> CandleResult<Fit> {
        let columns = self.columns();
        let mut sums = self.zeros(columns + 2, columns + 2)?;
        for (x, y) in self.blocks()? {
            let framed = Tensor::cat(&[&y.ones_like()?, &x, &y], 1)?;
            sums = (sums + framed.t()?.matmul(&framed)?)?;
        }
        let sums = (sums / count(self.rows()))?;
        let above = sums.narrow(0, 0, columns + 1)?;
        let products = above.narrow(1, 0, columns + 1)?.contiguous()?;
        let right = above.narrow(1, columns + 1, 1)?.contiguous()?;
        let square = sums.narrow(0, columns + 1, 1)?.narrow(1, columns + 1, 1)?;
        let mut weights = self.zeros(columns + 1, 1)?;
        let mut last_loss = self.zeros(1, 1)?;
        let mut steps = 0;
        for _ in 0..self.asked.iterations {
            let image = products.matmul(&weights)?;
            let along = weights.t()?;
            last_loss = (((along.matmul(&image)? + &square)? / 2.0)? - along.matmul(&right)?)?;
            weights = (weights - ((image - &right)? * self.asked.lr)?)?;
            steps += 1;
        }
        Ok(Fit {
            coef: weights.narrow(0, 1, columns)?,
            intercept: weights.narrow(0, 0, 1)?,
            last_loss,
            steps,
            rows_read: self.rows(),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
fn count(rows: usize) -> f64 {
    rows as f64
}

impl Job for Descent {
    fn step(&mut self) -> Result<(), Error> {
        self.fit = Some(finished(&self.device, || self.descend())?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let fit = self.fit.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        let elements = |found: &Tensor| found.flatten_all().map_err(failed);
        let scalar = |found: &Tensor| array::<f64>(&elements(found)?.get(0).map_err(failed)?);
        fit.outputs(|coef| array::<f64>(&elements(coef)?), scalar)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    fn found(schedule: &str) -> Fit {
        let x = Array2::from_shape_fn((11, 3), |(row, column)| count((row * 7 + column * 5) % 11) / 11.0);
        let y = x.dot(&Array1::linspace(-1.0, 1.0, 3)) + 0.5;
        let mut inputs = Inputs::default().with("x_train", x).with("y_train", y);
        let params = Params::default().with("lr", 0.1).with("iterations", 50_i64);
        let job = fit(&mut inputs, &mut params.with("schedule", schedule)).unwrap();
        job.descend().unwrap()
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        let (a, b) = (array::<f64>(a).unwrap(), array::<f64>(b).unwrap());
        a.shape() == b.shape() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn all_schedules_take_the_same_steps() {
        let walked = found("fused");
        assert_eq!((walked.steps, walked.rows_read), (50, 550));
        for (schedule, rows_read) in [("two_pass", 1100), ("gram", 11)] {
            let other = found(schedule);
            assert!(close(&other.coef, &walked.coef));
            assert!(close(&other.last_loss, &walked.last_loss));
            assert_eq!((other.steps, other.rows_read), (50, rows_read));
        }
    }
}
