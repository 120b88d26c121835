"""Killing the disk driver in the middle of a copy, and judging from outside what came of it.

One trial: boot, copy the tree in, and when the k-th file was acknowledged (it is synced) order the death
of the driver: SIGKILL where it is a process, a fault put into it where it is not.  A machine whose root
dies of that is rebooted by its launcher.  Then a fresh program copies everything out, and the judge
compares what was acknowledged with its own copy of the truth.
"""

import queue
import random
import shutil
import time
from dataclasses import dataclass, field
from typing import Any

from bench.driver import Lines, Silent, copy, copying, working
from bench.judge import wrong_files
from bench.rounds import PLACE, Bench
from bench.subject import Subject
from microlith.interface.status import UsageError
from microlith.launch.machine import Machine
from microlith.launch.orders import MachineDied
from microlith.launch.running import Running as Program

OUTCOMES = (
    "not activated",
    "masked",
    "recovered",
    "degraded",
    "orderly shutdown",
    "hang",
    "crash of the whole",
    "silent wrong answer",
)
HANG_S = 12.0  # twice the deadline of a call, and some
REBOOT_S = 5.0  # how long after the end of a program a reboot may take to be heard of


News = queue.SimpleQueue[tuple[int, dict[str, Any]]]


@dataclass
class Trial:
    """One kill and what came of it."""

    architecture: str
    after: int  # the kill came when this many files were acknowledged
    outcome: str = ""
    how: str = ""  # SIGKILL or fault
    failed_apps: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    recovery_ns: int = 0  # 0: no good answer came
    statuses: list[str] = field(default_factory=list)  # typed errors that the program saw
    hung: bool = False
    reboots: int = 0


