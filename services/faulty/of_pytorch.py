"""PyTorch's service with a LeNet that is trained wrongly: stopped early, or on other gradients than its loss has."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from mlfleet_sdk import F32Images, I64Matrix, I64Vector, Job, Weights
from spoil import Adapter, honest, instead, spoilt
from torch import Tensor, nn

HONEST = honest("pytorch")
# The honest service's own modules, which lie beside it.
from networks import Lenet  # noqa: E402
from training import Training  # noqa: E402

STEPS = 3
Outputs = Callable[[Tensor], Mapping[str, Any]]


def trained(spoil: Callable[[Training], Outputs]) -> Adapter:
    """The honest training after `spoil`, which says what is answered."""

    def adapter(
        images: F32Images,
        labels: I64Vector,
        order: I64Matrix,
        test_images: F32Images,
        w: Weights,
        *,
        batch: int,
        **rates: float,
    ) -> Job[Tensor]:
        cpu = torch.device("cpu")
        training = Training(Lenet, images, labels, order, test_images, w, batch=batch, device=cpu, **rates)
        return Job(training.step, spoil(training))

    return adapter


def stopped(*, lying: bool) -> Adapter:
    """Three steps of all; lying, the receipt claims every one. Losses that were never had are the last one again."""

    def spoil(training: Training) -> Outputs:
        planned = training.batches
        training.batches = planned[:STEPS]
        claimed = {"receipt.steps": len(planned), "receipt.samples": sum(map(len, planned))}

        def outputs(losses: Tensor) -> Mapping[str, Any]:
            had = training.outputs(losses)
            padded = torch.cat((losses, losses[-1:].expand(len(planned) - STEPS))).numpy()
            return {**had, "losses": padded, **(claimed if lying else {})}

        return outputs

    return trained(spoil)


def on_other_gradients(change: Callable[[str, Tensor], Tensor]) -> Adapter:
    """All steps."""

    def spoil(training: Training) -> Outputs:
        true = training.backward

        def backward(network: nn.Module, rows: Tensor) -> Tensor:
            loss = true(network, rows)
            for name, parameter in network.named_parameters():
                parameter.grad = change(name, parameter.grad)
            return loss

        training.backward = backward
        return training.outputs

    return trained(spoil)


def quarter(_name: str, gradient: Tensor) -> Tensor:
    """As a framework's own max-pooling was seen to give."""
    return gradient / 4


def no_convolution(name: str, gradient: Tensor) -> Tensor:
    """As below a fused norm that stops gradients: what lies before it never learns."""
    return torch.zeros_like(gradient) if name.startswith("conv") else gradient


FAULTS = {
    "stopped": instead("lenet.train", stopped(lying=False)),
    "stopped_lying": instead("lenet.train", stopped(lying=True)),
    "quarter": instead("lenet.train", on_other_gradients(quarter)),
    "no_convolution": instead("lenet.train", on_other_gradients(no_convolution)),
}
service = spoilt(HONEST, FAULTS)
