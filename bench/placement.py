"""Where the machine's processes may run.

    free       the host decides
    same-core  all on the first core
    spread     the programs on the first core, everything else on the others, each on one

Placement decides much: handing over between processes that block is cheapest on one core.  The driver
sleeps while something is measured.  Processes inherit their place from whoever starts them, so a
rebooted kernel stays where it was; a program that starts later, and a restarted server, begin where the
zygote is, which is with the programs.  A library OS is one process, and that is the program's.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from microlith.interface.status import UsageError

PLACEMENTS = ("free", "same-core", "spread")


class Placement:
    """One of PLACEMENTS.  UsageError where the machine has too few cores for it."""

    def __init__(self, name: str = "free") -> None:
        if name not in PLACEMENTS:
            raise UsageError(f"no placement is called {name!r}; there are {', '.join(PLACEMENTS)}")
        self.name = name
        self.cores = sorted(os.sched_getaffinity(0))
        if name == "spread" and len(self.cores) < 2:
            raise UsageError("--placement spread needs two cores, and this process may use one")

    @contextmanager
    def inherited(self) -> Iterator[None]:
        """Around a boot: what is started inside stays on one core, if that is the placement."""
        if self.name != "same-core":
            yield
            return
        os.sched_setaffinity(0, {self.cores[0]})
        try:
            yield
        finally:
            os.sched_setaffinity(0, set(self.cores))

    def settle(self, machine: Any, programs: Collection[int] = ()) -> None:
        """Put every process of a running machine in its place; `programs` are the pids of the programs."""
        if self.name == "free":
            return
        state, others = machine.state(), self.cores[1:] or self.cores
        birthplace = {state["zygote"], state["spare"]}
        pids = [pid for pid in pids_of(state) if pid not in programs and pid not in birthplace]
        places = {pid: self.cores[0] for pid in (*programs, *birthplace) if pid}
        for number, pid in enumerate(pids):
            places[pid] = others[number % len(others)] if self.name == "spread" else self.cores[0]
        for pid, core in places.items():
            _pin(pid, core)


def _pin(pid: int, core: int) -> None:
    """Keep all threads of a process on a core; a thread or process that is gone needs no place."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread), {core})


def pids_of(state: dict[str, Any]) -> list[int]:
    """The processes of a machine, the root first; the zygote, if there is one, last."""
    pids = [row["pid"] for row in state["domains"] if row["pid"]]
    return [pid for pid in dict.fromkeys((*pids, state["zygote"], state["spare"])) if pid and psutil.pid_exists(pid)]
