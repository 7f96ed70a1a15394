"""The tables of the repository: each row is of releases that its service's sources can be laid out for."""

import pytest
from mlfleet.builders.source import service_folder
from mlfleet.builders.versions import python, rust
from mlfleet.builders.versions.kinds import KINDS, package
from mlfleet.builders.versions.table import NAME, read_table
from mlfleet.builders.versions.tree import PROJECT, lay_out, tree_of
from mlfleet.commands.common import ROOT, services
from mlfleet.errors import HostError
from packaging.specifiers import SpecifierSet
from packaging.version import Version

WITH_A_TABLE = [one for one in services() if (service_folder(one, ROOT) / NAME).is_file()]
ROWS = [(one, row) for one in WITH_A_TABLE for row in read_table(service_folder(one, ROOT) / NAME)]


def oldest(row):
    """The lowest version that a row's range names, where it holds that one; else one far below it."""
    versions = sorted(Version(one.version) for one in SpecifierSet(row.of))
    return str(versions[0]) if row.holds(str(versions[0])) else "0.0.1"


@pytest.mark.parametrize(("service", "row"), ROWS, ids=lambda one: getattr(one, "key", None) or one.of)
def test_a_row_says_what_the_manifests_have(service, row, tmp_path):
    version = oldest(row)
    if row.refused is not None:
        with pytest.raises(HostError, match=f"{service.key} .* is not built: "):
            tree_of(service, "0.0.1", package(service, ROOT), ROOT, tmp_path)
        return
    tree = tree_of(service, version, package(service, ROOT), ROOT, tmp_path)
    assert tree.row == row
    lay_out(tree, ROOT)
    if service.language == "python":
        python.pin(tree, None)
    else:
        rust.pin(tree)
    manifest = (tree.folder / (PROJECT if service.language == "python" else rust.MANIFEST)).read_text()
    # Both languages pin by one sign of equality or two.
    assert f'={version}"' in manifest
    assert version == service.tag or f'={service.tag}"' not in manifest
    lock = KINDS[service.language].lock_of(tree).read_text()
    assert all(f'name = "{name}"' in lock for name in row.lock)


def test_todays_release_needs_nothing_but_what_it_stands_on():
    assert WITH_A_TABLE
    for service in WITH_A_TABLE:
        tree = tree_of(service, service.tag, package(service, ROOT), ROOT)
        assert (tree.row.with_, tree.row.lock, tree.row.without) == ({}, {}, ())
        assert tree.service == service
