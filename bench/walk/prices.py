"""Counts multiplied with published prices: what the borders of a call would cost on real kernels.

The model (docs/prices.md):

    traps * trap + ipcs * ipc + payload * copies * copy + wake-ups * wake + direct calls * call

A price that a kernel does not have counts nothing, but for `trap` and `ipc`: without one that is needed there is
no prediction.  The servers' own work is in none of it.
"""

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from bench.walk.model import Walk
from bench.walk.text import lay_out, us
from microlith.interface.status import UsageError
from microlith.system.place import one_line

STANDINGS = ("published", "derived", "estimated")


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One price: nanoseconds, or cycles at a clock."""

    standing: str
    ns: float | None = None
    cycles: float | None = None
    ghz: float | None = None
    how: str = ""
    source: str = ""

    @property
    def nanoseconds(self) -> float:
        """In nanoseconds."""
        return self.ns if self.ns is not None else (self.cycles or 0.0) / (self.ghz or 1.0)


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prices of one kernel on one machine."""

    name: str
    machine: str = ""
    year: int = 0
    copies: int = 1
    trap: Figure | None = None
    ipc: Figure | None = None
    copy: Figure | None = None
    wake: Figure | None = None
    call: Figure | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kernel: tuple[Kernel, ...]


def load(path: str | None) -> tuple[Kernel, ...]:
    """The kernels of a file (None: the table that comes with Microlith).  Raises UsageError."""
    try:
        shipped = resources.files("bench.walk").joinpath("prices.toml")
        data = shipped.read_text() if path is None else Path(path).read_text()
        found = msgspec.convert(tomllib.loads(data), _File).kernel
    except OSError as error:
        raise UsageError(f"--prices {path}: cannot be read: {(error.strerror or '').lower()}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--prices {path}: is not TOML: {one_line(str(error))}") from None
    except msgspec.ValidationError as error:
        raise UsageError(f"--prices {path}: {one_line(str(error))}; docs/prices.md has the form") from None
    for kernel in found:
        for name, figure in figures(kernel):
            _check(f"--prices {path}: {name} of {kernel.name!r}", figure)
    return found


def figures(kernel: Kernel) -> list[tuple[str, Figure]]:
    """The figures that a kernel has, by name."""
    named = [(name, getattr(kernel, name)) for name in ("trap", "ipc", "copy", "wake", "call")]
    return [(name, figure) for name, figure in named if figure is not None]


def _check(where: str, figure: Figure) -> None:
    if figure.standing not in STANDINGS:
        raise UsageError(f"{where} has the standing {figure.standing!r}; it can be {', '.join(STANDINGS)}")
    if (figure.ns is None) == (figure.cycles is None) or (figure.cycles is not None and not figure.ghz):
        raise UsageError(f"{where} needs either ns, or cycles and ghz")
    if figure.standing != "estimated" and not figure.source:
        raise UsageError(f"{where} is {figure.standing} and has no source")
    if figure.standing != "published" and not figure.how:
        raise UsageError(f"{where} is {figure.standing} and does not say how")


def predicted(walk: Walk, kernel: Kernel) -> float | None:
    """Nanoseconds for the borders of a call on a kernel; None: it has no price for one of them."""
    counts = walk.counts
    if (counts.traps and kernel.trap is None) or (counts.ipcs and kernel.ipc is None):
        return None
    amounts = {
        "trap": counts.traps,
        "ipc": counts.ipcs,
        "copy": counts.payload * kernel.copies,
        "wake": counts.wake_ups,
        "call": counts.direct_calls,
    }
    return sum(amounts[name] * figure.nanoseconds for name, figure in figures(kernel))


def guessed(walk: Walk, kernel: Kernel) -> bool:
    """Does what nobody has measured make up a tenth of it, or is there no price for its bytes?"""
    total = predicted(walk, kernel)
    bytes_moved = walk.counts.payload * kernel.copies
    if total is None or not bytes_moved:
        return False
    if kernel.copy is None:
        return walk.counts.payload > 64  # what fits the registers and a line or two is in `ipc`
    return kernel.copy.standing == "estimated" and bytes_moved * kernel.copy.nanoseconds > total / 10


def table(walks: Sequence[Walk], kernels: Sequence[Kernel]) -> str:
    """Predictions beside what we have measured."""
    rows = [(kernel.name, [_cell(walk, kernel) for walk in walks]) for kernel in kernels]
    rows.append(("measured here, with the servers' work", [f"{us(walk.timed[0] or walk.total)} " for walk in walks]))
    lines = lay_out("predicted, borders alone, us", [f"{walk.architecture} " for walk in walks], rows)
    return f"{lines}\n* a tenth or more rests on an estimate, or its copies have no price;  - no price"


def _cell(walk: Walk, kernel: Kernel) -> str:
    value = predicted(walk, kernel)
    return "- " if value is None else f"{value / 1000:.2f}{'*' if guessed(walk, kernel) else ' '}"


def as_records(walks: Sequence[Walk], kernels: Sequence[Kernel]) -> list[dict[str, Any]]:
    """The same for other programs, with the figures and their sources."""
    return [
        {
            **msgspec.to_builtins(kernel),
            "predicted_ns": {walk.architecture: predicted(walk, kernel) for walk in walks},
            "rests_on_estimates": [walk.architecture for walk in walks if guessed(walk, kernel)],
        }
        for kernel in kernels
    ]
