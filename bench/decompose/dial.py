"""The hop-cost dial: the same work with every crossing made dearer, step by step.

The link option `hop` on all links keeps the caller busy for each border that its call crosses.  If crossings are all
that a hop makes dearer, the time of the work is a straight line in it, and its slope is the number of crossings,
which is counted besides.  Neither number is computed from the other.

The dial stands on one core, the quietest one.  On two, a receiver over shared memory looks for a while before it
sleeps: then what comes at once is found awake, and what a hop delays is not.  The dial would turn two things at a time.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic_ns, thread_time_ns

from bench.counting import count
from bench.decompose.turns import Side, Turns, measure, side_by_side
from bench.placement import Placement
from bench.subject import Subject

#: Microseconds for each crossing.  The first is nothing, but the same code runs: the option's own cost is in the start.
HOPS = (0.001, 25.0, 50.0, 75.0, 100.0)
ARCHITECTURES = ("mach", "l4")
#: A call that does nothing; and from the program to the file server to the disk: a file with nothing new in it synced,
#: and one made, written and synced.
WORKS = ("null_call", "sync", "create_write_sync")

LOOK_NS, MOST_LOOKED_AT = 50_000_000, 8  # at each core, and cores


@dataclass
class Dialled:
    """What one round found of one architecture."""

    architecture: str
    times: dict[str, list[dict[float, float]]] = field(default_factory=dict)  # work -> turns of {hop: microseconds}
    crossings: dict[str, set[int]] = field(default_factory=dict)  # work -> of one, counted on every machine


def measure_dial(
    subject: Subject, architecture: str, hops: Sequence[float], cut: Turns, chance: random.Random
) -> Dialled:
    """Boot a machine for each hop, measure all, stop."""
    found = Dialled(architecture)
    sides = [Side(architecture, hop) for hop in hops]
    chance.shuffle(sides)
    with side_by_side(subject, _one_core(), sides) as clients:
        for work, times in measure(clients, cut, chance).items():
            found.times[work] = [
                {hop: times[Side(architecture, hop)][turn] for hop in hops} for turn in range(cut.turns)
            ]
            found.crossings[work] = {one["crossings"] for c in clients.values() for one in count(c, work, 1)}
    return found


def _one_core() -> Placement:
    """All on the core where others leave the most time to a process that is busy."""
    at = Placement("same-core")
    left = {core: _left_on(core) for core in at.cores[:MOST_LOOKED_AT]}
    at.cores.sort(key=lambda core: -left.get(core, 0))
    return at


def _left_on(core: int) -> int:
    """Nanoseconds that this thread gets on a core while it looks."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        until, began = monotonic_ns() + LOOK_NS, thread_time_ns()
        while monotonic_ns() < until:
            pass
        return thread_time_ns() - began
    finally:
        os.sched_setaffinity(0, before)
