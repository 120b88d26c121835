"""A program that was started on a machine, as whoever started it sees it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microlith.launch.machine import Machine


class Running:
    """A running program; `reboots` is how often the machine had been rebooted when it was started."""

    def __init__(self, machine: "Machine", name: str, pid: int, reboots: int) -> None:
        self.machine, self.name, self.pid, self.reboots = machine, name, pid, reboots

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit status (negative: the signal that ended it).  Raises TimeoutError or MachineDied."""
        return int(self.machine.ended(self.name, timeout_s, self.reboots)["status"])
