//! `gd_regression.fit`: so many full steps of gradient descent.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, Axis, concatenate};

use crate::descent::{Fit, count, fused};

enum Schedule {
    /// Each step reads X.
    Fused,
    /// X is read once, for X'X, with which all steps are taken.
    Gram,
}

pub(crate) struct Descent {
    x: Array2<f64>,
    y: Array1<f64>,
    lr: f64,
    iterations: usize,
    schedule: Schedule,
    fit: Option<Fit>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `lr`, `iterations`, `schedule` "fused" or "gram".
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<Descent, Error> {
    let (x, y) = (inputs.f64_2d("x_train")?, inputs.f64_1d("y_train")?);
    let (lr, iterations) = (params.float("lr")?, params.count("iterations")?);
    let schedule = match params.text("schedule")?.as_str() {
        "fused" => Ok(Schedule::Fused),
        "gram" => Ok(Schedule::Gram),
        found => Err(Error::params(format!(
            "schedule is {found:?}; awaited \"fused\" or \"gram\""
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
    Ok(Descent {
        x,
        y,
        lr,
        iterations,
        schedule,
        fit: None,
    })
}

/// Coefficients (d,) and intercept of one [`fit`].
pub(crate) fn fitted(inputs: &mut Inputs, params: &mut Params) -> Result<(Array1<f64>, f64), Error> {
    let found = fit(inputs, params)?.descend()?;
    Ok((found.coef.into(), found.intercept))
}

impl Descent {
    fn descend(&self) -> Result<Fit, Error> {
        match self.schedule {
            Schedule::Fused => {
                let slices = self.x.as_slice().zip(self.y.as_slice());
                let (x, y) = slices.ok_or_else(|| Error::bug("payloads are row-major"))?;
                Ok(fused(x, y, self.lr, self.iterations))
            }
            Schedule::Gram => self.gram(),
        }
    }

    fn gram(&self) -> Result<Fit, Error> {
        let n = self.x.nrows();
        let ones = Array2::ones((n, 1));
        let rows = concatenate(Axis(1), &[ones.view(), self.x.view()]).map_err(Error::bug)?;
        let (products, right) = (rows.t().dot(&rows) / count(n), rows.t().dot(&self.y) / count(n));
        let square = self.y.dot(&self.y) / count(n);
        let mut weights = Array1::zeros(rows.ncols());
        let mut fit = Fit {
            rows_read: rows.nrows(),
            ..Fit::default()
        };
        for _ in 0..self.iterations {
            let image = products.dot(&weights);
            fit.last_loss = f64::midpoint(weights.dot(&image), square) - weights.dot(&right);
            weights.scaled_add(-self.lr, &(image - &right));
            fit.steps += 1;
        }
        fit.intercept = weights[0];
        fit.coef = weights.iter().skip(1).copied().collect();
        Ok(fit)
    }
}

impl Job for Descent {
    fn step(&mut self) -> Result<(), Error> {
        self.fit = Some(self.descend()?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let fit = self.fit.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        Ok(Outputs::new()
            .tensor("coef", Array1::from(fit.coef.clone()))
            .tensor("intercept", fit.intercept)
            .tensor("last_loss", fit.last_loss)
            .receipt("steps", fit.steps)
            .receipt("rows_read", fit.rows_read))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// 9 columns: eight lanes, and one more.
    fn job(schedule: &str, iterations: i64) -> Descent {
        let x = Array2::from_shape_fn((11, 9), |(row, column)| count((row * 7 + column * 5) % 11) / 11.0);
        let y = x.dot(&Array1::linspace(-1.0, 1.0, 9)) + 0.5;
        let mut inputs = Inputs::default().with("x_train", x).with("y_train", y);
        let params = Params::default().with("lr", 0.1).with("iterations", iterations);
        fit(&mut inputs, &mut params.with("schedule", schedule)).unwrap()
    }

    #[test]
    fn the_first_step_follows_the_gradient_from_zero() {
        let job = job("fused", 1);
        let found = job.descend().unwrap();
        let awaited = job.x.t().dot(&job.y) * (0.1 / 11.0);
        assert!(awaited.iter().zip(&found.coef).all(|(a, b)| (a - b).abs() < 1e-15));
        assert!((found.intercept - 0.1 * job.y.sum() / 11.0).abs() < 1e-15);
        assert!((found.last_loss - job.y.dot(&job.y) / 22.0).abs() < 1e-15);
        assert_eq!((found.steps, found.rows_read), (1, 11));
    }

    #[test]
    fn both_schedules_take_the_same_steps() {
        let (fused, gram) = (
            job("fused", 200).descend().unwrap(),
            job("gram", 200).descend().unwrap(),
        );
        assert!(fused.coef.iter().zip(&gram.coef).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!((fused.last_loss - gram.last_loss).abs() < 1e-12);
        assert_eq!((fused.rows_read, gram.rows_read), (200 * 11, 11));
        assert_eq!(fused.steps, gram.steps);
    }

    #[test]
    fn an_unknown_schedule_is_refused() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[1.0]])
            .with("y_train", array![1.0]);
        let params = Params::default().with("lr", 0.1).with("iterations", 1_i64);
        assert!(fit(&mut inputs, &mut params.with("schedule", "two_pass")).is_err());
    }
}
