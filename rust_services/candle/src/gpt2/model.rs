//! The model: learned positions, layers that normalise first, a head tied to the token embedding.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::kv_cache::KvCache;
use candle_nn::ops::softmax_last_dim;
use candle_nn::{LayerNorm, Module, VarBuilder, layer_norm};
use mlfleet_sdk::Error;
use ndarray::ArrayD;

use crate::weights::{self, Loaded, Use, check_width, load, shape};

const EPS: f64 = 1e-5;

/// A model's sizes as its weights have them.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
    pub(super) layers: usize,
    width: usize,
    inner: usize,
    heads: usize,
}

impl Sizes {
    fn of(weights: &BTreeMap<String, ArrayD<f32>>, heads: usize) -> std::result::Result<Self, Error> {
        let [vocabulary, width] = shape(weights, "wte.weight")?;
        let [positions, columns] = shape(weights, "wpe.weight")?;
        let [_, inner] = shape(weights, "h.0.mlp.c_fc.weight")?;
        check_width(width, columns, "wpe.weight", heads)?;
        Ok(Self {
            vocabulary,
            positions,
            layers: weights::layers(weights, "h.")?,
            width,
            inner,
            heads,
        })
    }
}

pub(super) struct Gpt2 {
    pub(super) sizes: Sizes,
    /// (vocabulary, width), also the head.
    tokens: Tensor,
    /// (positions, width).
    positions: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// (positions, positions), what a score gets added: minus infinity where a token would look ahead.
    causal: Tensor,
}

impl Gpt2 {
    /// Builds the model from Hugging Face's names without "transformer.".
    pub(super) fn load(
        weights: BTreeMap<String, ArrayD<f32>>,
        heads: usize,
        device: &Device,
    ) -> std::result::Result<Loaded<Self>, Error> {
        let sizes = Sizes::of(&weights, heads)?;
        load(weights, Use::Infer, device, |weights| Self::new(sizes, &weights))
    }

    fn new(sizes: Sizes, weights: &VarBuilder<'_>) -> Result<Self> {
        let Sizes {
            vocabulary,
            positions,
            layers,
            width,
            ..
        } = sizes;
        Ok(Self {
            sizes,
            tokens: weights.get((vocabulary, width), "wte.weight")?,
            positions: weights.get((positions, width), "wpe.weight")?,
            blocks: (0..layers)
                .map(|layer| Block::load(sizes, &weights.pp("h").pp(layer)))
                .collect::<Result<_>>()?,
            norm: layer_norm(width, EPS, weights.pp("ln_f"))?,
            causal: causal(positions, weights.device())?,
        })
    }

    /// An empty cache for each layer, with room for that many tokens.
    pub(super) fn caches(&self, tokens: usize) -> Vec<KvCache> {
        self.blocks.iter().map(|_| KvCache::new(2, tokens)).collect()
    }

    /// Hidden states (b, t, width) of the tokens (b, t) that follow those in the caches; they are added to them.
    pub(super) fn forward(&self, ids: &Tensor, caches: &mut [KvCache]) -> Result<Tensor> {
        let (rows, tokens) = ids.dims2()?;
        let past = caches.first().map_or(0, KvCache::current_seq_len);
        let embedded = self
            .tokens
            .index_select(&ids.flatten_all()?, 0)?
            .reshape((rows, tokens, ()))?;
        let mut hidden = embedded.broadcast_add(&self.positions.narrow(0, past, tokens)?)?;
        // One token after all others sees them all.
        let causal = (tokens > 1)
            .then(|| self.causal.narrow(0, past, tokens)?.narrow(1, 0, past + tokens))
            .transpose()?;
        for (block, cache) in self.blocks.iter().zip(caches) {
            hidden = block.forward(&hidden, cache, causal.as_ref())?;
        }
        Ok(hidden)
    }

