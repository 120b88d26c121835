"""How `launch` shows a machine coming up and living: on standard error, one line an event.

On a terminal there is a table of the domains until every server is ready; then lines, as elsewhere.
Standard error that is closed ends the launch (the reader of a pipe went away, the terminal was closed).
"""

import sys
import time
from contextlib import suppress
from typing import Any, Protocol

from microlith.command import output
from microlith.command.news import TROUBLE, words


class Display(Protocol):
    """What the supervisor tells."""

    def event(self, event: dict[str, Any]) -> None:
        """Something happened to the machine."""

    def close(self) -> None:
        """No more will come."""


class Lines:
    """One line an event, with the milliseconds since the boot began; `only_trouble` leaves out the rest."""

    def __init__(self, booted_ns: int, only_trouble: bool = False) -> None:
        self.booted_ns, self.only_trouble = booted_ns, only_trouble

    def event(self, event: dict[str, Any]) -> None:
        if self.only_trouble and event["event"] not in TROUBLE:
            return
        if said := words(event):
            sys.stderr.write(f"microlith: {since(event, self.booted_ns):>9} {said}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Nothing to do."""


class Json:
    """One JSON object an event, on standard output."""

    def event(self, event: dict[str, Any]) -> None:
        import json

        with output.writing():
            sys.stdout.write(json.dumps(event) + "\n")

    def close(self) -> None:
        """Nothing to do."""


class Live:
    """A table of domains while the machine boots; then `after` shows the rest.  It stays if `after` tells all."""

    def __init__(self, title: str, domains: dict[str, list[str]], after: "Lines") -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self.title, self.after = title, after
        self.rows = {domain: ["", "", ""] for domain in domains}
        self._live: RichLive | None = RichLive(
            console=Console(stderr=True), auto_refresh=False, transient=after.only_trouble, redirect_stdout=False
        )
        self._live.start()
        self._show()

    def event(self, event: dict[str, Any]) -> None:
        if self._live is None:
            self.after.event(event)
            return
        row = self.rows.get(str(event.get("name")))
        when = since(event, self.after.booted_ns)
        if event["event"] == "started" and row is not None:
            row[:] = [str(event["pid"]), when, ""]
        elif event["event"] == "up" and row is not None:
            row[2] = when
        else:
            self.close()
            self.after.event(event)
            return
        self._show()

    def _show(self) -> None:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        assert self._live is not None
        table = Table(box=None, pad_edge=False)
        for column in ("domain", "pid", "started", "ready"):
            table.add_column(column, min_width=10)
        for domain, row in self.rows.items():
            table.add_row(domain, *row, style=None if row[2] else "dim")
        with suppress(OSError):
            self._live.update(Group(Text(self.title), table), refresh=True)

    def close(self) -> None:
        """Take the table away."""
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()
            self._live = None


def since(event: dict[str, Any], booted_ns: int) -> str:
    """When an event came, since the boot began: milliseconds, later seconds."""
    passed = (event.get("at", time.monotonic_ns()) - booted_ns) / 1e9
    return f"{passed * 1e3:.0f} ms" if passed < 10 else f"{passed:.1f} s"
