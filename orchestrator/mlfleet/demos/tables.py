"""Re-enactments that launch nothing: tables of others, and a plan."""

from mlfleet.demos.imported import ImportedDemo
from mlfleet.demos.planned import PlannedDemo
from mlfleet.verdict import Verdict

TABLES: tuple[ImportedDemo | PlannedDemo, ...] = (
    ImportedDemo(
        name="headline",
        shows='the 14 published rows behind "115.76x faster, 2.89x less memory"',
        title="the published table, as it stands",
        table="published-115x.csv",
        known="published-115x.known.json",
        awaited=frozenset(
            {
                *("sets_differ", "mean_over_workloads", "dominated", "environment", "no_payload_digest", "no_receipt"),
                *(Verdict.WRONG_PAYLOAD, Verdict.OUTSIDE_TOLERANCE, "out_of_range", "meter", "one_trial"),
            }
        ),
    ),
    ImportedDemo(
        name="start-up",
        shows="times of whole processes: NumPy makes 0.8 GB inside, the other folds its loop and does nothing",
        title="start-up as speed",
        table="startup.json",
        awaited=frozenset({"other_task", Verdict.SHORT_WORK, "time_scope", "no_payload_digest"}),
    ),
    ImportedDemo(
        name="sgd-isotropic",
        shows="the same on isotropic X, where both reach the same R2: the receipt alone tells them apart",
        title="7 epochs of SGD as 1,000 steps, at equal R2",
        table="isotropic.json",
        awaited=frozenset({Verdict.SHORT_WORK}),
    ),
    PlannedDemo(
        name="quiet-fallback",
        shows="Diabetes served under the name of Boston housing where that is not to be had",
        title="data that is not there",
        workload="ridge.fit-boston_housing",
        instead="diabetes",
        awaited=frozenset({Verdict.DATA_UNAVAILABLE}),
    ),
    ImportedDemo(
        name="other-runs",
        shows="measured runs called warm-up on one side alone, and the median of those that are left: none",
        title="times of other runs, and of none",
        table="units.json",
        awaited=frozenset({"time_scope", Verdict.SHORT_WORK, "not_a_number", "out_of_range"}),
    ),
    ImportedDemo(
        name="wrong-quantity",
        shows=(
            "memory of a host against a process's, an accuracy of 11, scores that were lost on writing, "
            "and as convergence the epochs that were configured, with an accuracy of chance too"
        ),
        title="quantities of something else",
        table="quantities.json",
        awaited=frozenset(
            {"meter", "out_of_range", "no_quality", "no_receipt", Verdict.OUTSIDE_TOLERANCE, "one_trial"}
        ),
    ),
)
