"""A broker with a line of its own to every domain: a stream of messages each way, and a descriptor to wait for.

Who speaks is known by the line, which the kernel makes and hands to one process.  The broker's rules hold
(broker.py), and these:
- All lines and all that is no message are waited for together.
- From a line that is ready as much is read as is there, up to a bound; then the others have their turn.
- What a domain does not take at once is queued here, up to the number and the bytes that ZeroMQ would queue.
"""

import select
from collections import deque
from collections.abc import Callable
from typing import Any

from microkernel.broker import HELLO, HIGH_WATER, QUEUED, Broker
from microlith.frame import wire
from microlith.frame.connection import Gone
from microlith.frame.inflow import Inflow
from microlith.frame.page import BYTES_OUT, SENT
from microlith.interface.status import BadMessage

DRAINS = 4096  # reads of what a line still holds, at most


class Line:
    """The kernel's end of a line to one domain."""

    descriptor: int  # ready when there is something to take

    def __init__(self, task: int) -> None:
        self.task = task
        self.inflow = Inflow()
        self.queue: deque[Any] = deque()  # what was not taken yet, the first perhaps in part
        self.queued = 0  # bytes of it
        self.closed = False

    def take(self) -> bytes:
        """The bytes that have come; none: b"".  Raises Gone, and BadMessage if its protocol is not followed."""
        raise NotImplementedError

    def put(self, data: Any) -> int:
        """Send without blocking; how many bytes were taken.  Raises Gone and BadMessage."""
        raise NotImplementedError

    def stuck(self, poll: Any) -> bool:
        """Be ready too when there is room.  True: there is some already."""
        raise NotImplementedError

    def flowing(self, poll: Any) -> None:
        """The opposite."""
        raise NotImplementedError

    def close(self) -> None:
        """Let it go."""
        raise NotImplementedError


class LineBroker(Broker):
    """A broker whose domains are at the ends of lines.  A subclass makes them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.poll = select.epoll()
        self.lines: dict[int, Line] = {}  # by task
        self._by_descriptor: dict[int, Line] = {}

    def make(self, task: int) -> tuple[Line, dict[str, int]]:
        """A new line: our end, and the labelled descriptors of the domain's."""
        raise NotImplementedError

    def open(self, task: int) -> dict[str, int]:
        line, theirs = self.make(task)
        self.lines[task] = self._by_descriptor[line.descriptor] = line
        self.poll.register(line.descriptor, select.EPOLLIN)
        return theirs

    # --- messages in -------------------------------------------------------------------------------

    def receive(self) -> list[int] | None:
        return self.wait(-1)

    def wait(self, seconds: float) -> list[int] | None:
        """Wait until something is ready (-1: for ever), handle the messages; what else was ready."""
        lines, others = self._by_descriptor, []
        for descriptor, event in self.poll.poll(seconds):
            line = lines.get(descriptor)
            if line is None:
                others.append(descriptor)
                continue
            if event == select.EPOLLOUT:
                self._send_on(line)
            else:
                self.read(line)
        return others or None

    def read(self, line: Line) -> bool:
        """Handle what has come on a line that is ready; was there anything?"""
        return self.serve(line, line.take)

    def serve(self, line: Line, take: Callable[[], bytes]) -> bool:
        """Handle what has come on a line; was there anything?"""
        try:
            data = take()
            if line.queue:  # what we were woken for may be room
                self._send_on(line)
            raw = (line.inflow.feed(data) or line.inflow.next()) if data else None
            while raw is not None:
                peer = self.peers.get(line)
                if peer is not None:
                    self.hear(raw, peer)
                else:
                    self._stranger(line, raw)
                raw = None if line.closed else line.inflow.next()
        except Gone:
            self._shut(line)  # the end of its process is on the way
            return False
        except BadMessage:
            self._convict(line, "sent bytes that are no message")
        return bool(data)

    def _stranger(self, line: Line, raw: bytes) -> None:
        """The first message on a line."""
        pid = self.shell.table[line.task].pid
        known = self.shell.who(pid)
        if known is None or len(raw) != wire.HEADER.size or raw[:2] != HELLO:
            self._convict(line, "did not begin with HELLO")
        else:
            self.greet(line, known, pid)

    def _convict(self, line: Line, reason: str) -> None:
        self._shut(line)
        self.shell.convict(self.shell.table[line.task].pid, reason)

    def drain(self) -> None:
        for line in tuple(self.lines.values()):
            for _ in range(DRAINS):
                if line.closed or not self.read(line):
                    break

    # --- messages out ------------------------------------------------------------------------------

    def _pass(self, route: Line, raw: bytes | bytearray) -> bool:
        size = len(raw)
        if route.closed:
            return True  # it has gone: its death is on the way
        if route.queue:
            if len(route.queue) >= HIGH_WATER or route.queued + size > QUEUED:
                return False
            route.queue.append(raw)
            route.queued += size
        else:
            sent = self._put(route, raw)
            if sent < size and not route.closed:
                route.queue.append(memoryview(raw)[sent:])
                route.queued = size - sent
                if route.stuck(self.poll):
                    self._send_on(route)
        words = self.words
        words[SENT] += 1
        words[BYTES_OUT] += size
        return True

    def _put(self, line: Line, data: Any) -> int:
        try:
            return line.put(data)
        except Gone:
            self._shut(line)
        except BadMessage:
            self._convict(line, "does not follow the protocol of its line")
        return 0

    def _send_on(self, line: Line) -> None:
        """There may be room again."""
        queue = line.queue
        while queue:
            sent = self._put(line, queue[0])
            line.queued -= sent
            if sent < len(queue[0]):
                queue[0] = memoryview(queue[0])[sent:]
                if not line.stuck(self.poll):
                    return
            else:
                queue.popleft()
        if not line.closed:
            line.flowing(self.poll)

    # --- the end -----------------------------------------------------------------------------------

    def _shut(self, line: Line) -> None:
        """Nothing comes or goes on this line any more."""
        if not line.closed:
            line.closed = True
            line.queue.clear()
            del self._by_descriptor[line.descriptor]
            self.poll.unregister(line.descriptor)
            line.close()

    def forget(self, task: int) -> None:
        super().forget(task)
        line = self.lines.pop(task, None)
        if line is not None:
            self._shut(line)
