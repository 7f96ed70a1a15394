"""Local builds for the process runtime: a venv for each Python service, a release binary for each Rust one."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mlfleet.builders.source import service_folder, size_of, source_digest
from mlfleet.builders.state import BuildState
from mlfleet.builders.steps import run
from mlfleet.model import Service

Report = Callable[[str], None]
# Beside the build output: the digest of what it was made of.
STAMP = "mlfleet-source"
FORECAST = {"python": "10 to 30 s and 100 to 310 MB", "rust": "140 to 200 s and 500 MB for all Rust services"}
# Progress of cargo worth a line each.
_CARGO_EVERY = 20


class ProcessBuilder:
    """The interpreter and the tool chain of this host."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.root = root
        self.environment = environment

    def state(self, service: Service) -> BuildState:
        """Compares the stamp with the sources."""
        output, stamp = _output(service, self.root), _stamp(service, self.root)
        if process_command(service, self.root) is None:
            lacking = self._lacking(service)
            if lacking:
                return BuildState("not_built", f"{service.key} is not built, and {lacking} is not on this host")
            return BuildState(
                "missing", f"{service.key} is not built; try: mlfleet build {service.key} --runtime process"
            )
        size = size_of(output)
        if not stamp.is_file() or stamp.read_text() != source_digest(service, self.root):
            reason = f"{service.key} is older than its source"
            return BuildState("stale", reason, size_bytes=size)
        return BuildState("current", f"{service.key} is built from this source", size_bytes=size)

    def prepare(self, services: Iterable[Service], report: Report) -> None:
        """Nothing is shared but the tools."""

    def build(self, service: Service, report: Report) -> BuildState:
        """Runs uv or cargo; a host without the tool has no build, and says so in the state."""
        if lacking := self._lacking(service):
            return BuildState("not_built", f"{service.key} is not built, and {lacking} is not on this host")
        report(f"building {service.key} (from nothing {FORECAST[service.language]}, after a small change seconds)")
        source = source_digest(service, self.root)
        if service.language == "python":
            self._python(service)
        else:
            self._rust(service, report)
        _stamp(service, self.root).write_text(source)
        return self.state(service)

    def clean(self, services: Iterable[Service], report: Report) -> int:
        """Removes the venvs and cargo's target."""
        freed = 0
        for output in sorted({_made(service, self.root) for service in services}):
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

    def _python(self, service: Service) -> None:
        # The venv in which we run ourselves is not the service's.
        environment = {k: v for k, v in self.environment.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
        command = [str(self._uv()), "sync", "--locked", "--no-dev", "--compile-bytecode", "--python", sys.executable]
        # uv takes a path dependency for unchanged as long as its pyproject.toml is.
        command += ["--reinstall-package", "mlfleet-sdk", "--reinstall-package", "mlfleet-stubs"]
        environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}
        run(f"building {service.key}", command, service_folder(service, self.root), environment)

    def _rust(self, service: Service, report: Report) -> None:
        compiled = 0

        def on_line(line: str) -> None:
            nonlocal compiled
            compiled += line.lstrip().startswith("Compiling")
            if compiled and compiled % _CARGO_EVERY == 0 and "Compiling" in line:
                report(f"  {compiled} crates: {line.strip()}")

        command = ["cargo", "build", "--release", "--locked", "-p", f"mlfleet-{service.key}"]
        run(f"building {service.key}", command, self.root / "rust_services", dict(self.environment), on_line)


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


def _stamp(service: Service, root: Path) -> Path:
    output = _output(service, root)
    return output / STAMP if service.language == "python" else output.with_name(f"{output.name}.{STAMP}")


def _made(service: Service, root: Path) -> Path:
    """All that building the service makes: its venv, or the target that Rust services share."""
    return _output(service, root) if service.language == "python" else root / "rust_services/target"
