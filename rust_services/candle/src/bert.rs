//! `bert.infer`: candle-transformers' encoder, and the mean of its last hidden states under the mask.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candle_transformers::models::bert::{BertModel, Config, HiddenAct};
use mlfleet_sdk::{Batches, Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array2, ArrayD};

use crate::device::{device, failed, finished};
use crate::token_ids;
use crate::weights::{Loaded, Use, array, check_width, layers, load, shape, tensor};

pub(crate) struct BertInfer {
    device: Device,
    encoder: Loaded<BertModel>,
    layers: usize,
    ids: Tensor,
    /// Every token is of the first type: (batch, t) zeros.
    token_types: Tensor,
    mask: Tensor,
    batches: Batches<Tensor>,
}

/// `ids` i64 (n, t), `mask` i64 (n, t) of 0 and 1, `w.*`; `heads`, `batch`.
pub(crate) fn infer(inputs: &mut Inputs, params: &mut Params) -> Result<BertInfer, Error> {
    let device = device()?;
    let weights = inputs.weights("w")?;
    let config = config(&weights, params.count("heads")?)?;
    let ids = token_ids(inputs, "ids", config.vocab_size, config.max_position_embeddings)?;
    let mask = inputs.i64_2d("mask")?;
    check_mask(&mask, ids.shape())?;
    let (rows, tokens) = (ids.shape()[0], ids.shape()[1]);
    let batch = params.count("batch")?;
    let batches = Batches::new("ids", rows, batch)?;
    Ok(BertInfer {
        encoder: load(weights, Use::Infer, &device, |weights| {
            BertModel::load(weights, &config)
        })?,
        layers: config.num_hidden_layers,
        ids: tensor(&ids, &device).map_err(failed)?,
        token_types: Tensor::zeros((batch, tokens), DType::U32, &device).map_err(failed)?,
        mask: tensor(&mask.into_dyn(), &device).map_err(failed)?,
        batches,
        device,
    })
}

/// The encoder's sizes as its weights have them.
fn config(weights: &BTreeMap<String, ArrayD<f32>>, heads: usize) -> Result<Config, Error> {
    let [vocab_size, hidden_size] = shape(weights, "embeddings.word_embeddings.weight")?;
    let [max_position_embeddings, columns] = shape(weights, "embeddings.position_embeddings.weight")?;
    let [type_vocab_size, _] = shape(weights, "embeddings.token_type_embeddings.weight")?;
    let [intermediate_size, _] = shape(weights, "encoder.layer.0.intermediate.dense.weight")?;
    check_width(hidden_size, columns, "embeddings.position_embeddings.weight", heads)?;
    Ok(Config {
        vocab_size,
        hidden_size,
        num_hidden_layers: layers(weights, "encoder.layer.")?,
        num_attention_heads: heads,
        intermediate_size,
        // By the error function; `GeluApproximate` is the one by tanh.
        hidden_act: HiddenAct::Gelu,
        max_position_embeddings,
        type_vocab_size,
        layer_norm_eps: 1e-12,
        ..Config::default()
    })
}

fn check_mask(mask: &Array2<i64>, awaited: &[usize]) -> Result<(), Error> {
    require(mask.shape() == awaited, || {
        format!("mask has shape {:?}; awaited {awaited:?}, that of ids", mask.shape())
    })?;
    let wrong = mask.iter().find(|&&flag| flag != 0 && flag != 1);
    require(wrong.is_none(), || {
        format!("mask has {}; awaited 0 or 1", wrong.unwrap_or(&0))
    })?;
    let empty = mask.rows().into_iter().position(|row| row.sum() == 0);
    require(empty.is_none(), || {
        format!("mask hides all tokens of row {}", empty.unwrap_or_default())
    })
}

impl BertInfer {
    /// The embeddings (batch, hidden) of these rows.
    fn embed(&self, start: usize, len: usize) -> CandleResult<Tensor> {
        let mask = self.mask.narrow(0, start, len)?;
        let hidden = self
            .encoder
            .model
            .forward(&self.ids.narrow(0, start, len)?, &self.token_types, Some(&mask))?;
        let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        hidden.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)
    }
}

