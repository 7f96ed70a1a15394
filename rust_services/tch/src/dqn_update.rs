//! `dqn.update`: gradient steps of deep Q-learning on delivered draws of delivered transitions.

use mlfleet_cartpole::ACTIONS;
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array2, ArrayD, Ix2};
use tch::Tensor;
use tch::nn::{self, OptimizerConfig};

use crate::arrays::array;
use crate::dqn::{Rules, Transition, descend};
use crate::networks::{Model, Weights};
use crate::policy::{Policy, model, weights_into};

/// Gradient steps of one iteration.
const UPDATES: usize = 64;

pub(crate) struct Update {
    transitions: Vec<Transition>,
    /// Row numbers of every gradient step.
    draws: Vec<Vec<usize>>,
    start: Weights,
    online: Model<Policy>,
    target: Model<Policy>,
    lr: f64,
    rules: Rules,
    losses: Vec<Tensor>,
}

/// `obs`, `next` f32 (n, 4), `action` i64 (n,), `reward` f32 (n,), `terminated` u8 (n,), `draws` i64 (64, batch), `w.*`,
/// `target.*`, `batch`, `lr`, `gamma`, `clip`.
pub(crate) fn update(inputs: &mut Inputs, params: &mut Params) -> Result<Update, Error> {
    let transitions = transitions(inputs)?;
    let (draws, weights, frozen) = (inputs.i64_2d("draws")?, inputs.weights("w")?, inputs.weights("target")?);
    let batch = params.count("batch")?;
    let (lr, gamma, clip) = (params.float("lr")?, params.float("gamma")?, params.float("clip")?);
    require(lr > 0.0, || format!("lr is {lr}; awaited a number above 0"))?;
    require((0.0..=1.0).contains(&gamma), || {
        format!("gamma is {gamma}; awaited 0 to 1")
    })?;
    require(clip > 0.0, || format!("clip is {clip}; awaited a number above 0"))?;
    let (online, mut target) = (model(), model());
    target.load(&target.accept("target", &frozen)?);
    Ok(Update {
        draws: checked(&draws, batch, transitions.len())?,
        transitions,
        start: online.accept("w", &weights)?,
        online,
        target,
        lr,
        rules: Rules { gamma, clip },
        losses: Vec::new(),
    })
}

fn transitions(inputs: &mut Inputs) -> Result<Vec<Transition>, Error> {
    let (observations, next) = (observations(inputs, "obs")?, observations(inputs, "next")?);
    let (actions, rewards) = (inputs.i64_1d("action")?, inputs.f32("reward", 1)?);
    let terminated = inputs.u8_1d("terminated")?;
    let rows = observations.nrows();
    require(rows > 0, || "obs has no rows; awaited at least one".to_owned())?;
    for (name, found) in [
        ("next", next.nrows()),
        ("action", actions.len()),
        ("reward", rewards.len()),
        ("terminated", terminated.len()),
    ] {
        require(found == rows, || format!("{name} has {found} rows; obs {rows}"))?;
    }
    if let Some(action) = actions.iter().find(|action| !(0..ACTIONS).contains(*action)) {
        return Err(Error::params(format!("action holds {action}; awaited 0 or 1")));
    }
    if let Some(flag) = terminated.iter().find(|&&flag| flag > 1) {
        return Err(Error::params(format!("terminated holds {flag}; awaited 0 or 1")));
    }
    let one = |row: usize| Transition {
        observation: std::array::from_fn(|column| observations[[row, column]]),
        next: std::array::from_fn(|column| next[[row, column]]),
        action: actions[row],
        reward: rewards[[row]],
        terminated: terminated[row] == 1,
    };
    Ok((0..rows).map(one).collect())
}

fn observations(inputs: &mut Inputs, name: &str) -> Result<Array2<f32>, Error> {
    let found: ArrayD<f32> = inputs.f32(name, 2)?;
    let found = found.into_dimensionality::<Ix2>().map_err(Error::bug)?;
    require(found.ncols() == 4, || {
        format!("tensor {name} has shape {:?}; awaited [rows, 4]", found.shape())
    })?;
    Ok(found)
}

fn checked(draws: &Array2<i64>, batch: usize, rows: usize) -> Result<Vec<Vec<usize>>, Error> {
    require(batch <= rows, || {
        format!("batch is {batch}; awaited 1 to {rows} (transitions)")
    })?;
    require(draws.dim() == (UPDATES, batch), || {
        format!(
            "tensor draws has shape {:?}; awaited [{UPDATES}, {batch}] (batch)",
            draws.shape()
        )
    })?;
    let row = |&draw: &i64| {
        let row = usize::try_from(draw).ok().filter(|&row| row < rows);
        row.ok_or_else(|| Error::params(format!("draws holds {draw}; awaited 0 .. {}", rows - 1)))
    };
    draws
        .rows()
        .into_iter()
        .map(|draws| draws.iter().map(row).collect())
        .collect()
}

impl Job for Update {
    fn step(&mut self) -> Result<(), Error> {
        self.online.load(&self.start);
        let mut optimizer = nn::Adam::default()
            .build(&self.online.store, self.lr)
            .map_err(Error::bug)?;
        self.losses.clear();
        for draws in &self.draws {
            let drawn: Vec<&Transition> = draws.iter().map(|&row| &self.transitions[row]).collect();
            let networks = (&self.online.network, &self.target.network);
            self.losses.push(descend(networks, &mut optimizer, &drawn, self.rules));
        }
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let weights = self.online.variables();
        let moved = weights
            .iter()
            .filter(|(name, weight)| **weight != self.start[*name])
            .count();
        let outputs = Outputs::new()
            .tensor("losses", array::<f32>(&Tensor::stack(&self.losses, 0))?)
            .receipt("updates", self.losses.len())
            .receipt("n_params", self.online.parameters())
            .receipt("params_moved", moved);
        weights_into(outputs, &weights)
    }
}
