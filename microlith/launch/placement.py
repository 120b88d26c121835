"""Which cores the processes of a machine may use.

`same-core`: all on one; handing over by blocking is cheapest there, and nobody spins.  `spread`: programs on
the first core, servers and kernel on the others, each on one.  `free`: the host decides.  On two cores and
more, `free` and `spread` let a side of a channel look for a while before it blocks.

Unless told otherwise it is `free`, or `same-core` where there is only one.  `microlith doctor` measures why.
"""

import os
from dataclasses import dataclass

from microlith.system.tables import PLACEMENTS


@dataclass(frozen=True)
class Placement:
    """A placement on this machine: its name, and the cores there are for it."""

    name: str
    cores: tuple[int, ...]

    def program(self) -> tuple[int, ...]:
        """The cores of a program; none: all there are."""
        return () if self.name == "free" else self.cores[:1]

    def server(self, number: int) -> tuple[int, ...]:
        """The cores of the domain of that number, the kernel's being 0."""
        if self.name == "free":
            return ()
        others = self.cores[1:] if self.name == "spread" else self.cores[:1]
        return (others[number % len(others)],)

    @property
    def spins(self) -> bool:
        """Does it pay, and is it sound, to look at shared memory in a loop?  Python has no fences off x86-64."""
        return self.name != "same-core" and len(self.cores) > 1 and os.uname().machine == "x86_64"


def place(wanted: str | None = None) -> Placement:
    """The placement of that name on this machine, or the default.  ValueError if it cannot be had."""
    cores = tuple(sorted(os.sched_getaffinity(0)))
    if wanted == "spread" and len(cores) < 2:
        raise ValueError("placement spread needs two cores, and this process may use one")
    if wanted is not None and wanted not in PLACEMENTS:
        raise ValueError(f"no placement is called {wanted!r}; there are {', '.join(PLACEMENTS)}")
    return Placement(wanted or ("free" if len(cores) > 1 else "same-core"), cores)
