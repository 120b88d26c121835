"""Driving programs on a machine from outside: the workload's pipe, and a program's lines.

Every wait has a deadline; a program that neither speaks nor ends by then is a hang, which is an outcome.
"""

import json
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from microlith.launch.machine import Machine
from microlith.launch.orders import MachineDied
from microlith.launch.running import Running as Program

PATIENCE_S = 30.0
END_S = 5.0  # for a program to end when it was told to; a library OS runs the next one only then


class Silent(TimeoutError):
    """A program said nothing for too long."""


class Ended(RuntimeError):
    """A program ended, or its machine did, before it answered."""


class Lines:
    """JSON lines from a pipe."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._held = b""

    def next(self, patience_s: float) -> dict[str, Any] | None:
        """The next line; None at the end of the pipe.  Raises Silent."""
        until = time.monotonic() + patience_s
        while b"\n" not in self._held:
            left = max(0.0, until - time.monotonic())
            if not select.select([self.descriptor], [], [], left)[0]:
                raise Silent(f"no line within {patience_s:g} s")
            data = os.read(self.descriptor, 65536)
            if not data:
                return None
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


class Client:
    """The workload, running on a machine, and the two pipes to it."""

    def __init__(self, machine: Machine, app: str) -> None:
        self.machine, self.reboots = machine, machine.reboots
        inner_in, self._to = os.pipe()
        answers, inner_out = os.pipe()
        self._lines = Lines(answers)
        try:
            self.program = machine.run(app, devices={"commands": ("terminal", (inner_in, inner_out))})
        except BaseException:
            self.close()
            raise
        finally:
            os.close(inner_in)
            os.close(inner_out)

    def ask(self, patience_s: float = PATIENCE_S, **command: Any) -> dict[str, Any]:
        """One command, and its answer.  Raises Ended or Silent, and RuntimeError for a status."""
        self.tell(**command)
        return self.answer(command["do"], patience_s)

    def tell(self, **command: Any) -> None:
        """One command; its answer is to be read."""
        os.write(self._to, json.dumps(command).encode() + b"\n")

    def answer(self, what: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The answer to the command `what`.  Raises as `ask`."""
        until = time.monotonic() + patience_s
        while True:
            try:
                answer = self._lines.next(min(0.25, max(0.01, until - time.monotonic())))
            except Silent:
                self._look(until)
                continue
            if answer is None:
                raise Ended(f"{self.program.name} closed its pipe")
            if "error" in answer:
                raise RuntimeError(f"{what}: {answer['error']} {answer['detail']}")
            return answer

    def _look(self, until: float) -> None:
        """Nothing came for a while: is anybody there?"""
        if self.machine.reboots != self.reboots:
            raise Ended("the machine was rebooted")
        try:
            raise Ended(f"{self.program.name} ended with status {self.program.wait(0)}")
        except MachineDied as error:
            raise Ended(str(error)) from None
        except TimeoutError:
            if time.monotonic() > until:
                raise Silent(f"{self.program.name} did not answer") from None

    def close(self) -> None:
        """Let the program end."""
        for descriptor in (self._to, self._lines.descriptor):
            os.close(descriptor)


@contextmanager
def working(machine: Machine, app: str) -> Iterator[Client]:
    """A workload for the time of a with-block."""
    client = Client(machine, app)
    try:
        yield client
    finally:
        try:
            os.write(client._to, b'{"do": "end"}\n')
            client.program.wait(END_S)
        except (OSError, TimeoutError, MachineDied):
            pass
        client.close()


@contextmanager
def copying(machine: Machine, app: str, device: str, folder: Path, place: str) -> Iterator[tuple[Program, Lines]]:
    """A copying program between `folder` and the directory `place` of the file system; its lines."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    null = os.open(os.devnull, os.O_RDWR)
    out, inner = os.pipe()
    try:
        devices: dict[str, tuple[str, tuple[int, ...]]] = {device: ("directory", (directory,))}
        program = machine.run(app, "--summary", place, stdio=(null, inner, null), devices=devices)
        os.close(inner)
        inner = -1
        yield program, Lines(out)
    finally:
        for descriptor in (directory, null, out, inner):
            if descriptor >= 0:
                os.close(descriptor)


def copy(machine: Machine, app: str, device: str, folder: Path, place: str) -> dict[str, Any]:
    """Run a copying program to its end; its summary, with the `errors` it told of."""
    errors = []
    with copying(machine, app, device, folder, place) as (program, lines):
        while (line := lines.next(PATIENCE_S)) is not None:
            if "failed" in line:
                errors.append(f"{line['failed']}: {line['status']} {line['detail']}")
            if "summary" in line:
                status = program.wait(PATIENCE_S)
                return {**line["summary"], "status": status, "errors": errors}
    raise Ended(f"{app} ended without a summary")
