"""`--image`: what is asked for, who takes part under which name, and which version every trial must report."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from fakes import ENVIRONMENT, Fleet
from mlfleet import assemble, images, report, runfile, runner
from mlfleet.build import BuildState
from mlfleet.builders.notes import UNKNOWN, Note, images_notes, note_of, write_note
from mlfleet.catalogue import load_suite
from mlfleet.codec import decode, encode
from mlfleet.commands import named
from mlfleet.contestants import contestants
from mlfleet.errors import HostError, UsageError
from mlfleet.identify import Met
from mlfleet.images import parse, substitute
from mlfleet.model import Reading, Service
from mlfleet.runfile import Contestant
from mlfleet.table import fold
from samples import Cell, identity, record, run_file

ID = "sha256:" + "5b7b" * 16
SERVICES = tuple(
    Service(key, language, f"mlfleet/{key}:1.0", control=key.startswith("null"), memory_bytes=1 << 30)
    for key, language in (("sklearn", "python"), ("linfa", "rust"), ("null-rust", "rust"))
)


def image(number=1, **labels):
    labels = {"dev.mlfleet.language": "rust"} | {f"dev.mlfleet.{name}": value for name, value in labels.items()}
    return {"Id": f"sha256:{number:064x}", "Size": 1000, "Config": {"Labels": labels}}


ENGINE = {
    "mlfleet/linfa:0.8.1": image(1),
    "mlfleet/linfa:mine": image(1),
    "mlfleet/linfa:0.7.1": image(2),
    "mine/linfa:dev": image(3),
    "mine/linfa": image(3),
    ID: image(4) | {"Id": ID},
    ID[7:19]: image(4) | {"Id": ID},
    "mlfleet/sklearn:1.5.2": image(5, language="python"),
    "mlfleet/linfa:bare": {"Id": "sha256:9", "Size": 1, "Config": {"Labels": None}},
    "mlfleet/linfa:cobol": image(6, language="cobol"),
}


def chosen(*texts):
    return substitute(SERVICES, [parse(text) for text in texts], ENGINE.get)


def names(*texts):
    return [service.key for service in chosen(*texts)[0]]


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("sklearn=1.5.2", ("mlfleet/sklearn:1.5.2",)),
        ("null-rust=0.1.0", ("mlfleet/null-rust:0.1.0",)),
        ("linfa=mine/linfa:dev", ("mine/linfa:dev",)),
        (f"linfa={ID}", (ID,)),
        (f"linfa={ID[7:19]}", (f"mlfleet/linfa:{ID[7:19]}", ID[7:19])),
        ("linfa=abc", ("mlfleet/linfa:abc",)),
    ],
)
def test_a_tag_a_reference_or_an_id(text, references):
    assert parse(text).references == references


@pytest.mark.parametrize("text", ["", "linfa", "linfa=", "=1", "Linfa=1", "linfa=a b", "linfa=../x", "linfa=\x1b[1m"])
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="awaited KEY=TAG") as error:
        parse(text)
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_one_image_takes_the_place_and_the_name_of_its_service():
    services, pins = chosen("linfa=0.7.1")
    assert [service.key for service in services] == ["sklearn", "linfa", "null-rust"]
    assert services[1].image == "mlfleet/linfa:0.7.1"
    assert pins == {services[1]: BuildState("named", pins[services[1]].reason, image(2)["Id"], None, 1000)}


def test_two_of_one_key_are_two_contestants_and_the_first_leads():
    assert names("linfa=mine", "linfa=0.8.1") == ["linfa:mine", "linfa:0.8.1", "sklearn", "null-rust"]
    services, pins = chosen("linfa=0.8.1", "linfa=mine", "sklearn=1.5.2")
    assert [service.key for service in services] == ["linfa:0.8.1", "linfa:mine", "sklearn", "null-rust"]
    assert [pins[service].image_id for service in services[:3]] == [image(n)["Id"] for n in (1, 1, 5)]


def test_an_absent_image_takes_no_part_and_the_other_of_its_service_does():
    services, pins = chosen("linfa=0.6.1", "linfa=0.8.1")
    assert [service.key for service in services[:2]] == ["linfa:0.6.1", "linfa:0.8.1"]
    absent, there = (pins[service] for service in services[:2])
    assert (absent.state, absent.image_id) == ("missing", None)
    assert absent.reason.endswith("no image mlfleet/linfa:0.6.1 on this host; try: mlfleet build linfa --version 0.6.1")
    assert there.image_id == image(1)["Id"]


def test_ids_and_references_are_told_apart_by_a_word_each():
    assert names(f"linfa={ID[7:19]}", "linfa=mine/linfa:dev")[:2] == [f"linfa:{ID[7:19]}", "linfa:dev"]
    assert names("linfa=mine/linfa", "linfa=mine")[0] == "linfa:latest"
    assert chosen(f"linfa={ID}")[0][1].image == ID


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        (["linfa=mine", "linfa=mine"], UsageError, "names linfa:mine twice"),
        (["candle=1"], UsageError, "unknown service of --image 'candle'"),
        (
            ["linfa=9.9.9"],
            HostError,
            "no image mlfleet/linfa:9.9.9 on this host; try: mlfleet build ",
        ),
        (["linfa=9.9.9", "linfa=9.9.8"], HostError, "no image mlfleet/linfa:9.9.9 .*no image mlfleet/linfa:9.9.8 "),
        (["linfa=no/linfa:1"], HostError, "no image no/linfa:1 on this host$"),
        (["linfa=bare"], HostError, "found no label dev.mlfleet.language"),
        (["linfa=cobol"], HostError, "found 'cobol' as its label"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(texts, error, words):
    with pytest.raises(error, match=words) as found:
        chosen(*texts)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("key", "name", "promised"),
    [
        ("linfa", "mlfleet/linfa:0.8.1", "0.8.1"),
        ("linfa:0.8.1", "mlfleet/linfa:0.8.1", "0.8.1"),
        ("torch", "mlfleet/torch:2.0rc1", "2.0rc1"),
        ("linfa", "mlfleet/linfa:mine", None),
        ("linfa", "mlfleet/linfa:0.8.1-mine", None),
        ("linfa", "mine/linfa:0.8.1", None),
        ("linfa", ID, None),
    ],
)
def test_only_a_version_of_our_own_name_is_a_promise(key, name, promised):
    service = Service(key, "rust", name, control=False, memory_bytes=1)
    assert runfile.promised(service) == promised
    contestant = Contestant(service, ID, 1, None, "", identity("linfa", "0.7.0"), named=True)
    assert contestant.version == (promised or "0.7.0")


def request(*texts, baseline=None):
    services, pins = chosen(*texts)
    suite = load_suite("smoke")
    return assemble.Request("r", suite, services, suite.workloads, baseline, 1, 1, frozenset(), pins)


class Builder:
    """Everything that no --image names is current."""

    def state(self, service):
        return BuildState("current", "built", f"built {service.key}", None, 1)

    def own_size(self, image_id, others):
        return Reading(len(others), "bytes", " ".join(others))


def test_a_named_image_is_pinned_by_its_id_whatever_the_builder_says(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mlfleet.contestants.identify", lambda service, *_: Met(identity(service.key.partition(":")[0], "1.0"), 0.5)
    )
    asked = request("linfa=0.8.1", "linfa=mine")
    bench = Fleet(tmp_path).bench()
    found = contestants(asked.services, asked.named, asked.pins, Builder(), ENVIRONMENT, bench)
    assert [(one.service.key, one.image_id, one.named) for one in found] == [
        ("linfa:0.8.1", image(1)["Id"], True),
        ("linfa:mine", image(1)["Id"], True),
        ("sklearn", "built sklearn", False),
        ("null-rust", "built null-rust", False),
    ]
    # Images of one service are no others to each other.
    assert [one.own_size.source for one in found] == [
        "built null-rust built sklearn",
        "built null-rust built sklearn",
        f"built null-rust {image(1)['Id']}",
        f"built sklearn {image(1)['Id']}",
    ]
    ids = {assemble.cell_id(load_suite("smoke").workloads[0], "0", one, ENVIRONMENT, 1) for one in found}
    assert len(ids) == len(found), "two tags of one image are two cells"


def test_a_resumed_run_needs_the_named_image():
    images.check_present(ID, "linfa", ENGINE.get)
    with pytest.raises(HostError, match="is gone"):
        images.check_present("sha256:0", "linfa", ENGINE.get)


TWO = {"ridge.fit-diabetes": {"linfa:0.8.1": Cell(1e6), "linfa:mine": Cell(2e6), "sklearn": Cell(3e6)}}


def test_contestants_keep_their_names_in_run_json_table_and_reports():
    run = run_file(TWO)
    assert decode(type(run), encode(run)) == run
    records = [
        record(name, key, cell, b) for name, mine in TWO.items() for key, cell in mine.items() for b in range(1, 6)
    ]
    told = report.report_json(fold(run, records))
    assert [cell["framework"] for cell in told["cells"]] == list(TWO["ridge.fit-diabetes"])
    pairs = {(one["baseline"], one["contestant"]) for one in told["comparisons"]}
    assert pairs == {("linfa:0.8.1", "linfa:mine"), ("linfa:0.8.1", "sklearn")}
    assert told["comparisons"][0]["ratio"] == pytest.approx(2, rel=0.01)


def test_a_cell_awaits_the_version_of_its_contestant(monkeypatch):
    run = run_file(TWO)
    odd = [
        replace(one, service=replace(one.service, image=ID), identity=identity("linfa", "7")) for one in run.contestants
    ]
    monkeypatch.setattr("mlfleet.runner._same_payload", lambda *_: None)
    workloads = tuple(
        replace(p, workload=replace(p.workload, dataset="diabetes", params={"alpha": 1.0})) for p in run.workloads
    )
    cells = runner.cells_of(replace(run, contestants=tuple(odd), workloads=workloads))
    assert {cell.version for cell in cells.values()} == {"7"}


def test_what_its_build_took_is_known_of_a_named_image_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.builders.notes.cache_folder", lambda: tmp_path)
    here = {"mlfleet/linfa:0.7.1": image(1), "mlfleet/linfa:pulled": image(2)}
    monkeypatch.setattr(named, "_inspecting", lambda: nullcontext(here.get))
    took = Note(71.0, "4 of 9 steps cached")
    write_note(note_of(image(1)["Id"], images_notes()), took)
    _, pins = named.substituted(SERVICES, [parse(f"linfa={tag}") for tag in ("0.7.1", "pulled", "absent")], "docker")
    assert [state.built for state in pins.values()] == [took, UNKNOWN, UNKNOWN]
