"""What differs between two runs beside the numbers: a comparison of images wants nothing else to. Pure."""

from dataclasses import dataclass, fields
from typing import Literal

from mlfleet import host
from mlfleet.model import Environment
from mlfleet.runfile import RunFile

# What was swapped on purpose; what the machine is; how it was measured, where unequal settings refuse every ratio.
Kind = Literal["image", "host", "harness", "setting"]


@dataclass(frozen=True)
class Condition:
    """One thing that is not the same in both runs, as text on either side."""

    kind: Kind
    name: str
    before: str
    after: str


def conditions(before: RunFile, after: RunFile) -> tuple[Condition, ...]:
    """All that differs: settings first, then the host, the harness, and the images."""
    return (*_settings(before, after), *_host(before, after), *_harness(before, after), *_images(before, after))


def _settings(before: RunFile, after: RunFile) -> list[Condition]:
    """What every cell of a run has in common, and what its seed draws."""
    names = [field.name for field in fields(Environment)]
    found = [(name, getattr(before.environment, name), getattr(after.environment, name)) for name in names]
    found += [(name, getattr(before, name), getattr(after, name)) for name in ("setting", "schedule", "seed")]
    return [Condition("setting", name, str(a), str(b)) for name, a, b in found if a != b]


def _host(before: RunFile, after: RunFile) -> list[Condition]:
    one, other = before.host_fingerprint, after.host_fingerprint
    return [Condition("host", name, str(one.get(name)), str(other.get(name))) for name in host.differing(one, other)]


def _harness(before: RunFile, after: RunFile) -> list[Condition]:
    found = [
        (name, getattr(before, name), getattr(after, name)) for name in ("mlfleet_version", "commit", "proto_sha256")
    ]
    changed = host.differing(before.constants, after.constants)
    found += [(name, before.constants.get(name), after.constants.get(name)) for name in changed]
    return [Condition("harness", name, str(a), str(b)) for name, a, b in found if a != b]


def _images(before: RunFile, after: RunFile) -> list[Condition]:
    there = {one.service.key: one for one in after.contestants}
    return [
        Condition("image", one.service.key, _image(one.version, one.image_id), _image(other.version, other.image_id))
        for one in before.contestants
        if (other := there.get(one.service.key)) and other.image_id != one.image_id
    ]


def _image(version: str, image_id: str | None) -> str:
    return f"{version} ({image_id.removeprefix('sha256:')[:12] if image_id else 'not built'})"
