"""One turn: sentinel, edge, reset, thaw, measure under the sampler, freeze, edge, and what its readings say."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from mlfleet import deadlines
from mlfleet.bench import Bench
from mlfleet.client import Client
from mlfleet.launch.base import Running
from mlfleet.meters import Meters
from mlfleet.meters.own_wait import own_wait_us, waited
from mlfleet.model import Calibration, Environment, Sentinel, Turn
from mlfleet.noise import known_flags
from mlfleet.verdict import PEERS_RUNNING

S = 1_000_000_000


def take_turn(
    place: tuple[int, int],
    calibration: Calibration,
    environment: Environment,
    bench: Bench,
    running: Running,
    client: Client,
    meters: Meters,
) -> Turn:
    """Measure once while all others are frozen; `place`: number of the turn, position in it.

    Counters and levels are read while the service stands still, so that they are those of the turn and of nothing else.
    Raises what calls, freeze and thaw raise.
    """
    schedule = calibration.schedule
    estimate_s = calibration.iteration_ns * sum(schedule) / S
    sentinel = bench.sentinel(environment.cpus[0])
    before = meters.edge()
    reset = meters.reset_peak()
    with uncollected():
        running.thaw()
        thawed, own_wait = bench.clock(), own_wait_us()
        with meters.sampling() as sampled:
            measured = client.measure(schedule, deadlines.TURN_FACTOR * estimate_s + deadlines.TURN_S)
        own, frozen = waited(own_wait, own_wait_us()), bench.clock()
        running.freeze()
    readings = meters.turn_readings(before, meters.edge(), sampled, reset_ok=reset)
    turn = Turn(
        *place,
        discarded=calibration.discarded,
        sent_ns=measured.sent_ns,
        received_ns=measured.received_ns,
        samples=measured.samples,
        readings={**readings, **own},
        thawed_ns=thawed,
        frozen_ns=frozen,
        sentinel=(sentinel,) if sentinel else (),
    )
    if bench.limits is None:
        return turn
    flags = known_flags(turn, len(environment.cpus), bench.limits)
    return replace(turn, flags=(*flags, "peers_running") if PEERS_RUNNING in running.flags else flags)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile.

    A collection of a run's heap takes some 80 ms, on whichever thread allocates next, and all others wait for it: one
    that fell on the sampler made an honest turn of 57 ms look like one of 119.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def closed(turns: Sequence[Turn], last: Sentinel | None) -> list[Turn]:
    """A block's turns in the order in which they were taken, each with the next sentinel as its second.

    `last`: the one that closes the block.
    """
    after = [*(turn.sentinel[0] if turn.sentinel else None for turn in turns[1:]), last]
    return [
        replace(turn, sentinel=(*turn.sentinel, follows)) if turn.sentinel and follows else turn
        for turn, follows in zip(turns, after, strict=True)
    ]
