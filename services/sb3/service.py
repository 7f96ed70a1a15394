"""stable-baselines3 and gymnasium behind the contract: one function per task, its signature the schema."""

import gymnasium
import stable_baselines3
from dqn import Plan, Training, Transitions, Update
from environment import Steps
from mlfleet_sdk import (
    F32Matrix,
    F32Vector,
    F64Matrix,
    I64Matrix,
    I64Vector,
    Job,
    Seed,
    Service,
    U8Vector,
    Weights,
    libtorch,
)
from reinforce import Reinforce

libtorch.limit_threads()
KERNELS = f"libtorch {libtorch.version()}"
# The CPU alone: what stable-baselines3 itself advises for networks of this size.
service = Service(
    "stable-baselines3",
    stable_baselines3.__version__,
    facts={**libtorch.facts(), "gymnasium": gymnasium.__version__},
    pools=libtorch.pools,
)


@service.task("env.step", origin="stock", kernels="none")
def env_step(actions: I64Vector, resets: F64Matrix, *, limit: int) -> Job[None]:
    """Gymnasium's CartPole-v1."""
    steps = Steps(actions, resets, limit)
    return Job(steps.step, lambda _: steps.outputs())


@service.task("dqn.update", origin="stock", kernels=KERNELS)
def dqn_update(  # noqa: PLR0913 - the tensors and parameters of the task
    obs: F32Matrix,
    next: F32Matrix,  # noqa: A002 - the tensor's name
    action: I64Vector,
    reward: F32Vector,
    terminated: U8Vector,
    draws: I64Matrix,
    w: Weights,
    target: Weights,
    *,
    batch: int,
    lr: float,
    gamma: float,
    clip: float,
) -> Job[None]:
    """`DQN.train` on a replay buffer whose draws are delivered."""
    transitions = Transitions(obs, next, action, reward, terminated)
    update = Update(transitions, draws, w, target, batch, lr=lr, gamma=gamma, clip=clip)
    return Job(update.step, lambda _: update.outputs())


@service.task("dqn.train", origin="stock", kernels=KERNELS)
def dqn_train(  # noqa: PLR0913 - the parameters of the task
    *,
    steps: int,
    buffer: int,
    start: int,
    batch: int,
    lr: float,
    gamma: float,
    clip: float,
    train_every: int,
    target_every: int,
    exploring: float,
    epsilon: float,
    seed: Seed,
) -> Job[None]:
    """`DQN.learn`."""
    plan = Plan(
        steps=steps,
        buffer=buffer,
        start=start,
        batch=batch,
        lr=lr,
        gamma=gamma,
        clip=clip,
        train_every=train_every,
        target_every=target_every,
        exploring=exploring,
        epsilon=epsilon,
    )
    training = Training(plan, seed)
    return Job(training.step, lambda _: training.outputs())


@service.task("reinforce.train", origin="in_repo", kernels=KERNELS)
def reinforce_train(*, steps: int, lr: float, gamma: float, seed: Seed) -> Job[None]:
    """The policy gradient without a baseline, which stable-baselines3 does not have."""
    training = Reinforce(steps, lr, gamma, seed)
    return Job(training.step, lambda _: training.outputs())
