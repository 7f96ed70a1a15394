"""Images: one Dockerfile a language, one image a service, labelled with the digest of what they were made of."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound

from mlfleet.builders.source import dockerfile, source_digest
from mlfleet.builders.state import Build, BuildState
from mlfleet.builders.steps import run
from mlfleet.compose import argument
from mlfleet.errors import HostError
from mlfleet.model import Service

Report = Callable[[str], None]
SOURCE_LABEL = "dev.mlfleet.source"
STAND_IN_LABEL = "dev.mlfleet.standin"
BASES = Path("docker/bases/base-images.sh")
CLIENT = Path("docker/bases/docker-client.sh")
# From nothing, on a host of 2 idle cores.
FORECAST = {"python": "50 to 90 s and 210 to 410 MB", "rust": "140 to 200 s and 80 MB"}
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# `#12 [build 3/5] RUN ...` of BuildKit's plain progress.
_STEP = re.compile(r"#\d+ (\[.+)")
_STEP_CHARACTERS = 100


class DockerBuilder:
    """The local engine's images."""

    def __init__(self, root: Path, client: docker.DockerClient, environment: Mapping[str, str] = os.environ) -> None:
        self.root = root
        self.client = client
        self.environment = environment

    def state(self, service: Service) -> BuildState:
        """Compares the image's label with the sources."""
        try:
            image: Mapping[str, Any] = self.client.api.inspect_image(service.image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return BuildState("missing", f"no image {service.image}; try: mlfleet build {service.key}")
        labels = image["Config"].get("Labels") or {}
        source = labels.get(SOURCE_LABEL)
        if not source:
            state: Build = "foreign"
            reason = f"{service.image} does not say what it was built from"
        elif source != self.digest(service):
            state = "stale"
            reason = f"{service.image} is older than its source"
        else:
            state = "current"
            reason = f"{service.image} is built from this source"
        return BuildState(state, reason, image["Id"], labels.get(STAND_IN_LABEL), int(image["Size"]))

    def prepare(self, services: Iterable[Service], report: Report) -> None:
        """The base images: present, pulled, or made here."""
        languages = {service.language for service in services}
        if languages:
            # Making rust makes debian too.
            base = "rust" if "rust" in languages else "debian"
            run("base images", ["bash", str(self.root / BASES), base], self.root, dict(self.environment), report)

    def build(self, service: Service, report: Report) -> BuildState:
        """One `docker build`; the label is the digest taken before it starts."""
        report(f"building {service.image} (from nothing {FORECAST[service.language]}, after a small change seconds)")
        command = [
            *(self._client(), "build", "--progress=plain", "--file", str(self.dockerfile(service))),
            *("--build-arg", f"SERVICE={argument(service.key, service.language)}"),
            *("--build-arg", f"SOURCE={self.digest(service)}"),
            *("--tag", service.image),
        ]
        if bundle := self._ca_bundle():
            command += ["--secret", f"id=ca,src={bundle}"]
        step = ""

        def on_line(line: str) -> None:
            nonlocal step
            found = _STEP.match(line)
            if found and found[1] != step:
                step = found[1]
                report("  " + step[:_STEP_CHARACTERS])

        environment = {**self.environment, "DOCKER_BUILDKIT": "1"}
        run(f"building {service.image}", [*command, "."], self.root, environment, on_line)
        return self.state(service)

    def digest(self, service: Service) -> str:
        """Of what the image is made of."""
        return source_digest(service, self.root)

    def dockerfile(self, service: Service) -> Path:
        """What builds it."""
        return dockerfile(service, self.root)

    def clean(self, services: Iterable[Service], report: Report) -> int:
        """Removes every image that carries our label; the services name none that others do not have."""
        del services
        before = self._layer_bytes()
        found = self.client.images.list(filters={"label": SOURCE_LABEL})
        for image in found:
            for tag in image.tags or [str(image.id)]:
                self.client.images.remove(tag, force=True)
                report(f"removed {tag}")
        report("layers that the build cache shares stay; try: docker builder prune")
        return max(0, before - self._layer_bytes())

    def _layer_bytes(self) -> int:
        usage: Mapping[str, Any] = self.client.df()
        return int(usage["LayersSize"])

    def _client(self) -> str:
        """A client that can build with BuildKit, chosen as the base images' script chooses it."""
        script = '. "$0" && pick_docker && printf %s "$DOCKER"'
        found = subprocess.run(  # noqa: S603
            ["bash", "-c", script, str(self.root / CLIENT)],  # noqa: S607 - any bash
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode or not found.stdout:
            message = "no docker client here can build (awaited one with buildx, or older than 23); try: docker buildx"
            raise HostError(message)
        return found.stdout

    def _ca_bundle(self) -> Path | None:
        """The bundle that this host trusts, for the stages that download; never in a layer."""
        given = self.environment.get("SSL_CERT_FILE")
        bundle = Path(given) if given else CA_BUNDLE
        return bundle if bundle.is_file() else None
