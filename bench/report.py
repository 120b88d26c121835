"""The report: one table of at most 80 columns, then sentences that follow from its numbers.

Architectures are the rows, since there can be any number of them, and a section has at most five columns.

It is made from a document alone (`comparison.py`), so an old one can be printed again.
"""

import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from bench.placement import PLACEMENTS
from bench.probes import CLIENTS
from bench.sentences import sentences
from bench.table import Numbers, plural, shown, us

WIDTH = 80
NAME = 14  # columns of an architecture's name
COLUMN = 13  # of a number: five of them fit

Cell = Callable[[str], str]  # what stands there for an architecture


def report(document: dict[str, Any]) -> str:
    """All of it, as text."""
    about, numbers = document["about"], Numbers(document["records"])
    names = list(about["architectures"])
    parts = [_head(about), *(_section(title, names, columns) for title, columns in _sections(about, numbers))]
    if about["campaign"]:
        parts.append(_outcomes(document["outcomes"], names))
    parts.append("\n\n".join(textwrap.fill(s, WIDTH) for s in sentences(document, numbers)))
    return "\n\n".join(parts)


def _head(about: dict[str, Any]) -> str:
    tree, machine = about["tree"], about["machine"]
    versions = about["versions"]
    rounds = min(about["rounds"].values())
    probes = plural(about.get("probes", 0), "probe")
    text = (
        f"{about['system']}: the same servers and workload as {plural(len(about['architectures']), 'architecture')}."
        f" {plural(tree['files'], 'file')}, {tree['bytes'] / 2**20:.1f} MiB; {plural(rounds, 'interleaved round')}"
        f" and {probes};"
        f" {plural(machine['cores'], 'core')}, placement {about['placement']};"
        f" Python {versions['python']}, libzmq {versions['libzmq']}, Linux {versions['kernel']}; seed {about['seed']}."
    )
    return textwrap.fill(text, WIDTH)


def _section(title: str, names: list[str], columns: dict[str, Cell]) -> str:
    """A title, the headings of the columns, and a row for each architecture."""
    lines = [title, " " * NAME + "".join(f"{heading:>{COLUMN}}" for heading in columns)]
    for name in names:
        lines.append(f"  {name:<{NAME - 2}}" + "".join(f"{cell(name):>{COLUMN}}" for cell in columns.values()))
    return "\n".join(lines)


def _sections(about: dict[str, Any], numbers: Numbers) -> Iterator[tuple[str, dict[str, Cell]]]:
    """The table: titles, and columns by heading."""

    def number(metric: str, **conditions: Any) -> Cell:
        return lambda name: shown(numbers.value(name, metric, **conditions))

    def times(metric: str, **conditions: Any) -> Cell:
        return lambda name: _times(numbers, name, metric, conditions)

    yield (
        "what runs, one program included (processes: with helpers; memory: of their own)",
        {
            "domains": number("domains"),
            "processes": number("processes"),
            "memory, MiB": number("memory", kind="unique"),
            "boot, ms": number("boot"),
        },
    )
    yield (
        "one operation, microseconds: median (99 of 100 are faster)",
        {heading: times(metric) for metric, heading in _LATENCIES.items()},
    )
    yield (
        "the null call by placement, microseconds: median (99 of 100 are faster)",
        {place: times("null_call", placement=place) for place in PLACEMENTS},
    )
    yield (
        "an interrupt to its handler, microseconds: median (99 of 100 are faster)",
        {heading: times("interrupt", load=load) for load, heading in _LOADS.items()},
    )
    for operation, title in _COUNTED.items():
        counts = {heading: number(metric, operation=operation) for metric, heading in _COUNTS.items()}
        yield f"{title}, counted exactly but for wake-ups", counts
    clients = {plural(n, "client"): number("calls_per_s", clients=n) for n in CLIENTS}
    yield "null calls a second, of all clients together", clients
    yield (
        f"bytes: a tree of {about['tree']['files']} files, synced, read back and verified; 1 MiB cached",
        {
            "in, MiB/s": number("tree_write"),
            "back, MiB/s": lambda name: _read(numbers, name),
            "1 MiB, GB/s": number("bulk_1m"),
        },
    )
    if about["kills"]:
        yield (
            f"{about['killed']} killed in the middle of the copy, {plural(about['kills'], 'time')}",
            {
                "program fell": lambda name: _failed(numbers, name),
                "files lost": number("lost_writes"),
                "answer, ms": number("recovery"),
            },
        )


_LATENCIES = {"null_call": "null call", "stat": "stat", "read_4k": "read 4 KiB", "write_4k": "write 4 KiB"}
_LOADS = {"idle": "idle", "calls": "under calls"}
_COUNTED = {
    "read_4k": "one cached read of 4 KiB",
    "read_4k_uncached": "one read of 4 KiB that needs the disk",
    "create_write_sync": "one file made, written and synced",
}
_COUNTS = {
    "crossings": "crossings",
    "kernel_visits": "to kernel",
    "messages": "messages",
    "bytes_copied": "bytes copied",
    "wake_ups": "wake-ups",
}


def _times(numbers: Numbers, name: str, metric: str, conditions: dict[str, Any]) -> str:
    middle = numbers.value(name, metric, statistic="p50", **conditions)
    tail = numbers.value(name, metric, statistic="p99", **conditions)
    return "-" if middle is None else f"{us(middle)} ({us(tail)})"


def _read(numbers: Numbers, name: str) -> str:
    found = numbers.record(name, "tree_read")
    if found is None:
        return "-"
    return shown(found["value"]) + ("" if found["conditions"]["verified"] else " WRONG")


def _failed(numbers: Numbers, name: str) -> str:
    found = numbers.record(name, "failed_apps")
    return "-" if found is None else f"{round(found['value'] * found['n'])} of {found['n']}"


def _outcomes(results: dict[str, Any], names: list[str]) -> str:
    """All eight outcomes of a campaign, with n and 95 % intervals."""
    lines = ["outcomes of the kills: how many of n, and the 95 % interval of their share"]
    for first in range(0, len(names), 2):
        some = names[first : first + 2]
        lines.append(f"{'':<22}" + "".join(f"{name:>28}" for name in some))
        for outcome in results[some[0]]:
            cells = [_outcome(results[name][outcome]) for name in some]
            lines.append(f"  {outcome:<20}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines)


def _outcome(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['count']} of {found['of']}, {100 * low:.1f} to {100 * high:.1f} %"
