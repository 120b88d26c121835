"""What a comparison is asked for."""

from dataclasses import dataclass, field
from typing import Any

from bench.probes import Length
from microlith.kinds import ARCHITECTURES
from microlith.system.system import System

FULL = Length(interrupts=100, window_s=0.2, operations=200)


@dataclass
class Options:
    """What is asked for."""

    system: System | None = None
    architectures: list[str] = field(default_factory=lambda: list(ARCHITECTURES))
    tree: str | None = None
    tree_part: float = 1.0  # how much of the default tree
    seed: int = 1
    rounds: int = 9  # at most, as the next three
    tree_rounds: int = 4  # of them, how many copy the tree too
    probes: int = 5
    kills: int = 3  # for each architecture
    operations: int = 400  # of each kind in a round
    length: Length = FULL  # of a probe
    budget_s: float = 100.0  # see budget.py; what must be done once takes longer where the machine is slow
    placement: str = "free"
    campaign: bool = False  # the kills were asked for: make all, and report every outcome
    command: str = ""


#: `--quick`: fewer of everything, and less than half the tree.
QUICK: dict[str, Any] = {
    "rounds": 4,
    "tree_rounds": 2,
    "probes": 2,
    "kills": 1,
    "operations": 200,
    "length": Length(interrupts=50, window_s=0.1, operations=100),
    "tree_part": 0.4,
    "budget_s": 28.0,
}
