//! What tasks of support vector machines share: kernels, labels, binary machines and how they ended.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_svm::{Svm, SvmParams, SvmValidParams};
use mlfleet_sdk::{Error, Inputs, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// linfa's shrinking returns wrong models as converged, and panics: it stays off, here and in every framework.
pub(crate) const SHRINKING: bool = false;

/// linfa-svm counts a row as a support vector beyond this weight.
const SUPPORT: f64 = 100.0 * f64::EPSILON;

/// Of the polynomial kernel, as the tasks fix them.
const DEGREE: f64 = 3.0;
const COEF0: f64 = 1.0;

/// exp(-gamma |x - z|^2), x'z or (gamma x'z + 1)^3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kernel {
    Rbf { gamma: f64 },
    Linear,
    Poly { gamma: f64 },
}

impl Kernel {
    /// `kernel` "rbf", "linear" or "poly", and `gamma`, which the linear one does not use.
    pub(crate) fn take(params: &mut Params) -> Result<Self, Error> {
        let (kernel, gamma) = (params.text("kernel")?, positive(params, "gamma")?);
        match kernel.as_str() {
            "rbf" => Ok(Self::Rbf { gamma }),
            "linear" => Ok(Self::Linear),
            "poly" => Ok(Self::Poly { gamma }),
            _ => Err(Error::params(format!(
                "kernel is {kernel:?}; awaited \"rbf\", \"linear\" or \"poly\""
            ))),
        }
    }

    /// The rows as linfa's kernel must see them: its polynomial one has no gamma, which so goes into both factors.
    pub(crate) fn rows(self, mut x: Array2<f64>) -> Array2<f64> {
        if let Self::Poly { gamma } = self {
            x *= gamma.sqrt();
        }
        x
    }

    /// The parameters with this kernel, this tolerance, and shrinking off.
    pub(crate) fn set<T>(self, params: SvmParams<f64, T>, tol: f64) -> SvmParams<f64, T> {
        let params = params.eps(tol).shrinking(SHRINKING);
        match self {
            Self::Rbf { gamma } => params.gaussian_kernel(1.0 / gamma),
            Self::Linear => params.linear_kernel(),
            Self::Poly { .. } => params.polynomial_kernel(COEF0, DEGREE),
        }
    }
}

/// Takes a number above 0.
pub(crate) fn positive(params: &mut Params, name: &str) -> Result<f64, Error> {
    let value = params.float(name)?;
    require(value > 0.0, || format!("{name} is {value}; awaited above 0"))?;
    Ok(value)
}

/// Labelled rows to learn from, and rows to decide on, both as the kernel must see them.
pub(crate) struct Rows {
    pub(crate) x_train: Array2<f64>,
    pub(crate) y_train: Vec<usize>,
    pub(crate) classes: usize,
    pub(crate) x_test: Array2<f64>,
}

impl Rows {
    /// `x_train` f64 (n, d), `y_train` i64 (n,) of classes 0..c, `x_test` f64 (m, d).
    pub(crate) fn take(inputs: &mut Inputs, kernel: Kernel) -> Result<Self, Error> {
        let (x_train, y_train, classes) = training(inputs, kernel)?;
        let x_test = inputs.f64_2d("x_test")?;
        let (d, columns) = (x_train.ncols(), x_test.ncols());
        require(d == columns, || {
            format!("x_test has {columns} columns; x_train has {d}")
        })?;
        Ok(Self {
            x_train,
            y_train,
            classes,
            x_test: kernel.rows(x_test),
        })
    }
}

/// `x_train` f64 (n, d) and `y_train` i64 (n,): rows as the kernel must see them, their classes, and how many these are.
pub(crate) fn training(inputs: &mut Inputs, kernel: Kernel) -> Result<(Array2<f64>, Vec<usize>, usize), Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let labels = inputs.i64_1d("y_train")?;
    let (n, d) = x_train.dim();
    require(n == labels.len(), || {
        format!("y_train has {} rows; x_train has {n}", labels.len())
    })?;
    require(d >= 1, || "x_train has no columns".to_owned())?;
    let (y_train, classes) = classes(&labels)?;
    Ok((kernel.rows(x_train), y_train, classes))
}

/// The labels as indices, and the number of classes; each class from 0 on must be there.
fn classes(labels: &Array1<i64>) -> Result<(Vec<usize>, usize), Error> {
    let y_train: Vec<usize> = labels
        .iter()
        .map(|&label| usize::try_from(label).map_err(|_| Error::params(format!("y_train has the class {label}"))))
        .collect::<Result<_, _>>()?;
    let mut found = y_train.clone();
    found.sort_unstable();
    found.dedup();
    require(found.len() >= 2, || {
        format!("y_train has {} classes; awaited at least 2", found.len())
    })?;
    let gapless = found.iter().enumerate().all(|(place, &class)| place == class);
    require(gapless, || {
        format!("y_train has the classes {found:?}; awaited 0, 1, 2 and so on")
    })?;
    Ok((y_train, found.len()))
}

