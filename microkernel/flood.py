"""The watch against floods: messages without an end, connections for ever, readers that never read.

What libzmq collects for us, it shows to nobody and bounds by number, not by bytes.  What can be seen is
our own resident size, and at each of our sockets what the other end has sent and we have not taken
(FIONREAD), or we have sent and it has not (SIOCOUTQ).

- A message without an end: we have grown by `LIMIT`, a peer's socket keeps bytes waiting, no whole
  message comes from it, and still we grow, by more than one unfinished message of each such peer can
  explain.  That peer is ended, and libzmq gives the memory back.
- A reader that never reads: large messages to a peer that has left `UNREAD` bytes untaken find no room
  while we have grown by `SWOLLEN`.
- Connections: a listener that runs out of descriptors aborts the process.  Each accepted connection is an
  event, and the listener waits when a thousand of them are not looked at (broker.py), which are kept free
  (`OUTSIDE`).  Connections of strangers are shut; who of ours holds more than `CONNECTIONS` is ended.
"""

import array
import contextlib
import ctypes
import fcntl
import os
import socket
import stat
import struct
import termios
import time
from collections import Counter
from collections.abc import Callable, Iterator

from microlith.frame.wire import MAX_MESSAGE

LIMIT = 48 << 20  # bytes of growth that call for a look
SWOLLEN = 256 << 20  # bytes of growth from which on we send large messages only to who takes them
UNREAD = 64 << 20  # bytes of large messages that a peer may leave untaken
CONNECTIONS = 32  # of one pid
OUTSIDE = 1280  # descriptors kept free: a thousand unseen connections, the backlog, and some handshakes
TIDY, TIDY_S = 1 << 20, 0.5  # a request to the allocator that gave less than this is repeated more rarely
SAMPLES, GAP_S = 8, 0.0005
OUTGOING = 0x5411  # SIOCOUTQ
_libc = ctypes.CDLL(None)
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Flood:
    """Notices growth, names who is to be ended."""

    def __init__(self, path: str, ours: Callable[[int], object]) -> None:
        self.path, self.ours = path, ours
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self.floor = self.low = self.resident()  # since we began to grow; ever
        self._next_tidy, self._pause = 0.0, TIDY_S
        self._watched: tuple[int, set[int]] | None = None  # our size then, and who kept bytes waiting
        self._untaken: dict[int, int] = {}  # pid -> bytes of large messages since its socket was last empty

    def resident(self) -> int:
        """Our resident size in bytes."""
        return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE

    # --- messages without an end -------------------------------------------------------------------

    def suspect(self, heard: set[int]) -> int | None:
        """The pid of a peer to be ended, or None.  `heard`: who sent whole messages since the last look."""
        now = self._tidied()
        self.floor = min(self.floor, now)
        if now - self.floor < LIMIT:
            self._watched = None
            return None
        before, silent = now, self._sample()
        if self._watched is not None:
            before, watched = self._watched
            silent = {pid: count for pid, count in silent.items() if pid in watched and pid not in heard}
        self._watched = (before, set(silent)) if silent else None
        if not silent:
            self.floor = now  # it is our own growth
        elif now - before > MAX_MESSAGE * len(silent):
            self.floor, self._watched = now, None
            return max(silent, key=silent.__getitem__)
        return None

    def _tidied(self) -> int:
        """Our size, after the allocator has given back what a flood has left free."""
        now = self.resident()
        if now > self.low + LIMIT // 3 and time.monotonic() > self._next_tidy:
            before = now
            _libc.malloc_trim(0)
            now = self.resident()
            self._pause = TIDY_S if now < before - TIDY else min(2 * self._pause, 64 * TIDY_S)
            self._next_tidy = time.monotonic() + self._pause
        self.low = min(self.low, now)
        return now

    def _sample(self) -> dict[int, int]:
        """How many bytes were seen waiting, by the pid of ours at the other end of the connection."""
        peers = [(descriptor, pid) for descriptor, pid, _ in connections(self.path) if self.ours(pid)]
        waiting: Counter[int] = Counter()
        for _ in range(SAMPLES):
            for descriptor, pid in peers:
                waiting[pid] += _ask(descriptor, termios.FIONREAD)
            time.sleep(GAP_S)
        return {pid: count for pid, count in waiting.items() if count}

    # --- readers that never read -------------------------------------------------------------------

    def room(self, pid: int, size: int) -> bool:
        """May a large message be sent to this peer now?"""
        untaken = self._untaken.get(pid, 0)
        if untaken + size > UNREAD and self.resident() - self.low > SWOLLEN:
            if any(_ask(twin.fileno(), OUTGOING) for _, peer, twin in connections(self.path) if peer == pid):
                return False
            untaken = 0
        self._untaken[pid] = untaken + size
        return True

    def forget(self, pid: int) -> None:
        """That process is gone."""
        self._untaken.pop(pid, None)

    # --- connections -------------------------------------------------------------------------------

    def crowd(self) -> list[int]:
        """Shut the connections of strangers; the pids of ours that hold too many."""
        held: dict[int, int] = {}
        for _, pid, twin in connections(self.path):
            if self.ours(pid):
                held[pid] = held.get(pid, 0) + 1
            else:
                with contextlib.suppress(OSError):
                    twin.shutdown(socket.SHUT_RDWR)  # under libzmq's hands, which then closes it
        return [pid for pid, count in held.items() if count > CONNECTIONS]


def connections(path: str) -> Iterator[tuple[int, int, socket.socket]]:
    """(descriptor, pid of the peer, a copy to work with) of every connection accepted at the Unix socket `path`.

    The descriptors are libzmq's, which may close and reuse them at any time; a copy stays what it is.
    """
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # closed in the meantime
            if not stat.S_ISSOCK(os.stat(number).st_mode):  # and it stays one: only this thread opens anything else
                continue
            with socket.fromfd(number, socket.AF_UNIX, socket.SOCK_STREAM) as twin:
                if twin.getsockname() == path and not twin.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    pid = struct.unpack("3i", twin.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
                    yield number, pid, twin


def _ask(descriptor: int, what: int) -> int:
    count = array.array("i", [0])
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, what, count)
    return count[0]
