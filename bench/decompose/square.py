"""One round of the square: all six variants side by side, timed in turns, counted, and the tree copied into each."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench import counting
from bench.decompose.factors import SQUARE
from bench.decompose.turns import Side, Turns, measure, side_by_side
from bench.driver import Client, copy
from bench.rounds import PLACE, WAKE_UPS, Bench
from bench.statistics import median

COPY = "copy_in"
#: What is counted.
COUNTED = ("null_call", "read_4k", "create_write_sync")


@dataclass
class Square:
    """What one round found, by operation and variant."""

    times: dict[str, dict[str, float]] = field(default_factory=dict)  # microseconds of one
    counts: dict[str, dict[str, counting.Counts]] = field(default_factory=dict)
    wake_ups: dict[str, dict[str, float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)  # what the copies complained of


def measure_square(bench: Bench, cut: Turns, chance: random.Random) -> Square:
    """Boot all six, measure, stop."""
    found = Square()
    sides = [Side(variant) for variant in SQUARE]
    chance.shuffle(sides)
    with side_by_side(bench.subject, bench.placement, sides) as clients:
        for operation, times in measure(clients, cut, chance).items():
            found.times[operation] = {side.architecture: median(us) for side, us in times.items()}
        _counts(found, clients)
        _copies(found, clients, bench)
    return found


def _counts(found: Square, clients: Mapping[Side, Client]) -> None:
    for operation in COUNTED:
        found.counts[operation], found.wake_ups[operation] = {}, {}
        for side, client in clients.items():
            (found.counts[operation][side.architecture],) = counting.count(client, operation, 1)
            slept = counting.wake_ups(client, operation, WAKE_UPS[operation])
            found.wake_ups[operation][side.architecture] = slept


def _copies(found: Square, clients: Mapping[Side, Client], bench: Bench) -> None:
    """The tree copied in, each file synced, in the order in which the variants were booted."""
    program, found.times[COPY] = bench.subject.programs["copy_in"], {}
    for side, client in clients.items():
        summary = copy(client.machine, program, "source", bench.staged, f"{PLACE}/tree")
        found.times[COPY][side.architecture] = summary["seconds"] * 1e6
        found.wrong += summary["errors"]
