"""Goldens are made through one service: every other one that has the task must come to the same answer."""

import numpy as np
import pytest
from contract import cases
from mlfleet import payload
from mlfleet.golden_maker import golden_cases
from mlfleet.tasks import get

# Not the maker's own: a tolerance that every library can reach.
TIGHT = {"tol": 1e-9}
# libsvm keeps its kernel in single precision: however tight the tolerance, margins of free support vectors stay 2e-5
# off (Breast Cancer, linear, C = 10), decision values 3e-6 of their norm, and a regression's answer 2e-6.
APART = 1e-5


def test_at_tight_tolerance_the_answer_is_the_golden(launched, tmp_path):
    offered = {task.name for task in launched.client.describe(cases.CALL_S).tasks}
    known = [case for case in golden_cases().values() if case.task in offered]
    for case in known:
        stored = payload.store(case.inputs, tmp_path)
        params = {name: TIGHT.get(name, value) for name, value in case.params.items()}
        launched.client.prepare(
            case.task,
            params,
            stored.path,
            stored.sha256,
            seed=0,
            device="cpu",
            transport="streamed",
            timeout_s=cases.CALL_S,
        )
        launched.client.measure((1,), cases.CALL_S)
        found, _ = payload.read_outputs(launched.client.collect(1 << 26, cases.CALL_S))
        golden = get(case.task).reference(case)
        for name, right in golden.items():
            if right.dtype.kind == "f":
                distance = np.linalg.norm(found[name] - right) / np.linalg.norm(right)
                assert distance == pytest.approx(0, abs=APART), name
            else:
                assert (found[name] == right).all(), name
