"""Right answers that are computed once."""

import numpy as np
import pytest
from mlfleet import payload
from mlfleet.tasks.remembered import remembered


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    calls = []

    def compute():
        calls.append(1)
        return {"y": np.arange(3.0)}

    def ask(x=1.0, alpha=1.0):
        found = remembered("a.b", {"x": np.array([x])}, {"alpha": alpha}, compute)
        assert found["y"].tolist() == [0.0, 1.0, 2.0]
        return len(calls)

    return ask


def test_an_answer_is_computed_once_for_each_payload_and_parameters(asked):
    assert [asked(), asked(), asked(x=2.0), asked(alpha=2.0), asked()] == [1, 1, 2, 3, 3]


def test_an_answer_that_was_altered_is_computed_again(asked):
    asked()
    (file,) = (payload.cache_folder() / "references").glob("*/*.safetensors")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    assert asked() == 2
    assert asked() == 2
