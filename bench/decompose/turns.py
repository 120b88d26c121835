"""Machines that stand side by side and are measured in turns.

A round boots all of them afresh.  Then they are measured a few operations at a time, in shuffled order, while the
others sleep: what drifts on the host, within the round too, drifts for all.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.driver import Client, working
from bench.placement import Placement
from bench.rounds import PLACE, WARM_UP
from bench.statistics import median
from bench.subject import Subject

CLOCK_READS = 500


@dataclass(frozen=True)
class Side:
    """One machine: an architecture, and what a hop costs on all its links, microseconds (None: no such option)."""

    architecture: str
    hop: float | None = None

    @property
    def links(self) -> dict[str, str]:
        """The options of its links."""
        return {} if self.hop is None else {"*": f"hop:{self.hop:g}"}


@dataclass(frozen=True)
class Turns:
    """How a round is cut: that many turns, how many of each operation in a turn, and what is told of them."""

    turns: int
    operations: Mapping[str, int]
    statistic: Callable[[Sequence[float]], float] = median


Times = dict[str, dict[Side, list[float]]]  # operation -> side -> microseconds of one operation, for each turn


@contextmanager
def side_by_side(subject: Subject, at: Placement, sides: Sequence[Side]) -> Iterator[dict[Side, Client]]:
    """All machines booted, the workload running in each, its files made."""
    clients: dict[Side, Client] = {}
    with ExitStack() as stack:
        for side in sides:
            machine = stack.enter_context(subject.booted(side.architecture, at, links=side.links))
            client = stack.enter_context(working(machine, subject.programs["workload"]))
            at.settle(machine, {client.program.pid})
            client.ask(do="prepare", directory=PLACE, cold=0)
            clients[side] = client
        yield clients


def measure(clients: Mapping[Side, Client], cut: Turns, chance: random.Random) -> Times:
    """What is told of each turn, without what the clock takes."""
    taken: dict[str, dict[Side, list[float]]] = {name: {side: [] for side in clients} for name in cut.operations}
    clocks = {side: median(client.ask(do="clock", n=CLOCK_READS)["ns"]) for side, client in clients.items()}
    order = list(clients)
    for operation, n in cut.operations.items():
        for client in clients.values():
            _times(client, operation, min(n, WARM_UP))
    for _ in range(cut.turns):
        for operation, n in cut.operations.items():
            chance.shuffle(order)
            for side in order:
                took = cut.statistic(_times(clients[side], operation, n)) - clocks[side]
                taken[operation][side].append(max(1.0, took) / 1000)
    return taken


def _times(client: Client, operation: str, n: int) -> list[int]:
    times: list[int] = client.ask(do="measure", operation=operation, n=n)["ns"]
    client.ask(do="drop")
    return times
