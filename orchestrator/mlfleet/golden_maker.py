"""Golden outputs, made through a service at tight tolerance: the right answers that no closed form gives."""

from contextlib import ExitStack
from importlib.resources import as_file, files

from mlfleet import datasets, payload, tasks
from mlfleet.bench import Bench
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.datasets import goldens
from mlfleet.deadlines import COLLECT_S, DESCRIBE_S, FIRST_S, IMPORT_S, OUTPUT_LIMIT_BYTES, PREPARE_S
from mlfleet.launch.base import LaunchSpec
from mlfleet.launch.ready import await_socket
from mlfleet.model import Environment, Param, Service
from mlfleet.tasks import Case

# Parameters that only say how close to the answer one stops.
TIGHT: dict[str, Param] = {"tol": 1e-10}


def make_golden(case: Case, service: Service, image_id: str | None, environment: Environment, bench: Bench) -> str:
    """Let the service answer the case at tight tolerance and keep its outputs; gives who made them.

    Raises what launching and calling raise: a golden is made by hand, with somebody looking.
    """
    stored = payload.store(case.inputs)
    params = {name: TIGHT.get(name, value) for name, value in case.params.items()}
    spec = LaunchSpec(
        service=service,
        image_id=image_id,
        environment=environment,
        payload=stored.path,
        name=f"mlf-{bench.run8}-golden-{service.key}",
        socket_folder=bench.socket_folder(),
        labels=bench.labels,
    )
    with ExitStack() as stack:
        running = stack.enter_context(bench.launcher.launch(spec))
        await_socket(running, bench.stop)
        client = stack.enter_context(bench.connect(running.socket, bench.stop))
        client.await_serving(IMPORT_S)
        identity = client.describe(DESCRIBE_S)
        client.prepare(
            case.task,
            params,
            stored.path,
            stored.sha256,
            seed=0,
            device=environment.visible_device,
            transport=environment.transport,
            timeout_s=PREPARE_S,
        )
        client.measure((1,), FIRST_S)
        outputs, _ = payload.read_outputs(client.collect(OUTPUT_LIMIT_BYTES, COLLECT_S))
    tight = ", ".join(f"{name} {value:g}" for name, value in TIGHT.items() if name in case.params)
    maker = f"the service {service.key}, {identity.framework} {identity.version}, {tight}"
    shaping = {name: value for name, value in case.params.items() if name not in TIGHT}
    with as_file(files(goldens)) as folder:
        goldens.save(folder, case.golden or "", outputs, inputs=case.inputs, params=shaping, maker=maker)
    return maker


def golden_cases() -> dict[str, Case]:
    """By golden name: every case of a suite whose reference is a golden. Predictions are answered by that of a fit."""
    suites = [load_suite(name) for name in suite_names()]
    workloads = [workload for suite in suites for workload in suite.workloads]
    chosen = [w for w in workloads if (task := tasks.get(w.task)).golden and task.stage != "infer"]
    found = (tasks.get(w.task).case(datasets.load(w.dataset), w.params, seed=0) for w in chosen)
    return {case.golden: case for case in found if case.golden}
