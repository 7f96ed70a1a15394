"""Images: one Dockerfile a language, one image a service, labelled with the digest of what they were made of."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound

from mlfleet.builders.layers import DEVEL, has_devel, layer_dockerfile
from mlfleet.builders.notes import Note, images_notes, note_of, read_note, write_note
from mlfleet.builders.own_layers import own_size
from mlfleet.builders.progress import Progress
from mlfleet.builders.source import check_lock, dockerfile, layer_digest, source_digest
from mlfleet.builders.state import Build, BuildState
from mlfleet.builders.steps import run
from mlfleet.compose import DEVEL_SUFFIX, argument
from mlfleet.errors import HostError
from mlfleet.model import Reading, Service

Report = Callable[[str], None]
SOURCE_LABEL = "dev.mlfleet.source"
STAND_IN_LABEL = "dev.mlfleet.standin"
BASES = Path("docker/bases/base-images.sh")
CLIENT = Path("docker/bases/docker-client.sh")
# From nothing, on a host of 2 idle cores.
FORECAST = {"python": "50 to 90 s and 210 to 410 MB", "rust": "140 to 240 s and 80 MB"}
LAYER_FORECAST = "2 to 5 min and 1 to 5 GB"
DEVEL_FORECAST = "15 to 30 min, most of it once a machine for GPU kernels"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


class DockerBuilder:
    """The local engine's images."""

    def __init__(
        self,
        root: Path,
        client: docker.DockerClient,
        environment: Mapping[str, str] = os.environ,
        notes: Path | None = None,
    ) -> None:
        """`notes`: the folder with what builds took, by image id; by default one in the cache."""
        self.root = root
        self.client = client
        self.environment = environment
        self.notes = notes or images_notes()
        # Layers that could not be built, with the reason: no service on one is tried again.
        self.broken: dict[str, str] = {}

    def state(self, service: Service) -> BuildState:
        """Compares the image's label with the sources."""
        image = self._inspect(service.image)
        if image is None:
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
        layer = self._inspect(service.layer) if service.layer else None
        return BuildState(
            state,
            reason,
            image["Id"],
            labels.get(STAND_IN_LABEL),
            int(image["Size"]),
            int(layer["Size"]) if layer else None,
            read_note(self._note(image["Id"])),
        )

    def own_size(self, image_id: str | None, others: Collection[str]) -> Reading:
        """Of its layers, those that none of the others has."""
        return own_size(str(image_id), others, self._inspect, self.client.api.history)

    def prepare(self, services: Iterable[Service], report: Report) -> None:
        """The base images: present, pulled, or made here."""
        languages = {service.language for service in services}
        if languages:
            # Making rust makes debian too.
            base = "rust" if "rust" in languages else "debian"
            run("base images", ["bash", str(self.root / BASES), base], self.root, dict(self.environment), report)

    def build(self, service: Service, report: Report) -> BuildState:
        """One `docker build`, of its layer before where that is not current."""
        check_lock(service, self.root)
        arguments = {"SERVICE": argument(service.key, service.language)}
        if service.layer is not None:
            arguments |= self._layer(service.layer, report)
        forecast = DEVEL_FORECAST if "DEVEL" in arguments else FORECAST[service.language]
        report(f"building {service.image} (from nothing {forecast}, after a small change seconds)")
        self._image(service.image, self.dockerfile(service), self.digest(service), arguments, report)
        return self.state(service)

    def _layer(self, layer: str, report: Report) -> dict[str, str]:
        """The layer's images, built where they are not current; as build arguments of what stands on it."""
        arguments = {"LAYER": layer}
        if has_devel(layer, self.root):
            arguments["DEVEL"] = f"{layer}{DEVEL_SUFFIX}"
        if layer in self.broken:
            raise HostError(f"it stands on {layer}, which could not be built: {self.broken[layer]}")
        digest = layer_digest(layer, self.root)
        for name, image in arguments.items():
            if self._source_of(image) != digest:
                report(f"building {image}, which services stand on (from nothing {LAYER_FORECAST})")
                try:
                    target = DEVEL if name == "DEVEL" else None
                    self._image(image, layer_dockerfile(layer, self.root), digest, {}, report, target)
                except HostError as error:
                    self.broken[layer] = str(error).splitlines()[-1].strip()
                    raise
        return arguments

    def _inspect(self, image: str) -> Mapping[str, Any] | None:
        """What the engine says of an image, None if it has none."""
        try:
            found: Mapping[str, Any] = self.client.api.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None
        return found

    def _source_of(self, image: str) -> str | None:
        """The digest that the image is labelled with; None where there is neither."""
        found = self._inspect(image)
        source: str | None = (found["Config"].get("Labels") or {}).get(SOURCE_LABEL) if found else None
        return source

    def _note(self, image_id: str) -> Path:
        return note_of(image_id, self.notes)

    def _image(
        self,
        tag: str,
        file: Path,
        digest: str,
        arguments: Mapping[str, str],
        report: Report,
        target: str | None = None,
    ) -> None:
        """The label is the digest taken before it starts; `target` is the Dockerfile's stage, by default its last."""
        command = [self._client(), "build", "--progress=plain", "--file", str(file), "--tag", tag]
        if target is not None:
            command += ["--target", target]
        for name, value in {**arguments, "SOURCE": digest}.items():
            command += ["--build-arg", f"{name}={value}"]
        if bundle := self._ca_bundle():
            command += ["--secret", f"id=ca,src={bundle}"]
        progress = Progress(report)
        environment = {**self.environment, "DOCKER_BUILDKIT": "1"}
        start = time.monotonic()
        run(f"building {tag}", [*command, "."], self.root, environment, progress.line)
        if made := self._inspect(tag):
            write_note(self._note(made["Id"]), Note(time.monotonic() - start, progress.begun()))

    def digest(self, service: Service) -> str:
        """Of what the image is made of."""
        return source_digest(service, self.root)

    def dockerfile(self, service: Service) -> Path:
        """What builds it."""
        return dockerfile(service, self.root)

    def clean(self, services: Iterable[Service], report: Report) -> int:
        """Removes every image that carries our label, layers too; the services name none that others do not have."""
        del services
        shutil.rmtree(self.notes, ignore_errors=True)
        before = self._layer_bytes()
        found = self.client.images.list(filters={"label": SOURCE_LABEL})
        for image in found:
            for tag in image.tags or [str(image.id)]:
                self.client.images.remove(tag, force=True)
                report(f"removed {tag}")
        report("what the engine's build cache keeps stays, since other builds share it; try: docker builder prune")
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
