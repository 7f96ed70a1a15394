//! What the linear models share: training data, column-major copies, rows picked from them, and a `.predict` job.

use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder, s};

/// `x_train` f64 (n, d) and `y_train` f64 (n,), with at least one row and column.
pub(crate) fn training(inputs: &mut Inputs) -> Result<(Array2<f64>, Array1<f64>), Error> {
    let (x, y) = (inputs.f64_2d("x_train")?, inputs.f64_1d("y_train")?);
    let (n, d) = x.dim();
    require(n == y.len(), || {
        format!("y_train has {} rows; x_train has {n}", y.len())
    })?;
    require(n >= 1 && d >= 1, || {
        format!("x_train is {n} x {d}; awaited at least one row and column")
    })?;
    Ok((x, y))
}

/// The same values in column-major order, in which columns are walked, centred and multiplied.
pub(crate) fn column_major(x: &Array2<f64>) -> Array2<f64> {
    let mut columns = Array2::zeros(x.dim().f());
    columns.assign(x);
    columns
}

/// Some rows of a column-major matrix, column-major.
pub(crate) fn picked(x: &Array2<f64>, rows: &[usize]) -> Array2<f64> {
    let mut found = Array2::zeros((rows.len(), x.ncols()).f());
    for (mut to, from) in found.columns_mut().into_iter().zip(x.columns()) {
        for (value, &row) in to.iter_mut().zip(rows) {
            *value = from[row];
        }
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "rows in memory are far below 2^53")]
pub(crate) fn count(rows: usize) -> f64 {
    rows as f64
}

/// Means of the columns, shape (d,).
pub(crate) fn means(x: &Array2<f64>) -> Array1<f64> {
    x.columns()
        .into_iter()
        .map(|column| column.sum() / count(x.nrows()))
        .collect()
}

/// A fitted model as what it makes of rows (m, d): predictions (m,).
pub(crate) type Model = Box<dyn Fn(&ArrayView2<'_, f64>) -> Array1<f64>>;

/// Predictions of one batch in each step.
pub(crate) struct Predict {
    model: Model,
    x_test: Array2<f64>,
    batches: Batches<Array1<f64>>,
    rows: usize,
    /// Whether the fit met its stopping rule; None where it has none.
    converged: Option<bool>,
}

impl Predict {
    /// Takes `x_test` f64 (m, d) and `batch`; `width` columns and `rows` rows were fitted.
    pub(crate) fn new(
        inputs: &mut Inputs,
        params: &mut Params,
        (rows, width): (usize, usize),
        model: Model,
        converged: Option<bool>,
    ) -> Result<Self, Error> {
        let x_test = inputs.f64_2d("x_test")?;
        let columns = x_test.ncols();
        require(width == columns, || {
            format!("x_test has {columns} columns; x_train has {width}")
        })?;
        Ok(Self {
            model,
            batches: Batches::new("x_test", x_test.nrows(), params.count("batch")?)?,
            x_test,
            rows,
            converged,
        })
    }
}

impl Job for Predict {
    fn step(&mut self) -> Result<(), Error> {
        let pred = (self.model)(&self.x_test.slice(s![self.batches.rows(), ..]));
        self.batches.answer(pred);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let outputs = Outputs::new()
            .tensor("pred", self.batches.first()?.clone())
            .receipt("rows", self.rows)
            .receipt("rows_predicted", self.batches.size());
        Ok(match self.converged {
            Some(converged) => outputs.receipt("converged", converged),
            None => outputs,
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn rows_are_picked_in_column_major_order() {
        let x = column_major(&array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        let found = picked(&x, &[2, 0]);
        assert_eq!(found, array![[5.0, 6.0], [1.0, 2.0]]);
        assert!(found.t().is_standard_layout());
        assert_eq!(means(&found), array![3.0, 4.0]);
    }
}
