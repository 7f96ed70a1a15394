//! `gpt2.perplexity`: how surprising each token of a text is after those before it.

use candle_core::{D, Device, Result as CandleResult, Tensor};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};

use super::model::{self, Gpt2};
use crate::device::{device, failed, finished};
use crate::token_ids;
use crate::weights::{Loaded, array};

pub(crate) struct Perplexity {
    device: Device,
    gpt2: Loaded<Gpt2>,
    windows: Tensor,
    /// f32 (w, t - 1).
    losses: Option<Tensor>,
}

/// `ids` i64 (w, t), `w.*`; `heads`.
pub(crate) fn perplexity(inputs: &mut Inputs, params: &mut Params) -> Result<Perplexity, Error> {
    let device = device()?;
    let gpt2 = Gpt2::load(inputs.weights("w")?, params.count("heads")?, &device)?;
    let ids = token_ids(inputs, "ids", gpt2.model.sizes.vocabulary, gpt2.model.sizes.positions)?;
    require(ids.shape()[1] >= 2, || {
        "ids has 1 token a row; awaited at least 2, since the first has no loss".to_owned()
    })?;
    let windows = model::ids(&ids, &device).map_err(failed)?;
    Ok(Perplexity {
        device,
        gpt2,
        windows,
        losses: None,
    })
}

impl Perplexity {
    fn losses(&self) -> CandleResult<Tensor> {
        let model = &self.gpt2.model;
        let (windows, tokens) = self.windows.dims2()?;
        let hidden = model.forward(&self.windows, &mut model.caches(tokens))?;
        let logits = model.logits(&hidden.narrow(1, 0, tokens - 1)?)?;
        let targets = self
            .windows
            .narrow(1, 1, tokens - 1)?
            .reshape((windows, tokens - 1, 1))?
            .contiguous()?;
        logits.log_sum_exp(D::Minus1)? - logits.gather(&targets, D::Minus1)?.squeeze(D::Minus1)?
    }
}

impl Job for Perplexity {
    fn step(&mut self) -> Result<(), Error> {
        self.losses = Some(finished(&self.device, || self.losses())?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let losses = self.losses.as_ref().ok_or_else(|| Error::bug("no window was scored"))?;
        Ok(Outputs::new()
            .tensor("token_losses", array::<f32>(losses)?)
            .receipt("tokens", self.windows.elem_count())
            .receipt("layers", self.gpt2.model.sizes.layers)
            .receipt("n_params", self.gpt2.n_params()))
    }
}
