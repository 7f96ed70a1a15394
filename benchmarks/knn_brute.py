"""Every distance by each service that has them: the time of a batch, over scikit-learn's, on one thread and one CPU.

.venv/bin/python benchmarks/knn_brute.py [SERVICE ...]

Turns of all services follow one another, so that a neighbour of this host meets all of them; the least of each counts.
"""

import sys
from contextlib import ExitStack
from dataclasses import dataclass

from mlfleet import build, datasets, host, payload, tasks
from mlfleet.client import Client, connect
from mlfleet.commands.common import ROOT, named_services
from mlfleet.interrupt import Stop
from mlfleet.launch.base import LaunchSpec
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import RunFolder
from mlfleet.model import Environment, Param
from mlfleet.tasks import Task

AGAINST = "sklearn"
SERVICES = (AGAINST, "rust", "linfa", "numpy")
DATASETS = ("iris", "breast_cancer", "digits", "diabetes", "gd-syn")
BATCHES = (1, 32, 256, "all")
# A vast set is cut: of a batch of all its test rows one iteration would take minutes.
MOST_PAIRS = 2e9
CALL_S = 300
TURNS = 7
# An entry of a schedule takes about so long.
SAMPLE_NS = 20e6


@dataclass(frozen=True)
class Question:
    """A workload of this benchmark."""

    task: Task
    dataset: str
    batch: int | str


def main(*keys: str) -> None:
    """Print a line a workload: microseconds of scikit-learn, and of each other its share of that."""
    names = (AGAINST, *(key for key in keys or SERVICES if key != AGAINST))
    with ExitStack() as stack:
        clients = {name: launched(stack, name) for name in names}
        offered = {name: {task.name for task in client.describe(CALL_S).tasks} for name, client in clients.items()}
        print(f"{'workload':<52}{AGAINST + ', us':>14}" + "".join(f"{name:>10}" for name in names[1:]))
        for question in questions():
            able = {name: clients[name] for name in names if question.task.name in offered[name]}
            times = measured(question, able)
            if times:
                label = f"{question.task.name}-{question.dataset}-batch{question.batch}"
                shares = [f"{times[name] / times[AGAINST]:.2f}" if name in times else "-" for name in names[1:]]
                print(f"{label:<52}{times[AGAINST] / 1e3:>14.1f}" + "".join(f"{share:>10}" for share in shares))


def questions() -> list[Question]:
    """Each data set at each batch, by the task that fits its target."""
    by_target = {"classes": tasks.get("knn_classify.predict"), "real": tasks.get("knn_regress.predict")}
    return [Question(by_target[datasets.load(name).target], name, batch) for name in DATASETS for batch in BATCHES]


def measured(question: Question, clients: dict[str, Client]) -> dict[str, float]:
    """Least ns of an iteration of each service; none where the data have too few rows, or too many."""
    dataset = datasets.load(question.dataset)
    rows = len(dataset.test) if question.batch == "all" else int(question.batch)
    if rows > len(dataset.test) or rows * len(dataset.train) > MOST_PAIRS:
        return {}
    case = question.task.case(dataset, {"k": 5, "index": "brute", "batch": question.batch}, 1)
    stored = payload.store(case.inputs)
    for client in clients.values():
        prepare(client, question.task.name, case.params, stored)
    counts = {name: max(1, int(SAMPLE_NS / one(client, 1))) for name, client in clients.items()}
    turns = [{name: one(client, counts[name]) for name, client in clients.items()} for _ in range(TURNS)]
    return {name: min(turn[name] for turn in turns) for name in clients}


def prepare(client: Client, task: str, params: dict[str, Param], stored: payload.Payload) -> None:
    """As a trial does, streamed."""
    client.prepare(
        task, params, stored.path, stored.sha256, seed=1, device="cpu", transport="streamed", timeout_s=CALL_S
    )


def one(client: Client, calls: int) -> float:
    """Ns of an iteration, the lesser of three samples."""
    return min(sample.ns_per_iteration for sample in client.measure((calls,) * 3, CALL_S).samples)


def launched(stack: ExitStack, key: str) -> Client:
    """The service as a process on the CPU of a run, one thread."""
    (service,) = named_services((key,))
    environment = Environment("cpu", host.cpu_sets("1"), 1, 2 << 30, "process", "streamed")
    stop = stack.enter_context(Stop())
    folder = stack.enter_context(RunFolder(f"knn{key[:5]}"))
    launcher = ProcessLauncher(lambda known: build.process_command(known, ROOT))
    spec = LaunchSpec(service, None, environment, None, f"mlf-knn-{key}", folder.fresh(), {})
    running = stack.enter_context(launcher.launch(spec))
    await_socket(running, stop)
    client = stack.enter_context(connect(running.socket, stop))
    client.await_serving(CALL_S)
    return client


if __name__ == "__main__":
    main(*sys.argv[1:])
