"""Datasets: digests decide, nothing falls back, and the bits of split and scale are the same everywhere."""

import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlfleet import datasets
from mlfleet.datasets import DataUnavailable, manifest, sources
from mlfleet.datasets.dataset import permutations, split, variance
from mlfleet.datasets.manifest import Entry, Wheel
from mlfleet.errors import UsageError
from mlfleet.verdict import Verdict

_KNOWN = manifest.read_manifest()
INSTALLED = [name for name, entry in _KNOWN.dataset.items() if not _KNOWN.fetched(entry.source)]


@pytest.mark.parametrize("name", INSTALLED)
def test_a_dataset_has_the_shape_of_its_entry_and_a_split_of_all_rows(name: str) -> None:
    dataset, entry = datasets.load(name), datasets.entry(name)
    # Texts and tokens have no columns.
    assert entry.target in {"text", "tokens"} or dataset.x.shape == (entry.rows, entry.columns)
    assert sorted([*dataset.train, *dataset.test]) == list(range(entry.rows))
    assert dataset.decoded_sha256 == entry.decoded
    if entry.target == "classes":
        assert len(np.unique(dataset.y)) == entry.classes


def test_every_class_gives_a_fifth_to_the_test_part() -> None:
    dataset = datasets.load("wine")
    assert np.bincount(dataset.y_test).tolist() == [12, 14, 10]


def test_the_split_is_shuffled() -> None:
    train, test = split(np.zeros(50), "real")
    assert len(test) == 10
    assert train.tolist() != sorted(train)


def test_columns_have_mean_0_and_std_1_on_the_train_part_and_constant_ones_are_0() -> None:
    dataset = datasets.load("digits")
    train, test = dataset.standardised()
    constant = np.ptp(dataset.x[dataset.train], axis=0) == 0
    assert constant.any()
    assert np.abs(train.mean(axis=0)).max() < 1e-12
    assert np.allclose(train.std(axis=0), np.where(constant, 0, 1))
    assert np.isfinite(test).all()
    assert train.flags["C_CONTIGUOUS"]


def test_variance_is_that_of_all_elements() -> None:
    assert variance(np.array([[1.0, 2.0], [3.0, 4.0]])) == 1.25


def test_permutations_are_the_order_of_the_words_of_philox() -> None:
    words = np.random.Philox(key=7).random_raw(10)
    first, second = (order for order, _ in zip(permutations(5, 7), range(2), strict=False))
    assert first.tolist() == np.argsort(words[:5]).tolist()
    assert second.tolist() == np.argsort(words[5:]).tolist()


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'digits'"):
        datasets.load("digit")


def _with(monkeypatch: pytest.MonkeyPatch, name: str, **changes: object) -> None:
    known = manifest.read_manifest()
    entry = Entry(**{**vars(known.dataset[name]), **changes})
    changed = replace(known, dataset={**known.dataset, name: entry})
    for module in (manifest, sources, datasets):
        monkeypatch.setattr(module, "read_manifest", lambda: changed)


def test_other_raw_bytes_are_refused_and_both_digests_said(monkeypatch: pytest.MonkeyPatch) -> None:
    file = datasets.entry("iris").files[0]
    _with(monkeypatch, "iris", files=(replace(file, sha256="0" * 64),))
    with pytest.raises(DataUnavailable, match=f"{file.sha256}, {'0' * 64} awaited.*mlfleet data") as caught:
        datasets.load("iris")
    assert caught.value.verdict is Verdict.DATA_UNAVAILABLE


def test_other_decoded_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, "iris", decoded="0" * 64)
    with pytest.raises(DataUnavailable, match="decoded to sha256"):
        datasets.load("iris")


def test_a_file_that_left_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = datasets.entry("iris").files[0]
    _with(monkeypatch, "iris", files=(replace(file, path="sklearn/gone.csv"),))
    (state,) = datasets.states(["iris"])
    assert (state.state, "no such file" in state.why) == ("missing", True)


def test_a_wheel_that_was_not_fetched_is_fetchable_and_says_how(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    with pytest.raises(DataUnavailable, match="nothing found; run `mlfleet data`"):
        datasets.load("boston_housing")
    states = {state.name: state.state for state in datasets.states(["boston_housing", "iris"])}
    assert states["boston_housing"] == "fetchable"
    assert states["iris"] == "present"


def test_a_wheel_is_read_without_being_installed_and_its_members_are_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    path = sources.wheel_path(manifest.read_manifest().wheel["mlxtend"])
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(datasets.entry("boston_housing").files[0].path, "1,2\n")
    found = hashlib.sha256(b"1,2\n").hexdigest()
    with pytest.raises(DataUnavailable, match=found):
        datasets.load("boston_housing")
    path.write_bytes(b"no zip")
    with pytest.raises(DataUnavailable, match="cannot be read"):
        datasets.load("boston_housing")


def test_a_fetched_file_with_another_digest_never_reaches_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    wheel = Wheel("thing==1", "thing.whl", hashlib.sha256(b"right").hexdigest())
    monkeypatch.setattr(sources, "_pip_download", lambda wheel, folder: (folder / wheel.file).write_bytes(b"wrong"))
    with pytest.raises(DataUnavailable, match="awaited"):
        sources.fetch_wheel(wheel, lambda _: None)
    assert not sources.wheel_path(wheel).exists()
    monkeypatch.setattr(sources, "_pip_download", lambda wheel, folder: (folder / wheel.file).write_bytes(b"right"))
    said: list[str] = []
    sources.fetch_wheel(wheel, said.append)
    sources.fetch_wheel(wheel, said.append)
    assert said == ["thing==1: fetching", "thing==1: fetched", "thing==1: present"]


def test_a_failing_pip_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DataUnavailable, match="ended with 1: no message"):
        sources._pip_download(Wheel("thing==1", "thing.whl", "0" * 64), tmp_path)
