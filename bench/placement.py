"""Where the machine's processes may run: `free` (the host decides), `same-core`, or `spread` over all cores.

Placement decides much: handing over between processes that block is cheapest on one core.  The driver
sleeps while something is measured.  Processes inherit their place from whoever starts them, so a
rebooted kernel and a restarted server stay where they were.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
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

    def settle(self, machine: Any) -> None:
        """Spread the processes of a machine over the cores, each on one."""
        if self.name != "spread":
            return
        for number, pid in enumerate(pids_of(machine.state())):
            try:
                os.sched_setaffinity(pid, {self.cores[number % len(self.cores)]})
            except ProcessLookupError:
                continue


def pids_of(state: dict[str, Any]) -> list[int]:
    """The processes of a machine, the root first; the zygote, if there is one, last."""
    pids = [row["pid"] for row in state["domains"] if row["pid"]]
    return [pid for pid in dict.fromkeys((*pids, state["zygote"], state["spare"])) if pid and psutil.pid_exists(pid)]
