"""The network of agents on CartPole, 4-64-64-2 with ReLU, by the names of its layers: 0, 2, 4."""

from collections.abc import Mapping
from typing import Any

import torch
from mlfleet_sdk import Weights, require
from torch import Tensor, nn


def accept(group: str, network: nn.Module, delivered: Weights) -> Mapping[str, Tensor]:
    """Weights delivered as `<group>.*`, if they are those of the network."""
    awaited = {name: list(parameter.shape) for name, parameter in network.named_parameters()}
    listed = ", ".join(f"{group}.{name}" for name in awaited)
    for name in {**awaited, **delivered}:
        require(name in delivered, f"tensor {group}.{name} is missing, awaited {listed}")
        require(name in awaited, f"unknown tensor {group}.{name}, awaited {listed}")
        found = list(delivered[name].shape)
        require(found == awaited[name], f"tensor {group}.{name} has shape {found}, awaited {awaited[name]}")
    return {name: torch.from_numpy(array) for name, array in delivered.items()}


def count(network: nn.Module) -> int:
    """Parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def weights_out(network: nn.Module) -> dict[str, Any]:
    """The weights as outputs `w.*`."""
    return {f"w.{name}": parameter.detach().numpy() for name, parameter in network.named_parameters()}
