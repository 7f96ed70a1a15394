//! `mlp.train`, `lenet.train`: a network trained from its delivered weights, batch by batch in the delivered order.

use std::collections::HashSet;

use candle_core::{Device, Result as CandleResult, Tensor, Var};
use candle_nn::loss::cross_entropy;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::Array2;

use crate::device::{device, failed, finished};
use crate::networks::{CLASSES, Network};
use crate::sgd::Sgd;
use crate::weights::{Loaded, Use, array, load, tensor};
use crate::{below, images};

pub(crate) struct Train<N> {
    device: Device,
    network: Loaded<N>,
    variables: Vec<Var>,
    /// What the variables are set to before each training.
    delivered: Vec<Tensor>,
    images: Tensor,
    labels: Tensor,
    /// The rows of each step.
    batches: Vec<Tensor>,
    test_images: Tensor,
    lr: f64,
    momentum: f64,
    run: Run,
}

/// What one training left behind, beside the weights.
#[derive(Default)]
struct Run {
    losses: Vec<Tensor>,
    samples: usize,
    first_gradients: Vec<Tensor>,
}

/// `images` f32 (n, 1, 28, 28), `labels` i64 (n,), `order` i64 (epochs, n), `test_images` f32 (m, 1, 28, 28), `w.*`;
/// `batch`, `lr`, `momentum`.
pub(crate) fn train<N: Network>(inputs: &mut Inputs, params: &mut Params) -> Result<Train<N>, Error> {
    let device = device()?;
    let (images, test_images) = (images(inputs, "images")?, images(inputs, "test_images")?);
    let rows = images.shape()[0];
    let labels = inputs.i64_1d("labels")?.into_dyn();
    let order = inputs.i64_2d("order")?;
    require(labels.len() == rows, || {
        format!("labels has {} rows; images has {rows}", labels.len())
    })?;
    below("labels", &labels, CLASSES)?;
    check_order(&order, rows)?;
    let batch = params.count("batch")?;
    require(batch <= rows, || format!("batch is {batch}; images has {rows} rows"))?;

    let (lr, momentum) = (params.float("lr")?, params.float("momentum")?);
    require(lr > 0.0, || format!("lr is {lr}; awaited above 0"))?;
    require(momentum >= 0.0, || {
        format!("momentum is {momentum}; awaited 0 or above")
    })?;

    let network = load(inputs.weights("w")?, Use::Train, &device, N::load)?;
    let on_device = || -> CandleResult<_> {
        let parameters = network.parameters.iter().map(|(_, tensor)| tensor);
        let order = tensor(&order.into_dyn(), &device)?;
        Ok(Train {
            variables: parameters.clone().map(Var::from_tensor).collect::<CandleResult<_>>()?,
            delivered: parameters
                .map(|tensor| tensor.detach().copy())
                .collect::<CandleResult<_>>()?,
            images: tensor(&images, &device)?,
            labels: tensor(&labels, &device)?,
            batches: steps(&order, batch)?,
            test_images: tensor(&test_images, &device)?,
            device: device.clone(),
            network,
            lr,
            momentum,
            run: Run::default(),
        })
    };
    on_device().map_err(failed)
}

/// Refuses an order (epochs, n) of which an epoch is not all rows once.
fn check_order(order: &Array2<i64>, rows: usize) -> Result<(), Error> {
    let (epochs, columns) = order.dim();
    require(epochs >= 1 && columns == rows, || {
        format!("order has shape [{epochs}, {columns}]; awaited [1 or more, {rows}], the rows of images")
    })?;
    below("order", order, rows)?;
    for (number, epoch) in order.rows().into_iter().enumerate() {
        let distinct = epoch.iter().collect::<HashSet<_>>().len();
        require(distinct == rows, || {
            format!("epoch {number} of order has {distinct} different rows; awaited {rows}")
        })?;
    }
    Ok(())
}

/// The order (epochs, n) cut into batches; the last of an epoch may be short.
fn steps(order: &Tensor, batch: usize) -> CandleResult<Vec<Tensor>> {
    let (epochs, rows) = order.dims2()?;
    let starts = (0..epochs).flat_map(|epoch| (0..rows).step_by(batch).map(move |start| (epoch, start)));
    starts
        .map(|(epoch, start)| order.get(epoch)?.narrow(0, start, batch.min(rows - start)))
        .collect()
}

impl<N: Network> Train<N> {
    /// The mean loss on these rows and its gradient by each variable, both without their history.
    fn gradients(&self, rows: &Tensor) -> CandleResult<(Tensor, Vec<Tensor>)> {
        let logits = self.network.model.forward(&self.images.index_select(rows, 0)?)?;
        let loss = cross_entropy(&logits, &self.labels.index_select(rows, 0)?)?;
        let mut found = loss.backward()?;
        let gradient = |(name, parameter): &(String, Tensor)| match found.remove(parameter) {
            Some(gradient) => Ok(gradient.detach()),
            None => candle_core::bail!("no gradient reached {name}: an operation of the network has no backward"),
        };
        Ok((
            loss.detach(),
            self.network
                .parameters
                .iter()
                .map(gradient)
                .collect::<CandleResult<_>>()?,
        ))
    }

    fn train(&self) -> CandleResult<Run> {
        for (variable, delivered) in self.variables.iter().zip(&self.delivered) {
            variable.set(delivered)?;
        }
        let mut sgd = Sgd::new(self.lr, self.momentum);
        let mut run = Run::default();
        for rows in &self.batches {
            let (loss, gradients) = self.gradients(rows)?;
            sgd.step(&self.variables, &gradients)?;
            run.losses.push(loss);
            run.samples += rows.elem_count();
            if run.first_gradients.is_empty() {
                run.first_gradients = gradients;
            }
        }
        Ok(run)
    }

    /// The number of parameters that are no longer as they were delivered.
    fn moved(&self) -> CandleResult<usize> {
        let moved = |(variable, delivered): (&Var, &Tensor)| {
            let change = variable
                .as_detached_tensor()
                .sub(delivered)?
                .abs()?
                .max_all()?
                .to_scalar::<f32>()?;
            Ok(usize::from(change > 0.0))
        };
        self.variables.iter().zip(&self.delivered).map(moved).sum()
    }

    /// The logits of the test images, in pieces: candle keeps what a variable's gradient would need.
    fn test_logits(&self) -> CandleResult<Tensor> {
        let rows = self.test_images.dim(0)?;
        let piece = |start| {
            let images = self.test_images.narrow(0, start, 256.min(rows - start))?;
            Ok(self.network.model.forward(&images)?.detach())
        };
        Tensor::cat(&(0..rows).step_by(256).map(piece).collect::<CandleResult<Vec<_>>>()?, 0)
    }
}

impl<N: Network> Job for Train<N> {
    fn step(&mut self) -> Result<(), Error> {
        self.run = finished(&self.device, || self.train())?;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let losses = Tensor::stack(&self.run.losses, 0).map_err(failed)?;
        let mut outputs = Outputs::new()
            .tensor("losses", array::<f32>(&losses)?)
            .tensor("logits", array::<f32>(&self.test_logits().map_err(failed)?)?)
            .receipt("samples", self.run.samples)
            .receipt("steps", self.run.losses.len())
            .receipt("n_params", self.network.n_params())
            .receipt("params_moved", self.moved().map_err(failed)?);
        for ((name, parameter), gradient) in self.network.parameters.iter().zip(&self.run.first_gradients) {
            outputs = outputs
                .tensor(&format!("w.{name}"), array::<f32>(parameter)?)
                .tensor(&format!("grad.{name}"), array::<f32>(gradient)?);
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests;
