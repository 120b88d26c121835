"""The owner's side of the zygote: give it births, get pids; replace it when it dies."""

import ctypes
import os
import signal
import socket
from typing import Any

import msgspec

from microlith.process import parcel
from microlith.process.birth import Birth
from microlith.process.interpreter import start_zygote

_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Spawner:
    """Makes domains of this process; their pids are its children."""

    def __init__(
        self, zygote: tuple[int, socket.socket] | None, modules: tuple[str, ...], classes: tuple[str, ...],
        path: tuple[str, ...],
    ) -> None:  # fmt: skip
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._first = {"modules": modules, "classes": classes, "path": path}
        self.pid = 0  # of the zygote
        self._end: socket.socket | None = None
        self.restarts = -1
        self.start(zygote)

    def start(self, zygote: tuple[int, socket.socket] | None = None) -> None:
        """Start a zygote, or take one that was started; it prepares itself while the caller goes on."""
        self.close()
        self.pid, self._end = zygote or start_zygote()
        parcel.widen(self._end)
        parcel.send(self._end, self._first)
        self.restarts += 1

    def spawn(self, birth: Birth, descriptors: tuple[int, ...]) -> int:
        """Make a domain; its pid.  A dead zygote costs a new one and nothing else."""
        record: Any = msgspec.to_builtins(msgspec.structs.replace(birth, parent=os.getpid()))
        for _ in range(3):
            try:
                assert self._end is not None
                parcel.send(self._end, record, descriptors)
                pid, _ = parcel.receive(self._end)
                return int(pid)
            except parcel.Closed:
                self.start()
        raise RuntimeError("three zygotes in a row died before they made a domain")

    def close(self) -> None:
        """Let the zygote go, and reap it."""
        if self._end is not None:
            self._end.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
