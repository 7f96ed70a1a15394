//! The network of agents on `CartPole`, on the CPU: a batch of 64 does not feed a GPU.

use mlfleet_sdk::{Error, Outputs};
use tch::nn::{self, Init, Linear, LinearConfig, Module, Path};
use tch::{Device, Tensor, no_grad};

use crate::arrays::array;
use crate::networks::{Model, Network, Weights};

const OBSERVED: i64 = 4;
const HIDDEN: i64 = 64;

/// 4-64-64-2 with `ReLU`: the value of each action, or its logit.
#[derive(Debug)]
pub(crate) struct Policy {
    layers: [Linear; 3],
}

impl Network for Policy {
    fn new(path: &Path) -> Self {
        Self {
            layers: [
                linear(&(path / "0"), OBSERVED, HIDDEN),
                linear(&(path / "2"), HIDDEN, HIDDEN),
                linear(&(path / "4"), HIDDEN, mlfleet_cartpole::ACTIONS),
            ],
        }
    }
}

impl Module for Policy {
    /// (n, 2) of observations (n, 4).
    fn forward(&self, observations: &Tensor) -> Tensor {
        let [first, second, last] = &self.layers;
        observations.apply(first).relu().apply(second).relu().apply(last)
    }
}

/// Starts as Python's torch does, uniform within 1 / sqrt(inputs); tch's own start is larger by sqrt(6).
fn linear(path: &Path, inputs: i64, outputs: i64) -> Linear {
    #[expect(clippy::cast_precision_loss, reason = "at most 64")]
    let bound = 1.0 / (inputs as f64).sqrt();
    let uniform = Init::Uniform { lo: -bound, up: bound };
    let config = LinearConfig {
        ws_init: uniform,
        bs_init: Some(uniform),
        bias: true,
    };
    nn::linear(path, inputs, outputs, config)
}

/// What the network gives for one observation.
pub(crate) fn of_one(network: &Policy, observation: [f32; 4]) -> Result<[f32; 2], Error> {
    let row = Tensor::from_slice(&observation).view([1, OBSERVED]);
    let mut found = [0.0; 2];
    no_grad(|| network.forward(&row))
        .f_copy_data(&mut found, 2)
        .map_err(Error::bug)?;
    Ok(found)
}

/// Observations as one tensor (n, 4).
pub(crate) fn rows<'a>(observations: impl Iterator<Item = &'a [f32; 4]>) -> Tensor {
    let flat: Vec<f32> = observations.flatten().copied().collect();
    Tensor::from_slice(&flat).view([-1, OBSERVED])
}

/// A new network on the CPU.
pub(crate) fn model() -> Model<Policy> {
    Model::new(Device::Cpu)
}

/// Adds the network's weights as `w.*`.
pub(crate) fn weights_into(outputs: Outputs, weights: &Weights) -> Result<Outputs, Error> {
    weights.iter().try_fold(outputs, |outputs, (name, weight)| {
        Ok(outputs.tensor(&format!("w.{name}"), array::<f32>(weight)?))
    })
}
