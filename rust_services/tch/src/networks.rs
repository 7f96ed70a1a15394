//! The networks, built of tch's own layers; weights go in and out by the names that Python's torch gives them.

use std::collections::BTreeMap;

use mlfleet_sdk::{Error, require};
use ndarray::ArrayD;
use tch::nn::{self, Conv2D, ConvConfig, Linear, Module, Path};
use tch::{Device, Tensor, no_grad};

use crate::arrays::{shape, tensor};

/// Weights by name.
pub(crate) type Weights = BTreeMap<String, Tensor>;

/// A network's layers, whose variables lie below a path.
pub(crate) trait Network: Module + Sized {
    fn new(path: &Path) -> Self;
}

/// 784-128-10 with `ReLU`.
#[derive(Debug)]
pub(crate) struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Network for Mlp {
    fn new(path: &Path) -> Self {
        Self {
            fc1: nn::linear(path / "fc1", 784, 128, nn::LinearConfig::default()),
            fc2: nn::linear(path / "fc2", 128, 10, nn::LinearConfig::default()),
        }
    }
}

impl Module for Mlp {
    /// Logits (n, 10) of images (n, 1, 28, 28).
    fn forward(&self, images: &Tensor) -> Tensor {
        images.flatten(1, -1).apply(&self.fc1).relu().apply(&self.fc2)
    }
}

/// LeNet-5 with `ReLU` and max-pooling: 61,706 parameters.
#[derive(Debug)]
pub(crate) struct Lenet {
    conv1: Conv2D,
    conv2: Conv2D,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Network for Lenet {
    fn new(path: &Path) -> Self {
        let padded = ConvConfig {
            padding: 2,
            ..ConvConfig::default()
        };
        Self {
            conv1: nn::conv2d(path / "conv1", 1, 6, 5, padded),
            conv2: nn::conv2d(path / "conv2", 6, 16, 5, ConvConfig::default()),
            fc1: nn::linear(path / "fc1", 400, 120, nn::LinearConfig::default()),
            fc2: nn::linear(path / "fc2", 120, 84, nn::LinearConfig::default()),
            fc3: nn::linear(path / "fc3", 84, 10, nn::LinearConfig::default()),
        }
    }
}

impl Module for Lenet {
    /// Logits (n, 10) of images (n, 1, 28, 28).
    fn forward(&self, images: &Tensor) -> Tensor {
        let x = images.apply(&self.conv1).relu().max_pool2d_default(2);
        let x = x.apply(&self.conv2).relu().max_pool2d_default(2);
        let x = x.flatten(1, -1).apply(&self.fc1).relu();
        x.apply(&self.fc2).relu().apply(&self.fc3)
    }
}

/// A network and its variables.
pub(crate) struct Model<N> {
    pub(crate) network: N,
    pub(crate) store: nn::VarStore,
}

impl<N: Network> Model<N> {
    pub(crate) fn new(device: Device) -> Self {
        let store = nn::VarStore::new(device);
        let network = N::new(&store.root());
        no_grad(|| store.variables().values_mut().for_each(channels_last));
        Self { network, store }
    }

    /// Weights delivered as `<group>.*` on the network's device, if they are those of the network.
    pub(crate) fn accept(&self, group: &str, delivered: &BTreeMap<String, ArrayD<f32>>) -> Result<Weights, Error> {
        let awaited = self.variables();
        let names = || {
            awaited
                .keys()
                .map(|name| format!("{group}.{name}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for name in awaited.keys() {
            require(delivered.contains_key(name), || {
                format!("tensor {group}.{name} is missing; awaited {}", names())
            })?;
        }
        let take = |(name, array): (&String, &ArrayD<f32>)| {
            let size = awaited.get(name).map(Tensor::size);
            let size =
                size.ok_or_else(|| Error::params(format!("unknown tensor {group}.{name}; awaited {}", names())))?;
            let found = shape(array);
            require(found == size, || {
                format!("tensor {group}.{name} has shape {found:?}; awaited {size:?}")
            })?;
            Ok((name.clone(), tensor(array, self.store.device())?))
        };
        delivered.iter().map(take).collect()
    }

    /// Sets every variable to the weight of its name.
    pub(crate) fn load(&mut self, weights: &Weights) {
        no_grad(|| {
            for (name, mut variable) in self.store.variables() {
                variable.copy_(&weights[&name]);
            }
        });
    }

    /// The variables by name.
    pub(crate) fn variables(&self) -> Weights {
        self.store.variables().into_iter().collect()
    }

    /// How many numbers it learns.
    pub(crate) fn parameters(&self) -> usize {
        self.store.trainable_variables().iter().map(Tensor::numel).sum()
    }
}

/// Convolutions are faster with their channels last: a kernel in the order of `memory_format`.
fn channels_last(variable: &mut Tensor) {
    if let [out, channels, height, width] = *variable.size() {
        let strides = [height * width * channels, 1, width * channels, channels];
        let options = (variable.kind(), variable.device());
        let mut data = Tensor::empty_strided([out, channels, height, width], strides, options);
        data.copy_(variable);
        variable.set_data(&data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Delivered = BTreeMap<String, ArrayD<f32>>;

    #[test]
    fn networks_have_their_parameters_and_kernels_their_channels_last() {
        assert_eq!(Model::<Mlp>::new(Device::Cpu).parameters(), 101_770);
        let lenet = Model::<Lenet>::new(Device::Cpu);
        assert_eq!(lenet.parameters(), 61_706);
        assert_eq!(lenet.variables()["conv2.weight"].stride(), [150, 1, 30, 6]);
        assert_eq!(
            lenet
                .network
                .forward(&Tensor::zeros([2, 1, 28, 28], tch::kind::FLOAT_CPU))
                .size(),
            [2, 10]
        );
    }

    #[test]
    fn weights_that_are_not_the_networks_are_refused() {
        let mlp = Model::<Mlp>::new(Device::Cpu);
        let whole: Delivered = mlp
            .variables()
            .into_iter()
            .map(|(name, variable)| (name, crate::arrays::array::<f32>(&variable).unwrap()))
            .collect();
        assert!(mlp.accept("w", &whole).is_ok());
        let refused = |change: &dyn Fn(&mut Delivered)| {
            let mut weights = whole.clone();
            change(&mut weights);
            mlp.accept("w", &weights).unwrap_err().to_string()
        };
        let absent = refused(&|weights| drop(weights.remove("fc1.bias")));
        assert!(absent.contains("tensor w.fc1.bias is missing"));
        let more = refused(&|weights| drop(weights.insert("fc3.bias".to_owned(), weights["fc1.bias"].clone())));
        assert!(more.contains("unknown tensor w.fc3.bias"));
        let misshapen = refused(&|weights| drop(weights.insert("fc1.bias".to_owned(), weights["fc2.bias"].clone())));
        assert!(misshapen.contains("w.fc1.bias has shape [10]; awaited [128]"));
    }
}
