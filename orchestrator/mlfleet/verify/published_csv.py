"""What was published as a table: every column of every row of the CSV against what the trials give."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlfleet.verify import idle, numbers
from mlfleet.verify.findings import Findings, equal
from mlfleet.verify.plain import Json, Node, canonical
from mlfleet.verify.plan import Run, Workload
from mlfleet.verify.trials import Trial

CSV = "benchmark_results_complete.csv"
_KIND = "published numbers"
# What the first reports did not give yet.
_AT_REST = {f"idle_{kind}_{what}" for kind in ("anonymous", "charged") for what in ("bytes", "absent")}
_LATER = frozenset({"flagged_turns", "turn_flags", "labels", "clock", "unit", "units"} | _AT_REST)
# Spreadsheets are kept from running a text by an apostrophe before it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_csv(folder: Path, run: Run, trials: Sequence[Trial], findings: Findings) -> None:
    """Every row and every column of the CSV; a column that is not known here is named, not passed over."""
    text = published(folder / CSV, findings)
    if text is None:
        return
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        findings.differs(CSV, reader.line_num, "row", str(error), "a row of the table")
        return
    findings.held(CSV, None, "rows", len(rows), len(trials), kind=_KIND)
    by_key = {(one.cell, one.block, one.attempt): one for one in trials}
    for number, row in rows:
        key = (row.get("cell") or "", _whole(row.get("block")), _whole(row.get("attempt")))
        trial = by_key.pop(key, None)  # type: ignore[arg-type]
        if trial is None:
            findings.differs(CSV, number, "row", " ".join(map(str, key)), "no such trial, or a second row of it")
            continue
        _row(number, row, run, trial, findings)
    for trial in by_key.values():
        findings.differs(CSV, None, "row", "none", f"{trial.name}, attempt {trial.attempt}, line {trial.line}")
    for name in COLUMNS.keys() - set(reader.fieldnames or ()):
        if name in _LATER:
            findings.note(f"{CSV} was written before it had a column {name}; mlfleet report writes it anew")
        else:
            findings.differs(CSV, 1, name, "no such column", "a column of that name")
    unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
    if unknown:
        findings.note(f"{CSV}: columns {', '.join(map(str, unknown))} are not known here and were not verified")


def published(path: Path, findings: Findings) -> str | None:
    """The text of a published file; None, and said, where there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        findings.note(f"{path.name} is not there: its numbers were not verified; mlfleet report writes it")
    except (OSError, ValueError) as error:
        findings.differs(path.name, None, "file", str(error), "a file that can be read")
    return None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _row(number: int, row: Mapping[str, str | None], run: Run, trial: Trial, findings: Findings) -> None:
    work = run.workload(trial.workload)
    if work is None:
        return
    for name, fill in COLUMNS.items():
        if name not in row:
            continue
        if trial.added and name in ("reason", "findings"):
            # In words of its own.
            continue
        findings.checked[_KIND] += 1
        found, awaited = row[name], fill(run, work, trial)
        if not _same(found, awaited):
            findings.differs(CSV, number, name, found, awaited)


def _same(found: str | None, awaited: Json) -> bool:
    if awaited is None or awaited == "":
        return found == ""
    if found is None:
        return False
    if isinstance(awaited, bool):
        return found == ("true" if awaited else "false")
    if isinstance(awaited, int | float):
        try:
            return equal(float(found) if isinstance(awaited, float) else int(found), awaited)
        except ValueError:
            return False
    text = str(awaited)
    return found == (f"'{text}" if text.startswith(_FORMULA) else text)


def _members(node: Node | None, key: str | None = None) -> Json:
    found = node[key] if node and key else node
    return canonical(found.value).decode() if found else None


def _text_of(node: Node | None) -> str | None:
    return node.text() if node else None


def _deciding(trial: Trial) -> Json:
    judged = trial.body.get("quality")
    found = judged["metrics"].get(judged["decides"].text()) if judged else None
    return found.value if found else None


def _findings(trial: Trial) -> str:
    found = trial.body["findings"].items()
    return "; ".join(f"{one['gate'].text()} {one['code'].text()}: {one['detail'].text()}" for one in found)


def _service(run: Run, trial: Trial) -> Node:
    return run.contestant(trial.framework)["service"]


