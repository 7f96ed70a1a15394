//! `gd_regression.fit`: so many full steps of gradient descent.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};

use crate::descent::{Fit, Reading, descend};
use crate::gram::gram;
use crate::panels::Panels;

/// X and y as a schedule reads them.
enum Data {
    /// Each step reads them.
    Panels(Panels, Reading),
    /// They are read once, for X'X, with which all steps are taken.
    Rows(Array2<f64>, Array1<f64>),
}

pub(crate) struct Descent {
    data: Data,
    lr: f64,
    iterations: usize,
    fit: Option<Fit>,
}

/// `x_train` f64 (n, d), `y_train` f64 (n,), `lr`, `iterations`, `schedule` "two\_pass", "fused" or "gram".
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<Descent, Error> {
    let (x, y) = (inputs.f64_2d("x_train")?, inputs.f64_1d("y_train")?);
    let (lr, iterations) = (params.float("lr")?, params.count("iterations")?);
    let reading = match params.text("schedule")?.as_str() {
        "two_pass" => Ok(Some(Reading::Twice)),
        "fused" => Ok(Some(Reading::Once)),
        "gram" => Ok(None),
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
    let data = match reading {
        Some(reading) => Data::Panels(Panels::new(x.view(), y.view()), reading),
        None => Data::Rows(x, y),
    };
    Ok(Descent {
        data,
        lr,
        iterations,
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
        match &self.data {
            Data::Panels(panels, reading) => Ok(descend(panels, *reading, self.lr, self.iterations)),
            Data::Rows(x, y) => gram(x.view(), y.view(), self.lr, self.iterations),
        }
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
    use crate::descent::count;

    /// 75 rows: two panels, and a part of one.
    fn data() -> (Array2<f64>, Array1<f64>) {
        let x = Array2::from_shape_fn((75, 9), |(row, column)| count((row * 7 + column * 5) % 11) / 11.0);
        let y = x.dot(&Array1::linspace(-1.0, 1.0, 9)) + 0.5;
        (x, y)
    }

    fn found(schedule: &str, iterations: i64) -> Fit {
        let (x, y) = data();
        let mut inputs = Inputs::default().with("x_train", x).with("y_train", y);
        let params = Params::default().with("lr", 0.1).with("iterations", iterations);
        let job = fit(&mut inputs, &mut params.with("schedule", schedule)).unwrap();
        job.descend().unwrap()
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn the_first_step_follows_the_gradient_from_zero() {
        let (x, y) = data();
        for (schedule, rows_read) in [("two_pass", 150), ("fused", 75), ("gram", 75)] {
            let found = found(schedule, 1);
            assert!(close(&found.coef, &(x.t().dot(&y) * (0.1 / 75.0)).to_vec()));
            assert!(close(&[found.intercept], &[0.1 * y.sum() / 75.0]));
            assert!(close(&[found.last_loss], &[y.dot(&y) / 150.0]));
            assert_eq!((found.steps, found.rows_read), (1, rows_read));
        }
    }

    #[test]
    fn all_schedules_take_the_same_steps() {
        let walked = found("fused", 200);
        for (schedule, rows_read) in [("two_pass", 400 * 75), ("gram", 75)] {
            let other = found(schedule, 200);
            assert!(close(&walked.coef, &other.coef));
            assert!(close(
                &[walked.last_loss, walked.intercept],
                &[other.last_loss, other.intercept]
            ));
            assert_eq!((other.steps, other.rows_read), (200, rows_read));
        }
    }

    #[test]
    fn an_unknown_schedule_is_refused() {
        let mut inputs = Inputs::default()
            .with("x_train", array![[1.0]])
            .with("y_train", array![1.0]);
        let params = Params::default().with("lr", 0.1).with("iterations", 1_i64);
        let error = fit(&mut inputs, &mut params.with("schedule", "stochastic"))
            .err()
            .unwrap();
        assert!(error.to_string().contains("two_pass"));
    }
}
