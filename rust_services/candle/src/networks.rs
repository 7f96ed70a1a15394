//! The small networks: images in, logits of ten classes out.

use candle_core::{D, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Linear, Module, VarBuilder, conv2d, linear};

/// Rows and columns of an image.
pub(crate) const SIDE: usize = 28;
pub(crate) const CLASSES: usize = 10;

/// A network of this file: how it is built, and `forward` from images (b, 1, 28, 28) to logits (b, 10).
pub(crate) trait Network: Module + Sized + 'static {
    /// Asks for its weights, under `PyTorch`'s names and shapes.
    fn load(weights: VarBuilder<'_>) -> Result<Self>;
}

/// 784-128-10 with a `ReLU`.
pub(crate) struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

impl Network for Mlp {
    fn load(weights: VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            fc1: linear(SIDE * SIDE, 128, weights.pp("fc1"))?,
            fc2: linear(128, CLASSES, weights.pp("fc2"))?,
        })
    }
}

impl Module for Mlp {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let hidden = self.fc1.forward(&images.flatten_from(1)?)?.relu()?;
        self.fc2.forward(&hidden)
    }
}

/// LeNet-5 with `ReLU` and max-pooling; 61,706 parameters.
pub(crate) struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Network for LeNet {
    fn load(weights: VarBuilder<'_>) -> Result<Self> {
        let padded = Conv2dConfig {
            padding: 2,
            ..Conv2dConfig::default()
        };
        Ok(Self {
            conv1: conv2d(1, 6, 5, padded, weights.pp("conv1"))?,
            conv2: conv2d(6, 16, 5, Conv2dConfig::default(), weights.pp("conv2"))?,
            fc1: linear(16 * 5 * 5, 120, weights.pp("fc1"))?,
            fc2: linear(120, 84, weights.pp("fc2"))?,
            fc3: linear(84, CLASSES, weights.pp("fc3"))?,
        })
    }
}

impl Module for LeNet {
    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let features = max_pool2(&self.conv1.forward(images)?.relu()?)?;
        let features = max_pool2(&self.conv2.forward(&features)?.relu()?)?;
        let hidden = self.fc1.forward(&features.flatten_from(1)?)?.relu()?;
        let hidden = self.fc2.forward(&hidden)?.relu()?;
        self.fc3.forward(&hidden)
    }
}

/// The largest of each 2 x 2 window. candle's own `max_pool2d` gives a quarter of the gradient, and its `max` gives all of
/// it to each of several equal elements (which a plain background makes); `maximum` shares it out among them.
fn max_pool2(x: &Tensor) -> Result<Tensor> {
    let (batch, channels, rows, columns) = x.dims4()?;
    let pairs = x.reshape((batch, channels, rows / 2, 2, columns))?;
    let x = pairs.narrow(3, 0, 1)?.maximum(&pairs.narrow(3, 1, 1)?)?;
    let pairs = x.reshape((batch, channels, rows / 2, columns / 2, 2))?;
    pairs
        .narrow(D::Minus1, 0, 1)?
        .maximum(&pairs.narrow(D::Minus1, 1, 1)?)?
        .squeeze(D::Minus1)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn gradient(pool: impl FnOnce(&Tensor) -> Result<Tensor>, image: [f32; 4]) -> (f32, Vec<f32>) {
        let x = Var::from_slice(&image, (1, 1, 2, 2), &Device::Cpu).unwrap();
        let pooled = pool(&x).unwrap().sum_all().unwrap();
        let gradient = pooled.backward().unwrap().remove(&x).unwrap();
        (
            pooled.to_scalar().unwrap(),
            gradient.flatten_all().unwrap().to_vec1().unwrap(),
        )
    }

    #[test]
    fn pooling_hands_the_whole_gradient_to_the_largest() {
        assert_eq!(
            gradient(max_pool2, [1.0, 4.0, 2.0, 3.0]),
            (4.0, vec![0.0, 1.0, 0.0, 0.0])
        );
        assert_eq!(gradient(max_pool2, [5.0; 4]), (5.0, vec![0.25; 4]));
    }

    /// Why pooling is written here. When this fails, candle may be right by now: try its own again.
    #[test]
    fn candles_own_pooling_is_still_wrong() {
        assert_eq!(
            gradient(|x| x.max_pool2d(2), [1.0, 4.0, 2.0, 3.0]),
            (4.0, vec![0.0, 0.25, 0.0, 0.0])
        );
        let by_reduction = |x: &Tensor| x.reshape((1, 1, 1, 2, 1, 2))?.max(5)?.max(3);
        assert_eq!(gradient(by_reduction, [5.0; 4]), (5.0, vec![1.0; 4]));
    }
}
