//! `mlp.train`, `lenet.train`: SGD from delivered weights, in a delivered order.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2, ArrayD, Axis};
use tch::nn::OptimizerConfig;
use tch::{Device, Tensor, nn, no_grad};

use crate::arrays::{array, tensor};
use crate::device::{device, synchronise};
use crate::networks::{Model, Network, Weights};

const CLASSES: i64 = 10;

pub(crate) struct Training<N> {
    model: Model<N>,
    start: Weights,
    images: Tensor,
    labels: Tensor,
    test_images: Tensor,
    /// Row numbers of every step.
    batches: Vec<Tensor>,
    sgd: nn::Sgd,
    lr: f64,
    device: Device,
    losses: Vec<Tensor>,
    samples: i64,
}

/// `images` f32 (n, 1, 28, 28), `labels` i64 (n,), `order` i64 (epochs, n), `test_images` f32 (m, 1, 28, 28), `w.*`,
/// `batch`, `lr`, `momentum`.
pub(crate) fn train<N: Network>(inputs: &mut Inputs, params: &mut Params) -> Result<Training<N>, Error> {
    let (images, test_images) = (inputs.f32("images", 4)?, inputs.f32("test_images", 4)?);
    let (labels, order) = (inputs.i64_1d("labels")?, inputs.i64_2d("order")?);
    let delivered = inputs.weights("w")?;
    let batch = params.count("batch")?;
    let (lr, momentum) = (params.float("lr")?, params.float("momentum")?);
    check_images("images", &images)?;
    check_images("test_images", &test_images)?;
    check_rows(images.shape()[0], &labels, &order, batch)?;
    require(lr > 0.0, || format!("lr is {lr}; awaited a number above 0"))?;
    require(momentum >= 0.0, || {
        format!("momentum is {momentum}; awaited 0 or above")
    })?;

    let device = device();
    let model = Model::new(device);
    let batch = i64::try_from(batch).map_err(Error::bug)?;
    let batches = tensor(&order, device)?
        .unbind(0)
        .iter()
        .flat_map(|epoch| epoch.split(batch, 0))
        .collect();
    Ok(Training {
        start: model.accept("w", &delivered)?,
        model,
        images: tensor(&images, device)?,
        labels: tensor(&labels, device)?,
        test_images: tensor(&test_images, device)?,
        batches,
        sgd: nn::sgd(momentum, 0.0, 0.0, false),
        lr,
        device,
        losses: Vec::new(),
        samples: 0,
    })
}

/// Refuses what are no 28 x 28 images of one channel.
pub(crate) fn check_images(name: &str, images: &ArrayD<f32>) -> Result<(), Error> {
    require(images.shape()[0] > 0 && images.shape()[1..] == [1, 28, 28], || {
        format!(
            "tensor {name} has shape {:?}; awaited [rows, 1, 28, 28]",
            images.shape()
        )
    })
}

fn check_rows(rows: usize, labels: &Array1<i64>, order: &Array2<i64>, batch: usize) -> Result<(), Error> {
    require(labels.len() == rows, || {
        format!("labels has {} rows; images {rows}", labels.len())
    })?;
    if let Some(label) = labels.iter().find(|label| !(0..CLASSES).contains(label)) {
        return Err(Error::params(format!(
            "labels holds {label}; awaited 0 .. {}",
            CLASSES - 1
        )));
    }
    require(order.nrows() > 0 && order.ncols() == rows, || {
        format!("order has shape {:?}; awaited [epochs, {rows}] (images)", order.shape())
    })?;
    for epoch in order.axis_iter(Axis(0)) {
        let mut epoch = epoch.to_vec();
        epoch.sort_unstable();
        require(epoch.iter().zip(0..).all(|(&row, awaited)| row == awaited), || {
            format!("order holds other rows; awaited each of 0 .. {} once", rows - 1)
        })?;
    }
    require(batch <= rows, || {
        format!("batch is {batch}; awaited 1 to {rows} (rows of images)")
    })
}

impl<N: Network> Training<N> {
    /// The loss of a batch, whose gradients are left at the variables.
    fn backward(&self, network: &N, rows: &Tensor) -> Tensor {
        let logits = network.forward(&self.images.index_select(0, rows));
        let loss = logits.cross_entropy_for_logits(&self.labels.index_select(0, rows));
        loss.backward();
        loss.detach()
    }

    fn moved(&self) -> usize {
        let variables = self.model.variables();
        variables
            .iter()
            .filter(|(name, variable)| **variable != self.start[*name])
            .count()
    }
}

impl<N: Network> Job for Training<N> {
    fn step(&mut self) -> Result<(), Error> {
        self.model.load(&self.start);
        let mut optimizer = self.sgd.build(&self.model.store, self.lr).map_err(Error::bug)?;
        self.losses.clear();
        self.samples = 0;
        for rows in &self.batches {
            self.samples += rows.size()[0];
            optimizer.zero_grad();
            let loss = self.backward(&self.model.network, rows);
            self.losses.push(loss);
            optimizer.step();
        }
        synchronise(self.device);
        Ok(())
    }

    /// What the last step left, and the first gradient once more, on a network of its own.
    fn outputs(&mut self) -> Result<Outputs, Error> {
        let logits = no_grad(|| self.model.network.forward(&self.test_images));
        let mut untrained = Model::<N>::new(self.device);
        untrained.load(&self.start);
        let _ = self.backward(&untrained.network, &self.batches[0]);
        let mut outputs = Outputs::new()
            .tensor("losses", array::<f32>(&Tensor::stack(&self.losses, 0))?)
            .tensor("logits", array::<f32>(&logits)?)
            .receipt("samples", self.samples)
            .receipt("steps", self.losses.len())
            .receipt("n_params", self.model.parameters())
            .receipt("params_moved", self.moved());
        for (name, variable) in untrained.variables() {
            outputs = outputs.tensor(&format!("grad.{name}"), array::<f32>(&variable.grad())?);
        }
        for (name, variable) in self.model.variables() {
            outputs = outputs.tensor(&format!("w.{name}"), array::<f32>(&variable)?);
        }
        Ok(outputs)
    }
}
