"""Beside a run lies the lock of every image that the user named."""

from dataclasses import replace

import pytest
import samples
from mlfleet.builders.versions.inside import keep_locks
from mlfleet.errors import StorageError

OLD, NEW = "sklearn:1.5.2", "sklearn:1.9.1"


def named(key):
    one = samples.contestant(key, key.partition(":")[2])
    language = "rust" if key.startswith("linfa") else "python"
    return replace(one, service=replace(one.service, language=language), named=True, image_id=f"sha256:{key}")


def lock_of(contestant, image_id):
    return f"version = 1 # {image_id}".encode()


def test_each_named_image_leaves_its_own_lock(tmp_path):
    kept = keep_locks([named(OLD), named(NEW), samples.contestant("linfa")], tmp_path, lock_of)
    assert [path.relative_to(tmp_path).as_posix() for path in kept] == [
        "locks/sklearn-1.5.2.uv.lock",
        "locks/sklearn-1.9.1.uv.lock",
    ]
    assert [path.read_text() for path in kept] == [f"version = 1 # sha256:{OLD}", f"version = 1 # sha256:{NEW}"]


def test_without_a_named_image_or_a_lock_in_it_there_is_not_even_a_folder(tmp_path):
    assert keep_locks([samples.contestant("sklearn")], tmp_path, lock_of) == ()
    assert keep_locks([named(OLD)], tmp_path, lambda *_: None) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_rust_services_lock_is_cargos(tmp_path):
    (kept,) = keep_locks([named("linfa:0.7.1")], tmp_path, lock_of)
    assert kept.name == "linfa-0.7.1.Cargo.lock"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(StorageError, match="sklearn-1"):
        keep_locks([named(OLD)], tmp_path, lock_of)
