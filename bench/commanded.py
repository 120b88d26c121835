"""A program that does what it is told: one command a line (JSON) on the device `commands`, one line as the answer.

`{"do": "measure", "n": 10}` calls `do_measure(n=10)`, whose result is the answer; `{"do": "end"}` ends the program.
An answer with `error` names the status that ended the command.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from microlith.frame.server import App
from microlith.interface.devices import Terminal
from microlith.interface.status import Status

CHUNK = 65536


class Commanded(App):
    """The base of such programs."""

    commands: Terminal | None = None

    def begin(self) -> None:
        """Runs before the first command."""

    def main(self, *arguments: str) -> int:
        """Serve commands until `end`, or until nobody can give one."""
        self.begin()
        for line in self._lines():
            command = json.loads(line)
            do = command.pop("do")
            if do == "end":
                return 0
            try:
                answer = getattr(self, f"do_{do}")(**command)
            except Status as status:
                answer = {"error": type(status).__name__, "detail": str(status)}
            self._answer(answer)
        return 0

    def _lines(self) -> Iterator[bytes]:
        assert self.commands is not None, "started by hand: this program takes its commands from a device"
        held = b""
        while True:
            while b"\n" not in held:
                self.wait("commands")
                data = os.read(self.commands.input, CHUNK)
                if not data:
                    return
                held += data
            line, _, held = held.partition(b"\n")
            yield line

    def _answer(self, answer: dict[str, Any]) -> None:
        assert self.commands is not None
        data = json.dumps(answer).encode() + b"\n"
        while data:
            data = data[os.write(self.commands.output, data) :]
