"""The owner's side of the zygote: give it births, get pids; replace it when it dies."""

import ctypes
import os
import socket
import subprocess
import sys
from typing import Any

import msgspec

from microlith.process import parcel
from microlith.process.birth import Birth

_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Spawner:
    """Makes domains of this process; their pids are its children."""

    def __init__(self, modules: tuple[str, ...], classes: tuple[str, ...], path: tuple[str, ...]) -> None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._first = {"modules": modules, "classes": classes, "path": path}
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self.restarts = -1
        self.start()

    @property
    def pid(self) -> int:
        """The zygote's pid."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start a zygote; it prepares itself while the caller goes on."""
        self.close()
        self._end, other = parcel.pair()
        command = [sys.executable, "-m", "microlith.process.zygote", str(other.fileno())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._process = subprocess.Popen(command, pass_fds=(other.fileno(),), stdin=subprocess.DEVNULL, env=environment)
        other.close()
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
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
