//! `reinforce.train`: the Monte Carlo policy gradient on `CartPole`, one gradient step after each whole episode.
//!
//! Williams (1992): Simple statistical gradient-following algorithms for connectionist reinforcement learning. Returns
//! are normalised within their episode, by the population's deviation.

use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tch::nn::{self, Module, Optimizer, OptimizerConfig};
use tch::{Kind, Tensor};

use crate::dqn_train::start;
use crate::networks::Model;
use crate::policy::{Policy, model, of_one, rows, weights_into};

/// Keeps the deviation of equal returns, which is none, from dividing by zero.
const LEAST_DEVIATION: f64 = 1e-8;

pub(crate) struct Training {
    steps: usize,
    lr: f64,
    gamma: f64,
    seed: u64,
    trained: Option<Trained>,
}

struct Trained {
    model: Model<Policy>,
    steps: usize,
    updates: usize,
    episodes: usize,
}

/// `steps`, `lr`, `gamma`.
pub(crate) fn train(_: &mut Inputs, params: &mut Params) -> Result<Training, Error> {
    let (steps, lr, gamma) = (params.count("steps")?, params.float("lr")?, params.float("gamma")?);
    require(lr > 0.0, || format!("lr is {lr}; awaited a number above 0"))?;
    require((0.0..=1.0).contains(&gamma), || {
        format!("gamma is {gamma}; awaited 0 to 1")
    })?;
    Ok(Training {
        steps,
        lr,
        gamma,
        seed: params.seed(),
        trained: None,
    })
}

/// One episode, or its beginning where steps ran out.
struct Episode {
    observations: Vec<[f32; 4]>,
    actions: Vec<i64>,
    whole: bool,
}

fn play(network: &Policy, dice: &mut SmallRng, most: usize) -> Result<Episode, Error> {
    let mut cart = start(dice);
    let mut episode = Episode {
        observations: Vec::new(),
        actions: Vec::new(),
        whole: false,
    };
    while !episode.whole && episode.actions.len() < most {
        let observation = cart.observation();
        let [left, right] = of_one(network, observation)?;
        let to_right = dice.random::<f32>() < 1.0 / (1.0 + (left - right).exp());
        episode.observations.push(observation);
        episode.actions.push(i64::from(to_right));
        episode.whole = cart.step(to_right).any();
    }
    Ok(episode)
}

/// Discounted sums of rewards of 1 from each step on, with mean 0 and deviation 1.
fn returns(steps: usize, gamma: f64) -> Tensor {
    let mut sums: Vec<f64> = (0..steps)
        .scan(0.0, |sum, _| {
            *sum = 1.0 + gamma * *sum;
            Some(*sum)
        })
        .collect();
    sums.reverse();
    let sums = Tensor::from_slice(&sums);
    let centred = &sums - sums.mean(Kind::Double);
    ((centred) / (sums.std(false) + LEAST_DEVIATION)).to_kind(Kind::Float)
}

fn learn(network: &Policy, optimizer: &mut Optimizer, episode: &Episode, gamma: f64) {
    let logits = network.forward(&rows(episode.observations.iter()));
    let actions = Tensor::from_slice(&episode.actions).unsqueeze(1);
    let chosen = logits
        .log_softmax(1, Kind::Float)
        .gather(1, &actions, false)
        .squeeze_dim(1);
    let loss = -(chosen * returns(episode.actions.len(), gamma)).mean(Kind::Float);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
}

impl Training {
    fn run(&self) -> Result<Trained, Error> {
        // Any 64 bits will do as a seed, negative or not.
        tch::manual_seed(self.seed.cast_signed());
        let mut dice = SmallRng::seed_from_u64(self.seed);
        let model = model();
        let mut optimizer = nn::Adam::default().build(&model.store, self.lr).map_err(Error::bug)?;
        let (mut steps, mut episodes, mut updates) = (0, 0, 0);
        while steps < self.steps {
            let episode = play(&model.network, &mut dice, self.steps - steps)?;
            steps += episode.actions.len();
            if episode.whole {
                episodes += 1;
                learn(&model.network, &mut optimizer, &episode, self.gamma);
                updates += 1;
            }
        }
        Ok(Trained {
            model,
            steps,
            updates,
            episodes,
        })
    }
}

impl Job for Training {
    fn step(&mut self) -> Result<(), Error> {
        self.trained = Some(self.run()?);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let trained = self
            .trained
            .as_ref()
            .ok_or_else(|| Error::bug("no iteration was run"))?;
        let outputs = Outputs::new()
            .receipt("env_steps", trained.steps)
            .receipt("updates", trained.updates)
            .receipt("episodes", trained.episodes)
            .receipt("n_params", trained.model.parameters());
        weights_into(outputs, &trained.model.variables())
    }
}
