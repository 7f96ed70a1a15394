//! `gpt2.prefill`: a prompt read into an empty cache, and what would follow it.

use candle_core::{Device, Tensor};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params};

use super::model::{self, Gpt2};
use crate::device::{device, failed, finished};
use crate::token_ids;
use crate::weights::{Loaded, array};

pub(crate) struct Prefill {
    device: Device,
    gpt2: Loaded<Gpt2>,
    prompt: Tensor,
    /// f32 (b, vocabulary).
    logits: Option<Tensor>,
}

/// `ids` i64 (b, t), `w.*`; `heads`.
pub(crate) fn prefill(inputs: &mut Inputs, params: &mut Params) -> Result<Prefill, Error> {
    let device = device()?;
    let gpt2 = Gpt2::load(inputs.weights("w")?, params.count("heads")?, &device)?;
    let ids = token_ids(inputs, "ids", gpt2.model.sizes.vocabulary, gpt2.model.sizes.positions)?;
    let prompt = model::ids(&ids, &device).map_err(failed)?;
    Ok(Prefill {
        device,
        gpt2,
        prompt,
        logits: None,
    })
}

impl Job for Prefill {
    fn step(&mut self) -> Result<(), Error> {
        let model = &self.gpt2.model;
        let logits = finished(&self.device, || {
            model.next(&self.prompt, &mut model.caches(self.prompt.dim(1)?))
        })?;
        self.logits = Some(logits);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let logits = self.logits.as_ref().ok_or_else(|| Error::bug("no prompt was read"))?;
        Ok(Outputs::new()
            .tensor("logits", array::<f32>(logits)?)
            .receipt("tokens_in", self.prompt.elem_count())
            .receipt("layers", self.gpt2.model.sizes.layers)
            .receipt("n_params", self.gpt2.n_params()))
    }
}
