"""The stubs that are checked in are what the generator makes of the contract."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "proto/python/mlfleet_stubs"


def test_generated_anew_they_are_the_same(tmp_path):
    done = subprocess.run([ROOT / "proto/generate.sh", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(made) == {path.name for path in STUBS.glob("benchmark_pb2*")}
    for name, text in made.items():
        assert (STUBS / name).read_text() == text, f"{name} is not what proto/generate.sh makes; run it"
