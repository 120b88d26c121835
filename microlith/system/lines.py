"""The lines of a TOML text: tomllib gives values, this gives their places.

A small scanner of TOML's *shape* (toml.io, v1.0.0): headers, keys, and just enough of values to step
over them.  It never judges: tomllib does, before or after.  Where a text is not TOML the scanner stops
and what it saw until then stands, which is what the message about a duplicate needs.
"""

import json
import re
from collections.abc import Callable

BARE = re.compile(r"[A-Za-z0-9_-]+")
STRINGS = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # multi-line basic: up to two quotes may stand before the end
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
SPACE = re.compile(r"[ \t]*")
PLAIN = re.compile(r"[^\s,\]}#]+(?: \d[^\s,\]}#]*)?")  # numbers, booleans, and dates with a blank inside


class _Stop(Exception):
    """This is not TOML; tomllib says why."""


class Lines:
    """The first line of every dotted element, and the elements that are declared a second time."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._counted, self._line = 0, 1  # how far lines have been counted
        self.first: dict[str, int] = {}
        self.again: list[tuple[str, int]] = []
        self._known: set[tuple[str, ...]] = set()
        try:
            self._document()
        except (_Stop, RecursionError):
            return

    def _document(self) -> None:
        table: tuple[str, ...] = ()
        while self._skip(BLANK) < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._assignment(table)

    def _header(self) -> tuple[str, ...]:
        many = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if many else 1
        table = self._key()
        self._note(table, start, final=not many)
        self._expect("]]" if many else "]")
        return table

    def _assignment(self, table: tuple[str, ...]) -> None:
        start = self.at
        key = (*table, *self._key())
        self._note(key, start)
        self._expect("=")
        self._skip(SPACE)
        self._value(key)

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(SPACE)
            parts.append(self._part())
            self._skip(SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def _part(self) -> str:
        if self.text.startswith(("'", '"'), self.at):
            quoted = self._take(STRINGS)
            return quoted[1:-1] if quoted[0] == "'" else _unescaped(quoted)
        return self._take(BARE)

    def _value(self, key: tuple[str, ...]) -> None:
        if self.text.startswith(("'", '"'), self.at):
            self._take(STRINGS)
        elif self.text.startswith("[", self.at):
            self._sequence("]", lambda: self._value(key))
        elif self.text.startswith("{", self.at):
            self._sequence("}", lambda: self._assignment(key))
        else:
            self._take(PLAIN)

    def _sequence(self, end: str, item: Callable[[], None]) -> None:
        self.at += 1
        while self._skip(BLANK) < len(self.text) and not self.text.startswith(end, self.at):
            item()
            self._skip(BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
            elif not self.text.startswith(end, self.at):
                raise _Stop
        self._expect(end)

    def _note(self, path: tuple[str, ...], start: int, final: bool = True) -> None:
        self._line += self.text.count("\n", self._counted, start)
        self._counted, line = start, self._line
        for length in range(1, len(path) + 1):
            self.first.setdefault(".".join(path[:length]), line)
        if final and path in self._known:
            self.again.append((".".join(path), line))
        if final:
            self._known.add(path)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found or not found.group():
            raise _Stop
        self.at = found.end()
        return found.group()

    def _expect(self, text: str) -> None:
        self._skip(SPACE)
        if not self.text.startswith(text, self.at):
            raise _Stop
        self.at += len(text)


def _unescaped(quoted: str) -> str:
    """A basic string's text; TOML's escapes are JSON's, but for the long form of code points."""
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1]
