"""One round: boot an architecture, measure everything once, stop it.

A comparison is many short rounds in shuffled order, so that what drifts on the host drifts for all.
"""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench import counting
from bench.driver import Client, copy, working
from bench.judge import wrong_entries
from bench.placement import Placement, pids_of
from bench.statistics import median
from bench.subject import Subject
from bench.tree import Tree
from bench.workload import PAYLOAD
from microlith.launch.machine import Machine

LATENCIES = ("null_call", "stat", "read_4k", "write_4k")
PAYLOADS = {"null_call": 0, "stat": 0, "read_4k": PAYLOAD, "write_4k": PAYLOAD}
COUNTED = ("null_call", "read_4k", "read_4k_uncached", "create_write_sync")
REPETITIONS = 3
WARM_UP = 30
WAKE_UPS = {"null_call": 100, "read_4k": 100, "read_4k_uncached": 20, "create_write_sync": 10}
COLD = REPETITIONS + WAKE_UPS["read_4k_uncached"]
PLACE = "/compare"  # the directory of everything that the comparison writes


@dataclass
class Round:
    """What one round found; times in nanoseconds, sizes in bytes."""

    label: str
    architecture: str
    boot_ns: int = 0
    processes: int = 0
    zygotes: int = 0
    domains: int = 0
    unique: int = 0
    shared: int = 0  # unique, and its share of the pages that several processes have
    clock_ns: float = 0.0
    counts: dict[str, list[counting.Counts]] = field(default_factory=dict)
    wake_ups: dict[str, float] = field(default_factory=dict)
    latencies: dict[str, list[int]] = field(default_factory=dict)
    tree_write_s: float = 0.0
    tree_read_s: float = 0.0
    wrong: list[str] = field(default_factory=list)  # of the tree, as the judge sees what came out


def schedule(architectures: list[str], control: str, rounds: int, seed: int) -> list[tuple[str, str]]:
    """(label, architecture) for each round; the control is an architecture under a second label.

    Every label comes once before any comes again.
    """
    labels = [(name, name) for name in architectures] + [(f"{control} again", control)]
    chance, order = random.Random(seed), []
    for _ in range(rounds):
        chance.shuffle(labels)
        order += labels
    return order


@dataclass(frozen=True)
class Bench:
    """What all rounds and trials share."""

    subject: Subject
    tree: Tree
    staged: Path
    placement: Placement


def run_round(bench: Bench, label: str, architecture: str, n: int, with_tree: bool) -> Round:
    """Boot, measure, stop.  A library OS runs one program at a time, so all of them do here."""
    found, subject, at = Round(label, architecture), bench.subject, bench.placement
    with subject.booted(architecture, at) as machine:
        found.boot_ns = subject.boot_ns
        with working(machine, subject.programs["workload"]) as client:
            at.settle(machine, {client.program.pid})
            client.ask(do="prepare", directory=PLACE, cold=COLD if with_tree else 0)
            _sizes(found, client)
            _latencies(found, client, n)
            for operation in ("null_call", "read_4k", "create_write_sync"):
                _counts(found, client, operation)
        if not with_tree:
            return found
        _copies(found, machine, bench)
        with working(machine, subject.programs["workload"]) as client:
            client.ask(do="open_cold", directory=PLACE, cold=COLD)
            _counts(found, client, "read_4k_uncached")
    return found


def _sizes(found: Round, client: Client) -> None:
    """Processes, domains and memory, the workload running."""
    state = client.machine.state()
    found.domains = len(state["domains"])
    found.zygotes = int(bool(state["zygote"]))
    for pid in pids_of(state):
        memory = psutil.Process(pid).memory_full_info()
        found.processes += 1
        found.unique += memory.uss
        found.shared += memory.pss


def _latencies(found: Round, client: Client, n: int) -> None:
    found.clock_ns = median(client.ask(do="clock", n=500)["ns"])
    for operation in LATENCIES:
        client.ask(do="measure", operation=operation, n=WARM_UP)
        found.latencies[operation] = client.ask(do="measure", operation=operation, n=n)["ns"]


def _counts(found: Round, client: Client, operation: str) -> None:
    found.counts[operation] = counting.count(client, operation, REPETITIONS)
    found.wake_ups[operation] = counting.wake_ups(client, operation, WAKE_UPS[operation])


def _copies(found: Round, machine: Machine, bench: Bench) -> None:
    """The tree in, and out again to a folder that the judge reads."""
    subject = bench.subject
    out = subject.folder / "out"
    out.mkdir()
    try:
        place = f"{PLACE}/tree"
        summary = copy(machine, subject.programs["copy_in"], "source", bench.staged, place)
        found.tree_write_s, found.wrong = summary["seconds"], summary["errors"]
        found.tree_read_s = copy(machine, subject.programs["copy_out"], "target", out, place)["seconds"]
        found.wrong += wrong_entries(bench.tree, out)
    finally:
        shutil.rmtree(out)
