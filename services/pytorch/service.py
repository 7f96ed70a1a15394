"""PyTorch behind the contract: one function per task, its signature the schema."""

from collections.abc import Callable

import torch
from descent import Descent, fused, gram, two_pass
from mlfleet_sdk import (
    F32Images,
    F64Matrix,
    F64Vector,
    I64Matrix,
    I64Vector,
    Job,
    Rotation,
    Service,
    Weights,
    batches,
    device,
    libtorch,
    require,
)
from networks import Lenet, Mlp, count, tensors
from torch import Tensor, nn
from training import Training

libtorch.limit_threads()
DEVICE = torch.device(device())
SCHEDULES = {"two_pass": two_pass, "fused": fused, "gram": gram}
KERNELS = f"libtorch {libtorch.version()}"
service = Service(
    "pytorch", libtorch.version(), facts=libtorch.facts(), pools=libtorch.pools, devices=libtorch.devices()
)


def train(network: Callable[[], nn.Module]) -> Callable[..., Job[Tensor]]:
    """The task that trains this network."""

    def task(
        images: F32Images,
        labels: I64Vector,
        order: I64Matrix,
        test_images: F32Images,
        w: Weights,
        *,
        batch: int,
        lr: float,
        momentum: float,
    ) -> Job[Tensor]:
        training = Training(
            network, images, labels, order, test_images, w, batch=batch, lr=lr, momentum=momentum, device=DEVICE
        )
        return Job(training.step, training.outputs)

    return task


service.task("mlp.train", origin="in_repo", kernels=KERNELS)(train(Mlp))
service.task("lenet.train", origin="in_repo", kernels=KERNELS)(train(Lenet))


@service.task("lenet.infer", origin="in_repo", kernels=KERNELS)
def lenet_infer(images: F32Images, w: Weights, *, batch: int) -> Job[None]:
    """Logits of one batch."""
    require(images.shape[1:] == (1, 28, 28), f"tensor images has shape {list(images.shape)}, awaited [rows, 1, 28, 28]")
    network = Lenet().to(DEVICE, memory_format=torch.channels_last).eval()
    network.load_state_dict(tensors(network, w, DEVICE))

    def infer(rows: Tensor) -> Tensor:
        with torch.inference_mode():
            logits = network(rows)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize(DEVICE)
        return logits

    rows = torch.from_numpy(images).to(DEVICE)
    turns = Rotation([rows[part] for part in batches("images", len(images), batch)], infer)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "logits": turns.first.cpu().numpy(),
            "receipt.rows_predicted": len(turns.first),
            "receipt.n_params": count(network),
        },
    )


@service.task("gd_regression.fit", origin="in_repo", kernels=KERNELS)
def gd_regression_fit(
    x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str
) -> Job[Descent]:
    """Full steps from zero, in double precision: by all rows twice, by blocks of rows, or by the Gram matrix."""
    require(schedule in SCHEDULES, f"schedule is {schedule!r}, awaited one of {', '.join(SCHEDULES)}")
    require(lr > 0, f"lr is {lr}, awaited a number above 0")
    require(iterations >= 1, f"iterations is {iterations}, awaited at least 1")
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    x, y, descend = torch.from_numpy(x_train).to(DEVICE), torch.from_numpy(y_train).to(DEVICE), SCHEDULES[schedule]

    def step() -> Descent:
        with torch.inference_mode():
            found = descend(x, y, lr, iterations)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize(DEVICE)
        return found

    return Job(
        step=step,
        outputs=lambda found: {
            "coef": found.coef.cpu().numpy(),
            "intercept": found.intercept.cpu().numpy(),
            "last_loss": found.last_loss.cpu().numpy(),
            "receipt.steps": found.steps,
            "receipt.rows_read": found.rows_read,
        },
    )
