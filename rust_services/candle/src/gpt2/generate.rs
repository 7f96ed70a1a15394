//! `gpt2.generate`: the likeliest next token, again and again, from an empty cache.

use candle_core::{D, Device, Result as CandleResult, Tensor};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};

use super::model::{self, Gpt2};
use crate::device::{device, failed, finished};
use crate::token_ids;
use crate::weights::{Loaded, array};

pub(crate) struct Generate {
    device: Device,
    gpt2: Loaded<Gpt2>,
    prompt: Tensor,
    new: usize,
    /// u32 (b, new).
    tokens: Option<Tensor>,
}

/// `ids` i64 (b, t), `w.*`; `heads`, `new`.
pub(crate) fn generate(inputs: &mut Inputs, params: &mut Params) -> Result<Generate, Error> {
    let device = device()?;
    let gpt2 = Gpt2::load(inputs.weights("w")?, params.count("heads")?, &device)?;
    let (vocabulary, positions) = (gpt2.model.sizes.vocabulary, gpt2.model.sizes.positions);
    let ids = token_ids(inputs, "ids", vocabulary, positions)?;
    let new = params.count("new")?;
    let tokens = ids.shape()[1];
    require(new <= positions - tokens, || {
        format!("new is {new} after {tokens} tokens of ids; the model has {positions} positions")
    })?;
    let prompt = model::ids(&ids, &device).map_err(failed)?;
    Ok(Generate {
        device,
        gpt2,
        prompt,
        new,
        tokens: None,
    })
}

impl Generate {
    fn generate(&self) -> CandleResult<Tensor> {
        let model = &self.gpt2.model;
        let mut caches = model.caches(self.prompt.dim(1)? + self.new);
        let mut tokens = vec![model.next(&self.prompt, &mut caches)?.argmax(D::Minus1)?];
        while let Some(last) = tokens.last()
            && tokens.len() < self.new
        {
            let logits = model.next(&last.unsqueeze(1)?, &mut caches)?;
            tokens.push(logits.argmax(D::Minus1)?);
        }
        Tensor::stack(&tokens, 1)
    }
}

impl Job for Generate {
    fn step(&mut self) -> Result<(), Error> {
        self.tokens = Some(finished(&self.device, || self.generate())?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let tokens = self
            .tokens
            .as_ref()
            .ok_or_else(|| Error::bug("nothing was generated"))?;
        let tokens = array::<u32>(tokens)?.mapv(i64::from);
        Ok(Outputs::new()
            .receipt("tokens_in", self.prompt.elem_count())
            .receipt("tokens_out", tokens.len())
            .receipt("layers", self.gpt2.model.sizes.layers)
            .receipt("n_params", self.gpt2.n_params())
            .tensor("tokens", tokens))
    }
}
