"""Lines of logs on standard output (or error): a colour per domain on a terminal, JSON if that is wanted."""

import json
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from microlith.command import output
from microlith.command.streams import Line
from microlith.command.values import visible

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")


class Painter:
    """Prints lines; the names of the sources make a column."""

    def __init__(self, sources: Iterable[str], as_json: bool = False, to: TextIO | None = None) -> None:
        self.as_json, self.to = as_json, to or sys.stdout
        self._number: dict[str, int] = {}
        self._width = max(map(len, sources), default=0)
        self._console: Any = None
        for source in sources:
            self._colour(source)
        if not as_json and self.to.isatty():
            from rich.console import Console

            self._console = Console(file=self.to, highlight=False, soft_wrap=True)

    def _colour(self, source: str) -> str:
        return COLOURS[self._number.setdefault(source, len(self._number)) % len(COLOURS)]

    def __call__(self, line: Line) -> None:
        """Print one line.  Raises Unwritable."""
        with output.writing():
            if self.as_json:
                self.to.write(json.dumps({"source": line.source, "text": line.text}, ensure_ascii=False) + "\n")
            elif self._console is None:
                self.to.write(f"{line.source:<{self._width}} | {line.text}\n")
            else:
                self._paint(line)
            self.to.flush()

    def _paint(self, line: Line) -> None:
        from rich.text import Text

        name = Text(f"{line.source:<{self._width}} | ", style=self._colour(line.source))
        self._console.print(name + Text(visible(line.text, "\t")))
