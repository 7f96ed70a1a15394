//! `gpt2.decode`: forced tokens, one after the other, behind a prompt that is in the cache.

use candle_core::{Device, Result as CandleResult, Tensor};
use candle_nn::kv_cache::KvCache;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};

use super::model::{self, Gpt2};
use crate::device::{device, finished};
use crate::token_ids;
use crate::weights::{Loaded, array};

pub(crate) struct Decode {
    device: Device,
    gpt2: Loaded<Gpt2>,
    /// The prompt's keys and values, with room for the forced tokens behind them.
    prompt: Vec<KvCache>,
    tokens_in: usize,
    /// One tensor (b, 1) a step.
    forced: Vec<Tensor>,
    run: Option<Run>,
}

struct Run {
    /// f32 (b, vocabulary).
    logits: Tensor,
    tokens: usize,
}

/// `ids` i64 (b, t), `forced` i64 (b, new), `w.*`; `heads`. The prompt is read here, the forced tokens in the steps.
pub(crate) fn decode(inputs: &mut Inputs, params: &mut Params) -> Result<Decode, Error> {
    let device = device()?;
    let gpt2 = Gpt2::load(inputs.weights("w")?, params.count("heads")?, &device)?;
    let (vocabulary, positions) = (gpt2.model.sizes.vocabulary, gpt2.model.sizes.positions);
    let ids = token_ids(inputs, "ids", vocabulary, positions)?;
    let forced = token_ids(inputs, "forced", vocabulary, positions)?;
    let ([rows, tokens], [forced_rows, new]) = (sides(&ids), sides(&forced));
    require(rows == forced_rows, || {
        format!("forced has {forced_rows} rows; ids has {rows}")
    })?;
    require(tokens + new <= positions, || {
        format!("ids and forced have {tokens} + {new} tokens a row; the model has {positions} positions")
    })?;
    let mut prompt = gpt2.model.caches(tokens + new);
    let read = || -> CandleResult<_> {
        gpt2.model.forward(&model::ids(&ids, &device)?, &mut prompt)?;
        let forced = model::ids(&forced, &device)?;
        (0..new)
            .map(|at| forced.narrow(1, at, 1)?.contiguous())
            .collect::<CandleResult<Vec<_>>>()
    };
    let forced = finished(&device, read)?;
    Ok(Decode {
        device,
        gpt2,
        prompt,
        tokens_in: ids.len(),
        forced,
        run: None,
    })
}

fn sides(ids: &ndarray::ArrayD<i64>) -> [usize; 2] {
    [ids.shape()[0], ids.shape()[1]]
}

impl Decode {
    fn decode(&self) -> CandleResult<Option<Run>> {
        // The same storage: a step writes behind the prompt, where the next iteration writes again.
        let mut caches = self.prompt.clone();
        let mut run = None;
        let mut tokens = 0;
        for forced in &self.forced {
            let logits = self.gpt2.model.next(forced, &mut caches)?;
            tokens += forced.elem_count();
            run = Some(Run { logits, tokens });
        }
        Ok(run)
    }
}

impl Job for Decode {
    fn step(&mut self) -> Result<(), Error> {
        self.run = finished(&self.device, || self.decode())?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let run = self.run.as_ref().ok_or_else(|| Error::bug("no token was decoded"))?;
        Ok(Outputs::new()
            .tensor("logits", array::<f32>(&run.logits)?)
            .receipt("tokens_in", self.tokens_in)
            .receipt("tokens_out", run.tokens)
            .receipt("layers", self.gpt2.model.sizes.layers)
            .receipt("n_params", self.gpt2.n_params()))
    }
}