impl Job for BertInfer {
    fn step(&mut self) -> Result<(), Error> {
        let rows = self.batches.rows();
        let embedding = finished(&self.device, || self.embed(rows.start, rows.len()))?;
        self.batches.answer(embedding);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let embedding = array::<f32>(self.batches.first()?)?;
        let tokens = embedding.shape()[0] * self.token_types.dims()[1];
        Ok(Outputs::new()
            .tensor("embedding", embedding)
            .receipt("tokens", tokens)
            .receipt("layers", self.layers)
            .receipt("n_params", self.encoder.n_params()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{IxDyn, array};

    use super::*;

    const WIDTH: usize = 4;

    fn inputs(ids: Array2<i64>, mask: Array2<i64>) -> Inputs {
        let square = || vec![WIDTH, WIDTH];
        let layer = [
            ("attention.self.query", square()),
            ("attention.self.key", square()),
            ("attention.self.value", square()),
            ("attention.output.dense", square()),
            ("attention.output.LayerNorm", vec![WIDTH]),
            ("intermediate.dense", vec![8, WIDTH]),
            ("output.dense", vec![WIDTH, 8]),
            ("output.LayerNorm", vec![WIDTH]),
        ];
        let layer = layer.map(|(name, shape)| (format!("encoder.layer.0.{name}"), shape));
        let mut shapes = vec![("embeddings.LayerNorm.weight".to_owned(), vec![WIDTH])];
        for (name, rows) in [("word", 9), ("position", 6), ("token_type", 2)] {
            shapes.push((format!("embeddings.{name}_embeddings.weight"), vec![rows, WIDTH]));
        }
        shapes.extend(
            layer
                .iter()
                .map(|(name, shape)| (format!("{name}.weight"), shape.clone())),
        );
        shapes.extend(
            layer
                .iter()
                .map(|(name, shape)| (format!("{name}.bias"), vec![shape[0]])),
        );
        shapes.push(("embeddings.LayerNorm.bias".to_owned(), vec![WIDTH]));
        let mut at = 0.0_f32;
        let mut draw = || {
            at += 1.0;
            at.sin()
        };
        shapes.iter().fold(
            Inputs::default().with("ids", ids).with("mask", mask),
            |inputs, (name, shape)| {
                inputs.with(
                    &format!("w.{name}"),
                    ArrayD::from_shape_simple_fn(IxDyn(shape), &mut draw),
                )
            },
        )
    }

    fn params(heads: i64, batch: i64) -> Params {
        Params::default().with("heads", heads).with("batch", batch)
    }

    fn embedding(ids: Array2<i64>, mask: Array2<i64>) -> ArrayD<f32> {
        let mut job = infer(&mut inputs(ids, mask), &mut params(2, 1)).unwrap();
        job.step().unwrap();
        assert_eq!(job.outputs().unwrap().tensors()["receipt.layers"], 1_i64.into());
        array(job.batches.first().unwrap()).unwrap()
    }

    #[test]
    fn a_token_under_the_mask_changes_nothing() {
        let whole = embedding(array![[3, 8, 1]], array![[1, 1, 1]]);
        let padded = embedding(array![[3, 8, 1, 5]], array![[1, 1, 1, 0]]);
        assert!((&whole - &padded).iter().all(|difference| difference.abs() < 1e-6));
        assert!(
            (whole - embedding(array![[3, 8, 1, 5]], array![[1, 1, 1, 1]]))
                .iter()
                .any(|value| value.abs() > 1e-3)
        );
    }

    #[test]
    fn what_does_not_fit_the_model_or_the_data_is_refused() {
        let refusal = |ids: Array2<i64>, mask: Array2<i64>, heads, batch| {
            infer(&mut inputs(ids, mask), &mut params(heads, batch))
                .err()
                .unwrap()
                .to_string()
        };
        let fits = || (array![[1, 2]], array![[1, 1]]);
        let (ids, mask) = fits();
        assert_eq!(
            refusal(ids, mask, 3, 1),
            "params: heads is 3; awaited a divisor of 4, the width of the weights"
        );
        let (ids, mask) = fits();
        assert_eq!(
            refusal(ids, mask, 2, 2),
            "params: batch is 2; awaited 1 to 1 (rows of ids)"
        );
        let long = Array2::ones((1, 7));
        assert_eq!(
            refusal(long.clone(), long, 2, 1),
            "params: ids has 7 tokens a row; the model has 6 positions"
        );
        let (ids, mask) = (array![[1, 2]], array![[0, 0]]);
        assert_eq!(refusal(ids, mask, 2, 1), "params: mask hides all tokens of row 0");
        let (ids, mask) = (array![[1, 2]], array![[1, 1, 1]]);
        assert_eq!(
            refusal(ids, mask, 2, 1),
            "params: mask has shape [1, 3]; awaited [1, 2], that of ids"
        );
    }
}
