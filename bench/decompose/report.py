"""A decomposition for people: the square, the factors in both orders, the counts, the dial; 80 columns.

It is made from a document alone (decomposing.py).
"""

import textwrap
from collections.abc import Iterator
from typing import Any

from bench.decompose.factors import L4, MACH, PATHS, TRANSPORTS
from bench.decompose.plot import plot
from bench.decompose.sentences import dialled, sentences
from bench.decompose.words import TITLES, interval, unit
from bench.table import Numbers, plural, shown

WIDTH, COLUMN, NAME = 80, 18, 25


def report(document: dict[str, Any]) -> str:
    """All of it, as text."""
    about, numbers = document["about"], Numbers(document["records"])
    operations = list(dict.fromkeys(r["conditions"]["operation"] for r in numbers.records if r["metric"] == "time"))
    parts = [
        _head(about),
        *(_square(numbers, operation) for operation in operations),
        _factors(numbers, operations),
        _counts(numbers),
        *(_filled(text) for text in sentences(about, numbers, operations)),
        "the hop-cost dial: h microseconds more for each crossing, on all links, one core",
        plot(numbers),
        *(_filled(text) for text in dialled(numbers)),
    ]
    return "\n\n".join(parts)


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


def _head(about: dict[str, Any]) -> str:
    tree, machine, versions = about["tree"], about["machine"], about["versions"]
    return _filled(
        f"{about['system']}: path and transport, apart. Six variants side by side in"
        f" {plural(about['rounds'], 'round')}, {plural(about['dials'], 'round')} of the dial; a tree of"
        f" {plural(tree['files'], 'file')},"
        f" {tree['bytes'] / 2**20:.1f} MiB; {plural(machine['cores'], 'core')}, placement {about['placement']}; Python"
        f" {versions['python']}, libzmq {versions['libzmq']}, Linux {versions['kernel']}; seed {about['seed']}."
        " In brackets: 95 % intervals."
    )


def _row(name: str, cells: list[str]) -> str:
    return f"  {name:<{NAME - 2}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)


def _square(numbers: Numbers, operation: str) -> str:
    """Times by path and transport."""
    name, per = unit(operation)
    lines = [f"{TITLES[operation]}, {name}", " " * NAME + "".join(f"{one:>{COLUMN}}" for one in TRANSPORTS)]
    for path, title in zip(PATHS, ("through the kernel", "to the peer"), strict=True):
        records = [numbers.record(f"{path}-{transport}", "time", operation=operation) for transport in TRANSPORTS]
        lines.append(_row(title, [interval(record, per) for record in records]))
    return "\n".join(lines)


def _factors(numbers: Numbers, operations: list[str]) -> str:
    """The factors, in both orders."""
    title = "how many times as fast l4 (peer over shared) is as mach (kernel over zmq)"
    lines = [title, " " * NAME + "".join(f"{TITLES[operation]:>{COLUMN}}" for operation in operations)]
    for name, of in _FACTORS:
        records = [numbers.record("l4", "factor", of=of, operation=operation) for operation in operations]
        lines.append(_row(name, [interval(record) for record in records]))
    return "\n".join(lines)


_FACTORS = (
    ("in all", "in all"),
    ("first the path", "path, first"),
    ("  then the transport", "transport, second"),
    ("first the transport", "transport, first"),
    ("  then the path", "path, second"),
    ("fair share of the path", "path"),
    ("  of the transport", "transport"),
    ("interaction", "interaction"),
    ("the path over socket", "path over socket"),
)


def _counts(numbers: Numbers) -> str:
    """The counts of the four corners."""
    lines = [
        "counted exactly but for wake-ups",
        " " * (NAME + 1) + "".join(f"{heading:>10}" for heading in _COUNTS.values()),
    ]
    for operation in ("null_call", "read_4k", "create_write_sync"):
        for variant in _corners():
            values = [shown(numbers.value(variant, metric, operation=operation)) for metric in _COUNTS]
            title = TITLES[operation] if variant == MACH else ""
            lines.append(f"  {title:<10} {variant:<{NAME - 12}}" + "".join(f"{value:>10}" for value in values))
    return "\n".join(lines)


_COUNTS = {
    "crossings": "crossings",
    "messages": "messages",
    "kernel_visits": "to kernel",
    "bytes_copied": "bytes",
    "wake_ups": "wake-ups",
}


def _corners() -> Iterator[str]:
    yield from (MACH, "kernel-shared", "peer-zmq", L4)
