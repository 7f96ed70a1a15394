//! Stochastic gradient descent with momentum, which candle has not.

use candle_core::{Result, Tensor, Var};

/// `PyTorch`'s formula: v = momentum v + g, from v = g on; p = p - lr v.
pub(crate) struct Sgd {
    lr: f64,
    momentum: f64,
    velocity: Vec<Tensor>,
}

impl Sgd {
    pub(crate) fn new(lr: f64, momentum: f64) -> Self {
        Self {
            lr,
            momentum,
            velocity: Vec::new(),
        }
    }

    /// Moves each variable against its gradient. The gradients must be detached: a velocity keeps the last ones.
    pub(crate) fn step(&mut self, variables: &[Var], gradients: &[Tensor]) -> Result<()> {
        self.velocity = if self.velocity.is_empty() {
            gradients.to_vec()
        } else {
            let pairs = self.velocity.iter().zip(gradients);
            pairs
                .map(|(velocity, gradient)| (velocity * self.momentum)? + gradient)
                .collect::<Result<_>>()?
        };
        for (variable, velocity) in variables.iter().zip(&self.velocity) {
            variable.set(&variable.as_detached_tensor().sub(&(velocity * self.lr)?)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_velocity_starts_at_the_first_gradient() {
        let variable = Var::new(&[1.0_f32], &Device::Cpu).unwrap();
        let gradient = Tensor::new(&[2.0_f32], &Device::Cpu).unwrap();
        let mut sgd = Sgd::new(0.25, 0.5);
        let mut path = Vec::new();
        for _ in 0..3 {
            sgd.step(std::slice::from_ref(&variable), std::slice::from_ref(&gradient))
                .unwrap();
            path.push(variable.to_vec1::<f32>().unwrap()[0]);
        }
        // Velocities 2, 3 and 3.5.
        assert_eq!(path, [0.5, -0.25, -1.125]);
    }
}
