//! `dqn.train`: deep Q-learning on `CartPole` from nothing but a seed, in the order of stable-baselines3's own loop.

use mlfleet_cartpole::{CartPole, LIMIT};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tch::nn::{self, OptimizerConfig};

use crate::dqn::{Rules, Transition, descend};
use crate::networks::Model;
use crate::policy::{Policy, model, of_one, weights_into};

/// The schedule, in steps of the environment.
#[derive(Clone, Copy, Debug)]
struct Plan {
    steps: usize,
    buffer: usize,
    /// Steps of chance before the first update.
    start: usize,
    train_every: usize,
    target_every: usize,
    batch: usize,
    lr: f64,
    rules: Rules,
    /// The share of the steps over which exploration falls from 1 to `epsilon`.
    exploring: f64,
    epsilon: f64,
}

pub(crate) struct Training {
    plan: Plan,
    seed: u64,
    trained: Option<Trained>,
}

struct Trained {
    online: Model<Policy>,
    steps: usize,
    updates: usize,
    episodes: usize,
}

/// `steps`, `buffer`, `start`, `batch`, `lr`, `gamma`, `clip`, `train_every`, `target_every`, `exploring`, `epsilon`.
pub(crate) fn train(_: &mut Inputs, params: &mut Params) -> Result<Training, Error> {
    let plan = Plan {
        steps: params.count("steps")?,
        buffer: params.count("buffer")?,
        start: params.count("start")?,
        train_every: params.count("train_every")?,
        target_every: params.count("target_every")?,
        batch: params.count("batch")?,
        lr: params.float("lr")?,
        rules: Rules {
            gamma: params.float("gamma")?,
            clip: params.float("clip")?,
        },
        exploring: params.float("exploring")?,
        epsilon: params.float("epsilon")?,
    };
    let above_zero = [
        ("lr", plan.lr),
        ("clip", plan.rules.clip),
        ("exploring", plan.exploring),
    ];
    for (name, value) in above_zero {
        require(value > 0.0, || format!("{name} is {value}; awaited a number above 0"))?;
    }
    for (name, value) in [("gamma", plan.rules.gamma), ("epsilon", plan.epsilon)] {
        require((0.0..=1.0).contains(&value), || {
            format!("{name} is {value}; awaited 0 to 1")
        })?;
    }
    require(plan.start < plan.steps, || {
        format!("start is {}; awaited less than steps ({})", plan.start, plan.steps)
    })?;
    Ok(Training {
        plan,
        seed: params.seed(),
        trained: None,
    })
}

impl Plan {
    /// The chance that an action is left to chance, after so many steps.
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    fn exploration(&self, taken: usize) -> f64 {
        let share = taken as f64 / (self.steps as f64 * self.exploring);
        1.0 + (self.epsilon - 1.0) * share.min(1.0)
    }

    fn train(&self, seed: u64) -> Result<Trained, Error> {
        // Any 64 bits will do as a seed, negative or not.
        tch::manual_seed(seed.cast_signed());
        let mut dice = SmallRng::seed_from_u64(seed);
        let (online, mut target) = (model(), model());
        target.store.copy(&online.store).map_err(Error::bug)?;
        let mut optimizer = nn::Adam::default().build(&online.store, self.lr).map_err(Error::bug)?;
        let mut buffer: Vec<Transition> = Vec::with_capacity(self.buffer);
        let mut cart = start(&mut dice);
        let (mut updates, mut episodes) = (0, 0);
        for taken in 0..self.steps {
            let observation = cart.observation();
            let by_chance = taken < self.start || dice.random::<f64>() < self.exploration(taken);
            let right = if by_chance {
                dice.random()
            } else {
                let [left, right] = of_one(&online.network, observation)?;
                right > left
            };
            let ended = cart.step(right);
            let transition = Transition {
                observation,
                next: cart.observation(),
                action: i64::from(right),
                reward: 1.0,
                terminated: ended.terminated,
            };
            // A ring once it is full.
            if buffer.len() < self.buffer {
                buffer.push(transition);
            } else {
                buffer[taken % self.buffer] = transition;
            }
            if ended.any() {
                episodes += 1;
                cart = start(&mut dice);
            }
            let taken = taken + 1;
            if taken % self.target_every == 0 {
                target.store.copy(&online.store).map_err(Error::bug)?;
            }
            if taken > self.start && taken % self.train_every == 0 {
                let drawn: Vec<&Transition> = (0..self.batch)
                    .map(|_| &buffer[dice.random_range(..buffer.len())])
                    .collect();
                let _ = descend((&online.network, &target.network), &mut optimizer, &drawn, self.rules);
                updates += 1;
            }
        }
        Ok(Trained {
            online,
            steps: self.steps,
            updates,
            episodes,
        })
    }
}

/// A new episode, near the upright.
pub(crate) fn start(dice: &mut SmallRng) -> CartPole {
    CartPole::new(std::array::from_fn(|_| dice.random_range(-0.05..0.05)), LIMIT)
}

impl Job for Training {
    fn step(&mut self) -> Result<(), Error> {
        self.trained = Some(self.plan.train(self.seed)?);
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
            .receipt("n_params", trained.online.parameters());
        weights_into(outputs, &trained.online.variables())
    }
}