Column = Callable[[Run, Workload, Trial], Json]
COLUMNS: Mapping[str, Column] = {
    "run": lambda run, _, __: run.name,
    "suite": lambda run, _, __: run.body["suite"].text(),
    "workload": lambda _, work, __: work.name,
    "task": lambda _, work, __: work.task,
    "dataset": lambda _, work, __: work.body["workload"]["dataset"].text(),
    "dataset_label": lambda _, work, __: work.body["dataset_label"].text(),
    "params": lambda _, work, __: _members(work.body["params"]),
    "setting": lambda run, _, __: run.setting,
    "runtime": lambda run, _, __: run.body["environment"]["runtime"].text(),
    "framework": lambda _, __, trial: trial.framework,
    "language": lambda run, _, trial: _service(run, trial)["language"].text(),
    "version": lambda _, __, trial: trial.body["identity"]["version"].text() if trial.body.get("identity") else None,
    "image": lambda run, _, trial: _service(run, trial)["image"].text(),
    "image_id": lambda _, __, trial: _text_of(trial.body.get("image_id")),
    "cell": lambda _, __, trial: trial.cell,
    "block": lambda _, __, trial: trial.block,
    "attempt": lambda _, __, trial: trial.attempt,
    "verdict": lambda _, __, trial: trial.verdict,
    "group": lambda _, __, trial: trial.group,
    "phase": lambda _, __, trial: trial.body["phase"].text(),
    "reason": lambda _, __, trial: trial.body["reason"].text(),
    "findings": lambda _, __, trial: _findings(trial),
    "flags": lambda _, __, trial: " ".join(trial.flags),
    "time_ns": lambda _, __, trial: numbers.value(trial, "time")[0],
    "time_absent": lambda _, __, trial: numbers.value(trial, "time")[1],
    "cpu_ns": lambda _, __, trial: numbers.value(trial, "cpu")[0],
    "cpu_absent": lambda _, __, trial: numbers.value(trial, "cpu")[1],
    "peak_anonymous_bytes": lambda _, __, trial: numbers.value(trial, "memory")[0],
    "peak_anonymous_absent": lambda _, __, trial: numbers.value(trial, "memory")[1],
    "peak_charged_bytes": lambda _, __, trial: numbers.peak(trial, numbers.CHARGED_PEAK)[0],
    "peak_charged_absent": lambda _, __, trial: numbers.peak(trial, numbers.CHARGED_PEAK)[1],
    "idle_anonymous_bytes": lambda _, __, trial: idle.at_rest(trial, numbers.ANONYMOUS)[0],
    "idle_anonymous_absent": lambda _, __, trial: idle.at_rest(trial, numbers.ANONYMOUS)[1],
    "idle_charged_bytes": lambda _, __, trial: idle.at_rest(trial, numbers.CHARGED)[0],
    "idle_charged_absent": lambda _, __, trial: idle.at_rest(trial, numbers.CHARGED)[1],
    "prepared_anonymous_bytes": lambda _, __, trial: numbers.level(trial, numbers.ANONYMOUS),
    "prepared_charged_bytes": lambda _, __, trial: numbers.level(trial, numbers.CHARGED),
    "cold_ns": lambda _, __, trial: trial.cold.per_iteration if trial.cold else None,
    "launch_ns": lambda _, __, trial: trial.phase_ns("launch"),
    "import_ns": lambda _, __, trial: trial.phase_ns("import"),
    "prepare_ns": lambda _, __, trial: trial.phase_ns("prepare"),
    "warm_up_ns": lambda _, __, trial: trial.phase_ns("warm-up"),
    "steady": lambda _, __, trial: trial.body.members().get("steady"),
    "iterations_per_sample": lambda _, __, trial: trial.iterations,
    "turns": lambda _, __, trial: len(trial.turns),
    "flagged_turns": lambda _, __, trial: sum(bool(turn.flags) for turn in trial.turns),
    "turn_flags": lambda _, __, trial: " ".join(dict.fromkeys(flag for turn in trial.turns for flag in turn.flags)),
    "labels": lambda _, __, trial: "; ".join(node.text() for node in trial.nodes("labels")),
    "clock": lambda _, __, trial: trial.clock,
    "timed_samples": lambda _, __, trial: sum(len(turn.timed) for turn in trial.turns),
    "unit": lambda _, work, __: work.body["unit"].text(),
    "units": lambda _, work, trial: numbers.units(trial, work.body["unit_key"].text()),
    "quality_metric": lambda _, __, trial: (
        _text_of(trial.body["quality"]["decides"]) if trial.body.get("quality") else None
    ),
    "quality_value": lambda _, __, trial: _deciding(trial),
    "quality": lambda _, __, trial: _members(trial.body.get("quality"), "metrics"),
    "agreement": lambda _, __, trial: _members(trial.body.get("quality"), "agreement"),
    "receipt": lambda _, __, trial: _members(trial.body["receipt"]),
    "payload_sha256": lambda _, work, __: work.body["payload_sha256"].text(),
    "outputs_sha256": lambda _, __, trial: _text_of(trial.body.get("outputs_sha256")),
}
