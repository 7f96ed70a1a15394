//! `gd_regression.fit`: so many full steps of gradient descent, from zero, with an intercept, in double precision.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use tch::{Device, Kind, Tensor, no_grad};

use crate::arrays::{array, tensor};
use crate::device::{device, synchronise};

/// Of x in one block: small enough to stay in a last-level cache between the two products.
const BLOCK_BYTES: i64 = 1 << 20;

/// Where the steps ended, what the last one found (half the mean square), and what all of them did.
struct Fit {
    coef: Tensor,
    intercept: Tensor,
    last_loss: Tensor,
    steps: i64,
    rows_read: i64,
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
    x: Tensor,
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
    let device = device();
    Ok(Descent {
        x: tensor(&x, device)?,
        y: tensor(&y, device)?,
        lr,
        iterations,
        schedule,
        device,
        fit: None,
    })
}

impl Descent {
    fn descend(&self) -> Fit {
        match self.schedule {
            Schedule::TwoPass => self.walk(self.x.size()[0], 2),
            Schedule::Fused => self.walk((BLOCK_BYTES / 8 / self.x.size()[1]).max(1), 1),
            Schedule::Gram => self.gram(),
        }
    }

    fn zeros(&self, size: &[i64]) -> Tensor {
        Tensor::zeros(size, (Kind::Double, self.device))
    }

    fn blocks(&self, rows: i64) -> Vec<(Tensor, Tensor)> {
        self.x.split(rows, 0).into_iter().zip(self.y.split(rows, 0)).collect()
    }

    /// Steps by blocks of so many rows, which memory gives `reads` times in each.
    fn walk(&self, block: i64, reads: i64) -> Fit {
        let (blocks, rate) = (self.blocks(block), self.lr / self.count());
        let mut fit = Fit {
            coef: self.zeros(&self.x.size()[1..]),
            intercept: self.zeros(&[]),
            last_loss: self.zeros(&[]),
            steps: 0,
            rows_read: 0,
        };
        for _ in 0..self.iterations {
            let mut gradient = fit.coef.zeros_like();
            let (mut offset, mut squares) = (self.zeros(&[]), self.zeros(&[]));
            for (x, y) in &blocks {
                let mut residual = x.mv(&fit.coef);
                let _ = residual.g_add_(&fit.intercept).g_sub_(y);
                let _ = gradient.addmv_(&x.tr(), &residual);
                offset += residual.sum(Kind::Double);
                squares += residual.dot(&residual);
                fit.rows_read += reads * x.size()[0];
            }
            fit.coef -= gradient * rate;
            fit.intercept -= offset * rate;
            fit.last_loss = squares / (2.0 * self.count());
            fit.steps += 1;
        }
        fit
    }

    fn gram(&self) -> Fit {
        let (rows, columns) = (self.x.size()[0], self.x.size()[1]);
        let mut sums = self.zeros(&[columns + 2, columns + 2]);
        for (x, y) in self.blocks((BLOCK_BYTES / 8 / columns).max(1)) {
            let ones = Tensor::ones([x.size()[0], 1], (Kind::Double, self.device));
            let framed = Tensor::cat(&[ones, x, y.unsqueeze(1)], 1);
            let _ = sums.addmm_(&framed.tr(), &framed);
        }
        sums /= self.count();
        let above = sums.narrow(0, 0, columns + 1);
        let (products, right) = (above.narrow(1, 0, columns + 1), above.select(1, columns + 1));
        let square = sums.select(0, columns + 1).select(0, columns + 1);
        let mut weights = self.zeros(&[columns + 1]);
        let mut last_loss = self.zeros(&[]);
        let mut steps = 0;
        for _ in 0..self.iterations {
            let image = products.mv(&weights);
            last_loss = (weights.dot(&image) + &square) / 2.0 - weights.dot(&right);
            weights -= (image - &right) * self.lr;
            steps += 1;
        }
        Fit {
            coef: weights.narrow(0, 1, columns),
            intercept: weights.select(0, 0),
            last_loss,
            steps,
            rows_read: rows,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
    fn count(&self) -> f64 {
        self.x.size()[0] as f64
    }
}

impl Job for Descent {
    fn step(&mut self) -> Result<(), Error> {
        self.fit = Some(no_grad(|| self.descend()));
        synchronise(self.device);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let fit = self.fit.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        Ok(Outputs::new()
            .tensor("coef", array::<f64>(&fit.coef)?)
            .tensor("intercept", array::<f64>(&fit.intercept)?)
            .tensor("last_loss", array::<f64>(&fit.last_loss)?)
            .receipt("steps", fit.steps)
            .receipt("rows_read", fit.rows_read))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    fn found(schedule: &str) -> Fit {
        let x = Array2::from_shape_fn((11, 3), |(row, column)| {
            f64::from(u8::try_from((row * 7 + column * 5) % 11).unwrap()) / 11.0
        });
        let y = x.dot(&Array1::linspace(-1.0, 1.0, 3)) + 0.5;
        let mut inputs = Inputs::default().with("x_train", x).with("y_train", y);
        let params = Params::default().with("lr", 0.1).with("iterations", 50_i64);
        fit(&mut inputs, &mut params.with("schedule", schedule))
            .unwrap()
            .descend()
    }

    #[test]
    fn all_schedules_take_the_same_steps() {
        let walked = found("fused");
        assert_eq!((walked.steps, walked.rows_read), (50, 550));
        for (schedule, rows_read) in [("two_pass", 1100), ("gram", 11)] {
            let other = found(schedule);
            assert!(other.coef.allclose(&walked.coef, 1e-12, 1e-12, false));
            assert!(other.last_loss.allclose(&walked.last_loss, 1e-12, 1e-12, false));
            assert_eq!((other.steps, other.rows_read), (50, rows_read));
        }
    }
}
