"""One decomposition from options to a document: {"about", "records"}, in the form that a comparison has.

Rounds of the square first, then rounds of the dial, as many as there is time for (budget.py).
"""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.about import about, host_filesystem
from bench.budget import Budget
from bench.decompose.dial import ARCHITECTURES, HOPS, Dialled, measure_dial
from bench.decompose.factors import L4, MACH, SQUARE
from bench.decompose.records import dialled, squared
from bench.decompose.square import Square, measure_square
from bench.decompose.turns import Turns
from bench.phases import Progress, named
from bench.placement import Placement
from bench.records import Recorder
from bench.rounds import Bench
from bench.subject import prepare
from bench.tree import stage
from microlith.system.system import System
from servers.apps.retry import ascii_safe

SQUARE_MARK = 0.6  # the share of the budget by which the square should be done; the dial has the rest
LEAST_ROUNDS = 2  # one has no interval


@dataclass
class Options:
    """What is asked for."""

    system: System | None = None
    tree: str | None = None
    tree_part: float = 0.4  # how much of the default tree
    seed: int = 1
    rounds: int = 15  # of the square, at most
    dials: int = 12  # rounds of the dial, at most
    budget_s: float = 100.0
    placement: str = "free"  # of the square
    command: str = ""


#: `--quick`: a smaller tree, and as many rounds as there is time for.
QUICK: dict[str, Any] = {"tree_part": 0.15, "budget_s": 28.0}

SQUARE_TURNS = Turns(6, {"null_call": 60, "read_4k": 60})
#: The fastest of a turn: see line.py.
DIAL_TURNS = Turns(6, {"null_call": 20, "sync": 20, "create_write_sync": 7}, min)


def decompose(options: Options, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run it all.  UsageError before anything is measured; the temporary folder is removed in any case."""
    at = Placement(options.placement)
    with tempfile.TemporaryDirectory(prefix="microlith-compare-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        progress("staging the tree", 0, 1)
        staged = folder / "tree"
        staged.mkdir()
        tree = stage(options.tree, staged, options.tree_part)
        subject = prepare(options.system, folder, tree.blocks, tree.inodes)
        progress("formatting the disk", 0, 1)
        subject.format(MACH, tree.blocks, tree.inodes)
        squares, dials = _measured(options, Bench(subject, tree, staged, at), progress)
        facts = about(
            options.placement,
            options.seed,
            command=options.command,
            system=subject.system.name,
            architectures=list(SQUARE),
            mach=MACH,
            l4=L4,
            tree={"source": ascii_safe(tree.source), "files": len(tree.files), "bytes": tree.bytes},
            rounds=len(squares),
            dials=len(dials) // len(ARCHITECTURES),
            images_on=host_filesystem(folder),
            wrong=sorted({ascii_safe(path) for one in squares for path in one.wrong})[:20],
        )
    recorder = Recorder(options.seed, {"system": subject.system.name, "clients": 1}, _links())
    squared(recorder, squares, options.placement)
    for architecture in ARCHITECTURES:
        dialled(recorder, [one for one in dials if one.architecture == architecture])
    return {"about": facts, "records": recorder.records}


def _measured(options: Options, bench: Bench, progress: Progress) -> tuple[list[Square], list[Dialled]]:
    """The rounds."""
    budget, chance = Budget(options.budget_s), random.Random(options.seed)
    steps = options.rounds + options.dials * len(ARCHITECTURES)
    squares, dials = list[Square](), list[Dialled]()
    for number in budget.passes(options.rounds, LEAST_ROUNDS, SQUARE_MARK):
        progress(f"round {number + 1} of at most {options.rounds}: all six variants", number, steps)
        with named("a round of the six variants"):
            squares.append(measure_square(bench, SQUARE_TURNS, chance))
    order = list(ARCHITECTURES)
    for number in budget.passes(options.dials, LEAST_ROUNDS, 1.0):
        chance.shuffle(order)
        for architecture in order:
            what = f"dial {number + 1} of at most {options.dials}: {architecture}"
            progress(what, options.rounds + len(dials), steps)
            with named(f"the dial of {architecture}"):
                dials.append(measure_dial(bench.subject, architecture, HOPS, DIAL_TURNS, chance))
    return squares, dials


def _links() -> dict[str, dict[str, str]]:
    """The path and transport of each variant."""
    pairs = {variant: variant.split("-") for variant in SQUARE}
    return {variant: {"path": path, "transport": transport} for variant, (path, transport) in pairs.items()}
