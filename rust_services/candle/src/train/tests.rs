//! Trainings from the delivered weights, and what they refuse.

use candle_nn::ops::softmax_last_dim;
use candle_nn::{Linear, Module, VarBuilder, linear};
use ndarray::{Array1, ArrayD, IxDyn, array};

use super::*;

struct Plain(Linear);

impl Network for Plain {
    fn load(weights: VarBuilder<'_>) -> CandleResult<Self> {
        Ok(Self(linear(784, CLASSES, weights.pp("fc"))?))
    }
}

impl Module for Plain {
    fn forward(&self, images: &Tensor) -> CandleResult<Tensor> {
        self.0.forward(&images.flatten_from(1)?)
    }
}

/// Through an operation of candle that has no backward and says nothing of it.
struct Stopped(Plain);

impl Network for Stopped {
    fn load(weights: VarBuilder<'_>) -> CandleResult<Self> {
        Plain::load(weights).map(Self)
    }
}

impl Module for Stopped {
    fn forward(&self, images: &Tensor) -> CandleResult<Tensor> {
        softmax_last_dim(&self.0.forward(images)?)
    }
}

fn inputs(order: Array2<i64>) -> Inputs {
    let mut at = 0.0_f32;
    let mut draw = |shape: &[usize]| {
        ArrayD::from_shape_simple_fn(IxDyn(shape), || {
            at += 1.0;
            at.sin() / 8.0
        })
    };
    Inputs::default()
        .with("images", draw(&[3, 1, 28, 28]))
        .with("test_images", draw(&[2, 1, 28, 28]))
        .with("labels", Array1::from_vec(vec![0_i64, 9, 4]))
        .with("order", order)
        .with("w.fc.weight", draw(&[CLASSES, 784]))
        .with("w.fc.bias", draw(&[CLASSES]))
}

fn params(batch: i64) -> Params {
    let params = Params::default().with("batch", batch);
    params.with("lr", 0.1).with("momentum", 0.5)
}

#[test]
fn every_training_starts_from_the_delivered_weights_and_counts_what_ran() {
    let mut job = train::<Plain>(&mut inputs(array![[2, 0, 1], [1, 2, 0]]), &mut params(2)).unwrap();
    job.step().unwrap();
    let first = job.outputs().unwrap();
    job.step().unwrap();
    assert_eq!(job.outputs().unwrap().tensors(), first.tensors());
    let receipts = ["samples", "steps", "n_params", "params_moved"];
    let receipts = receipts.map(|key| first.tensors()[&format!("receipt.{key}")].clone());
    assert_eq!(receipts, [6_i64, 4, 7850, 2].map(Into::into));
}

#[test]
fn a_gradient_that_an_operation_dropped_ends_the_training() {
    let mut job = train::<Stopped>(&mut inputs(array![[0, 1, 2]]), &mut params(3)).unwrap();
    assert!(
        job.step()
            .unwrap_err()
            .to_string()
            .contains("no gradient reached fc.weight")
    );
}

#[test]
fn a_batch_or_an_order_that_does_not_fit_the_images_is_refused() {
    let refusal = |order, batch| {
        let job = train::<Plain>(&mut inputs(order), &mut params(batch));
        job.err().unwrap().to_string()
    };
    assert_eq!(refusal(array![[0, 1, 2]], 4), "params: batch is 4; images has 3 rows");
    assert_eq!(refusal(array![[0, 1, 3]], 1), "params: order has 3; awaited 0 to 2");
    assert_eq!(
        refusal(array![[0, 1, 1]], 1),
        "params: epoch 0 of order has 2 different rows; awaited 3"
    );
}
