"""What a ratio compares follows from what both sides say of themselves."""

from dataclasses import replace

import pytest
import samples
from mlfleet.report.compared import Side, compared, compares
from mlfleet.report.export_json import report_json
from mlfleet.report.notes import build_size, build_time, builds


def side(key, language, kernels, version="1.0", origin="stock"):
    known = replace(samples.identity("linfa", version), framework=key, language=language)
    return Side(key, known, replace(known.tasks[0], kernels=kernels, origin=origin))


PYTORCH = side("pytorch", "python", "libtorch 2.11.0", "2.11.0")
SKLEARN = side("sklearn", "python", "cython+openblas", "1.9.1")


@pytest.mark.parametrize(
    ("one", "other", "what", "said"),
    [
        (side("tch", "rust", "libtorch 2.11.0"), PYTORCH, "binding", "rust against python, both run libtorch 2.11.0"),
        (side("tch", "rust", "libtorch 2.13.0"), PYTORCH, "language and kernels", "2.13.0 against libtorch 2.11"),
        (side("linfa", "rust", "ndarray"), SKLEARN, "language and kernels", "ndarray against cython+openblas"),
        (side("sb3", "python", "libtorch 2.11.0"), PYTORCH, "framework", "both run libtorch 2.11.0"),
        (side("numpy", "python", "openblas"), SKLEARN, "kernels", "openblas against cython+openblas"),
        (side("numpy", "python", "OpenBLAS , cython"), SKLEARN, "framework", "both run OpenBLAS , cython"),
        (side("rust", "rust", "none"), side("cpython", "python", "none"), "language", "no library on either side"),
        (side("rust", "rust", "none"), side("numpy", "python", "numpy"), "language and kernels", "none against numpy"),
        (side("sklearn", "python", "libsvm", "1.5.2"), SKLEARN, "version", "1.5.2 against 1.9.1, libsvm against"),
    ],
)
def test_what_differs_is_what_is_compared(one, other, what, said):
    assert compared(one, other) == compared(other, one) == what
    assert compares(one, other).startswith(f"compares the {what}: ")
    assert said in compares(one, other)


def test_an_algorithm_of_this_repository_is_said_aloud():
    mine = side("tch", "rust", "libtorch 2.11.0", origin="in_repo")
    assert compares(mine, PYTORCH).endswith("; tch: algorithm written in this repository")
    assert "written" not in compares(side("tch", "rust", "libtorch 2.11.0"), PYTORCH)


def test_the_json_says_it_for_programs():
    found = {
        (one["workload"], one["contestant"]): one["compares"] for one in report_json(samples.table())["comparisons"]
    }
    assert found["kmeans.fit-iris", "linfa"] == "language and kernels"


def test_a_build_has_its_size_and_time_or_the_reason_why_not():
    table = samples.table()
    run = table.run
    on = replace(run.contestants[0].service, layer="mlfleet/torch:2.11.0")
    one = replace(run.contestants[0], service=on, layer_bytes=100 << 20, build_s=34.25, build_note="4 of 9 cached")
    assert build_size(run.environment, one) == "180 MiB, 100 MiB of it shared (mlfleet/torch:2.11.0)"
    local = replace(run.environment, runtime="process")
    assert build_size(local, one) == "180 MiB, 100 MiB more shared (mlfleet/torch:2.11.0)"
    assert build_time(one) == "34.2 s (4 of 9 cached)"
    assert build_time(run.contestants[0]) == "time unknown: this run kept no build times"
    said = builds(replace(table, run=replace(run, contestants=(one, run.contestants[-1]))))
    assert said == ("sklearn: 180 MiB, 100 MiB of it shared (mlfleet/torch:2.11.0); last build 34.2 s (4 of 9 cached)",)
