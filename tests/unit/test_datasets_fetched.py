"""Crates and publishers' sites: brought into the cache by digest or not at all; nothing stands in for them."""

import gzip
import hashlib
import subprocess
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from click.testing import CliRunner
from mlfleet import datasets
from mlfleet.commands.data import data
from mlfleet.datasets import DataUnavailable, crates, manifest, network, sources
from mlfleet.datasets.decode import decode
from mlfleet.datasets.manifest import Crate, Entry, RawFile
from mlfleet.verdict import Verdict

WINE = gzip.compress(b'"acid","quality"\n7.4,5\n0.31,6\n', mtime=0)
HOUSES = b"-122.23,37.88,41,880,129,322,126,8.3252,452600\n-122.22,37.86,21,7099,1106,2401,1138,8.3014,358500\n"
COVER = gzip.compress(b"2596,51,5\n2590,56,7\n", mtime=0)
PEOPLE = b"39, State-gov, 77516, Bachelors, 13, Single, Clerk, Alone, White, Male, 2174, 0, 40, Peru, <=50K\n\n"
OTHERS = b"|1x3 Cross validator\n25, ?, 226802, 11th, 7, Single, ?, Child, Black, Male, 0, 0, 40, Cuba, >50K.\n\n"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _archive(path: str, data: bytes) -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(path)
        member.size = len(data)
        archive.addfile(member, BytesIO(data))
    return packed.getvalue()


PACKED = _archive("linfa-datasets-0.8.1/wine.csv.gz", WINE)
CRATE = Crate("linfa-datasets", "0.8.1", _sha256(PACKED))


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo"))


def _known(monkeypatch: pytest.MonkeyPatch, name: str, *files: RawFile, **changes: Any) -> None:
    """A manifest of this data set alone, with other files and of any bytes."""
    known = manifest.read_manifest()
    entry = Entry(**{**vars(known.dataset[name]), "files": files, "decoded": "", **changes})
    changed = replace(known, crate={CRATE.name: CRATE}, dataset={name: entry})
    for module in (manifest, sources, datasets):
        monkeypatch.setattr(module, "read_manifest", lambda: changed)


def _wine(monkeypatch: pytest.MonkeyPatch, path: str = "linfa-datasets-0.8.1/wine.csv.gz") -> None:
    _known(monkeypatch, "wine_quality", RawFile(path, _sha256(WINE)))


def _cargo_keeps(tmp_path: Path, packed: bytes, registry: str = "index.crates.io-1") -> None:
    path = tmp_path / "cargo" / "registry" / "cache" / registry / "linfa-datasets-0.8.1.crate"
    path.parent.mkdir(parents=True)
    path.write_bytes(packed)


def _ends(monkeypatch: pytest.MonkeyPatch, status: int, stderr: str = "") -> list[list[str]]:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, status, "", stderr)

    monkeypatch.setattr(crates.subprocess, "run", run)
    return asked


def test_what_cargo_has_already_is_taken_without_asking_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _wine(monkeypatch)
    asked = _ends(monkeypatch, 1)
    # Another registry's crate of that name is passed over.
    _cargo_keeps(tmp_path, b"other", registry="a.mirror-1")
    _cargo_keeps(tmp_path, PACKED)
    said: list[str] = []
    wine = datasets.fetch("wine_quality", said.append)
    assert wine.x.tolist() == [[7.4], [0.31]]
    assert wine.y.tolist() == [5.0, 6.0]
    datasets.fetch("wine_quality", said.append)
    assert said == ["linfa-datasets-0.8.1.crate: fetched", "linfa-datasets-0.8.1.crate: present"]
    assert asked == []


def test_else_cargo_brings_that_one_crate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:2] == ["cargo", "info"]
        # A mirror that stands in for crates.io is used only if that is named.
        assert command[-3:] == ["--registry", "crates-io", "linfa-datasets@0.8.1"]
        _cargo_keeps(tmp_path, PACKED)
        return subprocess.CompletedProcess(command, 0, "", "")

    _wine(monkeypatch)
    monkeypatch.setattr(crates.subprocess, "run", run)
    assert len(datasets.fetch("wine_quality", lambda _: None).y) == 2


def test_cargo_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    _wine(monkeypatch)
    _ends(monkeypatch, 101, "error: failed\n  Could not resolve host\n")
    with pytest.raises(DataUnavailable, match="ended with 101: Could not resolve host"):
        datasets.fetch("wine_quality", lambda _: None)


