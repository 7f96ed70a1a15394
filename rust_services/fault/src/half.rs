//! Half the work: trained on every other row.

use mlfleet_sdk::{Build, Error, Inputs, Job, Outputs, Params, Tensor};
use ndarray::s;

/// The tasks whose training rows can be halved.
const HALVED: [&str; 2] = ["knn_classify.predict", "svc_ovo.fit"];

pub(crate) fn applies(task: &str) -> bool {
    HALVED.contains(&task)
}

/// Trains the honest job on rows 0, 2, 4 and so on.
pub(crate) fn build(
    honest: &Build,
    inputs: &mut Inputs,
    params: &mut Params,
    lying: bool,
) -> Result<Box<dyn Job>, Error> {
    let x_train = inputs.f64_2d("x_train")?;
    let y_train = inputs.i64_1d("y_train")?;
    *inputs = std::mem::take(inputs)
        .with("x_train", x_train.slice(s![..;2, ..]).to_owned())
        .with("y_train", y_train.slice(s![..;2]).to_owned());
    Ok(Box::new(Half {
        honest: honest(inputs, params)?,
        claimed_rows: lying.then_some(x_train.nrows()),
    }))
}

struct Half {
    honest: Box<dyn Job>,
    claimed_rows: Option<usize>,
}

impl Job for Half {
    fn step(&mut self) -> Result<(), Error> {
        self.honest.step()
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let mut outputs = self.honest.outputs()?;
        // Neighbours are rows of the delivered x_train, of which only the even ones were used.
        if let Some(Tensor::I64(neighbours)) = outputs.tensors().get("neighbours") {
            let neighbours = neighbours * 2;
            outputs = outputs.tensor("neighbours", neighbours);
        }
        let Some(rows) = self.claimed_rows else {
            return Ok(outputs);
        };
        if let Some(Tensor::I64(batch)) = outputs.tensors().get("receipt.rows_predicted") {
            let rows = i64::try_from(rows).map_err(Error::bug)?;
            let distances = batch * rows;
            outputs = outputs.tensor("receipt.distances", distances);
        }
        Ok(outputs.receipt("rows", rows))
    }
}
