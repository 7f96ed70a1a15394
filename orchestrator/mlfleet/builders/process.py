"""Local builds for the process runtime: a venv for each Python service, a release binary for each Rust one."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from mlfleet.builders.layers import CUDA, layer_folder, layer_name, layer_packages
from mlfleet.builders.notes import Note, read_note, write_note
from mlfleet.builders.own_layers import SOURCE
from mlfleet.builders.progress import Progress
from mlfleet.builders.source import check_lock, layer_digest, service_folder, size_of, source_digest
from mlfleet.builders.state import Build, BuildState
from mlfleet.builders.steps import run
from mlfleet.errors import HostError
from mlfleet.model import Reading, Service

Report = Callable[[str], None]
# Beside the build output: the digest of what it was made of, and what making it took.
STAMP = "mlfleet-source"
NOTE = "mlfleet-built.json"
# Beside a crate: makes its build for GPUs; and the end of that build's name.
CUDA_SCRIPT = "cuda.sh"
CUDA_SUFFIX = "-cuda"
# Beside a layer's venv: the libtorch in it.
LINK = "libtorch"
LAYER_FORECAST = "2 to 5 min and 5 GB"
FORECAST = {"python": "10 to 30 s and 100 to 310 MB", "rust": "140 to 200 s and 500 MB for all Rust services"}


class ProcessBuilder:
    """The interpreter and the tool chain of this host."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.root = root
        self.environment = environment
        # Layers that could not be installed, with the reason: no service on one is tried again.
        self.broken: dict[str, str] = {}
        self._layer_sizes: dict[str, int] = {}

    def state(self, service: Service) -> BuildState:
        """Compares the stamp with the sources."""
        output, stamp = _output(service, self.root), _stamp(service, self.root)
        if process_command(service, self.root) is None or not self._stands(service):
            lacking = self._lacking(service)
            if lacking:
                return BuildState("not_built", f"{service.key} is not built, and {lacking} is not on this host")
            return BuildState(
                "missing", f"{service.key} is not built; try: mlfleet build {service.key} --runtime process"
            )
        size, layer, built = size_of(output), self._layer_bytes(service), read_note(_beside(service, self.root, NOTE))
        source = source_digest(service, self.root)
        if not stamp.is_file() or stamp.read_text() != source:
            state: Build = "stale"
            reason = f"{service.key} is older than its source"
        elif self._for_gpus(service) and not _gpu_output(service, self.root).is_file():
            state = "stale"
            reason = f"{service.key} is built for the CPU alone, and CUDA_HOME is set"
        else:
            state = "current"
            reason = f"{service.key} is built from this source"
        return BuildState(state, reason, f"source:{source}", size_bytes=size, layer_bytes=layer, built=built)

    def own_size(self, image_id: str | None, others: Collection[str]) -> Reading:  # noqa: ARG002 - there is none
        """Null: a local build is no image."""
        return Reading(None, "bytes", SOURCE, "not_applicable")

    def prepare(self, services: Iterable[Service], report: Report) -> None:
        """Nothing is shared but the tools."""

    def build(self, service: Service, report: Report) -> BuildState:
        """Runs uv or cargo; a host without the tool has no build, and says so in the state."""
        if lacking := self._lacking(service):
            return BuildState("not_built", f"{service.key} is not built, and {lacking} is not on this host")
        check_lock(service, self.root)
        report(f"building {service.key} (from nothing {FORECAST[service.language]}, after a small change seconds)")
        source = source_digest(service, self.root)
        if not self._stands(service):
            self._layer(str(service.layer), report)
        before, start, progress = self.state(service).state, time.monotonic(), Progress(report)
        if service.language == "python":
            self._python(service)
        else:
            self._rust(service, progress)
        took = Note(time.monotonic() - start, progress.begun(f"it was {before} before"))
        write_note(_beside(service, self.root, NOTE), took)
        _stamp(service, self.root).write_text(source)
        return self.state(service)

    def clean(self, services: Iterable[Service], report: Report) -> int:
        """Removes the venvs, those of layers too, and cargo's target."""
        freed = 0
        layers = {layer_folder(service.layer, self.root) for service in services if service.layer}
        for folder in layers:
            (folder / LINK).unlink(missing_ok=True)
        for output in sorted({folder / ".venv" for folder in layers} | {_made(s, self.root) for s in services}):
            if output.exists():
                size = size_of(output)
                shutil.rmtree(output)
                freed += size
                report(f"removed {output.relative_to(self.root)}")
        return freed

    def _lacking(self, service: Service) -> str | None:
        if service.language == "python":
            return None if self._uv().is_file() else f"{self._uv().relative_to(self.root)}"
        return None if shutil.which("cargo", path=self.environment.get("PATH")) else "cargo"

    def _uv(self) -> Path:
        return self.root / ".venv/bin/uv"

    def _stands(self, service: Service) -> bool:
        """Whether the layer that the service stands on is installed; one that only GPU builds need is not asked for."""
        if service.layer is None or layer_name(service.layer) == CUDA:
            return True
        stamp = layer_folder(service.layer, self.root) / ".venv" / STAMP
        return stamp.is_file() and stamp.read_text() == layer_digest(service.layer, self.root)

    def _layer(self, layer: str, report: Report) -> None:
        """One installation for all services on it. Without uv's cache, which would keep gigabytes a second time."""
        if layer in self.broken:
            raise HostError(f"it stands on {layer}, which could not be installed: {self.broken[layer]}")
        folder, digest = layer_folder(layer, self.root), layer_digest(layer, self.root)
        report(f"installing {layer}, which services stand on (from nothing {LAYER_FORECAST})")
        try:
            self._sync(f"installing {layer}", folder, "--no-cache", "--no-install-project")
        except HostError as error:
            self.broken[layer] = str(error).splitlines()[-1].strip()
            raise
        if found := next((folder / ".venv").glob("lib/python3*/site-packages/torch"), None):
            # Where rust_services/.cargo/config.toml says that libtorch lies, whatever the interpreter's version.
            (folder / LINK).unlink(missing_ok=True)
            (folder / LINK).symlink_to(found.relative_to(folder))
        (folder / ".venv" / STAMP).write_text(digest)

    def _python(self, service: Service) -> None:
        # uv takes a path dependency for unchanged as long as its pyproject.toml is.
        options = ["--reinstall-package", "mlfleet-sdk", "--reinstall-package", "mlfleet-stubs"]
        folder = service_folder(service, self.root)
        if service.layer is not None:
            options += [f"--no-install-package={name}" for name in layer_packages(service.layer, self.root)]
        self._sync(f"building {service.key}", folder, *options)
        if service.layer is not None:
            (layer,) = (layer_folder(service.layer, self.root) / ".venv").glob("lib/python3*/site-packages")
            (own,) = (folder / ".venv").glob("lib/python3*/site-packages")
            (own / "layer.pth").write_text(f"{layer}\n")

    def _sync(self, what: str, folder: Path, *options: str) -> None:
        # The venv in which we run ourselves is not the service's.
        environment = {k: v for k, v in self.environment.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
        command = [str(self._uv()), "sync", "--locked", "--no-dev", "--compile-bytecode", "--python", sys.executable]
        environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}
        run(what, [*command, *options], folder, environment)

    def _rust(self, service: Service, progress: Progress) -> None:
        folder = self.root / "rust_services"
        output, gpu = _output(service, self.root), _gpu_output(service, self.root)
        gpu.unlink(missing_ok=True)
        if self._for_gpus(service):
            # First, for the CPU's build is made under the same name.
            command = ["bash", f"{service_folder(service, self.root) / CUDA_SCRIPT}", self.environment["CUDA_HOME"]]
            run(f"building {service.key} for GPUs", command, folder, dict(self.environment), progress.line)
            output.replace(gpu)
        command = ["cargo", "build", "--release", "--locked", "-p", f"mlfleet-{service.key}"]
        run(f"building {service.key}", command, folder, dict(self.environment), progress.line)

    def _for_gpus(self, service: Service) -> bool:
        """Whether a second build of it, for GPUs, can be made here."""
        script = service_folder(service, self.root) / CUDA_SCRIPT
        return bool(self.environment.get("CUDA_HOME")) and service.language == "rust" and script.is_file()

    def _layer_bytes(self, service: Service) -> int | None:
        """Of what it shares with others, beside its own; None where it has no layer here."""
        if service.layer is None or layer_name(service.layer) == CUDA:
            return None
        if service.layer not in self._layer_sizes:
            self._layer_sizes[service.layer] = size_of(layer_folder(service.layer, self.root) / ".venv")
        return self._layer_sizes[service.layer]


