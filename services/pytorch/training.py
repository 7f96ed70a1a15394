"""Training by SGD from delivered weights, in a delivered order."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from mlfleet_sdk import F32Images, I64Matrix, I64Vector, Weights, require
from networks import count, tensors
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 10


class Training:
    """All that one training reads, on its device, and the network that it leaves trained."""

    def __init__(  # noqa: PLR0913 - the tensors and parameters of the task
        self,
        network: Callable[[], nn.Module],
        images: F32Images,
        labels: I64Vector,
        order: I64Matrix,
        test_images: F32Images,
        w: Weights,
        *,
        batch: int,
        lr: float,
        momentum: float,
        device: torch.device,
    ) -> None:
        _check(images, labels, order, test_images, batch)
        require(lr > 0, f"lr is {lr}, awaited a number above 0")
        require(momentum >= 0, f"momentum is {momentum}, awaited 0 or above")
        # Convolutions are faster with their channels last.
        self.make = lambda: network().to(device, memory_format=torch.channels_last)
        self.network = self.make()
        self.start = tensors(self.network, w, device)
        self.images, self.labels, self.test_images = (
            torch.from_numpy(array).to(device) for array in (images, labels, test_images)
        )
        self.batches = [rows for epoch in torch.from_numpy(order).to(device) for rows in epoch.split(batch)]
        self.lr, self.momentum, self.device = lr, momentum, device
        self.samples = 0

    def step(self) -> Tensor:
        """All epochs from the delivered weights; the loss of each step."""
        self.network.load_state_dict(self.start)
        optimizer = torch.optim.SGD(self.network.parameters(), lr=self.lr, momentum=self.momentum)
        losses, self.samples = [], 0
        for rows in self.batches:
            self.samples += len(rows)
            optimizer.zero_grad()
            losses.append(self.backward(self.network, rows))
            optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return torch.stack(losses)

    def backward(self, network: nn.Module, rows: Tensor) -> Tensor:
        """The loss of a batch, whose gradients are left at the network's parameters."""
        # Half the time of indexing, for the same rows.
        images, labels = self.images.index_select(0, rows), self.labels.index_select(0, rows)
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        return loss.detach()

    def outputs(self, losses: Tensor) -> Mapping[str, Any]:
        """What the last step left, and the first gradient once more, on a network of its own."""
        with torch.inference_mode():
            logits = self.network(self.test_images)
        untrained = self.make()
        untrained.load_state_dict(self.start)
        self.backward(untrained, self.batches[0])
        weights = {name: parameter.detach() for name, parameter in self.network.named_parameters()}
        return {
            "losses": losses.cpu().numpy(),
            "logits": logits.cpu().numpy(),
            **{f"grad.{name}": parameter.grad.cpu().numpy() for name, parameter in untrained.named_parameters()},
            **{f"w.{name}": weight.cpu().numpy() for name, weight in weights.items()},
            "receipt.samples": self.samples,
            "receipt.steps": len(losses),
            "receipt.n_params": count(self.network),
            "receipt.params_moved": sum(not torch.equal(weights[name], self.start[name]) for name in weights),
        }


def _check(images: F32Images, labels: I64Vector, order: I64Matrix, test_images: F32Images, batch: int) -> None:
    rows = len(images)
    for name, found in (("images", images), ("test_images", test_images)):
        require(
            len(found) and found.shape[1:] == (1, 28, 28),
            f"tensor {name} has shape {list(found.shape)}, awaited [rows, 1, 28, 28]",
        )
    require(len(labels) == rows, f"labels has {len(labels)} rows, images {rows}")
    require(
        labels.min() >= 0 and labels.max() < CLASSES,
        f"labels lie in {labels.min()} .. {labels.max()}, awaited 0 .. {CLASSES - 1}",
    )
    require(
        len(order) and order.shape[1] == rows, f"order has shape {list(order.shape)}, awaited [epochs, {rows}] (images)"
    )
    whole = (np.sort(order, axis=1) == np.arange(rows)).all()
    require(whole, f"order holds other rows, awaited each of 0 .. {rows - 1} once")
    require(1 <= batch <= rows, f"batch is {batch}, awaited 1 to {rows} (rows of images)")
