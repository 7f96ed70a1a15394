"""An image's own layers: what of its history no other service's image has, kept in run.json and in every output."""

import os
from dataclasses import replace

import pytest
import samples
from docker.errors import ImageNotFound
from mlfleet.builders.attach import AttachBuilder
from mlfleet.builders.docker import DockerBuilder
from mlfleet.builders.own_layers import SOURCE, own_size
from mlfleet.builders.process import ProcessBuilder
from mlfleet.codec import decode, encode
from mlfleet.model import Reading
from mlfleet.report import report_json
from mlfleet.report.html import render_html
from mlfleet.runfile import RunFile
from mlfleet.table import fold
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import MIB, Cell

PAIR = {"ridge.fit-diabetes": {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
# Oldest first, as an engine of 20.10 tells what BuildKit made: (line, bytes).
BASE = [("", 74), ("RUN /bin/sh -c apt-get install python3 # buildkit", 43)]
SERVICE = [
    ("RUN /bin/sh -c install -d /run/mlfleet # buildkit", 0),
    ("ARG SERVICE", 0),
    ("COPY /venv /venv # buildkit", 293),
    ("COPY /app /app # buildkit", 2),
    ("USER 65532:65532", 0),
    ("LABEL a=b", 0),
    ('ENTRYPOINT ["/venv/bin/python"]', 0),
]
CLASSIC = [("/bin/sh -c #(nop) ADD file:1 in / ", 74), ('/bin/sh -c #(nop)  CMD ["bash"]', 0), ("/bin/sh -c true", 0)]


class Engine:
    """Images with their layers and the lines that made them; an api of docker's."""

    def __init__(self, **images):
        self.api = self
        self.images = images

    def inspect_image(self, name):
        if name not in self.images:
            raise ImageNotFound(name)
        return {"Id": name, "RootFS": {"Layers": self.images[name][0]}}

    def history(self, name):
        lines = self.images[name][1]
        return [{"CreatedBy": text, "Size": size} for text, size in reversed(lines)]


ENGINE = Engine(
    sklearn=(["base", "python", "folders", "venv", "app"], BASE + SERVICE),
    numpy=(["base", "python", "folders", "other", "app"], BASE + SERVICE),
    rust=(["base", "binary"], [BASE[0], ("COPY /out /bin # buildkit", 9)]),
    torch=(["base", "python", "torch"], [*BASE, ("COPY /layer /layer # buildkit", 5000)]),
    net=(["base", "python", "torch", "folders", "venv", "app"], [*BASE, ("COPY /layer /layer", 5000), *SERVICE]),
    classic=(["base", "true"], CLASSIC),
    squashed=(["base", "all"], BASE + SERVICE),
)


@pytest.mark.parametrize(
    ("image", "others", "own"),
    [
        ("sklearn", ["numpy", "rust"], 295),
        # The same layer upon another stack is kept twice.
        ("sklearn", ["rust"], 338),
        ("sklearn", [], 412),
        ("sklearn", ["gone"], 412),
        ("rust", ["sklearn"], 9),
        ("net", ["sklearn", "torch"], 295),
        ("torch", ["torch"], 0),
        ("classic", ["rust"], 0),
    ],
)
def test_own_are_the_layers_above_what_another_image_has_too(tmp_path, image, others, own):
    found = DockerBuilder(tmp_path, ENGINE).own_size(image, others)
    assert found == Reading(own, "bytes", "docker history")


@pytest.mark.parametrize(("image", "reason"), [("squashed", "not_supported"), ("gone", "lost")])
def test_what_the_engine_does_not_tell_is_null_with_its_reason(tmp_path, image, reason):
    assert DockerBuilder(tmp_path, ENGINE).own_size(image, []) == Reading(None, "bytes", SOURCE, reason)


def test_an_empty_layer_is_told_from_a_line_that_makes_none():
    lines = [("RUN install -d /a", 0), ("ENV A=1", 0), ("COPY /app /app", 7)]
    engine = Engine(one=(["a", "b"], lines), other=(["a"], lines[:1]))
    found = own_size("one", ["other"], engine.inspect_image, engine.history)
    assert found == Reading(7, "bytes", SOURCE)


def test_local_builds_and_services_of_compose_have_none_to_see(tmp_path):
    assert ProcessBuilder(tmp_path).own_size("source:1", []).reason == "not_applicable"
    assert AttachBuilder(tmp_path).own_size(None, []).reason == "not_visible"


def with_own(own, runtime="docker", size=180 * MIB):
    def planned(run):
        contestants = tuple(replace(one, own_size=own, size_bytes=size) for one in run.contestants)
        return replace(run, contestants=contestants, environment=replace(run.environment, runtime=runtime))

    return planned


OWN = Reading(60 * MIB, "bytes", SOURCE)
UNSEEN = Reading(None, "bytes", SOURCE, "not_applicable")


def test_it_is_kept_and_told_beside_the_whole():
    run = with_own(OWN)(samples.run_file(PAIR))
    assert decode(RunFile, encode(run)) == run
    table = fold(run, samples.records(PAIR))
    told = report_json(table)["contestants"][0]
    assert (told["size_bytes"], told["own_bytes"], told["own_absent"]) == (180 * MIB, 60 * MIB, None)
    assert "<td>180 MiB</td><td>60.0 MiB</td>" in render_html(table)


@pytest.mark.parametrize(("own", "reason"), [(UNSEEN, "not_applicable"), (None, "not_recorded")])
def test_where_there_is_none_the_reason_stands_there(own, reason):
    table = fold(with_own(own)(samples.run_file(PAIR)), samples.records(PAIR))
    told = report_json(table)["contestants"][0]
    assert (told["own_bytes"], told["own_absent"]) == (None, reason)
    assert f"<td>none: {reason}</td>" in render_html(table)


@pytest.mark.parametrize(
    ("own", "runtime", "named"),
    [
        (OWN, "docker", set()),
        (UNSEEN, "process", set()),
        (replace(OWN, value=181 * MIB), "docker", {"own_size of linfa"}),
        (replace(OWN, value=-1), "docker", {"own_size of linfa"}),
        (replace(OWN, unit="count"), "docker", {"own_size of linfa, unit"}),
        (OWN, "process", {"own_size of linfa, reason"}),
        (UNSEEN, "attach", {"own_size of linfa, reason"}),
    ],
)
def test_verify_holds_it_against_the_image_and_the_runtime(tmp_path, monkeypatch, own, runtime, named):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    folder = write_run(tmp_path / "run", PAIR, planned=with_own(own, runtime))
    found = verify(folder, Progress(lambda _: None), (tmp_path,)).findings.differences
    # Another runtime has other cell ids.
    mine = {(one.file, one.field) for one in found if "own_size of linfa" in one.field}
    assert mine == {("run.json", field) for field in named}
    assert runtime != "docker" or named or not found


def test_verify_names_an_altered_size_in_the_report(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    folder = write_run(tmp_path / "run", PAIR, planned=with_own(OWN))
    path = folder / "report.json"
    path.write_text(path.read_text().replace(str(60 * MIB), str(50 * MIB)))
    found = verify(folder, Progress(lambda _: None), (tmp_path,)).findings.differences
    assert {one.field for one in found} >= {"contestants, linfa, own_bytes", "contestants, sklearn, own_bytes"}