def process_command(service: Service, root: Path) -> list[str] | None:
    """The command that starts the service here; None if it is not built."""
    output = _output(service, root)
    if service.language == "rust":
        return [str(output)] if output.is_file() else None
    python = output / "bin/python"
    script = service_folder(service, root) / "service.py"
    return [str(python), "-B", "-u", "-m", "mlfleet_sdk", str(script)] if python.exists() else None


def _output(service: Service, root: Path) -> Path:
    if service.language == "python":
        return service_folder(service, root) / ".venv"
    return root / "rust_services/target/release" / f"mlfleet-{service.key}"


def _gpu_output(service: Service, root: Path) -> Path:
    """Where a Rust service's build for GPUs lies: beside the CPU's, which starts it."""
    output = _output(service, root)
    return output.with_name(f"{output.name}{CUDA_SUFFIX}")


def _stamp(service: Service, root: Path) -> Path:
    return _beside(service, root, STAMP)


def _beside(service: Service, root: Path, name: str) -> Path:
    output = _output(service, root)
    return output / name if service.language == "python" else output.with_name(f"{output.name}.{name}")


def _made(service: Service, root: Path) -> Path:
    """All that building the service makes: its venv, or the target that Rust services share."""
    return _output(service, root) if service.language == "python" else root / "rust_services/target"
