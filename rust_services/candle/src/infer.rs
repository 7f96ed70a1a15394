//! `lenet.infer`: logits of one batch of images after the other.

use candle_core::{Device, Tensor};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params};

use crate::device::{device, failed, finished};
use crate::images;
use crate::networks::Network;
use crate::weights::{Loaded, Use, array, load, tensor};

pub(crate) struct Infer<N> {
    device: Device,
    network: Loaded<N>,
    images: Tensor,
    batches: Batches<Tensor>,
}

/// `images` f32 (m, 1, 28, 28), `w.*`; `batch`.
pub(crate) fn infer<N: Network>(inputs: &mut Inputs, params: &mut Params) -> Result<Infer<N>, Error> {
    let device = device()?;
    let images = images(inputs, "images")?;
    Ok(Infer {
        batches: Batches::new("images", images.shape()[0], params.count("batch")?)?,
        network: load(inputs.weights("w")?, Use::Infer, &device, N::load)?,
        images: tensor(&images, &device).map_err(failed)?,
        device,
    })
}

impl<N: Network> Job for Infer<N> {
    fn step(&mut self) -> Result<(), Error> {
        let rows = self.batches.rows();
        let logits = finished(&self.device, || {
            self.network
                .model
                .forward(&self.images.narrow(0, rows.start, rows.len())?)
        })?;
        self.batches.answer(logits);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let logits = array::<f32>(self.batches.first()?)?;
        let rows = logits.shape()[0];
        Ok(Outputs::new()
            .tensor("logits", logits)
            .receipt("rows_predicted", rows)
            .receipt("n_params", self.network.n_params()))
    }
}
