//! `linear.fit`, `linear.predict`: linfa-linear's least squares, of data that have one answer.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict as _};
use linfa_linalg::qr::QRInto;
use linfa_linear::{FittedLinearRegression, LinearRegression};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::regression::{Predict, column_major, count, means, training};

pub(crate) struct LinearFit {
    data: DatasetBase<Array2<f64>, Array1<f64>>,
    model: Option<FittedLinearRegression<f64>>,
}

/// `x_train` f64 (n, d) of full rank, `y_train` f64 (n,).
pub(crate) fn fit(inputs: &mut Inputs, _params: &mut Params) -> Result<LinearFit, Error> {
    Ok(LinearFit {
        data: data(inputs)?,
        model: None,
    })
}

/// As [`fit`], and `x_test` f64 (m, d), `batch`: fitted here, predicted in the steps.
pub(crate) fn predict(inputs: &mut Inputs, params: &mut Params) -> Result<Predict, Error> {
    let data = data(inputs)?;
    let model = fitted(&data)?;
    let predict = Box::new(move |rows: &ArrayView2<'_, f64>| model.predict(rows));
    Predict::new(inputs, params, data.records.dim(), predict, None)
}

fn data(inputs: &mut Inputs) -> Result<DatasetBase<Array2<f64>, Array1<f64>>, Error> {
    let (x, y) = training(inputs)?;
    let x = column_major(&x);
    let (rank, width) = (rank(&x)?, x.ncols());
    require(rank == width, || {
        format!("x_train has rank {rank} once its columns are centred; awaited {width}")
    })?;
    Ok(DatasetBase::new(x, y))
}

/// Of the centred columns, as the diagonal of R tells it: least squares of less than full rank has many answers.
fn rank(x: &Array2<f64>) -> Result<usize, Error> {
    let centred = x - &means(x);
    // R has a place for every column, so there must be as many rows.
    let (n, d) = centred.dim();
    let mut square = Array2::zeros((n.max(d), d));
    square.slice_mut(s![..n, ..]).assign(&centred);
    let diagonal = square.qr_into().map_err(Error::bug)?.into_r().diag().mapv(f64::abs);
    let largest = diagonal.iter().copied().fold(0.0, f64::max);
    let least = largest * count(n.max(d)) * f64::EPSILON;
    Ok(diagonal.iter().filter(|&&value| value > least).count())
}

fn fitted(data: &DatasetBase<Array2<f64>, Array1<f64>>) -> Result<FittedLinearRegression<f64>, Error> {
    LinearRegression::default()
        .fit(data)
        .map_err(|error| Error::bug(error.to_string()))
}

impl Job for LinearFit {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(fitted(&self.data)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        Ok(Outputs::new()
            .tensor("coef", model.params().clone())
            .tensor("intercept", model.intercept())
            .receipt("rows", self.data.records.nrows()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn refusal(x: Array2<f64>) -> Option<String> {
        let y = Array1::<f64>::zeros(x.nrows());
        let mut inputs = Inputs::default().with("x_train", x).with("y_train", y);
        fit(&mut inputs, &mut Params::default())
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn columns_that_are_constant_or_twice_there_are_refused() {
        let refused = |x| {
            refusal(x)
                .unwrap()
                .contains("has rank 1 once its columns are centred; awaited 2")
        };
        assert!(refused(array![[1.0, 3.0], [2.0, 3.0], [4.0, 3.0]]));
        assert!(refused(array![[1.0, 2.5], [2.0, 4.5], [4.0, 8.5]]));
        assert!(refused(array![[1.0, 2.0], [2.0, 5.0]]));
        assert_eq!(refusal(array![[1.0, 2.0], [2.0, 5.0], [3.0, 1.0]]), None);
    }

    #[test]
    fn a_plane_is_found_again() {
        let x = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 5.0]];
        let y = x.dot(&array![2.0, -1.0]) + 7.0;
        let mut inputs = Inputs::default().with("x_train", x).with("y_train", y);
        let mut job = fit(&mut inputs, &mut Params::default()).unwrap();
        job.step().unwrap();
        let model = job.model.unwrap();
        assert!((model.intercept() - 7.0).abs() < 1e-12);
        assert!(
            (model.params() - &array![2.0, -1.0])
                .iter()
                .all(|apart| apart.abs() < 1e-12)
        );
    }
}
