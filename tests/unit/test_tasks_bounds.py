"""What tasks say of their least work: never more than their definition, and enough to see a folded loop."""

from types import SimpleNamespace

import numpy as np
import pytest
from mlfleet import datasets, gates, tasks
from mlfleet.model import Roof
from mlfleet.tasks import bert, gpt2, networks
from mlfleet.tasks.networks_numpy import LENET, MLP

# One core of the host that the times below were seen on.
ROOF = Roof({"F32": 9e10, "F64": 4.8e10}, 3.3e10, 32 << 20)
SMOKE = {
    # name: dataset, params, FLOP of the definition.
    "kmeans.fit": ("iris", {"k": 3, "max_iter": 300}, 3 * 120 * 4 * 3),
    "ridge.fit": ("diabetes", {"alpha": 1.0}, 2 * 353 * 10 * 10),
    "ridge.predict": ("diabetes", {"alpha": 1.0, "batch": 32}, 2 * 32 * 10),
    "knn_classify.predict": ("iris", {"k": 5, "index": "brute", "batch": "all"}, 3 * 120 * 30 * 4),
    "svc_ovo.fit": ("iris", {"c": 1.0, "kernel": "rbf", "gamma": "scale", "tol": 1e-3}, 3 * 80 * 80 * 4),
}


def case(name, dataset, params):
    return tasks.get(name).case(datasets.load(dataset), params, 1)


@pytest.mark.parametrize("name", SMOKE)
def test_a_bound_is_above_nothing_and_at_most_the_definition(name):
    dataset, params, flop = SMOKE[name]
    bound = tasks.get(name).bound(case(name, dataset, params))
    assert bound.dtype == "F64"
    assert 0 < bound.flop <= flop


def numbers(name, params):
    return tasks.get(name).case(datasets.load("integers-syn"), params, 1)


def least(name, params):
    return gates.least_ns(tasks.get(name).bound(numbers(name, params)), ROOF)


def test_a_folded_loop_is_beyond_the_speed_of_light_and_an_honest_one_is_not():
    # Seen: a formula takes 25 ns, an honest loop in rust 0.31 ns a term.
    assert 25 < least("sum.range", {"n": 1_000_000}) < 0.31e6


def test_a_sum_over_memory_is_bound_by_reading_where_the_buffers_are_larger_than_the_cache():
    # Seen: numpy 0.24 s for 1e9.
    slow = least("sum.loop", {"m": 1_000_000, "buffers": 17})
    assert 0.1e6 < slow < 0.24e6
    assert least("sum.loop", {"m": 1_000_000, "buffers": 2}) < slow / 5


def test_numbers_that_were_written_at_once_are_read_from_memory():
    at_once, chunked = (
        tasks.get(name).bound(numbers(name, {"n": 10_000_000})) for name in ("sum.arange", "sum.chunked")
    )
    assert (at_once.flop, at_once.read_bytes, at_once.working_set_bytes) == (1e7, 8e7, 8e7)
    assert (chunked.flop, chunked.read_bytes) == (1e7, 0)


def test_the_formula_has_no_bound_and_is_called_trivial():
    assert tasks.get("sum.formula").bound(numbers("sum.formula", {"n": 10})) is None
    assert tasks.get("sum.formula").trivial
    assert not any(tasks.get(name).trivial for name in tasks.names() if name != "sum.formula")


def test_steps_of_a_fused_descent_count_each_and_those_by_the_gram_matrix_do_not():
    of = {"lr": 1e-5, "rows": "all", "iterations": 100}
    two_pass, fused, gram = (
        case("gd_regression.fit", "diabetes", of | {"schedule": how}) for how in ("two_pass", "fused", "gram")
    )
    task = tasks.get("gd_regression.fit")
    assert task.bound(fused).flop == 4 * 354 * 10 * 100
    assert task.bound(two_pass).flop == task.bound(fused).flop
    assert task.bound(two_pass).read_bytes == 2 * task.bound(fused).read_bytes == 2 * 8 * 354 * 10 * 100
    assert task.bound(gram).flop <= 354 * 10 * 10
    assert [task.size(one.params).param for one in (two_pass, fused)] == ["iterations"] * 2
    assert task.size(gram.params) is None


@pytest.mark.parametrize(("network", "direct"), [(MLP, 203_264), (LENET, 833_040)])
def test_networks_compute_at_most_what_they_are_defined_by(network, direct):
    # Of one image: 2 FLOP for each weight and each place where it is applied.
    bound = networks._train_bound(network, SimpleNamespace(planned={"samples": 10}))
    assert 10 * direct / 8 < bound.flop < 3 * 10 * direct


def test_padding_may_be_left_out_of_an_embedding():
    mask = np.zeros((4, 16), np.int64)
    mask[:, :2] = 1
    mask[:2, :6] = 1
    found = bert._bound(
        SimpleNamespace(
            params={"batch": 2},
            inputs={"mask": mask},
            planned={"layers": 6},
            outputs={"embedding": SimpleNamespace(shape=(2, 384))},
        )
    )
    assert found.flop == 6 * 4 * 12 * 384**2


def test_decoding_reads_the_weights_for_every_token_and_a_prefill_does_not():
    inputs = {"w.wte.weight": np.zeros((50, 8)), "ids": np.zeros((1, 5)), "forced": np.zeros((1, 4))}
    shape = SimpleNamespace(planned={"layers": 3, "tokens_in": 5, "tokens_out": 4}, inputs=inputs)
    weights = 4 * 3 * 12 * 8**2
    assert gpt2._decode_bound(shape).read_bytes == 4 * weights
    assert gpt2._decode_bound(shape).working_set_bytes == weights
    assert gpt2._text_bound(shape).read_bytes == 0
    assert gpt2._text_bound(shape).flop == 2 * 8 * 12 * 8**2
