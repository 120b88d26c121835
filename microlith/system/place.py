"""Where something stands, and the one sentence that refuses it.

Every refusal of a system follows one grammar: `file:line: what is wrong, on which element; what would
be right`.  Elements are named by their dotted path in the file (`servers.files.disk`), also where the
system was built in Python; then its name stands where the file would.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from microlith.interface.status import UsageError
from microlith.system.system import System

LONGEST_VALUE = 60  # characters of a value that a sentence repeats
NEAR = 0.72  # likeness from which a name is suggested: 'disc' for 'disk', but not 'servers' for 'drivers'


@dataclass(frozen=True)
class Place:
    """A source (a file, or the name of a system) and the lines of its elements."""

    source: str
    lines: dict[str, int] = field(default_factory=dict)

    def line(self, element: str) -> int:
        """The line of an element, or of the nearest one around it; 0 where there are no lines."""
        while element:
            if element in self.lines:
                return self.lines[element]
            element = element.rpartition(".")[0]
        return min(self.lines.values(), default=0)

    def refuse(self, element: str, sentence: str) -> UsageError:
        """The error to raise: `sentence`, with the place of `element` before it."""
        return self.refuse_line(self.line(element), sentence)

    def refuse_line(self, line: int, sentence: str) -> UsageError:
        """The error to raise for a line; 0 for the source as a whole."""
        place = one_line(f"{self.source}:{line}" if line else self.source)
        return UsageError(f"{place}: {one_line(sentence)}")


def place_of(system: System) -> Place:
    """The place of a system that was read or built."""
    return Place(system.source or system.name, system.lines)


def one_line(text: str) -> str:
    """The text with every run of white space as one blank, and nothing that steers a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(text.split()))


def shown(value: Any) -> str:
    """A value as a sentence repeats it, cut when it is long."""
    text = str(value).lower() if isinstance(value, (bool, date)) else repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def nearest(wrong: str, right: Iterable[str]) -> str | None:
    """The one of `right` that `wrong` was probably meant to be."""
    return next(iter(difflib.get_close_matches(wrong, list(right), 1, cutoff=NEAR)), None)


def did_you_mean(wrong: str, right: Iterable[str], otherwise: str = "") -> str:
    """The end of a sentence: `; did you mean 'files'?`, or else `otherwise`."""
    found = nearest(wrong, right)
    return f"; did you mean {found!r}?" if found else otherwise


def listed(names: Iterable[str], none: str = "none") -> str:
    """Names as an enumeration: `disk, files and log`."""
    *most, last = list(names) or [none]
    return f"{', '.join(most)} and {last}" if most else last
