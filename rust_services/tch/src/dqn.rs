//! Deep Q-learning: transitions, and one gradient step on a batch of them.
//!
//! Mnih et al. (2015): Human-level control through deep reinforcement learning. As stable-baselines3 has it: smooth L1,
//! the norm of the gradient limited, the best next action by the target network.

use tch::nn::{Module, Optimizer};
use tch::{Reduction, Tensor, no_grad};

use crate::policy::{Policy, rows};

/// One step in an environment. One that a limit of time ended is not `terminated`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(crate) observation: [f32; 4],
    pub(crate) next: [f32; 4],
    pub(crate) action: i64,
    pub(crate) reward: f32,
    pub(crate) terminated: bool,
}

/// What a gradient step needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) gamma: f64,
    /// The greatest norm of the gradient.
    pub(crate) clip: f64,
}

/// One gradient step on the transitions `drawn`; the loss before it.
pub(crate) fn descend(
    (online, target): (&Policy, &Policy),
    optimizer: &mut Optimizer,
    drawn: &[&Transition],
    rules: Rules,
) -> Tensor {
    let column = |value: fn(&Transition) -> f32| {
        let values: Vec<f32> = drawn.iter().map(|transition| value(transition)).collect();
        Tensor::from_slice(&values)
    };
    let actions: Vec<i64> = drawn.iter().map(|transition| transition.action).collect();
    let observations = rows(drawn.iter().map(|transition| &transition.observation));
    let next = rows(drawn.iter().map(|transition| &transition.next));
    let goes_on = column(|transition| f32::from(u8::from(!transition.terminated)));
    let wanted = no_grad(|| {
        let best = target.forward(&next).amax([1], false);
        column(|transition| transition.reward) + goes_on * best * rules.gamma
    });
    let values = online.forward(&observations);
    let found = values.gather(1, &Tensor::from_slice(&actions).unsqueeze(1), false);
    let loss = found.squeeze_dim(1).smooth_l1_loss(&wanted, Reduction::Mean, 1.0);
    optimizer.zero_grad();
    loss.backward();
    optimizer.clip_grad_norm(rules.clip);
    optimizer.step();
    loss.detach()
}
