//! `scaler.fit`, `scaler.transform`: linfa-preprocessing's standard scaler.

use linfa::DatasetBase;
use linfa::traits::{Fit, Transformer};
use linfa_preprocessing::linear_scaling::LinearScaler;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};

use crate::regression::column_major;

pub(crate) struct ScalerFit {
    /// Row-major: its variance goes through the rows, a value of each column at a time.
    data: DatasetBase<Array2<f64>, Array1<()>>,
    scaler: Option<LinearScaler<f64>>,
}

/// `x_train` f64 (n, d).
pub(crate) fn fit(inputs: &mut Inputs, _params: &mut Params) -> Result<ScalerFit, Error> {
    Ok(ScalerFit {
        data: data(inputs)?,
        scaler: None,
    })
}

fn data(inputs: &mut Inputs) -> Result<DatasetBase<Array2<f64>, Array1<()>>, Error> {
    let x = inputs.f64_2d("x_train")?;
    require(!x.is_empty(), || {
        format!(
            "x_train is {} x {}; awaited at least one row and column",
            x.nrows(),
            x.ncols()
        )
    })?;
    Ok(DatasetBase::from(x))
}

fn fitted(data: &DatasetBase<Array2<f64>, Array1<()>>) -> Result<LinearScaler<f64>, Error> {
    LinearScaler::standard()
        .fit(data)
        .map_err(|error| Error::bug(error.to_string()))
}

impl Job for ScalerFit {
    fn step(&mut self) -> Result<(), Error> {
        self.scaler = Some(fitted(&self.data)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let scaler = self.scaler.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        Ok(Outputs::new()
            .tensor("mean", scaler.offsets().clone())
            // linfa keeps what it multiplies by.
            .tensor("std", scaler.scales().mapv(f64::recip))
            .receipt("rows", self.data.records.nrows()))
    }
}

pub(crate) struct ScalerTransform {
    /// Column-major: it goes through the columns.
    x: Array2<f64>,
    scaler: LinearScaler<f64>,
    z: Option<Array2<f64>>,
}

/// `x_train` f64 (n, d): fitted here, scaled in the steps.
pub(crate) fn transform(inputs: &mut Inputs, _params: &mut Params) -> Result<ScalerTransform, Error> {
    let data = data(inputs)?;
    Ok(ScalerTransform {
        scaler: fitted(&data)?,
        x: column_major(&data.records),
        z: None,
    })
}

impl Job for ScalerTransform {
    fn step(&mut self) -> Result<(), Error> {
        // It scales in place what it is given, so what must stay is copied, as linfa does of a dataset.
        self.z = Some(self.scaler.transform(self.x.clone()));
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let z = self.z.as_ref().ok_or_else(|| Error::bug("nothing was scaled"))?;
        Ok(Outputs::new().tensor("z", z.clone()).receipt("rows", z.nrows()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_std_is_the_populations_and_that_of_a_constant_is_one() {
        let x = array![[1.0, 7.0, 0.1], [3.0, 7.0, 0.1], [1.0, 7.0, 0.1], [3.0, 7.0, 0.1]];
        let mut job = fit(&mut Inputs::default().with("x_train", x), &mut Params::default()).unwrap();
        job.step().unwrap();
        let scaler = job.scaler.unwrap();
        assert_eq!(scaler.offsets(), &array![2.0, 7.0, 0.1]);
        assert_eq!(scaler.scales(), &array![1.0, 1.0, 1.0]);
    }

    #[test]
    fn rows_are_scaled_and_x_stays() {
        let x = array![[1.0, 5.0], [3.0, 9.0]];
        let mut inputs = Inputs::default().with("x_train", x.clone());
        let mut job = transform(&mut inputs, &mut Params::default()).unwrap();
        job.step().unwrap();
        assert_eq!(job.x, x);
        assert_eq!(
            job.outputs().unwrap().tensors()["z"],
            array![[-1.0, -1.0], [1.0, 1.0]].into()
        );
    }
}
