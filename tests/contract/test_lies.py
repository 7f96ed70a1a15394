"""The reason for this project: services that lie are refused, each for its own reason, and their honest twin is not.

linfa's own adapter, spoilt in one way each (crate mlfleet-fault), runs against scikit-learn on the suite's real data.
"""

import os
from dataclasses import replace

import pytest
from mlfleet import assemble, report
from mlfleet import build as builds
from mlfleet.bench import Bench
from mlfleet.catalogue import load_suite
from mlfleet.client import connect
from mlfleet.codec import encode
from mlfleet.commands.common import ROOT, services
from mlfleet.interrupt import Stop
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.sockets import RunFolder
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.meters import open_meters
from mlfleet.runner import cells_of, measure_run
from mlfleet.table import fold

HONEST, LIAR = "sklearn", "linfa"
KMEANS, RIDGE = "kmeans.fit-iris", "ridge.fit-boston_housing"
KNN, SVC = "knn_classify.predict-breast_cancer-all", "svc_ovo.fit-wine-rbf"


class Silent:
    def block(self, block, number, total):
        pass

    def done(self, block, records):
        pass


def command(service):
    if service.key == LIAR:
        return [str(ROOT / "rust_services/target/release/mlfleet-fault")]
    return builds.process_command(service, ROOT)


def measure(folder, workload, fault, blocks):
    """A run of one workload with the spoilt service in linfa's place; gives its folded table."""
    suite = load_suite("smoke")
    request = assemble.Request(
        run=f"{fault}-{workload}",
        suite=suite,
        services=tuple(service for service in services() if service.key in {HONEST, LIAR}),
        workloads=tuple(w for w in suite.workloads if w.name == workload),
        baseline=HONEST,
        blocks=blocks,
        seed=1,
        named=frozenset({HONEST, LIAR}),
    )
    with Stop() as stop, RunFolder(f"l{os.getpid():07x}") as sockets:
        bench = Bench(
            run8="liestest",
            launcher=ProcessLauncher(command),
            stop=stop,
            connect=connect,
            open_meters=open_meters,
            socket_folder=sockets.fresh,
            progress=lambda *_: None,
        )
        run = assemble.make_run(request, builds.builder("process", ROOT), "process", None, bench, ROOT)
        cells = {key: replace(cell, fault=fault if key[1] == LIAR else None) for key, cell in cells_of(run).items()}
        with Ledger.create(folder, encode(run)) as ledger:
            measure_run(run, cells, ledger, bench, Silent(), None)
    return fold(run, read_records(folder))


LIES = [
    ("constant", KMEANS, {"outside_tolerance"}),
    ("constant", RIDGE, {"outside_tolerance"}),
    ("constant", KNN, {"outside_tolerance"}),
    ("constant", SVC, {"outside_tolerance"}),
    ("half_honest", KNN, {"short_work", "outside_tolerance"}),
    ("half_honest", SVC, {"short_work", "outside_tolerance"}),
    ("half_lying", KNN, {"outside_tolerance"}),
    ("half_lying", SVC, {"outside_tolerance"}),
    ("bad_digest", KMEANS, {"wrong_payload"}),
]


@pytest.mark.parametrize(("fault", "workload", "reasons"), LIES)
def test_a_liar_is_refused_for_its_own_reason(tmp_path, fault, workload, reasons):
    table = measure(tmp_path / "run", workload, fault, blocks=1)
    for comparison in table.comparisons:
        assert (comparison.outcome, set(comparison.reasons)) == ("refused", reasons)
        assert comparison.ratio is None
    assert all(c["ratio"] is c["low"] is c["high"] is None for c in report.report_json(table)["comparisons"])
    assert table.cell(workload, HONEST).verdict.value == "ok"


@pytest.mark.parametrize("workload", [KMEANS, KNN])
def test_the_honest_twin_passes_every_gate_and_gets_its_outcome(tmp_path, workload):
    table = measure(tmp_path / "run", workload, None, blocks=5)
    for comparison in table.comparisons:
        assert comparison.outcome != "refused", comparison.refusals
        assert comparison.blocks == 5
