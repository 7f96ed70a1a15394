//! `lenet.infer`: logits of one batch, batches in rotation.

use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params};
use tch::nn::Module;
use tch::{Tensor, no_grad};

use crate::arrays::{array, length, tensor};
use crate::device::{device, synchronise};
use crate::networks::{Lenet, Model};
use crate::training::check_images;

pub(crate) struct Inference {
    model: Model<Lenet>,
    /// Whole batches: to cut one off at each step would cost a call.
    images: Vec<Tensor>,
    batches: Batches<Tensor>,
}

/// `images` f32 (m, 1, 28, 28), `w.*`, `batch`.
pub(crate) fn infer(inputs: &mut Inputs, params: &mut Params) -> Result<Inference, Error> {
    let images = inputs.f32("images", 4)?;
    let delivered = inputs.weights("w")?;
    let batch = params.count("batch")?;
    check_images("images", &images)?;
    let batches = Batches::new("images", images.shape()[0], batch)?;

    let mut model = Model::new(device());
    let weights = model.accept("w", &delivered)?;
    model.load(&weights);
    let batch = i64::try_from(batch).map_err(Error::bug)?;
    Ok(Inference {
        images: tensor(&images, model.store.device())?.split(batch, 0),
        model,
        batches,
    })
}

impl Job for Inference {
    fn step(&mut self) -> Result<(), Error> {
        let logits = no_grad(|| self.model.network.forward(&self.images[self.batches.part()]));
        synchronise(self.model.store.device());
        self.batches.answer(logits);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let logits = self.batches.first()?;
        Ok(Outputs::new()
            .tensor("logits", array::<f32>(logits)?)
            .receipt("rows_predicted", length(logits.size()[0])?)
            .receipt("n_params", self.model.parameters()))
    }
}

#[cfg(test)]
mod tests {
    use mlfleet_sdk::Inputs;
    use ndarray::{Array4, ArrayD};

    use super::*;

    fn inputs() -> Inputs {
        let images = Array4::from_shape_fn((5, 1, 28, 28), |(row, ..)| f32::from(u8::try_from(row).unwrap()));
        let weights = Model::<Lenet>::new(device()).variables();
        weights
            .iter()
            .fold(Inputs::default().with("images", images), |inputs, (name, weight)| {
                let weight: ArrayD<f32> = array(weight).unwrap();
                inputs.with(&format!("w.{name}"), weight)
            })
    }

    #[test]
    fn whole_batches_rotate_and_batch_0_is_answered() {
        let mut job = infer(&mut inputs(), &mut Params::default().with("batch", 2_i64)).unwrap();
        job.step().unwrap();
        let first = job.outputs().unwrap().tensors()["logits"].clone();
        job.step().unwrap();
        assert_eq!(job.batches.part(), 0);
        assert_eq!(job.outputs().unwrap().tensors()["logits"], first);
    }

    #[test]
    fn a_batch_larger_than_the_data_is_refused() {
        let error = infer(&mut inputs(), &mut Params::default().with("batch", 6_i64))
            .err()
            .unwrap();
        assert!(error.to_string().contains("batch is 6; awaited 1 to 5"));
    }
}
