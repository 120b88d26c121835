"""The hop-cost dial: the same work with every crossing made dearer, step by step.

The link option `hop` on all links keeps the caller busy for each border that its call crosses.  If crossings are all
that a hop makes dearer, the time of the work is a straight line in it, and its slope is the number of crossings,
which is counted besides.  Neither number is computed from the other.

The dial stands on one core.  On two, a receiver over shared memory looks for a while before it sleeps: then what
comes at once is found awake, and what a hop delays is not.  The dial would turn two things at a time.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.counting import count
from bench.decompose.turns import Side, Turns, measure, side_by_side
from bench.placement import Placement
from bench.subject import Subject

#: Microseconds for each crossing.  The first is nothing, but the same code runs: the option's own cost is in the start.
HOPS = (0.001, 25.0, 50.0, 75.0, 100.0)
ARCHITECTURES = ("mach", "l4")
#: A call that does nothing; and from the program to the file server to the disk: a file made, written and synced.
WORKS = ("null_call", "create_write_sync")


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
    with side_by_side(subject, Placement("same-core"), sides) as clients:
        for work, times in measure(clients, cut, chance).items():
            found.times[work] = [
                {hop: times[Side(architecture, hop)][turn] for hop in hops} for turn in range(cut.turns)
            ]
            found.crossings[work] = {one["crossings"] for c in clients.values() for one in count(c, work, 1)}
    return found
