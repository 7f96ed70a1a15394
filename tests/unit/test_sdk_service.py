"""A registered function's signature is its schema."""

import re

import numpy as np
import pytest
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, InvalidArgument, Job, Seed, Service, Weights, require
from mlfleet_sdk.errors import UnknownTask
from mlfleet_sdk.service import Tensor


@pytest.fixture
def service():
    service = Service("f", "1")

    @service.task("a.b", origin="stock", kernels="k")
    def task(x: F64Matrix, y: F64Vector, z: I64Vector, any_tensor, *, k: int, alpha: float, word: str, flag: bool):
        require(k > 0, f"k is {k}, awaited at least 1")
        arguments = (x, y, z, any_tensor, k, alpha, word, flag)
        return Job(step=lambda: arguments, outputs=lambda last: {})

    return service


TENSORS = {
    "x": np.ones((2, 3)),
    "y": np.ones(2),
    "z": np.ones(2, np.int64),
    "any_tensor": np.ones((1, 1, 1), np.uint8),
}
PARAMS = {"k": 3, "alpha": 0.5, "word": "w", "flag": True}


def build(service, tensors=TENSORS, params=PARAMS):
    return service.find("a.b").build(tensors, params)


def test_the_schema_is_the_signature(service):
    task = service.find("a.b")
    assert task.tensors == {
        "x": Tensor("float64", 2),
        "y": Tensor("float64", 1),
        "z": Tensor("int64", 1),
        "any_tensor": None,
    }
    assert task.params == {"k": int, "alpha": float, "word": str, "flag": bool}
    assert (task.origin, task.kernels) == ("stock", "k")


def test_tensors_and_parameters_reach_their_arguments_in_any_order(service):
    job = build(service, dict(reversed(TENSORS.items())), dict(reversed(PARAMS.items())))
    found = job.step()
    assert all(given is sent for given, sent in zip(found[:4], TENSORS.values(), strict=True))
    assert found[4:] == tuple(PARAMS.values())


def test_an_int_serves_as_a_float_and_arrives_as_one(service):
    alpha = build(service, params={**PARAMS, "alpha": 2}).step()[5]
    assert (alpha, type(alpha)) == (2.0, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 3.0}, "parameter k is float 3.0, awaited int"),
        ({"k": True}, "parameter k is bool True, awaited int"),
        ({"k": "3"}, "parameter k is str '3', awaited int"),
        ({"alpha": True}, "parameter alpha is bool True, awaited float"),
        ({"alpha": float("nan")}, "parameter alpha is nan, awaited a finite number"),
        ({"alpha": float("inf")}, "parameter alpha is inf, awaited a finite number"),
        ({"word": 1}, "parameter word is int 1, awaited str"),
        ({"flag": 1}, "parameter flag is int 1, awaited bool"),
        ({"stray": 1}, "unknown parameter stray; awaited: k, alpha, word, flag"),
        ({"k": 0}, "k is 0, awaited at least 1"),
    ],
)
def test_parameters_that_are_refused(service, change, message):
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        build(service, params={**PARAMS, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((2, 3), np.float32)}, "tensor x is float32 of rank 2, awaited float64 of rank 2"),
        ({"x": np.ones(2)}, "tensor x is float64 of rank 1, awaited float64 of rank 2"),
        ({"z": np.ones(2)}, "tensor z is float64 of rank 1, awaited int64 of rank 1"),
        ({"y": np.array([1.0, np.nan])}, "tensor y holds NaN or infinity"),
        ({"y": np.array([1.0, -np.inf])}, "tensor y holds NaN or infinity"),
        ({"stray": np.ones(1)}, "unknown tensor stray; awaited: x, y, z, any_tensor"),
    ],
)
def test_tensors_that_are_refused(service, change, message):
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        build(service, {**TENSORS, **change})


def test_what_is_missing_is_named(service):
    with pytest.raises(InvalidArgument, match="missing tensor x, y; found: any_tensor, z"):
        build(service, {name: TENSORS[name] for name in ("z", "any_tensor")})
    with pytest.raises(InvalidArgument, match="missing parameter alpha, flag, k, word; found: none"):
        build(service, params={})


def test_an_unknown_task_is_told_with_the_known_ones(service):
    with pytest.raises(UnknownTask, match=re.escape("f has no task 'a.c'; it has: a.b")):
        service.find("a.c")


@pytest.fixture
def trained():
    service = Service("f", "1")

    @service.task("a.train", origin="stock", kernels="k")
    def task(x: F64Vector, w: Weights, *, k: int, seed: Seed):
        return Job(step=lambda: (x, w, k, seed), outputs=lambda last: {})

    return service.find("a.train")


WEIGHTS = {"w.fc.bias": np.ones(2, np.float32), "w.fc": np.ones((2, 2), np.float32)}


def test_weights_come_as_one_mapping_and_the_seed_is_no_parameter(trained):
    _, weights, k, seed = trained.build({"x": np.ones(1), **WEIGHTS}, {"k": 1}, 7).step()
    assert {name: tensor.shape for name, tensor in weights.items()} == {"fc": (2, 2), "fc.bias": (2,)}
    assert (k, seed) == (1, 7)
    with pytest.raises(InvalidArgument, match="unknown parameter seed; awaited: k"):
        trained.build({"x": np.ones(1), **WEIGHTS}, {"k": 1, "seed": 7})


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "missing tensor w; found: x"),
        ({"w": np.ones(1, np.float32)}, "tensor w is one tensor, awaited a group of tensors w.*"),
        ({"w.a": np.ones(1)}, "tensor w.a is float64 of rank 1, awaited float32 of rank 1"),
        ({"w.a": np.full(1, np.nan, np.float32)}, "tensor w.a holds NaN or infinity"),
        ({**WEIGHTS, "v.a": np.ones(1, np.float32)}, "unknown tensor v.a; awaited: x, w"),
    ],
)
def test_weights_that_are_refused(trained, tensors, message):
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        trained.build({"x": np.ones(1), **tensors}, {"k": 1})
