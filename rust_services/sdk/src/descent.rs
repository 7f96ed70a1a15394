//! What every service is asked for by `gd_regression.fit`, and answers: so many full steps of gradient descent for
//! least squares, from zero, with an intercept, in double precision.

use ndarray::{Array1, Array2};

use crate::{Error, Inputs, Outputs, Params, Tensor, require};

/// Of x in one block: small enough to stay in a last-level cache between the two products.
const BLOCK_BYTES: usize = 1 << 20;

/// How often memory gives x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Each step reads x twice: for the errors of all rows, then for the gradient.
    TwoPass,
    /// Each step reads x once from memory: both products of a block while it is in the cache.
    Fused,
    /// X is read once, for the Gram matrix of [1 x], with which every step is taken.
    Gram,
}

impl Schedule {
    fn take(params: &mut Params) -> Result<Self, Error> {
        match params.text("schedule")?.as_str() {
            "two_pass" => Ok(Self::TwoPass),
            "fused" => Ok(Self::Fused),
            "gram" => Ok(Self::Gram),
            found => Err(Error::params(format!(
                "schedule is {found:?}; awaited \"two_pass\", \"fused\" or \"gram\""
            ))),
        }
    }

    /// Rows of x (n, d) that are worked on at once: at least one.
    #[must_use]
    pub fn block_rows(self, n: usize, d: usize) -> usize {
        match self {
            Self::TwoPass => n,
            Self::Fused | Self::Gram => (BLOCK_BYTES / size_of::<f64>() / d).max(1),
        }
    }

    /// How often memory gives a block while it is worked on.
    #[must_use]
    pub fn reads(self) -> usize {
        match self {
            Self::TwoPass => 2,
            Self::Fused | Self::Gram => 1,
        }
    }
}

/// The steps to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// Above 0.
    pub lr: f64,
    /// At least one.
    pub iterations: usize,
    /// How they read x.
    pub schedule: Schedule,
}

/// Takes x and y, `x_train` f64 (n, d) and `y_train` f64 (n,) with at least one row and column, and the steps: `lr`,
/// `iterations`, `schedule` "two\_pass", "fused" or "gram".
pub fn asked(inputs: &mut Inputs, params: &mut Params) -> Result<(Array2<f64>, Array1<f64>, Steps), Error> {
    let (x, y) = (inputs.f64_2d("x_train")?, inputs.f64_1d("y_train")?);
    let steps = Steps {
        lr: params.float("lr")?,
        iterations: params.count("iterations")?,
        schedule: Schedule::take(params)?,
    };
    let (n, d) = x.dim();
    require(n == y.len(), || {
        format!("y_train has {} rows; x_train has {n}", y.len())
    })?;
    require(n >= 1 && d >= 1, || {
        format!("x_train is {n} x {d}; awaited at least one row and column")
    })?;
    require(steps.lr > 0.0, || {
        format!("lr is {}; awaited a number above 0", steps.lr)
    })?;
    Ok((x, y, steps))
}

/// Where the steps ended, what the last one found (half the mean square), and what all of them did; in the framework's
/// own vectors and scalars, which outputs copy.
#[derive(Debug, Default, PartialEq)]
pub struct Fit<V, S = V> {
    /// d elements.
    pub coef: V,
    /// One element, as the loss.
    pub intercept: S,
    /// Before the last step was taken.
    pub last_loss: S,
    /// Steps that were taken.
    pub steps: usize,
    /// Rows that memory gave.
    pub rows_read: usize,
}

impl<V, S> Fit<V, S> {
    /// The outputs of the task: `vector` makes f64 (d,) of the coefficients, `scalar` f64 () of the others.
    pub fn outputs<T: Into<Tensor>, U: Into<Tensor>>(
        &self,
        vector: impl FnOnce(&V) -> Result<T, Error>,
        scalar: impl Fn(&S) -> Result<U, Error>,
    ) -> Result<Outputs, Error> {
        Ok(Outputs::new()
            .tensor("coef", vector(&self.coef)?)
            .tensor("intercept", scalar(&self.intercept)?)
            .tensor("last_loss", scalar(&self.last_loss)?)
            .receipt("steps", self.steps)
            .receipt("rows_read", self.rows_read))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn inputs() -> Inputs {
        Inputs::default()
            .with("x_train", array![[1.0, 2.0], [3.0, 4.0]])
            .with("y_train", array![5.0, 6.0])
    }

    fn params() -> Params {
        Params::default()
            .with("lr", 0.1)
            .with("iterations", 3_i64)
            .with("schedule", "fused")
    }

    fn refusal(mut inputs: Inputs, mut params: Params) -> String {
        asked(&mut inputs, &mut params).unwrap_err().to_string()
    }

    #[test]
    fn data_and_steps_are_taken_by_name_and_nothing_is_left() {
        let words = [
            ("two_pass", Schedule::TwoPass),
            ("fused", Schedule::Fused),
            ("gram", Schedule::Gram),
        ];
        for (word, schedule) in words {
            let (mut inputs, mut params) = (inputs(), params().with("schedule", word));
            let (x, y, steps) = asked(&mut inputs, &mut params).unwrap();
            assert_eq!((x.dim(), y), ((2, 2), array![5.0, 6.0]));
            let awaited = Steps {
                lr: 0.1,
                iterations: 3,
                schedule,
            };
            assert_eq!(steps, awaited);
            assert!(inputs.finish().is_ok() && params.finish().is_ok());
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused_with_what_was_found() {
        let (short, empty) = (array![5.0], Array2::<f64>::zeros((2, 0)));
        let found = [
            refusal(inputs(), params().with("schedule", "stochastic")),
            refusal(inputs().with("y_train", short), params()),
            refusal(inputs().with("x_train", empty), params()),
            refusal(inputs(), params().with("lr", 0.0)),
        ];
        let awaited = [
            "params: schedule is \"stochastic\"; awaited \"two_pass\", \"fused\" or \"gram\"",
            "params: y_train has 1 rows; x_train has 2",
            "params: x_train is 2 x 0; awaited at least one row and column",
            "params: lr is 0; awaited a number above 0",
        ];
        assert_eq!(found, awaited);
    }

    #[test]
    fn blocks_are_a_mebibyte_where_they_are_read_once_and_all_rows_where_twice() {
        let blocks = |n, d| [Schedule::TwoPass, Schedule::Fused, Schedule::Gram].map(|one| one.block_rows(n, d));
        assert_eq!(blocks(200_000, 40), [200_000, 3276, 3276]);
        assert_eq!(blocks(5, 1 << 20), [5, 1, 1]);
        assert_eq!(Schedule::TwoPass.reads(), 2);
        assert_eq!([Schedule::Fused, Schedule::Gram].map(Schedule::reads), [1, 1]);
    }

    #[test]
    fn a_fit_answers_by_the_names_of_the_task() {
        let fit = Fit {
            coef: vec![1.0, 2.0],
            intercept: 3.0,
            last_loss: 4.0,
            steps: 5,
            rows_read: 6,
        };
        let outputs = fit
            .outputs(|coef| Ok(Array1::from(coef.clone())), |&one| Ok(one))
            .unwrap();
        let awaited = Outputs::new()
            .tensor("coef", array![1.0, 2.0])
            .tensor("intercept", 3.0)
            .tensor("last_loss", 4.0)
            .receipt("steps", 5_i64)
            .receipt("rows_read", 6_i64);
        assert_eq!(outputs.tensors(), awaited.tensors());
    }
}
