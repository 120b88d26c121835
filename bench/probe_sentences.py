"""What a comparison says in words of what its probes found: interrupts, bulk, several clients, placement.

Two numbers are told apart where their intervals do not overlap and their ratio stands out from `noise`, what
the control (an architecture against itself) gave in this run.
"""

from itertools import pairwise
from typing import Any

from bench.table import Numbers, listed, ratio, shown, us

LEAST = 1.05  # a ratio nearer to 1 is no difference, however narrow the intervals

Record = dict[str, Any]


def interrupts(numbers: Numbers, names: list[str], noise: float) -> str:
    """How late the first line of a handler runs, idle and under load."""
    idle = _ordered(numbers, names, "interrupt", load="idle", statistic="p50")
    if not idle:
        return ""
    text = f"An interrupt reaches the first line of its handler after {listed(_times(idle, noise))}"
    loaded = {n: numbers.record(n, "interrupt", load="calls", statistic="p50") for n in idle}
    changed = [
        _loaded(n, idle[n], record) for n, record in loaded.items() if record and not alike(idle[n], record, noise)
    ]
    if changed:
        return f"{text}; while a program calls as fast as it can, after {listed(changed)}."
    return f"{text}; that a program calls as fast as it can meanwhile made no difference that stands out."


def _loaded(name: str, idle: Record, loaded: Record) -> str:
    return f"{us(loaded['value'])} us in {name} ({_factor(loaded['value'] / idle['value'])} as long)"


def _factor(value: float) -> str:
    return ratio(value) if value >= 1 else f"{value:.2f} times"


def bulk(numbers: Numbers, names: list[str]) -> str:
    """A mebibyte out of the cache."""
    speeds = _ordered(numbers, names, "bulk_1m")
    if len(speeds) < 2:
        return ""
    parts = [f"{shown(speeds[n]['value'])} GB/s in {n}" for n in reversed(speeds)]
    return f"A mebibyte out of the file server's cache comes at {listed(parts)}."


def clients(numbers: Numbers, names: list[str], noise: float) -> str:
    """What several clients get out of it that one does not."""
    parts, single = [], []
    for name in names:
        found = [r for r in numbers.records if r["architecture"] == name and r["metric"] == "calls_per_s"]
        if not found:
            continue
        by_count = sorted(found, key=lambda r: int(r["conditions"]["clients"]))
        one, many = by_count[0], by_count[-1]
        if one is many:
            single.append(name)
        else:
            parts.append(
                (many["conditions"]["clients"], f"{shown(many['value'])} in {name} ({_against(one, many, noise)})")
            )
    text = ""
    if parts:
        text = f"Null calls a second with {parts[0][0]} clients at once: {listed([words for _, words in parts])}."
    if single:
        text += f" {listed(single)} {'runs' if len(single) == 1 else 'run'} one program at a time."
    return text.strip()


def _against(one: Record, many: Record, noise: float) -> str:
    if alike(one, many, noise):
        return "not told apart from one client"
    return f"{_factor(many['value'] / one['value'])} what one client makes"


def placement(numbers: Numbers, names: list[str], noise: float) -> str:
    """What the null call costs on one core, and from one core to another, against where the host places it.

    Of an architecture with one domain nothing is said: there is nothing to hold apart.
    """
    said = []
    for place, words in (("same-core", "with all on one core"), ("spread", "with client and servers on two")):
        parts = []
        for name in names:
            free, placed = (_placed(numbers, name, where) for where in ("free", place))
            if free is None or placed is None or numbers.value(name, "domains") == 1:
                continue
            if not alike(free, placed, noise):
                parts.append(f"{_factor(placed['value'] / free['value'])} as long in {name}")
        if parts:
            said.append(f"{words}, {listed(parts)}")
    return f"Against where the host places it, a null call takes, {'; '.join(said)}." if said else ""


def _placed(numbers: Numbers, name: str, where: str) -> Record | None:
    return numbers.record(name, "null_call", statistic="p50", placement=where)


def alike(one: Record, other: Record, noise: float) -> bool:
    """Do the intervals overlap, or are the values nearer than noise?"""
    overlap = bool(one["low"] <= other["high"] and other["low"] <= one["high"])
    small, large = sorted((one["value"], other["value"]))
    return overlap or large < max(LEAST, noise) * small


def _ordered(numbers: Numbers, names: list[str], metric: str, **conditions: Any) -> dict[str, Record]:
    """The records by architecture, the smallest value first."""
    found = {n: numbers.record(n, metric, **conditions) for n in names}
    known = {n: record for n, record in found.items() if record is not None and record["value"] > 0}
    return dict(sorted(known.items(), key=lambda item: float(item[1]["value"])))


def _times(known: dict[str, Record], noise: float) -> list[str]:
    first, *_ = known
    parts = [f"{us(known[first]['value'])} us in {first}"]
    for (lower, below), (name, record) in pairwise(known.items()):
        factor = record["value"] / below["value"]
        against = f"not told apart from {lower}" if alike(below, record, noise) else f"{ratio(factor)} {lower}"
        parts.append(f"{us(record['value'])} us in {name} ({against})")
    return parts
