//! `gd_regression.fit`: so many full steps of gradient descent, from zero, with an intercept, in double precision.

use mlfleet_sdk::descent::{Schedule, Steps, asked};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};
use tch::{Device, Kind, Tensor, no_grad};

use crate::arrays::{array, length, tensor};
use crate::device::{device, synchronise};

/// Coefficients (d,), the others ().
type Fit = mlfleet_sdk::descent::Fit<Tensor>;

pub(crate) struct Descent {
    x: Tensor,
    y: Tensor,
    asked: Steps,
    device: Device,
    fit: Option<Fit>,
}

/// As every service takes it.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<Descent, Error> {
    let (x, y, asked) = asked(inputs, params)?;
    let device = device();
    Ok(Descent {
        x: tensor(&x, device)?,
        y: tensor(&y, device)?,
        asked,
        device,
        fit: None,
    })
}

impl Descent {
    fn descend(&self) -> Result<Fit, Error> {
        match self.asked.schedule {
            Schedule::TwoPass | Schedule::Fused => self.walk(),
            Schedule::Gram => self.gram(),
        }
    }

    fn zeros(&self, size: &[i64]) -> Tensor {
        Tensor::zeros(size, (Kind::Double, self.device))
    }

    fn blocks(&self) -> Result<Vec<(Tensor, Tensor)>, Error> {
        let (n, d) = (length(self.x.size()[0])?, length(self.x.size()[1])?);
        let rows = i64::try_from(self.asked.schedule.block_rows(n, d)).map_err(Error::bug)?;
        Ok(self.x.split(rows, 0).into_iter().zip(self.y.split(rows, 0)).collect())
    }

    /// Steps by blocks, with both products of each.
    fn walk(&self) -> Result<Fit, Error> {
        let (blocks, reads) = (self.blocks()?, self.asked.schedule.reads());
        let rate = self.asked.lr / self.count();
        let mut fit = Fit {
            coef: self.zeros(&self.x.size()[1..]),
            intercept: self.zeros(&[]),
            last_loss: self.zeros(&[]),
            steps: 0,
            rows_read: 0,
        };
        for _ in 0..self.asked.iterations {
            let mut gradient = fit.coef.zeros_like();
            let (mut offset, mut squares) = (self.zeros(&[]), self.zeros(&[]));
            for (x, y) in &blocks {
                let mut residual = x.mv(&fit.coef);
                let _ = residual.g_add_(&fit.intercept).g_sub_(y);
                let _ = gradient.addmv_(&x.tr(), &residual);
                offset += residual.sum(Kind::Double);
                squares += residual.dot(&residual);
                fit.rows_read += reads * length(x.size()[0])?;
            }
            fit.coef -= gradient * rate;
            fit.intercept -= offset * rate;
            fit.last_loss = squares / (2.0 * self.count());
            fit.steps += 1;
        }
        Ok(fit)
    }

    fn gram(&self) -> Result<Fit, Error> {
        let columns = self.x.size()[1];
        let mut sums = self.zeros(&[columns + 2, columns + 2]);
        for (x, y) in self.blocks()? {
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
        for _ in 0..self.asked.iterations {
            let image = products.mv(&weights);
            last_loss = (weights.dot(&image) + &square) / 2.0 - weights.dot(&right);
            weights -= (image - &right) * self.asked.lr;
            steps += 1;
        }
        Ok(Fit {
            coef: weights.narrow(0, 1, columns),
            intercept: weights.select(0, 0),
            last_loss,
            steps,
            rows_read: length(self.x.size()[0])?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
    fn count(&self) -> f64 {
        self.x.size()[0] as f64
    }
}

impl Job for Descent {
    fn step(&mut self) -> Result<(), Error> {
        self.fit = Some(no_grad(|| self.descend())?);
        synchronise(self.device);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let fit = self.fit.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        fit.outputs(array::<f64>, array::<f64>)
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
            .unwrap()
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
