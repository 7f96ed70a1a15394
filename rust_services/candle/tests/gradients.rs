//! The gradients of the service's `LeNet` against differences of the loss, and those that the same network gets through
//! candle's own pooling, which this check refuses.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::loss::cross_entropy;
use mlfleet_sdk::{Inputs, Params, Tensor as Output};
use ndarray::{Array1, Array2, ArrayD, Axis, IxDyn};

const IMAGES: usize = 4;
/// As `lenet.train` asks of every gradient, by the norm of the right one.
const TOLERANCE: f64 = 1e-4;
const SHAPES: [(&str, &[usize]); 10] = [
    ("conv1.weight", &[6, 1, 5, 5]),
    ("conv1.bias", &[6]),
    ("conv2.weight", &[16, 6, 5, 5]),
    ("conv2.bias", &[16]),
    ("fc1.weight", &[120, 400]),
    ("fc1.bias", &[120]),
    ("fc2.weight", &[84, 120]),
    ("fc2.bias", &[84]),
    ("fc3.weight", &[10, 84]),
    ("fc3.bias", &[10]),
];

struct Data {
    images: ArrayD<f32>,
    labels: Array1<i64>,
    weights: Vec<(&'static str, ArrayD<f32>)>,
}

/// Images whose left half is plain, as real ones are at their borders: there pixels tie.
fn data() -> Data {
    let mut state = 7_u32;
    let mut draw = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    let mut images = ArrayD::from_shape_simple_fn(IxDyn(&[IMAGES, 1, 28, 28]), &mut draw);
    images.slice_axis_mut(Axis(3), (..14).into()).fill(0.5);
    let weights = SHAPES.map(|(name, shape)| {
        let inputs: usize = shape[1..].iter().product();
        let bound = f32::from(u16::try_from(inputs).unwrap()).sqrt().recip();
        (name, ArrayD::from_shape_simple_fn(IxDyn(shape), || draw() * bound))
    });
    Data {
        images,
        labels: Array1::from_vec(vec![3, 1, 4, 1]),
        weights: weights.into(),
    }
}

fn doubles(array: &ArrayD<f32>) -> Tensor {
    let elements = array.iter().map(|&element| f64::from(element));
    Tensor::from_iter(elements, &Device::Cpu)
        .unwrap()
        .reshape(array.shape())
        .unwrap()
}

/// The loss of a `LeNet` through candle's own pooling, whose way forward is right.
fn loss(data: &Data, weights: &[Tensor]) -> Result<Tensor> {
    let bias = |at: usize| weights[at].reshape((1, (), 1, 1));
    let linear = |x: &Tensor, at: usize| x.matmul(&weights[at].t()?)?.broadcast_add(&weights[at + 1]);
    let x = doubles(&data.images)
        .conv2d(&weights[0], 2, 1, 1, 1)?
        .broadcast_add(&bias(1)?)?
        .relu()?
        .max_pool2d(2)?;
    let x = x
        .conv2d(&weights[2], 0, 1, 1, 1)?
        .broadcast_add(&bias(3)?)?
        .relu()?
        .max_pool2d(2)?
        .flatten_from(1)?;
    let logits = linear(&linear(&linear(&x, 4)?.relu()?, 6)?.relu()?, 8)?;
    cross_entropy(&logits, &Tensor::from_iter(data.labels.iter().copied(), &Device::Cpu)?)
}

/// How far each gradient is from what the loss says: it must rise along the gradient by the gradient's length.
fn errors(data: &Data, gradients: &BTreeMap<&str, Tensor>) -> Result<BTreeMap<&'static str, f64>> {
    let weights: Vec<_> = data.weights.iter().map(|(_, array)| doubles(array)).collect();
    let error = |(at, (name, _)): (usize, &(&'static str, ArrayD<f32>))| {
        let length = gradients[name].sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>()?;
        let moved = |step: f64| {
            let mut weights = weights.clone();
            weights[at] = (&weights[at] + (&gradients[name] * (step / length))?)?;
            loss(data, &weights)?.to_scalar::<f64>()
        };
        let slope = (moved(1e-5)? - moved(-1e-5)?) / 2e-5;
        Ok((*name, (slope - length).abs() / slope.abs()))
    };
    data.weights.iter().enumerate().map(error).collect()
}

/// What the service gives for the first batch.
fn of_the_service(data: &Data) -> BTreeMap<&'static str, Tensor> {
    let images = data.images.clone();
    let order = Array2::from_shape_fn((1, IMAGES), |(_, row)| i64::try_from(row).unwrap());
    let inputs = Inputs::default()
        .with("test_images", images.clone())
        .with("images", images);
    let inputs = inputs.with("labels", data.labels.clone()).with("order", order);
    let named = |inputs: Inputs, (name, array): &(&str, ArrayD<f32>)| inputs.with(&format!("w.{name}"), array.clone());
    let mut inputs = data.weights.iter().fold(inputs, named);
    let mut params = Params::default()
        .with("batch", 4_i64)
        .with("lr", 0.1)
        .with("momentum", 0.9);
    let service = mlfleet_candle::service();
    let task = service.tasks.iter().find(|task| task.name == "lenet.train").unwrap();
    let mut job = (task.build)(&mut inputs, &mut params).unwrap();
    job.step().unwrap();
    let outputs = job.outputs().unwrap();
    let gradient = |(name, _): &(&'static str, ArrayD<f32>)| match &outputs.tensors()[&format!("grad.{name}")] {
        Output::F32(array) => (*name, doubles(array)),
        other => panic!("grad.{name} is {other}"),
    };
    data.weights.iter().map(gradient).collect()
}

#[test]
fn the_services_gradients_are_those_of_the_loss() {
    let data = data();
    for (name, error) in errors(&data, &of_the_service(&data)).unwrap() {
        assert!(error < TOLERANCE, "grad.{name} is {error:e} off");
    }
}

#[test]
fn a_lenet_through_candles_own_pooling_is_refused() {
    let data = data();
    let variables = data.weights.iter().map(|(_, array)| Var::from_tensor(&doubles(array)));
    let variables: Vec<_> = variables.collect::<Result<_>>().unwrap();
    let tensors: Vec<_> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
    let found = loss(&data, &tensors).unwrap().backward().unwrap();
    let named = SHAPES
        .iter()
        .zip(&tensors)
        .map(|((name, _), tensor)| (*name, found.get(tensor).unwrap().clone()));
    let errors = errors(&data, &named.collect()).unwrap();
    for (name, error) in errors {
        // Only what gets its gradient through the pooling is off: by a factor of 4, less where pixels tie.
        assert_eq!(
            name.starts_with("conv"),
            error > TOLERANCE,
            "grad.{name} is {error:e} off"
        );
    }
}