/// A binary machine on all rows, positive for one class.
pub(crate) fn fit(
    params: &SvmValidParams<f64, bool>,
    x: ArrayView2<'_, f64>,
    y: &[usize],
    positive: usize,
) -> Result<Svm<f64, bool>, Error> {
    let speaks: Array1<bool> = y.iter().map(|&class| class == positive).collect();
    params.fit(&DatasetBase::new(x, speaks.view())).map_err(Error::bug)
}

/// A binary machine on some rows, positive for one class.
pub(crate) fn fit_part(
    params: &SvmValidParams<f64, bool>,
    x: &Array2<f64>,
    y: &[usize],
    rows: &[usize],
    positive: usize,
) -> Result<Svm<f64, bool>, Error> {
    let labels: Vec<usize> = rows.iter().map(|&row| y[row]).collect();
    fit(params, x.select(Axis(0), rows).view(), &labels, positive)
}

/// On which side of a machine a row lies, and how far.
pub(crate) fn decision_of<T>(svm: &Svm<f64, T>, row: ArrayView1<'_, f64>) -> f64 {
    svm.weighted_sum(&row) - svm.rho
}

/// The same of each row.
pub(crate) fn decisions<T>(svm: &Svm<f64, T>, x: ArrayView2<'_, f64>) -> Array1<f64> {
    x.rows().into_iter().map(|row| decision_of(svm, row)).collect()
}

/// Receipt lines of machines and the row number of each of their weights, out of so many rows of training.
pub(crate) fn ended<'a, T: 'a>(
    outputs: Outputs,
    machines: impl Iterator<Item = (&'a Svm<f64, T>, &'a [usize])>,
    rows: usize,
) -> Result<Outputs, Error> {
    let (mut count, mut n_iter, mut converged) = (0_usize, 0, true);
    let mut supports = vec![false; rows];
    for (svm, members) in machines {
        count += 1;
        let (iterations, met) = stopped(svm)?;
        n_iter += iterations;
        converged &= met;
        for (&row, alpha) in members.iter().zip(&svm.alpha) {
            supports[row] |= alpha.abs() > SUPPORT;
        }
    }
    Ok(outputs
        .receipt("rows", rows)
        .receipt("machines", count)
        .receipt("n_iter", n_iter)
        .receipt("n_support", supports.into_iter().filter(|&supports| supports).count())
        .receipt("converged", converged))
}

/// Iterations of a machine and whether it met its tolerance, which linfa-svm tells only in its printed form.
fn stopped<T>(svm: &Svm<f64, T>) -> Result<(i64, bool), Error> {
    let printed = svm.to_string();
    let unknown = || Error::bug(format!("linfa-svm prints {printed:?}; its wording has changed"));
    let (rest, converged) = match printed.strip_prefix("Exited after ") {
        Some(rest) => (rest, true),
        None => (
            printed
                .strip_prefix("Reached maximal iterations ")
                .ok_or_else(unknown)?,
            false,
        ),
    };
    let n_iter = rest
        .split(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .ok_or_else(unknown)?;
    Ok((n_iter, converged))
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::array;

    use super::*;

    #[test]
    fn shrinking_stays_off_whatever_the_kernel() {
        let kernels = [Kernel::Rbf { gamma: 0.5 }, Kernel::Linear, Kernel::Poly { gamma: 0.5 }];
        for kernel in kernels {
            let params = Svm::<f64, bool>::params().shrinking(true);
            let set = kernel.set(params, 1e-3).check().unwrap();
            assert!(!set.solver_params().shrinking);
        }
    }

    #[test]
    fn gamma_enters_the_polynomial_kernel_by_its_factors() {
        let rows = Kernel::Poly { gamma: 0.25 }.rows(array![[1.0, 2.0], [3.0, -4.0]]);
        let dot = rows.row(0).dot(&rows.row(1));
        assert!((dot - 0.25 * -5.0).abs() < 1e-15);
        assert_eq!(Kernel::Linear.rows(array![[3.0]]), array![[3.0]]);
    }

    #[test]
    fn classes_must_be_gapless_and_at_least_two() {
        assert!(classes(&array![0, 2]).is_err());
        assert!(classes(&array![0, 0]).is_err());
        assert!(classes(&array![-1, 0]).is_err());
        assert_eq!(classes(&array![1, 0, 1]), Ok((vec![1, 0, 1], 2)));
    }

    #[test]
    fn how_a_machine_ended_is_read_from_its_printed_form() {
        let params = Kernel::Linear.set(Svm::<f64, bool>::params(), 1e-3).check().unwrap();
        let svm = fit(&params, array![[0.0], [1.0], [4.0], [5.0]].view(), &[0, 0, 1, 1], 1).unwrap();
        let (n_iter, converged) = stopped(&svm).unwrap();
        assert!(n_iter > 0 && converged);
        assert!((decision_of(&svm, array![2.5].view())).abs() < 1e-3);
        assert!(decision_of(&svm, array![4.0].view()) > 0.9);
    }
}
