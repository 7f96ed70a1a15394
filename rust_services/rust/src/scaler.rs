//! `scaler.fit`, `scaler.transform`: columns to mean 0 and population std 1.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView1, Axis, ShapeBuilder};

use crate::descent::count;

/// Numbers added beside each other, so that no addition waits for the one before.
const LANES: usize = 8;

/// Mean and std of each column, shape (d,) each.
struct Scales {
    mean: Array1<f64>,
    std: Array1<f64>,
}

impl Scales {
    /// Of a column-major matrix with at least one row.
    fn of(x: &Array2<f64>) -> Result<Self, Error> {
        let found = x
            .columns()
            .into_iter()
            .map(scale)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::bug("columns are contiguous"))?;
        let (mean, std): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        Ok(Self {
            mean: mean.into(),
            std: std.into(),
        })
    }
}

/// Of one column; a std of 1 where it does not vary beyond rounding. As scikit-learn tells that, by the error of a
/// variance in two passes: Chan, Golub, `LeVeque` 1983, "Algorithms for Computing the Sample Variance", table 2.
fn scale(column: ArrayView1<'_, f64>) -> Option<(f64, f64)> {
    let (values, rows) = (column.to_slice()?, count(column.len()));
    let mean = sum(values, |value| value) / rows;
    let variance = sum(values, |value| (value - mean) * (value - mean)) / rows;
    let least = f64::EPSILON * rows;
    let constant = variance <= least * variance + (least * mean).powi(2);
    Some((mean, if constant { 1.0 } else { variance.sqrt() }))
}

fn sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let (groups, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for group in groups {
        for (lane, &value) in lanes.iter_mut().zip(group) {
            *lane += term(value);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&value| term(value)).sum::<f64>()
}

/// `x_train` f64 (n, d) in column-major order, in which columns are summed and scaled.
fn columns(inputs: &mut Inputs) -> Result<Array2<f64>, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    require(!x_train.is_empty(), || {
        format!(
            "x_train is {} x {}; awaited at least one row and column",
            x_train.nrows(),
            x_train.ncols()
        )
    })?;
    let mut x = Array2::zeros(x_train.dim().f());
    x.assign(&x_train);
    Ok(x)
}

pub(crate) struct ScalerFit {
    x: Array2<f64>,
    scales: Option<Scales>,
}

/// `x_train` f64 (n, d).
pub(crate) fn fit(inputs: &mut Inputs, _params: &mut Params) -> Result<ScalerFit, Error> {
    Ok(ScalerFit {
        x: columns(inputs)?,
        scales: None,
    })
}

impl Job for ScalerFit {
    fn step(&mut self) -> Result<(), Error> {
        self.scales = Some(Scales::of(&self.x)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let scales = self.scales.as_ref().ok_or_else(|| Error::bug("nothing was fitted"))?;
        Ok(Outputs::new()
            .tensor("mean", scales.mean.clone())
            .tensor("std", scales.std.clone())
            .receipt("rows", self.x.nrows()))
    }
}

pub(crate) struct ScalerTransform {
    x: Array2<f64>,
    scales: Scales,
    z: Option<Array2<f64>>,
}

/// `x_train` f64 (n, d): fitted here, scaled in the steps.
pub(crate) fn transform(inputs: &mut Inputs, _params: &mut Params) -> Result<ScalerTransform, Error> {
    let x = columns(inputs)?;
    Ok(ScalerTransform {
        scales: Scales::of(&x)?,
        x,
        z: None,
    })
}

impl Job for ScalerTransform {
    fn step(&mut self) -> Result<(), Error> {
        let mut z = self.x.clone();
        for ((mut column, &mean), &std) in z.axis_iter_mut(Axis(1)).zip(&self.scales.mean).zip(&self.scales.std) {
            let factor = std.recip();
            column.mapv_inplace(|value| (value - mean) * factor);
        }
        self.z = Some(z);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let z = self.z.as_ref().ok_or_else(|| Error::bug("nothing was scaled"))?;
        Ok(Outputs::new().tensor("z", z.clone()).receipt("rows", z.nrows()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, concatenate};

    use super::*;

    #[test]
    fn the_std_is_the_populations_and_that_of_a_constant_is_one() {
        let mut x = Array2::zeros((4, 3).f());
        x.assign(&array![
            [1.0, 7.0, 0.1],
            [3.0, 7.0, 0.1],
            [1.0, 7.0, 0.1],
            [3.0, 7.0, 0.1]
        ]);
        let scales = Scales::of(&x).unwrap();
        assert_eq!(scales.mean, array![2.0, 7.0, 0.1]);
        assert_eq!(scales.std, array![1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_constant_whose_mean_is_rounded_is_still_one() {
        let mut x = Array2::zeros((1003, 1).f());
        x.fill(123_456.789);
        assert_eq!(Scales::of(&x).unwrap().std, array![1.0]);
    }

    #[test]
    fn lanes_and_the_rest_are_summed() {
        let part = Array1::linspace(1.0, 19.0, 19);
        assert!((sum(part.as_slice().unwrap(), |value| value) - 190.0).abs() < 1e-12);
        let twice = concatenate![Axis(0), part, part];
        assert!((sum(twice.as_slice().unwrap(), |value| 2.0 * value) - 760.0).abs() < 1e-12);
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