def test_a_host_without_cargo_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _wine(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataUnavailable, match=r"cargo cannot be started .*is Rust here"):
        datasets.fetch("wine_quality", lambda _: None)
    (state,) = datasets.states(["wine_quality"])
    assert (state.state, "nothing found" in state.why) == ("fetchable", True)


def test_a_crate_of_other_bytes_never_reaches_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _wine(monkeypatch)
    _cargo_keeps(tmp_path, b"other")
    with pytest.raises(DataUnavailable, match=f"{CRATE.sha256} awaited, {_sha256(b'other')} found"):
        datasets.fetch("wine_quality", lambda _: None)
    assert not crates.crate_path(CRATE).exists()


def test_a_file_that_left_the_crate_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _wine(monkeypatch, path="linfa-datasets-0.8.1/gone.csv.gz")
    _cargo_keeps(tmp_path, PACKED)
    with pytest.raises(DataUnavailable, match=r"cannot be read .*gone\.csv\.gz"):
        datasets.fetch("wine_quality", lambda _: None)


def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(url: str, timeout: float) -> BytesIO:
        raise URLError("no route")

    monkeypatch.setattr(network, "urlopen", urlopen)


def _online(monkeypatch: pytest.MonkeyPatch, answers: dict[str, bytes]) -> None:
    def urlopen(url: str, timeout: float) -> BytesIO:
        return BytesIO(answers[url])

    monkeypatch.setattr(network, "urlopen", urlopen)


PAGE = manifest.read_manifest().network["figshare"].url


def test_what_lies_on_a_network_is_brought_once_and_only_with_its_own_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    _known(monkeypatch, "covertype", RawFile("1", _sha256(COVER)))
    _online(monkeypatch, {f"{PAGE}/1": b"a page of an error"})
    with pytest.raises(DataUnavailable, match=f"{_sha256(COVER)} awaited"):
        datasets.fetch("covertype", lambda _: None)
    (state,) = datasets.states(["covertype"])
    assert state.state == "fetchable"
    _online(monkeypatch, {f"{PAGE}/1": COVER})
    found = datasets.fetch("covertype", lambda _: None)
    assert (found.x.tolist(), found.y.tolist()) == ([[2596, 51], [2590, 56]], [4, 6])
    _offline(monkeypatch)
    assert datasets.fetch("covertype", lambda _: None).decoded_sha256 == found.decoded_sha256


def test_without_a_network_it_is_unavailable_and_nothing_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    _offline(monkeypatch)
    with pytest.raises(DataUnavailable, match=r"figshare.*no route.*nothing stands in") as caught:
        datasets.fetch("california_housing", lambda _: None)
    assert caught.value.verdict is Verdict.DATA_UNAVAILABLE


def test_data_fails_without_a_network_only_for_who_names_such_a_set(monkeypatch: pytest.MonkeyPatch) -> None:
    _known(monkeypatch, "covertype", RawFile("1", _sha256(COVER)))
    _offline(monkeypatch)
    monkeypatch.setattr("mlfleet.datasets.model_names", lambda: ())
    everything = CliRunner().invoke(data, [], standalone_mode=False)
    assert everything.return_value == 0
    assert "covertype              fetchable" in everything.output
    assert CliRunner().invoke(data, ["covertype"], standalone_mode=False).return_value == 3


def test_houses_are_what_scikit_learn_makes_of_them() -> None:
    x, y = decode("california_housing", [_archive("CaliforniaHousing/cal_housing.data", HOUSES)])
    assert x[0] == pytest.approx([8.3252, 41, 6.98412698, 1.02380952, 322, 2.55555556, 37.88, -122.23])
    assert y.tolist() == [4.526, 3.585]


def test_words_of_adult_are_numbered_in_alphabetical_order() -> None:
    x, y = decode("adult", [PEOPLE, OTHERS])
    assert x.tolist() == [
        [39, 1, 77516, 1, 13, 0, 1, 0, 1, 0, 2174, 0, 40, 1],
        [25, 0, 226802, 0, 7, 0, 0, 1, 0, 0, 0, 0, 40, 0],
    ]
    assert y.tolist() == [0, 1]


def test_every_source_of_the_manifest_is_known_to_it() -> None:
    known = manifest.read_manifest()
    for name, entry in known.dataset.items():
        assert known.fetched(entry.source) == (entry.kind in {"deb", "crate", "network"} or entry.source in known.wheel)
        # Only what was never read here goes without the digest of what it becomes.
        assert entry.decoded or entry.kind == "network", name
        assert entry.files or entry.kind == "synthetic", name
