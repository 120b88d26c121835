"""What a comparison says in words.  Every sentence is computed from the numbers of its own run.

A difference is stated only where it stands out from the noise that the control shows: an architecture
against itself.  What the numbers do not decide is said to be undecided.
"""

from itertools import pairwise
from typing import Any

from bench import probe_sentences
from bench.table import Numbers, listed, plural, ratio, shown, us

#: Between two architectures, ratios nearer to 1 than this are not told apart even without noise.
LEAST = 1.05


def sentences(document: dict[str, Any], numbers: Numbers) -> list[str]:
    """The sentences, in the order in which a reader asks."""
    about = document["about"]
    names = list(about["architectures"])
    noise = noise_of(numbers, about["control"], "null_call")
    found = [
        _calls(numbers, names, noise),
        probe_sentences.placement(numbers, names, noise),
        probe_sentences.interrupts(numbers, names, noise),
        probe_sentences.clients(numbers, names, noise),
        _crossings(numbers, names),
        _copying(numbers, names, noise_of(numbers, about["control"], "tree_write")),
        probe_sentences.bulk(numbers, names),
        _kills(about, numbers, names),
        _sizes(numbers, names),
        _control(numbers, about["control"]),
        _kernel(about),
    ]
    if about["wrong"]:
        found.insert(0, f"WRONG DATA CAME BACK: {plural(len(about['wrong']), 'file')}, {about['wrong'][0]!r} first.")
    return [sentence for sentence in found if sentence]


def noise_of(numbers: Numbers, control: str, of: str) -> float:
    """How far from 1 a ratio between equals came in this run (at least 1, the farther end of its interval)."""
    found = numbers.record(control, "control_ratio", of=of)
    if found is None or found["low"] <= 0:
        return 1.0
    return float(max(found["high"], 1 / found["low"], 1.0))


def _calls(numbers: Numbers, names: list[str], noise: float) -> str:
    costs = {n: numbers.value(n, "null_call", statistic="p50") for n in names}
    known = {n: cost for n, cost in costs.items() if cost}
    if len(known) < 2:
        return ""
    ordered = sorted(known, key=lambda n: known[n])
    parts = [f"{us(known[ordered[0]])} us in {ordered[0]}"]
    for lower, name in pairwise(ordered):
        factor = known[name] / known[lower]
        against = f"{ratio(factor)} {lower}" if factor >= max(LEAST, noise) else f"not told apart from {lower}"
        parts.append(f"{us(known[name])} us in {name} ({against})")
    return f"A call that does nothing costs {listed(parts)}."


def _crossings(numbers: Numbers, names: list[str]) -> str:
    operation = "create_write_sync"
    found = {n: numbers.value(n, "crossings", operation=operation) for n in names}
    known = {n: int(count) for n, count in found.items() if count is not None}
    if not known:
        return ""
    parts = [f"{count} in {n}" if count else f"none in {n}" for n, count in known.items()]
    text = f"Making one file, writing 4 KiB and syncing it crosses borders {listed(parts)}"
    most, least = max(known, key=lambda n: known[n]), min(known, key=lambda n: known[n] or 1 << 30)
    copied = {n: numbers.value(n, "bytes_copied", operation=operation) or 0 for n in (most, least)}
    if known[least] and known[most] > known[least] and copied[least]:
        text += (
            f"; {most} crosses {ratio(known[most] / known[least])} as often as {least}"
            f" and copies {ratio(copied[most] / copied[least])} as many bytes"
        )
    return text + ". These counts are exact: they would be the same on any machine."


def _copying(numbers: Numbers, names: list[str], noise: float) -> str:
    speeds = {n: numbers.value(n, "tree_write") for n in names}
    known = {n: speed for n, speed in speeds.items() if speed}
    calls = {n: numbers.value(n, "null_call", statistic="p50") for n in names}
    if len(known) < 2:
        return ""
    fast, slow = max(known, key=lambda n: known[n]), min(known, key=lambda n: known[n])
    factor = known[fast] / known[slow]
    if factor < max(LEAST, noise):
        return f"Copying the tree in, {fast} and {slow} cannot be told apart in this run ({shown(known[slow])} MiB/s)."
    text = f"Copying the tree in, {fast} is {ratio(factor)} as fast as {slow}"
    one, other = calls[slow], calls[fast]
    if one and other and one / other > 1.5 * factor:
        text += f", while their null calls differ by {ratio(one / other)}: much of a copy is disk and bytes, not calls"
    return text + "."


def _kills(about: dict[str, Any], numbers: Numbers, names: list[str]) -> str:
    if not about["kills"]:
        return ""
    fell, stood, idle = list[str](), list[str](), list[str]()
    for name in names:
        record = numbers.record(name, "failed_apps")
        if record is None or not record["n"]:
            idle.append(name)
        else:
            (fell if record["value"] else stood).append(name)
    parts = []
    if fell:
        parts.append(f"took the copying program down in {listed([_answer(numbers, n) for n in fell])}")
    if stood:
        parts.append(f"left it running in {listed([_answer(numbers, n) for n in stood])}")
    if idle:
        parts.append(f"did not come into effect in {listed(idle)}")
    lost = {n: numbers.value(n, "lost_writes") or 0 for n in names if n not in idle}
    losers = [f"{int(count)} in {n}" for n, count in lost.items() if count]
    kept = f"Of the synced files, {listed(losers)} came back wrong or not at all." if losers else ""
    if lost and not losers:
        kept = "No file that had been synced was lost."
    return f"Killing {about['killed']} in the middle of the copy {', and '.join(parts)}. {kept}".strip()


def _answer(numbers: Numbers, name: str) -> str:
    after = numbers.value(name, "recovery")
    return (
        f"{name} (no answer came afterwards)"
        if after is None
        else f"{name} (first good answer after {shown(after)} ms)"
    )


def _sizes(numbers: Numbers, names: list[str]) -> str:
    memory = {n: numbers.value(n, "memory", kind="unique") for n in names}
    known = {n: size for n, size in memory.items() if size}
    if len(known) < 2:
        return ""
    small, large = min(known, key=lambda n: known[n]), max(known, key=lambda n: known[n])
    text = (
        f"{large} takes {ratio(known[large] / known[small])} the memory of {small}"
        f" ({shown(known[large])} MiB against {shown(known[small])} MiB)"
    )
    processes = numbers.value(large, "processes")
    if processes and processes > 1:
        text += f": {shown(known[large] / processes)} MiB for each of {int(processes)} processes"
    return text + "."


def _control(numbers: Numbers, control: str) -> str:
    found = numbers.record(control, "control_ratio", of="null_call")
    if found is None:
        return ""
    low, high = found["low"], found["high"]
    text = f"The control, {control} against itself, gave a ratio of {found['value']:.2f} ({low:.2f} to {high:.2f})"
    if low <= 1 <= high and max(high, 1 / max(low, 1e-9)) < 1.25:
        return f"{text}: differences much larger than that are not noise."
    if low <= 1 <= high:
        return f"{text}: this machine was noisy, so trust only differences larger than that."
    return f"{text}: equal things measured unequal, so this machine was too busy; run it again when it is idle."


def _kernel(about: dict[str, Any]) -> str:
    if not about.get("microkernels"):
        return ""
    lines = about["kernel_lines"]
    size = f"{lines['kernel']} lines of code, and all of its process {lines['total']}"
    return f"The microkernel is {size}, standing on {about['stands_on']}."
