//! `gd_regression.fit`: so many full steps of gradient descent.

use mlfleet_sdk::descent::{Schedule, Steps, asked};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};
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
    asked: Steps,
    fit: Option<Fit>,
}

/// As every service takes it.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<Descent, Error> {
    let (x, y, asked) = asked(inputs, params)?;
    let panels = |reading| Data::Panels(Panels::new(x.view(), y.view()), reading);
    let data = match asked.schedule {
        Schedule::TwoPass => panels(Reading::Twice),
        Schedule::Fused => panels(Reading::Once),
        Schedule::Gram => Data::Rows(x, y),
    };
    Ok(Descent { data, asked, fit: None })
}

/// Coefficients (d,) and intercept of one [`fit`].
pub(crate) fn fitted(inputs: &mut Inputs, params: &mut Params) -> Result<(Array1<f64>, f64), Error> {
    let found = fit(inputs, params)?.descend()?;
    Ok((found.coef.into(), found.intercept))
}

impl Descent {
    fn descend(&self) -> Result<Fit, Error> {
        let Steps { lr, iterations, .. } = self.asked;
        match &self.data {
            Data::Panels(panels, reading) => Ok(descend(panels, *reading, lr, iterations)),
            Data::Rows(x, y) => gram(x.view(), y.view(), lr, iterations),
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
        fit.outputs(|coef| Ok(Array1::from(coef.clone())), |&found| Ok(found))
    }
}

#[cfg(test)]
mod tests {
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
}
