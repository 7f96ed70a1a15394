//! `gd_regression.fit`: so many full steps of gradient descent, from zero, with an intercept, in double precision.

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};

use crate::device::{device, failed, finished};
use crate::weights::{array, tensor};

/// Of x in one block: small enough to stay in a last-level cache between the two products.
const BLOCK_BYTES: usize = 1 << 20;

/// Where the steps ended, what the last one found (half the mean square), and what all of them did.
struct Fit {
    /// (d, 1).
    coef: Tensor,
    /// (1, 1), as is the loss.
    intercept: Tensor,
    last_loss: Tensor,
    steps: usize,
    rows_read: usize,
}

#[derive(Clone, Copy)]
enum Schedule {
    /// Each step reads x twice: for the errors of all rows, then for the gradient.
    TwoPass,
    /// Each step reads x once from memory: both products of a block while it is in the cache.
    Fused,
    /// X is read once, for the Gram matrix of [1 x], with which every step is taken.
    Gram,
}

pub(crate) struct Descent {
    /// (n, d).
    x: Tensor,
    /// (n, 1).
    y: Tensor,
    lr: f64,
    iterations: usize,
    schedule: Schedule,
    device: Device,
    fit: Option<Fit>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `lr`, `iterations`, `schedule` "two\_pass", "fused" or "gram".
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<Descent, Error> {
    let (x, y) = (inputs.f64_2d("x_train")?, inputs.f64_1d("y_train")?);
    let (lr, iterations) = (params.float("lr")?, params.count("iterations")?);
    let schedule = match params.text("schedule")?.as_str() {
        "two_pass" => Ok(Schedule::TwoPass),
        "fused" => Ok(Schedule::Fused),
        "gram" => Ok(Schedule::Gram),
        found => Err(Error::params(format!(
            "schedule is {found:?}; awaited \"two_pass\", \"fused\" or \"gram\""
        ))),
    }?;
    let (n, d) = x.dim();
    require(n == y.len(), || {
        format!("y_train has {} rows; x_train has {n}", y.len())
    })?;
    require(n >= 1 && d >= 1, || {
        format!("x_train is {n} x {d}; awaited at least one row and column")
    })?;
    require(lr > 0.0, || format!("lr is {lr}; awaited a number above 0"))?;
    let device = device()?;
    Ok(Descent {
        x: tensor(&x.into_dyn(), &device).map_err(failed)?,
        y: tensor(&y.into_dyn(), &device)
            .and_then(|y| y.unsqueeze(1))
            .map_err(failed)?,
        lr,
        iterations,
        schedule,
        device,
        fit: None,
    })
}

impl Descent {
    fn descend(&self) -> CandleResult<Fit> {
        match self.schedule {
            Schedule::TwoPass => self.walk(self.rows(), 2),
            Schedule::Fused => self.walk(self.block_rows(), 1),
            Schedule::Gram => self.gram(),
        }
    }

    fn rows(&self) -> usize {
        self.x.dims()[0]
    }

    fn block_rows(&self) -> usize {
        (BLOCK_BYTES / DType::F64.size_in_bytes() / self.x.dims()[1]).max(1)
    }

    fn zeros(&self, rows: usize, columns: usize) -> CandleResult<Tensor> {
        Tensor::zeros((rows, columns), DType::F64, &self.device)
    }

    /// Steps by blocks of so many rows, which memory gives `reads` times in each.
    fn walk(&self, block: usize, reads: usize) -> CandleResult<Fit> {
        let blocks = blocks(&self.x, &self.y, block)?;
        let (columns, rows) = (self.x.dims()[1], count(self.rows()));
        let mut fit = Fit {
            coef: self.zeros(columns, 1)?,
            intercept: self.zeros(1, 1)?,
            last_loss: self.zeros(1, 1)?,
            steps: 0,
            rows_read: 0,
        };
        for _ in 0..self.iterations {
            let (mut gradient, mut offset, mut squares) =
                (self.zeros(columns, 1)?, self.zeros(1, 1)?, self.zeros(1, 1)?);
            for (x, y) in &blocks {
                let residual = (x.matmul(&fit.coef)?.broadcast_add(&fit.intercept)? - y)?;
                gradient = (gradient + x.t()?.matmul(&residual)?)?;
                offset = (offset + residual.sum_keepdim(0)?)?;
                squares = (squares + residual.t()?.matmul(&residual)?)?;
                fit.rows_read += reads * x.dims()[0];
            }
            fit.coef = (fit.coef - (gradient * (self.lr / rows))?)?;
            fit.intercept = (fit.intercept - (offset * (self.lr / rows))?)?;
            fit.last_loss = (squares / (2.0 * rows))?;
            fit.steps += 1;
        }
        Ok(fit)
    }

    fn gram(&self) -> CandleResult<Fit> {
        let columns = self.x.dims()[1];
        let mut sums = self.zeros(columns + 2, columns + 2)?;
        for (x, y) in blocks(&self.x, &self.y, self.block_rows())? {
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
        for _ in 0..self.iterations {
            let image = products.matmul(&weights)?;
            let along = weights.t()?;
            last_loss = (((along.matmul(&image)? + &square)? / 2.0)? - along.matmul(&right)?)?;
            weights = (weights - ((image - &right)? * self.lr)?)?;
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

fn blocks(x: &Tensor, y: &Tensor, rows: usize) -> CandleResult<Vec<(Tensor, Tensor)>> {
    let all = x.dims()[0];
    (0..all)
        .step_by(rows)
        .map(|start| {
            let rows = rows.min(all - start);
            Ok((x.narrow(0, start, rows)?, y.narrow(0, start, rows)?))
        })
        .collect()
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
        let scalar = |found: &Tensor| found.flatten_all().and_then(|flat| flat.get(0)).map_err(failed);
        Ok(Outputs::new()
            .tensor("coef", array::<f64>(&fit.coef.flatten_all().map_err(failed)?)?)
            .tensor("intercept", array::<f64>(&scalar(&fit.intercept)?)?)
            .tensor("last_loss", array::<f64>(&scalar(&fit.last_loss)?)?)
            .receipt("steps", fit.steps)
            .receipt("rows_read", fit.rows_read))
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
