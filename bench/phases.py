"""The phases of a comparison: rounds with a copy of the tree, rounds without, probes, kills."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.budget import Budget
from bench.kills import Trial, orders, run_trial
from bench.options import Options
from bench.probes import Probe, Probes
from bench.rounds import Bench, Round, run_round, schedule
from microlith.kinds import architecture as find_architecture
from microlith.system.system import System

Progress = Callable[[str, int, int], None]  # what is done now, steps done, steps in all

LEAST_ROUNDS = 2  # one has no interval
#: The shares of the budget by which a phase should have ended; the kills have all of it.
TREE_MARK, ROUND_MARK, PROBE_MARK = 0.45, 0.55, 0.75


class Failed(RuntimeError):
    """A machine did not do what a comparison needs of it; the text says where."""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Around what can fail for the machine's reasons."""
    try:
        yield
    except (RuntimeError, TimeoutError) as error:
        raise Failed(f"{what} failed: {error}") from error


class Phases:
    """The rounds, probes and trials of one comparison."""

    def __init__(self, options: Options, bench: Bench, progress: Progress) -> None:
        self.options, self.bench, self.progress = options, bench, progress
        self.names = options.architectures
        self.control = control_of(self.names, bench.subject.system)
        self.budget = Budget(options.budget_s)
        self.steps = options.rounds * (len(self.names) + 1) + (options.probes + options.kills) * len(self.names)
        self.step = 0

    def _say(self, what: str) -> None:
        self.progress(what, self.step, self.steps)
        self.step += 1

    def rounds(self) -> list[Round]:
        """The rounds: first those that copy the tree too, then more without."""
        options, labels = self.options, len(self.names) + 1
        order = schedule(self.names, self.control, options.rounds, options.seed)
        found: list[Round] = []

        def pass_through(with_tree: bool) -> None:
            number = len(found) // labels
            for label, architecture in order[number * labels : (number + 1) * labels]:
                self._say(f"round {number + 1} of at most {options.rounds}: {label}")
                with named(f"a round of {label}"):
                    found.append(run_round(self.bench, label, architecture, options.operations, with_tree))

        for _ in self.budget.passes(min(options.tree_rounds, options.rounds), 1, TREE_MARK):
            pass_through(with_tree=True)
        done = len(found) // labels
        for _ in self.budget.passes(options.rounds - done, LEAST_ROUNDS - done, ROUND_MARK):
            pass_through(with_tree=False)
        self.step = options.rounds * labels
        return found

    def probes(self) -> list[Probe]:
        """The probes, the architectures in another order each time."""
        options = self.options
        made, chance = Probes(self.bench, options.length, options.seed), random.Random(options.seed)
        found, order = [], list(self.names)
        for number in self.budget.passes(options.probes, 1, PROBE_MARK):
            chance.shuffle(order)
            for architecture in order:
                self._say(f"probe {number + 1} of at most {options.probes}: {architecture}")
                with named(f"a probe of {architecture}"):
                    found.append(made.probe(architecture))
        self.step = self.steps - options.kills * len(self.names)
        return found

    def trials(self) -> list[Trial]:
        """All kills: the k-th comes after the same number of files in every architecture."""
        options, found = self.options, []
        afters = orders(options.kills, len(self.bench.tree.files), options.seed)
        for number in self.budget.passes(options.kills, options.kills if options.campaign else 1, 1.0):
            for architecture in self.names:
                self._say(f"kill {number + 1} of {options.kills}: {architecture}")
                with named(f"a kill in {architecture}"):
                    found.append(run_trial(self.bench, architecture, afters[number]))
        return found


def control_of(architectures: list[str], system: System) -> str:
    """Which architecture runs twice: the first of those with most domains, where most can differ."""
    return max(architectures, key=lambda name: len(find_architecture(name)(system).domains))
