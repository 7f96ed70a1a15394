"""Every re-enactment, in the order of the catalogue's section on the sources' faults."""

from collections.abc import Mapping
from types import MappingProxyType

from mlfleet.demos.imported import ImportedDemo
from mlfleet.demos.live import LiveDemo
from mlfleet.demos.planned import PlannedDemo
from mlfleet.verdict import Verdict

TOLERANCE, SHORT, PAYLOAD = (
    verdict.value for verdict in (Verdict.OUTSIDE_TOLERANCE, Verdict.SHORT_WORK, Verdict.WRONG_PAYLOAD)
)

Demo = ImportedDemo | LiveDemo | PlannedDemo
_ALL: tuple[Demo, ...] = (
    ImportedDemo(
        name="headline",
        shows='the 14 published rows behind "115.76x faster, 2.89x less memory"',
        title="the published table, as it stands",
        table="published-115x.csv",
        known="published-115x.known.json",
        awaited=frozenset(
            {
                *("sets_differ", "mean_over_workloads", "dominated", "environment", "no_payload_digest", PAYLOAD),
                *("no_receipt", TOLERANCE, "out_of_range", "meter", "one_trial"),
            }
        ),
    ),
    LiveDemo(
        name="stopped",
        shows="training stopped after 3 steps of 1,000, with an honest receipt",
        title="3 steps as 1,000",
        workload="gd_regression.fit-gd-syn-1000",
        baseline="numpy",
        service="numpy",
        fault="stopped",
        awaited=frozenset({SHORT, TOLERANCE}),
    ),
    LiveDemo(
        name="stopped-lying",
        shows="training stopped after 3 steps of 1,000, with a receipt that claims all of them",
        title="3 steps, claimed as 1,000",
        workload="gd_regression.fit-gd-syn-1000",
        baseline="numpy",
        service="numpy",
        fault="stopped_lying",
        awaited=frozenset({TOLERANCE}),
    ),
    LiveDemo(
        name="folded-sum",
        shows="a loop that the compiler folded: the receipt says a million additions, the work is one multiplication",
        title="n (n + 1) / 2 as a loop",
        workload="sum.range-1e6",
        baseline="cpython",
        service="cpython",
        fault="folded",
        awaited=frozenset({SHORT}),
    ),
    ImportedDemo(
        name="start-up",
        shows="times of whole processes: NumPy makes 0.8 GB inside, the other folds its loop and does nothing",
        title="start-up as speed",
        table="startup.json",
        awaited=frozenset({"other_task", SHORT, "time_scope", "no_payload_digest"}),
    ),
    LiveDemo(
        name="sgd-against-gd",
        shows="SGDRegressor(max_iter=1000) against 1,000 steps of gradient descent: it stops after a few epochs",
        title="some epochs of SGD as 1,000 steps",
        workload="gd_regression.fit-gd-syn-1000",
        baseline="numpy",
        service="sklearn",
        twin="numpy",
        fault="sgd",
        awaited=frozenset({SHORT, TOLERANCE}),
    ),
    ImportedDemo(
        name="sgd-isotropic",
        shows="the same on isotropic X, where both reach the same R2: the receipt alone tells them apart",
        title="7 epochs of SGD as 1,000 steps, at equal R2",
        table="isotropic.json",
        awaited=frozenset({SHORT}),
    ),
    LiveDemo(
        name="false-svm",
        shows="nearest centroid, called a support vector machine: on Wine its accuracy is as good",
        title="one mean a class as a support vector machine",
        workload="svc_ovo.fit-wine-rbf",
        baseline="sklearn",
        service="sklearn",
        fault="false_svm",
        awaited=frozenset({TOLERANCE}),
    ),
    LiveDemo(
        name="constant-answer",
        shows="the same answer for every row",
        title="the majority class for every row",
        workload="svc_ovo.fit-wine-rbf",
        baseline="sklearn",
        service="sklearn",
        fault="constant",
        awaited=frozenset({TOLERANCE}),
    ),
    LiveDemo(
        name="memoised",
        shows="a service that works once and answers every further step from memory",
        title="one descent, answered again and again",
        workload="gd_regression.fit-gd-syn-1000",
        baseline="numpy",
        service="numpy",
        fault="memoised",
        awaited=frozenset({SHORT}),
    ),
    LiveDemo(
        name="stale-answer",
        shows="a service that keeps the first data it was sent, and answers for whatever comes later from those",
        title="answers for data of before",
        workload="ridge.predict-diabetes-batch1",
        baseline="sklearn",
        service="sklearn",
        fault="stale",
        awaited=frozenset({Verdict.CACHED.value}),
        audited=True,
    ),
    PlannedDemo(
        name="quiet-fallback",
        shows="Diabetes served under the name of Boston housing where that is not to be had",
        title="data that is not there",
        workload="ridge.fit-boston_housing",
        instead="diabetes",
        awaited=frozenset({Verdict.DATA_UNAVAILABLE.value}),
    ),
    LiveDemo(
        name="own-data",
        shows="a service that loads the Iris of its own library instead of what it was sent",
        title="the library's own Iris",
        workload="kmeans.fit-iris",
        baseline="sklearn",
        service="sklearn",
        fault="own_data",
        awaited=frozenset({PAYLOAD}),
    ),
    LiveDemo(
        name="other-units",
        shows="every step predicts all rows, reported as predictions of one row",
        title="all rows as a batch of one",
        workload="ridge.predict-diabetes-batch1",
        baseline="sklearn",
        service="sklearn",
        fault="all_rows",
        awaited=frozenset({SHORT}),
    ),
    LiveDemo(
        name="absent-values",
        shows="figures of nothing: NaN where an answer should be",
        title="NaN as an answer",
        workload="ridge.predict-diabetes-batch1",
        baseline="sklearn",
        service="sklearn",
        fault="absent_values",
        awaited=frozenset({Verdict.BAD_OUTPUT.value}),
    ),
    LiveDemo(
        name="wrong-build",
        shows="a service that says it is a debug build, before anything is measured",
        title="a debug build",
        workload="kmeans.fit-iris",
        baseline="sklearn",
        service="sklearn",
        fault="debug_build",
        awaited=frozenset({Verdict.VERSION_MISMATCH.value}),
    ),
    LiveDemo(
        name="wrong-device",
        shows="a service that computes on a GPU where the CPU was asked for",
        title="another device",
        workload="kmeans.fit-iris",
        baseline="sklearn",
        service="sklearn",
        fault="other_device",
        awaited=frozenset({Verdict.WRONG_DEVICE.value}),
    ),
    ImportedDemo(
        name="wrong-quantity",
        shows="memory of a host against a process's, an accuracy of 11, scores that were lost on writing",
        title="quantities of something else",
        table="quantities.json",
        awaited=frozenset({"meter", "out_of_range", "no_quality", TOLERANCE, "one_trial"}),
    ),
)
DEMOS: Mapping[str, Demo] = MappingProxyType({demo.name: demo for demo in _ALL})
