"""Who takes part in a run: every service pinned to its build, and asked once what it is and what it can do."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mlfleet.bench import Bench
from mlfleet.build import Builder, BuildState
from mlfleet.client import PROTOCOL
from mlfleet.errors import HostError
from mlfleet.identify import Met, identify
from mlfleet.model import Environment, Identity, Reading, Service
from mlfleet.runfile import Contestant
from mlfleet.verdict import Verdict

ABSENT = frozenset({"missing", "not_built"})


def contestants(
    services: Sequence[Service],
    named: Collection[str],
    pins: Mapping[Service, BuildState],
    builder: Builder,
    environment: Environment,
    bench: Bench,
) -> tuple[Contestant, ...]:
    """`named`: keys that the user named; `pins`: images that the user named, each already found.

    Raises HostError for a build older than its source, and for a named service that is not built.
    """
    states = {service: pins.get(service) or builder.state(service) for service in services}
    for service, state in states.items():
        if state.state == "stale" or (state.state in ABSENT and service.key in named):
            raise HostError(state.told(service.key, environment.runtime))
    asked = {service: _asked(service, state, service in pins, environment, bench) for service, state in states.items()}
    return tuple(
        one if states[service].state in ABSENT else replace(one, own_size=_own_size(service, states, builder))
        for service, one in asked.items()
    )


def _own_size(service: Service, states: Mapping[Service, BuildState], builder: Builder) -> Reading:
    """Two images of one service share what is the service's own: others are those of other services, and layers."""
    others = {state.image_id for other, state in states.items() if _name(other) != _name(service)}
    layers = {other.layer for other in states}
    return builder.own_size(states[service].image_id, sorted(one for one in others | layers if one))


def _name(service: Service) -> str:
    return service.key.partition(":")[0]


def _asked(service: Service, state: BuildState, pinned: bool, environment: Environment, bench: Bench) -> Contestant:
    if state.state in ABSENT:
        return Contestant(service, None, None, None, f"not_built: {state.reason}", None)
    bench.progress(service.key, "describe")
    answer = identify(service, state.image_id, environment, bench)
    reason = answer if isinstance(answer, str) else _unfit(answer.identity, environment)
    met = answer if isinstance(answer, Met) and not reason else None
    identity = met.identity if met else None
    # To attach the image is out of sight: the tag is the version that it reports, as ours are tagged.
    seen = _retagged(service, identity) if environment.runtime == "attach" else service
    return Contestant(
        service=seen,
        image_id=state.image_id,
        size_bytes=state.size_bytes,
        stand_in=state.stand_in,
        reason=reason,
        identity=identity,
        named=pinned,
        start_s=met.start_s if met else None,
        layer_bytes=state.layer_bytes,
        build_s=state.built.seconds,
        build_note=state.built.begun,
    )


def _unfit(identity: Identity, environment: Environment) -> str:
    """Why it takes no part although it answered; empty if it does."""
    if identity.protocol != PROTOCOL:
        found = f"it speaks protocol {identity.protocol} of the contract, {PROTOCOL} awaited"
        return f"{Verdict.VERSION_MISMATCH.value}: {found}; try: mlfleet build, or another --image"
    if environment.visible_device not in identity.devices:
        has = ", ".join(identity.devices)
        return f"{Verdict.DEVICE_UNAVAILABLE.value}: {environment.device} was asked for, here it computes on {has}"
    return ""


def _retagged(service: Service, identity: Identity | None) -> Service:
    return replace(service, image=f"{service.image.rpartition(':')[0]}:{identity.version}") if identity else service
