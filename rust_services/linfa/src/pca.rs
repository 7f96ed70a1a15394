//! `pca.fit`: linfa-reduction's principal components, by LOBPCG on the centred rows.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_reduction::Pca;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};

use crate::regression::count;

/// LOBPCG among what a receipt's `solver` counts.
const SOLVER: i64 = 4;

pub(crate) struct PcaFit {
    data: DatasetBase<Array2<f64>, Array1<()>>,
    components: usize,
    model: Option<Pca<f64>>,
}

/// `x_train` f64 (n, d), `components`, `solver` "full" or "default", which here are one.
pub(crate) fn fit(inputs: &mut Inputs, params: &mut Params) -> Result<PcaFit, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let (components, solver) = (params.count("components")?, params.text("solver")?);
    let (n, d) = x_train.dim();
    require(["default", "full"].contains(&solver.as_str()), || {
        format!("solver is {solver:?}; awaited \"default\" or \"full\"")
    })?;
    require(n > 1, || format!("x_train has {n} rows; awaited at least 2"))?;
    require(components <= n.min(d), || {
        format!("components is {components}; x_train has {n} rows and {d} columns")
    })?;
    Ok(PcaFit {
        data: DatasetBase::from(x_train),
        components,
        model: None,
    })
}

impl Job for PcaFit {
    fn step(&mut self) -> Result<(), Error> {
        self.model = Some(Pca::params(self.components).fit(&self.data).map_err(Error::bug)?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let model = self.model.as_ref().ok_or_else(|| Error::bug("no model was fitted"))?;
        let rows = self.data.records.nrows();
        // linfa's own explained_variance divides by the number of components, not of rows.
        let variance = model.singular_values().mapv(|value| value * value / count(rows - 1));
        Ok(Outputs::new()
            .tensor("components", model.components().clone())
            .tensor("variance", variance)
            .receipt("rows", rows)
            .receipt("components", model.components().nrows())
            .receipt("solver", SOLVER))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;

    #[test]
    fn components_and_variances_are_those_of_the_covariance() {
        // Along (1, 1) / sqrt(2) by 0, 2, 4; along (1, -1) / sqrt(2) by 1, -2, 1, all about (3, 5).
        let (long, wide) = (array![-2.0, 0.0, 2.0], array![1.0, -2.0, 1.0]);
        let root = std::f64::consts::FRAC_1_SQRT_2;
        let x = Array2::from_shape_fn((3, 2), |(row, column)| match column {
            0 => 3.0 + root * (long[row] + 0.5 * wide[row]),
            _ => 5.0 + root * (long[row] - 0.5 * wide[row]),
        });
        let mut inputs = Inputs::default().with("x_train", x);
        let params = Params::default().with("components", 2_i64).with("solver", "full");
        let mut params = params;
        let mut job = fit(&mut inputs, &mut params).unwrap();
        job.step().unwrap();
        let model = job.model.as_ref().unwrap();
        let first = model.components().index_axis(Axis(0), 0);
        assert!((first[0] - first[1]).abs() < 1e-9 && (first[0].abs() - root).abs() < 1e-9);
        let variance = job.outputs().unwrap().tensors()["variance"].clone();
        let mlfleet_sdk::Tensor::F64(found) = variance else {
            panic!("variance is {variance}")
        };
        assert!(
            (&found - &array![4.0, 0.75].into_dyn())
                .iter()
                .all(|apart| apart.abs() < 1e-9)
        );
    }
}
