//! `env.step`: `CartPole` by delivered actions, each episode from the next of the delivered states.

use mlfleet_cartpole::{ACTIONS, CartPole, State};
use mlfleet_sdk::{Error, Inputs, Job, Outputs, Params, require};
use ndarray::{Array1, Array2};

/// All steps of one iteration.
pub(crate) struct Steps {
    /// Whether each push goes to the right.
    pushes: Vec<bool>,
    resets: Vec<State>,
    limit: u64,
    walked: Walked,
}

/// Where each step led, before a new episode, and whether it ended one.
#[derive(Default)]
struct Walked {
    states: Vec<State>,
    terminated: Vec<u8>,
    truncated: Vec<u8>,
    episodes: usize,
}

/// `actions` i64 (n,), `resets` f64 (k, 4), `limit`.
pub(crate) fn steps(inputs: &mut Inputs, params: &mut Params) -> Result<Steps, Error> {
    let (actions, resets) = (inputs.i64_1d("actions")?, inputs.f64_2d("resets")?);
    let limit = params.count("limit")?;
    require(!actions.is_empty(), || {
        "actions is empty; awaited at least one".to_owned()
    })?;
    if let Some(action) = actions.iter().find(|action| !(0..ACTIONS).contains(*action)) {
        return Err(Error::params(format!("actions holds {action}; awaited 0 or 1")));
    }
    require(resets.nrows() > 0 && resets.ncols() == 4, || {
        format!("resets has shape {:?}; awaited [episodes, 4]", resets.shape())
    })?;
    Ok(Steps {
        pushes: actions.iter().map(|&action| action == 1).collect(),
        resets: resets
            .rows()
            .into_iter()
            .map(|row| [row[0], row[1], row[2], row[3]])
            .collect(),
        limit: u64::try_from(limit).map_err(Error::bug)?,
        walked: Walked::default(),
    })
}

impl Job for Steps {
    fn step(&mut self) -> Result<(), Error> {
        let mut resets = self.resets.iter().cycle();
        let mut start = || CartPole::new(*resets.next().expect("at least one"), self.limit);
        let mut walked = Walked {
            states: Vec::with_capacity(self.pushes.len()),
            terminated: Vec::with_capacity(self.pushes.len()),
            truncated: Vec::with_capacity(self.pushes.len()),
            episodes: 1,
        };
        let mut cart = start();
        let mut over = false;
        for &right in &self.pushes {
            if over {
                cart = start();
                walked.episodes += 1;
            }
            let ended = cart.step(right);
            walked.states.push(cart.state());
            walked.terminated.push(ended.terminated.into());
            walked.truncated.push(ended.truncated.into());
            over = ended.any();
        }
        self.walked = walked;
        Ok(())
    }

    fn outputs(&mut self) -> Result<Outputs, Error> {
        let Walked {
            states,
            terminated,
            truncated,
            episodes,
        } = &self.walked;
        Ok(Outputs::new()
            .tensor("states", Array2::from(states.clone()))
            .tensor("terminated", Array1::from(terminated.clone()))
            .tensor("truncated", Array1::from(truncated.clone()))
            .receipt("env_steps", states.len())
            .receipt("episodes", *episodes))
    }
}
