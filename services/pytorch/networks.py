"""The networks, named as PyTorch's own examples name them; weights go in and out by these names."""

from collections.abc import Mapping

import torch
from mlfleet_sdk import Weights, require
from torch import Tensor, nn
from torch.nn import functional


class Mlp(nn.Module):
    """784-128-10 with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [n,10] of images [n,1,28,28]."""
        return self.fc2(functional.relu(self.fc1(images.flatten(1))))


class Lenet(nn.Module):
    """LeNet-5 with ReLU and max-pooling: 61,706 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [n,10] of images [n,1,28,28]."""
        x = functional.max_pool2d(functional.relu(self.conv1(images)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


def tensors(network: nn.Module, weights: Weights, device: torch.device) -> Mapping[str, Tensor]:
    """Delivered weights on the device, if they are those of the network."""
    awaited = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    for name in {**awaited, **weights}:
        require(name in weights, f"tensor w.{name} is missing, awaited {_listed(awaited)}")
        require(name in awaited, f"unknown tensor w.{name}, awaited {_listed(awaited)}")
        found = weights[name].shape
        require(found == awaited[name], f"tensor w.{name} has shape {list(found)}, awaited {list(awaited[name])}")
    return {name: torch.from_numpy(array).to(device) for name, array in weights.items()}


def count(network: nn.Module) -> int:
    """Parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"w.{name}" for name in names)