    /// Logits (b, t, vocabulary) of hidden states (b, t, width).
    pub(super) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let (rows, tokens, width) = hidden.dims3()?;
        let normed = self
            .norm
            .forward(&hidden.contiguous()?)?
            .reshape((rows * tokens, width))?;
        normed.matmul(&self.tokens.t()?)?.reshape((rows, tokens, ()))
    }

    /// Logits (b, vocabulary) after the last of the tokens (b, t).
    pub(super) fn next(&self, ids: &Tensor, caches: &mut [KvCache]) -> Result<Tensor> {
        let hidden = self.forward(ids, caches)?;
        self.logits(&hidden.narrow(1, hidden.dim(1)? - 1, 1)?)?.squeeze(1)
    }
}

fn causal(positions: usize, device: &Device) -> Result<Tensor> {
    let row = |at: usize| (0..positions).map(move |seen| if seen <= at { 0.0 } else { f32::NEG_INFINITY });
    Tensor::from_iter((0..positions).flat_map(row), device)?.reshape((positions, positions))
}

/// A linear layer whose weight is (in, out), as GPT-2's are.
struct Conv1D {
    weight: Tensor,
    bias: Tensor,
}

impl Conv1D {
    fn load(inputs: usize, outputs: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            weight: weights.get((inputs, outputs), "weight")?,
            bias: weights.get(outputs, "bias")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, tokens, inputs) = x.dims3()?;
        let product = x.reshape((rows * tokens, inputs))?.matmul(&self.weight)?;
        product.broadcast_add(&self.bias)?.reshape((rows, tokens, ()))
    }
}

struct Block {
    heads: usize,
    ln_1: LayerNorm,
    qkv: Conv1D,
    project: Conv1D,
    ln_2: LayerNorm,
    up: Conv1D,
    down: Conv1D,
}

impl Block {
    fn load(sizes: Sizes, weights: &VarBuilder<'_>) -> Result<Self> {
        let Sizes {
            width, inner, heads, ..
        } = sizes;
        let (attention, mlp) = (weights.pp("attn"), weights.pp("mlp"));
        Ok(Self {
            heads,
            ln_1: layer_norm(width, EPS, weights.pp("ln_1"))?,
            qkv: Conv1D::load(width, 3 * width, &attention.pp("c_attn"))?,
            project: Conv1D::load(width, width, &attention.pp("c_proj"))?,
            ln_2: layer_norm(width, EPS, weights.pp("ln_2"))?,
            up: Conv1D::load(width, inner, &mlp.pp("c_fc"))?,
            down: Conv1D::load(inner, width, &mlp.pp("c_proj"))?,
        })
    }

    fn forward(&self, x: &Tensor, cache: &mut KvCache, causal: Option<&Tensor>) -> Result<Tensor> {
        let x = (x + self.attend(&self.ln_1.forward(x)?, cache, causal)?)?;
        // candle's `gelu` is the one by tanh, which GPT-2 calls `gelu_new`.
        let inner = self.up.forward(&self.ln_2.forward(&x)?)?.gelu()?;
        x + self.down.forward(&inner)?
    }

    fn attend(&self, x: &Tensor, cache: &mut KvCache, causal: Option<&Tensor>) -> Result<Tensor> {
        let (rows, tokens, width) = x.dims3()?;
        let qkv = self
            .qkv
            .forward(x)?
            .reshape((rows, tokens, 3, self.heads, width / self.heads))?;
        // (3, b, heads, t, width / heads)
        let qkv = qkv.permute((2, 0, 3, 1, 4))?.contiguous()?;
        let (keys, values) = cache.append(&qkv.get(1)?, &qkv.get(2)?)?;
        #[expect(clippy::cast_precision_loss, reason = "a width is far below 2^53")]
        let scale = ((width / self.heads) as f64).sqrt().recip();
        let scores = (qkv.get(0)? * scale)?.matmul(&keys.transpose(D::Minus2, D::Minus1)?)?;
        let scores = match causal {
            Some(causal) => scores.broadcast_add(causal)?,
            None => scores,
        };
        let mixed = softmax_last_dim(&scores)?.matmul(&values)?;
        self.project
            .forward(&mixed.transpose(1, 2)?.reshape((rows, tokens, width))?)
    }
}

/// Token ids on the device, in the type that candle looks rows up by.
pub(super) fn ids(ids: &ArrayD<i64>, device: &Device) -> Result<Tensor> {
    weights::tensor(ids, device)?.to_dtype(DType::U32)
}
