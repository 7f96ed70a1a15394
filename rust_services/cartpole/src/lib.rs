//! `CartPole-v1` as gymnasium 1.4 defines it: float64 state, Euler steps of 20 ms, a reward of 1 each.
//!
//! Barto, Sutton, Anderson (1983): Neuronlike adaptive elements that can solve difficult learning control problems.
//! Products and sums are in gymnasium's order, so that trajectories part by the last bits of sine and cosine alone.

const GRAVITY: f64 = 9.8;
const POLE_KG: f64 = 0.1;
const TOTAL_KG: f64 = 1.0 + POLE_KG;
/// Half of the pole, in metres.
const LENGTH: f64 = 0.5;
const POLE_MOMENT: f64 = POLE_KG * LENGTH;
const FORCE_N: f64 = 10.0;
const TICK_S: f64 = 0.02;
const FARTHEST_M: f64 = 2.4;
const STEEPEST_RAD: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;

/// Metres, metres per second, radians, radians per second.
pub type State = [f64; 4];

/// How many there are: push left (0), push right (1).
pub const ACTIONS: i64 = 2;

/// Steps after which `CartPole-v1` cuts an episode off.
pub const LIMIT: u64 = 500;

/// Whether a step ended the episode: by the cart or the pole, or by the limit of steps. It may be both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The cart left the track, or the pole fell.
    pub terminated: bool,
    /// The limit of steps was reached.
    pub truncated: bool,
}

impl Ended {
    /// Either way.
    #[must_use]
    pub fn any(self) -> bool {
        self.terminated || self.truncated
    }
}

/// One cart within an episode.
#[derive(Clone, Debug)]
pub struct CartPole {
    state: State,
    steps: u64,
    limit: u64,
}

impl CartPole {
    /// An episode from that state, cut off after `limit` steps.
    #[must_use]
    pub fn new(state: State, limit: u64) -> Self {
        Self { state, steps: 0, limit }
    }

    /// Where the cart and its pole are.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// What an agent sees.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "observations are float32 by definition")]
    pub fn observation(&self) -> [f32; 4] {
        self.state.map(|value| value as f32)
    }

    /// Pushes for 20 ms: to the right if `right`, else to the left.
    pub fn step(&mut self, right: bool) -> Ended {
        let [x, speed, angle, spin] = self.state;
        let force = if right { FORCE_N } else { -FORCE_N };
        let (sine, cosine) = (angle.sin(), angle.cos());
        let push = (force + POLE_MOMENT * (spin * spin) * sine) / TOTAL_KG;
        let turn = (GRAVITY * sine - cosine * push) / (LENGTH * (4.0 / 3.0 - POLE_KG * (cosine * cosine) / TOTAL_KG));
        let pull = push - POLE_MOMENT * turn * cosine / TOTAL_KG;
        let (x, angle) = (x + TICK_S * speed, angle + TICK_S * spin);
        self.state = [x, speed + TICK_S * pull, angle, spin + TICK_S * turn];
        self.steps += 1;
        Ended {
            terminated: !(-FARTHEST_M..=FARTHEST_M).contains(&x) || !(-STEEPEST_RAD..=STEEPEST_RAD).contains(&angle),
            truncated: self.steps >= self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step of gymnasium 1.4.0 from (0.01, -0.02, 0.03, 0.04), to the right and to the left.
    #[test]
    fn a_step_is_that_of_gymnasium() {
        for (right, awaited) in [(true, RIGHT), (false, LEFT)] {
            let mut cart = CartPole::new([0.01, -0.02, 0.03, 0.04], LIMIT);
            let ended = cart.step(right);
            assert!(!ended.any());
            for (found, awaited) in cart.state().into_iter().zip(awaited) {
                assert!((found - awaited).abs() < 1e-15, "{found} {awaited}");
            }
        }
    }

    #[test]
    fn a_pole_that_falls_terminates_and_a_limit_truncates() {
        let mut fallen = CartPole::new([0.0, 0.0, 0.209, 3.0], LIMIT);
        assert_eq!(
            fallen.step(true),
            Ended {
                terminated: true,
                truncated: false
            }
        );
        let mut gone = CartPole::new([-2.39, -3.0, 0.0, 0.0], 1);
        assert_eq!(
            gone.step(true),
            Ended {
                terminated: true,
                truncated: true
            }
        );
        let mut long = CartPole::new([0.0; 4], 2);
        let ends = [true, false].map(|right| long.step(right));
        assert_eq!(
            ends.map(|ended| (ended.terminated, ended.truncated)),
            [(false, false), (false, true)]
        );
    }
    const RIGHT: State = [
        0.009_600_000_000_000_001,
        0.174_679_195_747_555_25,
        0.030_799_999_999_999_998,
        -0.243_068_717_960_008_1,
    ];
    const LEFT: State = [
        0.009_600_000_000_000_001,
        -0.215_539_017_102_789_36,
        0.030_799_999_999_999_998,
        0.341_995_223_776_039_14,
    ];
}
