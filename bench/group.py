"""The processes of a peer: the last is its client, told on a pipe how many round trips to make.

A client writes a line when it is ready, and for each number that it reads a line with the nanoseconds of
as many round trips.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from bench.driver import Lines
from bench.workload import timed

READY_S = 20.0
END_S = 2.0


def serve(call: Callable[[], Any]) -> None:
    """The client's loop, in its process: `call` is one round trip."""
    os.write(1, b'{"ready": true}\n')
    for line in sys.stdin:
        data = json.dumps({"ns": timed(call, int(line))}).encode() + b"\n"
        while data:
            data = data[os.write(1, data) :]


class Group:
    """Processes, one for each command; a context manager.

    They run where their maker does, or each on a core of its own.  Those that spin are stopped
    (SIGSTOP) while they are not measured, so that a core is free for others.  The client ends when
    its input does, the others are killed.
    """

    def __init__(self, commands: Sequence[Sequence[str]], cores: Sequence[int] = (), spins: bool = False) -> None:
        self._spins = spins
        self._processes = [self._start(command, command is commands[-1]) for command in commands]
        for process, core in zip(self._processes, cores, strict=False):
            os.sched_setaffinity(process.pid, {core})
        client = self._processes[-1]
        assert client.stdin is not None
        assert client.stdout is not None
        self._to, self._lines = client.stdin, Lines(client.stdout.fileno())

    @staticmethod
    def _start(command: Sequence[str], client: bool) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE if client else subprocess.DEVNULL
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, env=environment, start_new_session=True)

    def measure(self, n: int) -> list[int]:
        """Nanoseconds of n round trips."""
        self._signal(signal.SIGCONT)
        self._to.write(b"%d\n" % n)
        answer = self._lines.next(READY_S + n / 100)
        self._signal(signal.SIGSTOP)
        if answer is None:
            raise RuntimeError("the client of a peer ended")
        return list(answer["ns"])

    def _signal(self, number: int) -> None:
        for process in self._processes if self._spins else ():
            process.send_signal(number)

    def __enter__(self) -> Self:
        if self._lines.next(READY_S) is None:
            self.__exit__(None, None, None)
            raise RuntimeError("the client of a peer ended before it was ready")
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._signal(signal.SIGCONT)
        self._to.close()
        try:
            self._processes[-1].wait(END_S)
        except subprocess.TimeoutExpired:
            pass
        for process in self._processes:
            process.kill()
            process.wait()
        assert self._processes[-1].stdout is not None
        self._processes[-1].stdout.close()
