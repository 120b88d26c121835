"""The kernel's side of lines over shared memory: the streams and bells of channels (channel.py), without their slot.

Whoever writes rings, unless the other side has said that it is awake; the kernel never says so, since it waits
for all lines at once and has to be woken for any.
"""

from typing import Any

from microkernel import fence
from microkernel.carriers.lines import Line, LineBroker
from microkernel.channel import ASLEEP, ENDS, STUCK, Broken, End, make
from microlith.frame.connection import Gone
from microlith.interface.status import BadMessage


class RingLine(Line):
    """A line over shared memory."""

    def __init__(self, task: int, end: End) -> None:
        super().__init__(task)
        self.end, self.descriptor = end, end.bell
        end.says[ASLEEP] = 1

    def take(self) -> bytes:
        there = self.end.silence()
        try:
            data = self.end.read()
        except Broken as why:
            raise BadMessage(str(why)) from None
        if not data and not there:
            raise Gone("closed")
        return data

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

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")

    def make(self, task: int) -> tuple[Line, dict[str, int]]:
        theirs, ours = make(f"line:{task}")
        return RingLine(task, End(ours)), {f"link:{number}": theirs[number] for number in range(ENDS)}
