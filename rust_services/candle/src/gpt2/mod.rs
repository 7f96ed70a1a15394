//! GPT-2 on candle-nn, which has the parts and not the model.

mod decode;
mod generate;
mod model;
mod perplexity;
mod prefill;

pub(crate) use decode::decode;
pub(crate) use generate::generate;
pub(crate) use perplexity::perplexity;
pub(crate) use prefill::prefill;

#[cfg(test)]
mod tests {
    use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, Tensor};
    use ndarray::{Array2, ArrayD, IxDyn, array, concatenate, s};

    use super::*;

    const VOCABULARY: usize = 11;
    const POSITIONS: usize = 8;
    const WIDTH: usize = 6;

    /// A model of two layers, and `ids`.
    fn inputs(ids: &Array2<i64>) -> Inputs {
        let layer = [
            ("ln_1.weight", vec![WIDTH]),
            ("ln_1.bias", vec![WIDTH]),
            ("attn.c_attn.weight", vec![WIDTH, 3 * WIDTH]),
            ("attn.c_attn.bias", vec![3 * WIDTH]),
            ("attn.c_proj.weight", vec![WIDTH, WIDTH]),
            ("attn.c_proj.bias", vec![WIDTH]),
            ("ln_2.weight", vec![WIDTH]),
            ("ln_2.bias", vec![WIDTH]),
            ("mlp.c_fc.weight", vec![WIDTH, 4 * WIDTH]),
            ("mlp.c_fc.bias", vec![4 * WIDTH]),
            ("mlp.c_proj.weight", vec![4 * WIDTH, WIDTH]),
            ("mlp.c_proj.bias", vec![WIDTH]),
        ];
        let outer = [
            ("wte.weight", vec![VOCABULARY, WIDTH]),
            ("wpe.weight", vec![POSITIONS, WIDTH]),
            ("ln_f.weight", vec![WIDTH]),
            ("ln_f.bias", vec![WIDTH]),
        ];
        let layers = (0..2).flat_map(|number| layer.clone().map(|(name, shape)| (format!("h.{number}.{name}"), shape)));
        let shapes = layers.chain(outer.map(|(name, shape)| (name.to_owned(), shape)));
        // Numbers that are neither equal nor in order: thirds of a linear congruence.
        let mut state = 1_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
        };
        shapes.fold(Inputs::default().with("ids", ids.clone()), |inputs, (name, shape)| {
            inputs.with(
                &format!("w.{name}"),
                ArrayD::from_shape_simple_fn(IxDyn(&shape), &mut draw),
            )
        })
    }

    fn heads(heads: i64) -> Params {
        Params::default().with("heads", heads)
    }

    fn run<J: Job>(job: Result<J, Error>) -> Outputs {
        let mut job = job.unwrap();
        job.step().unwrap();
        job.step().unwrap();
        job.outputs().unwrap()
    }

    fn floats(outputs: &Outputs, name: &str) -> ArrayD<f32> {
        match &outputs.tensors()[name] {
            Tensor::F32(array) => array.clone(),
            other => panic!("{name} is {other}"),
        }
    }

    fn prompt() -> Array2<i64> {
        array![[1, 5, 10, 2, 7], [3, 3, 0, 9, 4]]
    }

    #[test]
    fn forced_tokens_behind_a_cache_end_where_one_pass_over_all_ends() {
        let (ids, forced) = (
            prompt().slice(s![.., ..2]).to_owned(),
            prompt().slice(s![.., 2..]).to_owned(),
        );
        let decoded = run(decode(&mut inputs(&ids).with("forced", forced), &mut heads(3)));
        let whole = run(prefill(&mut inputs(&prompt()), &mut heads(3)));
        let difference = floats(&decoded, "logits") - floats(&whole, "logits");
        assert!(
            difference.iter().all(|difference| difference.abs() < 1e-5),
            "{difference}"
        );
        let receipts =
            ["tokens_in", "tokens_out", "layers"].map(|key| decoded.tensors()[&format!("receipt.{key}")].clone());
        assert_eq!(receipts, [4_i64.into(), 6_i64.into(), 2_i64.into()]);
    }

    #[test]
    fn each_token_generated_is_the_likeliest_after_those_before() {
        let generated = run(generate(&mut inputs(&prompt()), &mut heads(2).with("new", 3_i64)));
        let Tensor::I64(tokens) = &generated.tensors()["tokens"] else {
            panic!("tokens are I64")
        };
        let tokens = tokens.clone().into_dimensionality().unwrap();
        for seen in 0..3 {
            let text = concatenate![ndarray::Axis(1), prompt(), tokens.slice(s![.., ..seen])];
            let logits = floats(&run(prefill(&mut inputs(&text), &mut heads(2))), "logits");
            for (row, logits) in logits.outer_iter().enumerate() {
                let likeliest = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
                assert_eq!(tokens[(row, seen)], i64::try_from(likeliest).unwrap());
            }
        }
    }

    #[test]
    fn a_loss_is_minus_the_log_of_the_next_tokens_share() {
        let losses = floats(&run(perplexity(&mut inputs(&prompt()), &mut heads(2))), "token_losses");
        assert_eq!(losses.shape(), [2, 4]);
        let seen = prompt().slice(s![.., ..4]).to_owned();
        let logits = floats(&run(prefill(&mut inputs(&seen), &mut heads(2))), "logits");
        let row = logits.index_axis(ndarray::Axis(0), 0);
        let loss = row.mapv(f32::exp).sum().ln() - row[7];
        assert!((losses[[0, 3]] - loss).abs() < 1e-5, "{loss} {losses}");
    }

    #[test]
    fn what_does_not_fit_the_model_is_refused() {
        let refusal = |ids: &Array2<i64>, params: &mut Params| {
            let error = generate(&mut inputs(ids), params).err().unwrap().to_string();
            error.strip_prefix("params: ").unwrap().to_owned()
        };
        assert_eq!(
            refusal(&prompt(), &mut heads(4)),
            "heads is 4; awaited a divisor of 6, the width of the weights"
        );
        assert_eq!(
            refusal(&prompt(), &mut heads(2).with("new", 4_i64)),
            "new is 4 after 5 tokens of ids; the model has 8 positions"
        );
        assert_eq!(
            refusal(&Array2::zeros((1, 9)), &mut heads(2)),
            "ids has 9 tokens a row; the model has 8 positions"
        );
        assert_eq!(refusal(&array![[11]], &mut heads(2)), "ids has 11; awaited 0 to 10");
    }
}
