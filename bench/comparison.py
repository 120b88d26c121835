"""The comparison: the same system and workload through several architectures, and what it came to.

Rounds are interleaved in shuffled order under one seed; the most expensive architecture runs a second
time under another label, as a control.  Then the disk driver is killed in the middle of a copy, after the
same number of files in every architecture.  The result is a document: {"about", "records", "outcomes"}.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.about import about, host_filesystem
from bench.kills import Trial, orders, run_trial
from bench.placement import Placement
from bench.records import Recorder, outcomes
from bench.rounds import Bench, Round, run_round, schedule
from bench.subject import Subject, prepare
from bench.tree import Tree, stage
from microlith.kinds import architecture as find_architecture
from microlith.system.system import System
from servers.apps.retry import ascii_safe

Progress = Callable[[str, int, int], None]  # what is done now, steps done, steps in all


@dataclass
class Options:
    """What is asked for."""

    system: System | None = None
    architectures: list[str] = field(default_factory=lambda: ["library", "monolith", "mach"])
    tree: str | None = None
    seed: int = 1
    rounds: int = 9
    tree_rounds: int = 4  # of them, how many copy the tree too
    operations: int = 400  # of each kind in a round
    kills: int = 3  # for each architecture
    budget_s: float = 60.0  # after which no further round begins, once there are two
    kill_budget_s: float = 25.0  # after which no further kills are made, once there is one; a campaign makes all
    placement: str = "free"
    campaign: bool = False  # the kills were asked for: report every outcome
    command: str = ""


#: `--quick`: fewer rounds, the same tree.
QUICK: dict[str, Any] = {"rounds": 5, "tree_rounds": 2, "operations": 200, "kills": 1, "budget_s": 20.0}
LEAST_ROUNDS = 2
TREE_SHARE = 0.5  # of the budget, after which rounds copy no tree


def compare(options: Options, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run it all.  UsageError before anything is measured; the temporary folder is removed in any case."""
    at = Placement(options.placement)
    with _folder() as folder:
        progress("staging the tree", 0, 1)
        staged = folder / "tree"
        staged.mkdir()
        tree = stage(options.tree, staged)
        subject = prepare(options.system, folder, tree.blocks, tree.inodes)
        progress("formatting the disk", 0, 1)
        subject.format(options.architectures[0], tree.blocks, tree.inodes)
        run = _Run(options, Bench(subject, tree, staged, at), progress)
        rounds = run.rounds()
        trials = run.trials()
        return _document(options, subject, tree, rounds, trials, folder)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="microlith-compare-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Failed(RuntimeError):
    """A machine did not do what a comparison needs of it; the text says where."""


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, TimeoutError) as error:
        raise Failed(f"{what} failed: {error}") from error


class _Run:
    """The rounds and the trials of one comparison."""

    def __init__(self, options: Options, bench: Bench, progress: Progress) -> None:
        self.options, self.bench, self.progress = options, bench, progress
        labels = len(options.architectures) + 1
        self.steps = options.rounds * labels + options.kills * len(options.architectures)
        self.step = 0

    def _say(self, what: str) -> None:
        self.progress(what, self.step, self.steps)
        self.step += 1

    def rounds(self) -> list[Round]:
        """All rounds, by the schedule, as long as the budget lasts."""
        options = self.options
        order = schedule(options.architectures, control_of(options.architectures), options.rounds, options.seed)
        found: list[Round] = []
        labels = len(options.architectures) + 1
        began, with_tree = time.monotonic(), True
        for number, (label, architecture) in enumerate(order):
            if number % labels == 0:
                spent = (time.monotonic() - began) / options.budget_s
                if number >= LEAST_ROUNDS * labels and spent > 1:
                    self.step = options.rounds * labels
                    break
                with_tree = number == 0 or (number < options.tree_rounds * labels and spent < TREE_SHARE)
            self._say(f"round {number // labels + 1} of {options.rounds}: {label}")
            with _named(f"a round of {label}"):
                found.append(run_round(self.bench, label, architecture, options.operations, with_tree))
        return found

    def trials(self) -> list[Trial]:
        """All kills: the k-th comes after the same number of files in every architecture."""
        found = []
        afters = orders(self.options.kills, len(self.bench.tree.files), self.options.seed)
        until = time.monotonic() + self.options.kill_budget_s
        for number, after in enumerate(afters, 1):
            if number > 1 and time.monotonic() > until and not self.options.campaign:
                break
            for architecture in self.options.architectures:
                self._say(f"kill {number} of {self.options.kills}: {architecture}")
                with _named(f"a kill in {architecture}"):
                    found.append(run_trial(self.bench, architecture, after))
        return found


def control_of(architectures: list[str]) -> str:
    """Which architecture runs twice: the last named, which by custom is the one with most processes."""
    return architectures[-1]


def _link(subject: Subject, architecture: str) -> dict[str, str]:
    """How the workload reaches the files in an architecture."""
    link = find_architecture(architecture)(subject.system).template(subject.programs["workload"]).links[0]
    return {"path": link.path, "transport": link.transport or "none"}


def _document(
    options: Options, subject: Subject, tree: Tree, rounds: list[Round], trials: list[Trial], folder: Path
) -> dict[str, Any]:
    control = control_of(options.architectures)
    by_label: dict[str, list[Round]] = {}
    for found in rounds:
        by_label.setdefault(found.label, []).append(found)
    conditions = {"placement": options.placement, "system": subject.system.name, "clients": 1}
    links = {name: _link(subject, name) for name in options.architectures}
    recorder = Recorder(options.seed, conditions, links)
    for name in options.architectures:
        recorder.measured(name, by_label[name], tree.bytes)
        mine = [t for t in trials if t.architecture == name]
        if mine:
            recorder.killed(name, mine, subject.driver)
    recorder.control(control, by_label[control], by_label[f"{control} again"], tree.bytes)
    source = ascii_safe(tree.source)
    described = {"source": source, "files": len(tree.files), "bytes": tree.bytes, "left_out": dict(tree.left_out)}
    facts = about(
        options.placement,
        options.seed,
        command=options.command,
        system=subject.system.name,
        architectures=options.architectures,
        control=control,
        tree=described,
        rounds={label: len(found) for label, found in by_label.items()},
        operations=options.operations,
        kills=len(trials) // len(options.architectures),
        campaign=options.campaign,
        killed=subject.driver,
        images_on=host_filesystem(folder),
        wrong=sorted({ascii_safe(path) for found in rounds for path in found.wrong})[:20],
    )
    results = {a: outcomes([t for t in trials if t.architecture == a]) for a in options.architectures}
    return {"about": facts, "records": recorder.records, "outcomes": results}
