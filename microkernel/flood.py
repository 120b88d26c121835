"""The watch against floods: frames for ever without the end of the message, connections for ever.

Of the first, libzmq collects such a message in our memory and shows us nothing; no option bounds it.  What can be
seen is our own resident size.  When it has grown by more than `LIMIT` beyond what it was, the sender
is the peer whose socket, of all that lead to us, keeps bytes waiting: a well-behaved domain has a few
messages under way and its socket runs dry.  It is killed, and libzmq gives the memory back.

Of the second, a listener that runs out of descriptors aborts the process.  Domains cannot open sockets
and their limits are budgeted; an attached process that holds more than `CONNECTIONS` is killed.
"""

import array
import fcntl
import os
import socket
import struct
import termios
import time

LIMIT = 48 << 20  # bytes of growth that call for a look
CONNECTIONS = 64  # of one pid
SAMPLES, GAP_S = 8, 0.0005
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Flood:
    """Notices the growth, names the sender."""

    def __init__(self) -> None:
        self.floor = resident()
        self.descriptors = len(os.listdir("/proc/self/fd"))

    def suspect(self) -> int | None:
        """The pid of a peer to be ended, or None."""
        now = resident()
        self.floor = min(self.floor, now)
        if now - self.floor < LIMIT:
            return None
        waiting = self._sample()
        if not waiting:
            self.floor = now  # it is our own growth
            return None
        return max(waiting, key=waiting.__getitem__)

    def ended(self) -> None:
        """The sender is gone; start from the present size."""
        self.floor = resident()

    @staticmethod
    def _sample() -> dict[int, int]:
        """How many bytes were seen waiting, by the pid at the other end of each of our Unix sockets."""
        peers = unix_peers()
        waiting: dict[int, int] = {}
        for _ in range(SAMPLES):
            for descriptor, pid in peers:
                count = array.array("i", [0])
                try:
                    fcntl.ioctl(descriptor, termios.FIONREAD, count)
                except OSError:
                    continue
                if count[0]:
                    waiting[pid] = waiting.get(pid, 0) + count[0]
            time.sleep(GAP_S)
        return waiting


def resident() -> int:
    """Our resident size in bytes."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE


def unix_peers() -> list[tuple[int, int]]:
    """(descriptor, pid of the peer) of every connected Unix socket of this process, our own ends left out."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            twin = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with twin:
            if twin.family != socket.AF_UNIX:
                continue
            try:
                pid = struct.unpack("3i", twin.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            except OSError:
                continue
            if pid not in (0, os.getpid()):
                found.append((int(name), pid))
    return found
