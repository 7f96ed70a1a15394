"""Re-enactments by spoilt services: networks that were stopped, wrongly trained, or that always say the same."""

from mlfleet.demos.fault import LiveDemo
from mlfleet.verdict import Verdict

NETWORKS: tuple[LiveDemo, ...] = (
    LiveDemo(
        name="chance",
        shows="LeNet stopped after 3 steps of 100, with a receipt that claims all of them: it guesses, and is fast",
        title="3 steps of LeNet, claimed as 100",
        workload="lenet.train-mnist_5k-rows1000",
        baseline="pytorch",
        service="pytorch",
        fault="stopped_lying",
        # Short by its losses, which did not fall.
        awaited=frozenset({Verdict.SHORT_WORK, Verdict.OUTSIDE_TOLERANCE}),
    ),
    LiveDemo(
        name="chance-honest",
        shows="the same with an honest receipt, which says 3 steps",
        title="3 steps of LeNet as 100",
        workload="lenet.train-mnist_5k-rows1000",
        baseline="pytorch",
        service="pytorch",
        fault="stopped",
        awaited=frozenset({Verdict.SHORT_WORK, Verdict.OUTSIDE_TOLERANCE}),
    ),
    LiveDemo(
        name="quarter-gradients",
        shows="LeNet trained on a quarter of each gradient, as a framework's own max-pooling was seen to give",
        title="a quarter of the gradients",
        workload="lenet.train-mnist_5k-rows1000",
        baseline="pytorch",
        service="pytorch",
        fault="quarter",
        awaited=frozenset({Verdict.OUTSIDE_TOLERANCE}),
    ),
    LiveDemo(
        name="stopped-gradients",
        shows="LeNet whose convolutions get no gradient, as below a fused norm that stops it",
        title="convolutions that never learn",
        workload="lenet.train-mnist_5k-rows1000",
        baseline="pytorch",
        service="pytorch",
        fault="no_convolution",
        awaited=frozenset({Verdict.SHORT_WORK, Verdict.OUTSIDE_TOLERANCE}),
    ),
    LiveDemo(
        name="one-token",
        shows="GPT-2 that appends one fixed token to every prompt",
        title="one token as a continuation",
        workload="gpt2.generate-tokens-syn-micro",
        baseline="transformers",
        service="transformers",
        fault="one_token",
        awaited=frozenset({Verdict.OUTSIDE_TOLERANCE}),
    ),
    LiveDemo(
        name="constant-embedding",
        shows="BERT that says 0.6 and 0.4 of every sentence and computes no layer, with an honest service's receipt",
        title="two constants as BERT",
        workload="bert.infer-tokens-syn-micro",
        baseline="transformers",
        service="transformers",
        fault="constants",
        # Short by the speed of light: its answer takes less than any layer must.
        awaited=frozenset({Verdict.SHORT_WORK, Verdict.OUTSIDE_TOLERANCE}),
    ),
    LiveDemo(
        name="other-dqn",
        shows="double DQN under the name of DQN: after 64 updates its weights are not those of DQN",
        title="double DQN as DQN",
        workload="dqn.update-cartpole-rows500",
        baseline="sb3",
        service="sb3",
        fault="double",
        awaited=frozenset({Verdict.OUTSIDE_TOLERANCE}),
    ),
)
