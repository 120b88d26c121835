"""A terminal: bytes out, lines in.

The server reads and writes only when poll(2) agrees and never sets O_NONBLOCK, which the user's shell
would inherit.  (A terminal that is nearly full may still block a write, if the descriptor is a blocking
one: poll(2) promises room for one byte.)  It reads ahead up to a bound; then the line stays masked, and
the rest waits in the host's terminal or pipe, until somebody reads.
"""

import os
import select
from collections import deque
from time import monotonic_ns
from typing import Any

from microlith.frame.reply import Reply
from microlith.frame.server import Server
from microlith.interface.devices import Terminal
from microlith.interface.interface import Interface
from microlith.interface.operation import raises, waits
from microlith.interface.status import Busy
from servers.statuses import DeviceError, EndOfInput

CHUNK = 65536
PIECE = 4096  # PIPE_BUF: a pipe that poll(2) calls writable takes as much without blocking
STUCK_NS = 50_000_000  # how long a write waits for an output that takes nothing


class Console(Interface):
    """A terminal or a pair of pipes.  Lines end at a newline, which is not part of them."""

    @raises(DeviceError)
    def write(self, data: bytes) -> int:
        """How many of the bytes were taken.  An output that takes none (^S, a full pipe) answers Busy."""
        ...

    @waits
    @raises(EndOfInput)
    def read_line(self, prompt: bytes = b"") -> bytes:
        """The next line.  The prompt is shown when it is this reader's turn.  One line goes to one reader."""
        ...


class TerminalConsole(Server, Console):
    """The console on a terminal of the host, which does the line editing.

    `read_ahead` is how many bytes are kept for readers yet to come; a longer line than `line_limit`
    is cut there.
    """

    terminal: Terminal
    read_ahead: int = 65536
    line_limit: int = 1024 * 1024

    def start(self) -> None:
        """Nothing read yet."""
        self._readers: deque[tuple[Reply, bytes]] = deque()
        self._lines: deque[bytes] = deque()
        self._partial = b""  # read, but its newline has not come yet
        self._held = 0  # bytes in `_lines`
        self._ended = self._masked = False

    def write(self, data: bytes) -> int:
        done = 0
        try:
            while done < len(data) and self._writable():
                done += os.write(self.terminal.output, data[done : done + PIECE])
        except BlockingIOError:
            pass
        except OSError as error:
            raise DeviceError(f"{self.terminal.name}: {error.strerror}") from error
        if data and not done:
            raise Busy(f"{self.terminal.name} takes no output")
        return done

    def read_line(self, prompt: bytes = b"") -> Any:
        reply = self.later()
        self._readers.append((reply, prompt))
        if len(self._readers) == 1:
            self._show_prompt()
        self._hand_out()
        self._unmask()
        return reply

    def withdrawn(self, reply: Reply) -> None:
        """A reader gave up: it is the next one's turn."""
        first = bool(self._readers) and self._readers[0][0] is reply
        self._readers = deque(reader for reader in self._readers if reader[0] is not reply)
        if first:
            self._show_prompt()

    def interrupt(self, device: str) -> bool:
        """Input, or its end.  False, masked: at the end, and while more would be more than `read_ahead`."""
        if _ready(self.terminal.input, select.POLLIN, 0):
            self._read()
        self._hand_out()
        self._masked = self._ended or not self._wanted()
        return not self._masked

    def _wanted(self) -> bool:
        return bool(self._readers) or self._held < self.read_ahead

    def _unmask(self) -> None:
        if self._masked and not self._ended and self._wanted():
            self._masked = False
            self.acknowledge("terminal")

    def _read(self) -> None:
        """One read(2).  A terminal that was hung up fails with EIO; that is an end like any other."""
        try:
            data = os.read(self.terminal.input, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, rest = (self._partial + data).split(b"\n")
        if not data:
            self._ended = True
            lines, rest = ([rest] if rest else []), b""
        elif len(rest) >= self.line_limit:
            lines, rest = [*lines, rest], b""
        self._partial = rest
        for line in lines:
            self._keep(line)

    def _keep(self, line: bytes) -> None:
        """Add a line, or the pieces of one that is too long."""
        for start in range(0, len(line) or 1, self.line_limit):
            self._lines.append(line[start : start + self.line_limit])
            self._held += len(self._lines[-1]) + 1

    def _hand_out(self) -> None:
        """Lines to readers in order; a line goes only when its reader took it."""
        while self._readers and (self._lines or self._ended):
            reply, _ = self._readers.popleft()
            if not self._lines:
                reply.fail(EndOfInput(f"{self.terminal.name} is at its end"))
            elif reply.answer(self._lines[0]):
                self._held -= len(self._lines.popleft()) + 1
            self._show_prompt()

    def _show_prompt(self) -> None:
        """Show the prompt of the reader whose turn it is.  An output that fails must not cost it its line."""
        if self._readers and self._readers[0][1]:
            try:
                self.write(self._readers[0][1])
            except (DeviceError, Busy):
                pass

    def _writable(self) -> bool:
        return _ready(self.terminal.output, select.POLLOUT, monotonic_ns() + STUCK_NS)


def _ready(descriptor: int, events: int, until: int) -> bool:
    """Is it ready, or does it get ready, by then?  (An error or a hang-up is ready too.)"""
    poller = select.poll()
    poller.register(descriptor, events)
    return bool(poller.poll(max(0, (until - monotonic_ns()) // 1_000_000)))
