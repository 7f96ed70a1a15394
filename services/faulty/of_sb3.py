"""stable-baselines3's service, which answers for DQN with another algorithm of that family."""

import torch
from mlfleet_sdk import Job
from spoil import honest, instead, spoilt
from torch import Tensor, nn

HONEST = honest("sb3")
# The honest service's own module, which lies beside it.
from dqn import Transitions, Update  # noqa: E402


class Double(nn.Module):
    """The target's value of the action that the network itself would take; being alone it is the largest."""

    def __init__(self, network: nn.Module, target: nn.Module) -> None:
        super().__init__()
        self.network, self.target = network, target

    def forward(self, observations: Tensor) -> Tensor:
        """Values [n,1]."""
        taken = self.network(observations).argmax(dim=1, keepdim=True)
        return torch.gather(self.target(observations), 1, taken)


def double(*tensors: object, batch: int, **rates: float) -> Job[None]:
    """Double DQN under plain DQN's name, with the same receipt."""
    *columns, draws, w, target = tensors
    update = Update(Transitions(*columns), draws, w, target, batch, **rates)
    update.model.q_net_target = Double(update.model.q_net, update.model.q_net_target)
    return Job(update.step, lambda _: update.outputs())


service = spoilt(HONEST, {"double": instead("dqn.update", double)})
