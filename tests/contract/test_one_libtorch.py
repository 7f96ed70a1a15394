"""pytorch and tch are two ways to one libtorch: one build of it, as many threads, the same losses step by step."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from contract.cases import CALL_S, Honest, collect, measure, prepare, setup_of
from contract.launched import Target
from mlfleet import catalogue, datasets, payload, tasks
from mlfleet.commands.common import named_services

SEED = 1
WORKLOADS = [one for one in catalogue.load_suite("fleet").workloads if one.task in {"mlp.train", "lenet.train"}]


def pytest_generate_tests(metafunc):
    if "pair" in metafunc.fixturenames:
        metafunc.parametrize("pair", metafunc.config.option.runtime, indirect=True, scope="module")


@pytest.fixture(scope="module")
def pair(request, fleet):
    targets = [Target(service, request.param) for service in named_services(["pytorch", "tch"])]
    with ExitStack() as stack:
        yield [stack.enter_context(fleet.launch(target)) for target in targets]


def test_both_report_the_same_libtorch_and_as_many_threads(pair):
    one, other = (launched.client.describe(CALL_S) for launched in pair)
    facts = {name: value for name, value in one.facts.items() if name.startswith("libtorch")}
    assert facts.keys() == {"libtorch", "libtorch_git", "libtorch_cuda", "libtorch_cpu.so"}
    assert facts.items() <= other.facts.items()
    pools = [
        {(pool.pool, pool.version, pool.effective) for pool in found.thread_pools if pool.pool.startswith("libtorch")}
        for found in (one, other)
    ]
    assert pools[0] == pools[1] == {("libtorch-intraop", one.version, 1), ("libtorch-interop", one.version, 1)}
    shared = {task.name for task in one.tasks} & {task.name for task in other.tasks}
    assert {one.task(name).kernels for name in shared} == {other.task(name).kernels for name in shared}


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_losses_agree_step_by_step_and_every_parameter_moves(pair, workload, tmp_path: Path):
    task = tasks.get(workload.task)
    case = task.case(datasets.load(workload.dataset), workload.params, SEED)
    honest = Honest(task, workload, case, payload.store(case.inputs, tmp_path))
    losses = []
    for launched in pair:
        prepare(launched, setup_of(honest), honest.data)
        measure(launched, [1])
        outputs, receipt = payload.read_outputs(collect(launched))
        assert receipt["params_moved"] == len([name for name in case.inputs if name.startswith("w.")])
        assert task.check_work(case, outputs) == ()
        losses.append(outputs["losses"].astype(np.float64))
    assert len(losses[0]) == case.planned["steps"]
    assert np.abs(losses[0] / losses[1] - 1).max() <= 1e-5