def orders(count: int, files: int, seed: int) -> list[int]:
    """After how many acknowledged files to kill, for each trial: in the middle half of the copy."""
    chance = random.Random(seed)
    return [chance.randint(max(1, files // 4), max(1, 3 * files // 4)) for _ in range(count)]


def run_trial(bench: Bench, architecture: str, after: int) -> Trial:
    """Boot, copy, kill, judge."""
    subject = bench.subject
    trial = Trial(architecture, after)
    news: News = queue.SimpleQueue()

    def hear(record: dict[str, Any]) -> None:
        news.put((time.monotonic_ns(), record))

    with subject.booted(architecture, bench.placement, hear) as machine:
        watch = _Watch(machine, trial, news)
        place = f"{PLACE}/tree"
        with working(machine, subject.programs["workload"]) as client:
            client.ask(do="prepare", directory=PLACE, cold=0)
        with copying(machine, subject.programs["watched"], "source", bench.staged, place) as (program, lines):
            acknowledged = watch.follow(lines, program, subject.driver)
        _recover(trial, machine, watch, subject)
        trial.acknowledged = len(acknowledged)
        if not trial.hung:
            _judge(trial, machine, bench, acknowledged, place)
        trial.outcome = _classify(trial, watch)
    return trial


class _Watch:
    """Follows the copy and the machine's news during one trial."""

    def __init__(self, machine: Machine, trial: Trial, news: News) -> None:
        self.machine, self.trial, self.news = machine, trial, news
        self.ordered = self.done = 0  # when the kill was ordered, and when that was confirmed
        self.driver_up = 0  # when its next incarnation was ready
        self.good: list[tuple[int, int]] = []  # begin and end of the good operations after the order
        self.driver_died = self.copy_failed = self.root_down = False

    def follow(self, lines: Lines, program: Program, driver: str) -> list[str]:
        """Read what the copying program says, to its end; the files that it acknowledged."""
        acknowledged: list[str] = []
        while True:
            try:
                line = lines.next(HANG_S)
            except Silent:
                self.trial.hung = True
                self.trial.failed_apps = 1
                return acknowledged
            if line is None:
                break
            if "done" in line:
                acknowledged.append(line["done"])
                if len(acknowledged) == self.trial.after:
                    self._kill(driver)
            elif "did" in line and self.ordered:
                self._operation(line)
            elif "failed" in line:
                self.copy_failed = True
        self.trial.failed_apps = int(self._failed(program))
        return acknowledged

    def _kill(self, driver: str) -> None:
        self.ordered = time.monotonic_ns()
        try:
            self.trial.how = str(self.machine.kill(driver)["how"])
        except (UsageError, MachineDied):
            self.trial.how = "fault"  # it worked at once, and the answer died with the root
        self.done = time.monotonic_ns()

    def _operation(self, line: dict[str, Any]) -> None:
        """An operation that needs the disk, and ended after the order."""
        if line["ended"] > self.ordered:
            if line["status"]:
                self.trial.statuses.append(line["status"])
            else:
                self.good.append((line["began"], line["ended"]))

    def first_good(self) -> int:
        """When the first good answer came that cannot be one of before the kill; 0: none did.

        It was asked for after the kill was confirmed, or it came when the driver was up again.
        """
        fitting = [end for begin, end in self.good if begin >= self.done or 0 < self.driver_up <= end]
        return min(fitting, default=0)

    def _failed(self, program: Program) -> bool:
        if self.machine.reboots:
            return True
        try:
            return program.wait(5) != 0
        except (MachineDied, TimeoutError):
            return True

    def settle(self, driver: str, patience_s: float = 0.0) -> None:
        """Take in the news; with patience, until the machine has rebooted and is ready."""
        until = time.monotonic() + patience_s
        while True:
            try:
                when, record = self.news.get(timeout=max(0.0, until - time.monotonic()) or 0.001)
            except queue.Empty:
                return
            self.driver_died |= record["event"] == "died" and record["name"] == driver
            if record["event"] == "up" and record["name"] == driver and record["incarnation"] > 1:
                self.driver_up = self.driver_up or when
            self.root_down |= record["event"] == "down"
            if record["event"] == "reboot":
                self.trial.reboots += 1
                until += HANG_S
            if self.root_down or (record["event"] == "ready" and self.trial.reboots):
                return


def _recover(trial: Trial, machine: Machine, watch: _Watch, subject: Subject) -> None:
    """If the program died, a fresh one gives the first good answer."""
    if not watch.ordered or trial.hung:
        return
    watch.settle(subject.driver, REBOOT_S if trial.failed_apps else 0.0)
    first = watch.first_good()
    if first:
        trial.recovery_ns = first - watch.ordered
    if first or watch.root_down:
        return
    try:
        with working(machine, subject.programs["workload"]) as client:
            answered = client.ask(do="answer", patience_s=HANG_S)["at"]
        trial.recovery_ns = answered - watch.ordered
    except TimeoutError:
        trial.hung = True
    except (RuntimeError, UsageError) as error:  # Ended and MachineDied among them
        trial.statuses.append(str(error))


def _judge(trial: Trial, machine: Machine, bench: Bench, acknowledged: list[str], place: str) -> None:
    """What was acknowledged and does not come out as it went in."""
    out = bench.subject.folder / "recovered"
    out.mkdir()
    try:
        copy(machine, bench.subject.programs["copy_out"], "target", out, place)
    except (RuntimeError, TimeoutError, UsageError) as error:
        trial.statuses.append(f"reading back: {error}")
    finally:
        trial.lost = wrong_files(bench.tree, out, acknowledged)
        shutil.rmtree(out)


def _classify(trial: Trial, watch: _Watch) -> str:
    """The outcome, the worst that applies."""
    if not (watch.driver_died or trial.reboots or watch.root_down or trial.statuses or trial.hung):
        return "not activated"
    if trial.lost:
        return "silent wrong answer"
    if trial.hung:
        return "hang"
    if trial.reboots or (watch.root_down and trial.failed_apps):
        return "crash of the whole"
    if watch.root_down:
        return "orderly shutdown"
    if watch.copy_failed or trial.failed_apps:
        return "degraded"
    return "recovered" if trial.statuses else "masked"
