"""The report: one table of at most 80 columns, then sentences that follow from its numbers.

It is made from a document alone (`comparison.py`), so an old one can be printed again.
"""

import textwrap
from typing import Any

from bench.sentences import sentences
from bench.table import Numbers, plural, shown, us

WIDTH = 80
LABEL = 31
COLUMN = 12
AT_ONCE = (WIDTH - LABEL) // COLUMN  # architectures in one table


def report(document: dict[str, Any]) -> str:
    """All of it, as text."""
    about, numbers = document["about"], Numbers(document["records"])
    names = list(about["architectures"])
    parts = [_head(about)]
    for first in range(0, len(names), AT_ONCE):
        parts.append(_table(about, numbers, names[first : first + AT_ONCE]))
    if about["campaign"]:
        parts.append(_outcomes(document["outcomes"], names))
    parts.append("\n\n".join(textwrap.fill(s, WIDTH) for s in sentences(document, numbers)))
    return "\n\n".join(parts)


def _head(about: dict[str, Any]) -> str:
    tree, machine = about["tree"], about["machine"]
    versions = about["versions"]
    rounds = min(about["rounds"].values())
    text = (
        f"{about['system']}: the same servers and workload as {plural(len(about['architectures']), 'architecture')}."
        f" {plural(tree['files'], 'file')}, {tree['bytes'] / 2**20:.1f} MiB; {plural(rounds, 'interleaved round')};"
        f" {plural(machine['cores'], 'core')}, placement {about['placement']};"
        f" Python {versions['python']}, libzmq {versions['libzmq']}, Linux {versions['kernel']}; seed {about['seed']}."
    )
    return textwrap.fill(text, WIDTH)


def _table(about: dict[str, Any], numbers: Numbers, names: list[str]) -> str:
    lines = [_line("", names), "-" * (LABEL + COLUMN * len(names))]

    def row(label: str, cells: list[str]) -> None:
        lines.append(_line(label, cells))

    def section(title: str) -> None:
        lines.extend(("", title))

    row("address spaces (domains)", [shown(numbers.value(n, "domains")) for n in names])
    row("processes, helpers included", [shown(numbers.value(n, "processes")) for n in names])
    row("memory of their own, MiB", [shown(numbers.value(n, "memory", kind="unique")) for n in names])
    row("boot to ready, ms", [shown(numbers.value(n, "boot")) for n in names])
    section("one operation takes: median (99 of 100 are faster), microseconds")
    for metric, label in _LATENCIES.items():
        row(f"  {label}", [_latency(numbers, n, metric) for n in names])
    for operation, title in _COUNTED.items():
        section(f"{title}, counted exactly")
        for metric, label in _COUNTS.items():
            row(f"  {label}", [shown(numbers.value(n, metric, operation=operation)) for n in names])
        row("  wake-ups (depend on timing)", [shown(numbers.value(n, "wake_ups", operation=operation)) for n in names])
    section(f"a tree of {about['tree']['files']} files, MiB/s")
    row("  copied in, each file synced", [shown(numbers.value(n, "tree_write")) for n in names])
    row("  read back, and verified", [_read(numbers, n) for n in names])
    if about["kills"]:
        section(f"{about['killed']} killed in the middle of the copy, {plural(about['kills'], 'time')}")
        row("  kills that took a program down", [_failed(numbers, n) for n in names])
        row("  synced files lost", [shown(numbers.value(n, "lost_writes")) for n in names])
        row("  first good answer after, ms", [shown(numbers.value(n, "recovery")) for n in names])
    return "\n".join(lines)


_LATENCIES = {"null_call": "null call", "stat": "stat", "read_4k": "read 4 KiB, cached", "write_4k": "write 4 KiB"}
_COUNTED = {
    "read_4k": "one cached read of 4 KiB",
    "read_4k_uncached": "one read of 4 KiB that needs the disk",
    "create_write_sync": "one file made, written and synced",
}
_COUNTS = {
    "crossings": "border crossings",
    "kernel_visits": "visits of the kernel",
    "messages": "messages",
    "bytes_copied": "bytes copied",
}


def _line(label: str, cells: list[str]) -> str:
    return f"{label:<{LABEL}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)


def _latency(numbers: Numbers, name: str, metric: str) -> str:
    middle = numbers.value(name, metric, statistic="p50")
    tail = numbers.value(name, metric, statistic="p99")
    return f"{us(middle)} ({us(tail)})"


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
