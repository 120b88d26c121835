"""The owner's side of the zygote: give it births, get pids; replace it when it dies."""

import ctypes
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import Any

import msgspec

from microlith.process import parcel
from microlith.process.birth import Birth
from microlith.process.interpreter import start_zygote

_PR_SET_CHILD_SUBREAPER = 36
PREPARING_S, FORKING_S = 8.0, 2.0  # a zygote that takes longer (it was stopped, say) is replaced
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
        self.spare = 0  # the pid of the process it forked ahead
        self._prepared = False  # it has forked once, so it answers quickly
        self._end: socket.socket | None = None
        self.restarts = -1
        self._pidfd = -1
        self._watch: Callable[[int, Callable[[], None]], None] | None = None
        self._unwatch: Callable[[int], None] = lambda descriptor: None
        self.start(zygote)

    def attend(self, watch: Callable[[int, Callable[[], None]], None], unwatch: Callable[[int], None]) -> None:
        """Have the owner's loop tell of the zygote's death, so that the next one is ready when it is needed."""
        self._watch, self._unwatch = watch, unwatch
        watch(self._pidfd, self.start)

    def start(self, zygote: tuple[int, socket.socket] | None = None) -> None:
        """Start a zygote, or take one that was started; it prepares itself while the caller goes on."""
        self.close()
        self._prepared = False
        self.pid, self._end = zygote or start_zygote()
        self._pidfd = os.pidfd_open(self.pid)
        if self._watch is not None:
            self._watch(self._pidfd, self.start)
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
                while (pid := self._hear()) is None:
                    pass
                return pid
            except parcel.Closed:
                self.start()
        raise RuntimeError("three zygotes in a row died before they made a domain")

    def _hear(self, wait: bool = True) -> int | None:
        """One word of the zygote: the pid of the domain that was asked for, or None for other news."""
        assert self._end is not None
        if wait and not readable(self._end.fileno(), FORKING_S if self._prepared else PREPARING_S):
            raise parcel.Closed
        news, _ = parcel.receive(self._end, wait)
        if "spare" in news:
            self.spare, self._prepared = int(news["spare"]), True
            return None
        self.spare = 0
        return int(news["pid"])

    def hear_of_spare(self) -> int:
        """The pid of the process that waits for the next birth; 0 if there is none (yet)."""
        try:
            while self._end is not None:
                late = self._hear(wait=False)
                if late is not None:  # it was given up, and is made anew
                    _end(late)
        except (parcel.Closed, BlockingIOError):
            pass
        return self.spare

    def close(self) -> None:
        """Let the zygote and its spare go, and reap them."""
        if self.pid:
            self._unwatch(self._pidfd)
            os.close(self._pidfd)
            _end(self.pid)
            self.pid = 0
        self.hear_of_spare()
        if self._end is not None:
            self._end.close()
            self._end = None
        if self.spare:
            _end(self.spare)  # which may have got a record that the zygote did not live to tell of
            self.spare = 0


def readable(descriptor: int, seconds: float) -> bool:
    """Is there something to read within that time?"""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
