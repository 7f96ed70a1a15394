//! `logistic.fit`: linfa-logistic's L-BFGS for two classes.
//!
//! Its multinomial fit ends far above the minimum and returns Ok, so more classes are refused.

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use linfa_logistic::{FittedLogisticRegression, LogisticRegression};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ShapeBuilder};

use crate::regression::count;

pub(crate) struct LogisticFit {
    /// (n, d) in column-major order: of its two products with a vector the one with the transpose is by far the slower.
    data: DatasetBase<Array2<f64>, Array1<i64>>,
    c: f64,
    tol: f64,
    max_iter: u64,
    model: Option<FittedLogisticRegression<f64, i64>>,
}

/// `x_train` f64 (n, d), `y_train` i64 (n,) of the classes 0 and 1, `c`, `tol`, `max_iter`.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<LogisticFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let y_train = inputs.i64_1d("y_train")?;
    let (c, tol, max_iter) = (params.float("c")?, params.float("tol")?, params.int("max_iter")?);
    let (n, d) = x_train.dim();
    for (name, value) in [("c", c), ("tol", tol)] {
        require(value > 0.0, || format!("{name} is {value}; awaited above 0"))?;
    }
    let max_iter = u64::try_from(max_iter)
        .ok()
        .filter(|&limit| limit >= 2)
        .ok_or_else(|| Error::params(format!("max_iter is {max_iter}; awaited at least 2")))?;
    require(n == y_train.len(), || {
        format!("y_train has {} rows; x_train has {n}", y_train.len())
    })?;
    require(d >= 1, || "x_train has no columns".to_owned())?;
    two_classes(&y_train)?;
    let mut x = Array2::zeros((n, d).f());
    x.assign(&x_train);
    Ok(LogisticFit {
        data: DatasetBase::new(x, y_train),
        c,
        tol,
        max_iter,
        model: None,
    })
}

fn two_classes(labels: &Array1<i64>) -> Result<(), Error> {
    let mut found = labels.to_vec();
    found.sort_unstable();
    found.dedup();
    require(found == [0, 1], || {
        let first = &found[..found.len().min(9)];
        format!("y_train has {} classes, {first:?}; awaited 2, 0 and 1", found.len())
    })
}

impl LogisticFit {
    /// linfa minimises the sum of losses and |coef|^2 / (2 c): its gradient is n times that of the mean, which `tol` is
    /// of. It holds the Euclidean norm against the limit, which no element exceeds.
    fn fit(&self, max_iter: u64) -> Result<FittedLogisticRegression<f64, i64>, Error> {
        LogisticRegression::new()
            .alpha(self.c.recip())
            .gradient_tolerance(self.tol * count(self.data.records.nrows()))
            .max_iterations(max_iter)
            .check()
            .map_err(|error| Error::params(error.to_string()))?
            .fit(&self.data)
            .map_err(Error::bug)
    }

    /// linfa does not tell how many iterations ran: the least limit under which the same fit ends the same.
    fn iterations(&self, model: &FittedLogisticRegression<f64, i64>) -> Result<u64, Error> {
        let (mut low, mut high) = (1, self.max_iter);
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.fit(middle)? == *model {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(high)
    }
}

/// Coefficients and intercept of the odds of class 1; linfa's speak for the larger class.
fn of_class_one(model: &FittedLogisticRegression<f64, i64>) -> (Array1<f64>, f64) {
    let sign = if model.labels().pos.class == 1 { 1.0 } else { -1.0 };
    (sign * model.params(), sign * model.intercept())
}

impl Job for LogisticFit {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(self.fit(self.max_iter)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        let (coef, intercept) = of_class_one(model);
        let n_iter = self.iterations(model)?;
        Ok(Outputs::new()
            .tensor("coef", coef)
            .tensor("intercept", intercept)
            .receipt("rows", self.data.records.nrows())
            .receipt("classes", 2_usize)
            .receipt("n_iter", i64::try_from(n_iter).map_err(Error::bug)?)
            .receipt("converged", n_iter < self.max_iter))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn job(labels: Array1<i64>, tol: f64, max_iter: i64) -> LogisticFit {
        let mut inputs = Inputs::default()
            .with("x_train", array![[-2.0], [-1.0], [0.5], [-0.5], [1.0], [2.0]])
            .with("y_train", labels);
        let params = Params::default().with("c", 1.0).with("tol", tol);
        fit(&mut inputs, &mut params.with("max_iter", max_iter)).unwrap()
    }

    #[test]
    fn the_model_speaks_for_class_one_whichever_is_larger_or_first() {
        for labels in [
            array![0, 0, 0, 1, 1, 1],
            array![0, 0, 0, 0, 1, 1],
            array![0, 0, 1, 1, 1, 1],
        ] {
            let swapped = labels.mapv(|label| 1 - label);
            let (coef, intercept) = of_class_one(&job(labels, 1e-10, 1000).fit(1000).unwrap());
            let (other, negated) = of_class_one(&job(swapped, 1e-10, 1000).fit(1000).unwrap());
            assert!(coef[0] > 0.5 && (coef[0] + other[0]).abs() < 1e-9 && (intercept + negated).abs() < 1e-9);
        }
    }

    #[test]
    fn iterations_are_counted_and_a_limit_is_no_convergence() {
        let mut whole = job(array![0, 0, 0, 1, 1, 1], 1e-8, 1000);
        whole.step().unwrap();
        let count = whole.iterations(whole.model.as_ref().unwrap()).unwrap();
        assert!((3..50).contains(&count));
        let mut cut = job(array![0, 0, 0, 1, 1, 1], 1e-8, i64::try_from(count).unwrap() - 1);
        cut.step().unwrap();
        let outputs = cut.outputs().unwrap();
        assert_eq!(outputs.tensors()["receipt.converged"], false.into());
    }

    #[test]
    fn other_classes_than_zero_and_one_are_refused() {
        for labels in [array![0, 0], array![0, 1, 2], array![1, 2], array![-1, 1]] {
            assert!(two_classes(&labels).is_err());
        }
        assert_eq!(two_classes(&array![1, 0, 1]), Ok(()));
    }
}
