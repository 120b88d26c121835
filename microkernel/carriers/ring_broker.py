"""The kernel's side of lines over shared memory: the streams and bells of channels (channel.py), without their slot.

Where it pays to look at memory for a while before blocking (two cores and more), the kernel does so while no
server is at work on a call: then the next message comes from a program on another core.  While one is, the kernel
is in its way, and blocks.  On one core it never looks, and has every message ring.
"""

from itertools import repeat
from typing import Any

from microkernel import fence
from microkernel.carriers.lines import Line, LineBroker
from microkernel.channel import ASLEEP, ENDS, STUCK, Broken, make
from microkernel.end import End
from microlith.frame.connection import Gone
from microlith.interface.status import BadMessage

ROUNDS = 60  # looks at every line before the kernel sleeps: about what it takes to wake an idle core
MANY = 64  # messages handled before the kernel looks at its other sources


class RingLine(Line):
    """A line over shared memory."""

    def __init__(self, task: int, end: End) -> None:
        super().__init__(task)
        self.end, self.descriptor = end, end.bell
        end.says[ASLEEP] = 1

    def take(self) -> bytes:
        there = self.end.silence()
        data = self.look()
        if not data and not there:
            raise Gone("closed")
        return data

    def look(self) -> bytes:
        """What has come, while the kernel is awake and nobody rings."""
        try:
            return self.end.read()
        except Broken as why:
            raise BadMessage(str(why)) from None

    def put(self, data: Any) -> int:
        try:
            return self.end.write(data)
        except Broken as why:
            raise BadMessage(str(why)) from None

    def stuck(self, poll: Any) -> bool:
        self.end.says[STUCK] = 1  # who has read from then on rings
        fence.fence()
        return bool(self.end.room)

    def flowing(self, poll: Any) -> None:
        self.end.says[STUCK] = 0

    def close(self) -> None:
        self.end.close()


class RingBroker(LineBroker):
    """A broker that reaches its domains over shared memory."""

    lines: dict[int, RingLine]  # type: ignore[assignment]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._spins = self.shell.boot.root.spins
        self._handled = 0  # since the other sources were looked at
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")

    def make(self, task: int) -> tuple[Line, dict[str, int]]:
        theirs, ours = make(f"line:{task}")
        return RingLine(task, End(ours)), {f"link:{number}": theirs[number] for number in range(ENDS)}

    def receive(self) -> list[int] | None:
        if self._spins and self._look():
            if self._handled < MANY:
                return None
            self._handled = 0
            return self.wait(0)
        self._handled = 0
        return self.wait(-1)

    def _look(self) -> bool:
        """Handle what comes while we look on; False: nothing has for a while, and whoever sends from now on rings."""
        lines, used = tuple(self.lines.values()), self.core.used
        self._say(lines, 0)
        for _ in repeat(None, 1 if any(used.values()) else ROUNDS):
            if self._found(lines):
                return True
        self._say(lines, 1)
        fence.fence()
        return self._found(lines)

    def _found(self, lines: tuple[RingLine, ...]) -> bool:
        """Handle what has come."""
        found = [line for line in lines if not line.closed and line.end.pending]
        for line in found:
            if not line.closed:
                self.serve(line, line.look)
        self._handled += len(found)
        return bool(found)

    @staticmethod
    def _say(lines: tuple[RingLine, ...], asleep: int) -> None:
        for line in lines:
            if not line.closed:
                line.end.says[ASLEEP] = asleep
