"""The sides of `bench.channels`: machines and peers that run together, measured one after another in each round.

Whoever is not measured sleeps or is stopped.  A machine is booted for each placement, because it decides
at boot whether its channels spin.
"""

import contextlib
import os
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.driver import Client, working
from bench.group import Group
from bench.iceoryx import busy_poll
from bench.pairs import eventfd, raw_spin, request_reply
from bench.placement import Placement
from bench.rounds import PLACE
from bench.sink import Nowhere, Pourer
from bench.statistics import median
from bench.subject import prepare
from bench.workload import clock_reads

WARM_UP = 200
CLOCK_READS = 500
NULL, ROUND_TRIP = "null_call", "round_trip"
SIZES = (64, 4096, 32 << 10, 1 << 20)
LARGEST, FEWER = f"take_{SIZES[-1]}", 10  # a tenth as often

#: What is measured of l4, and its payload in bytes, one way.
LATENCIES: dict[str, dict[str, Any]] = {
    NULL: {"payload": 0},
    "stat": {},
    **{f"take_{size}": {"payload": size} for size in SIZES},
}

Side = tuple[str, str, str]  # whose, what, placement
Sides = dict[Side, list[float]]  # microseconds, a median for each round
Measure = Callable[[int], list[int]]  # nanoseconds of n operations


def measure(rounds: int, operations: int, seed: int) -> tuple[Sides, list[str]]:
    """Medians of each round of each side, without what the clock takes; sentences about what was left out."""
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="microlith-channels-")))
        two, left_out = _two_cores()
        sides = _machines(stack, folder, two) | _peers(stack, folder, two, left_out)
        found: Sides = {side: [] for side in sides}
        order = list(sides)
        for side in order:
            sides[side](WARM_UP)
        for _ in range(rounds):
            clock_ns = median(clock_reads(CLOCK_READS))
            chance.shuffle(order)
            for side in order:
                taken = median(sides[side](operations // FEWER if side[1] == LARGEST else operations))
                found[side].append((taken - clock_ns * (side[0] != "C eventfd")) / 1000)
    return found, left_out


def _two_cores() -> tuple[bool, list[str]]:
    """Can two sides spin here?  And a sentence if not."""
    if len(os.sched_getaffinity(0)) < 2:
        return False, ["This process may use one core only: nothing was measured on two."]
    if os.uname().machine != "x86_64":
        return False, ["On this processor channels do not spin: nothing was measured on two cores."]
    return True, []


def _machines(stack: contextlib.ExitStack, folder: Path, two: bool) -> dict[Side, Measure]:
    """A machine for each placement, with its program, and what it can measure."""
    subject = prepare(None, folder, 0, 0)
    system = subject.system.server("sink", Nowhere)
    subject.system = system.app("pourer", Pourer, on_boot=False, files=subject.files, sink="sink")
    sides: dict[Side, Measure] = {}
    for place, latencies in (("spread", LATENCIES), ("same-core", LATENCIES), ("free", (NULL,))):
        if place == "spread" and not two:
            continue
        at = Placement(place)
        machine = stack.enter_context(subject.booted("l4", at))
        client = stack.enter_context(working(machine, "pourer"))
        at.settle(machine, {client.program.pid})
        client.ask(do="prepare", directory=PLACE, cold=0)
        sides |= {("l4", what, place): partial(_times, client, what) for what in latencies}
    return sides


def _times(client: Client, operation: str, n: int) -> list[int]:
    return list(client.ask(do="measure", operation=operation, n=n)["ns"])


def _peers(stack: contextlib.ExitStack, folder: Path, two: bool, left_out: list[str]) -> dict[Side, Measure]:
    """The peers, where they are at their best or where the question puts them."""
    cores = sorted(os.sched_getaffinity(0))
    made: dict[tuple[str, str], Group | None] = {("pyzmq", "free"): request_reply(folder, "free")}
    if two:
        made["raw spin", "spread"] = raw_spin(folder, cores)
        made["iceoryx2", "spread"] = busy_poll(folder, cores)
    with Placement("same-core").inherited():
        made["pyzmq", "same-core"] = request_reply(folder, "same-core")
        made["C eventfd", "same-core"] = eventfd(folder)
    missing = {"C eventfd": "This machine has no C compiler (cc)", "iceoryx2": "iceoryx2 is not installed"}
    left_out += [f"{missing[name]}: {name} was left out." for (name, _), group in made.items() if group is None]
    return {
        (name, ROUND_TRIP, place): stack.enter_context(group).measure
        for (name, place), group in made.items()
        if group is not None
    }
