"""What a decomposition says in words, each computed from the numbers of its own run."""

from collections.abc import Iterator
from typing import Any

from bench.decompose.dial import ARCHITECTURES, WORKS
from bench.decompose.factors import L4, LEAST, MACH
from bench.decompose.words import TITLES, finely, interval, unit
from bench.table import Numbers, plural, shown

Record = dict[str, Any]


def sentences(about: dict[str, Any], numbers: Numbers, operations: list[str]) -> Iterator[str]:
    """Of the square."""
    if about["wrong"]:
        yield f"THE COPY FAILED: {plural(len(about['wrong']), 'file')}, {about['wrong'][0]!r} first."
    for operation in operations:
        yield _split(numbers, operation)
    yield _counted(numbers)
    if about["placement"] != "same-core" and about["machine"]["cores"] > 1:
        yield (
            "Over shared memory a receiver looks for a while before it sleeps, where it has a core for that: there the"
            " transport's factor holds wake-ups saved. With --placement same-core everybody sleeps."
        )


def _factor(numbers: Numbers, operation: str, of: str) -> Record:
    found = numbers.record("l4", "factor", of=of, operation=operation)
    assert found is not None, of  # every document has them, but for the share
    return found


def _split(numbers: Numbers, operation: str) -> str:
    """The whole and its parts."""
    whole, title = _factor(numbers, operation, "in all"), TITLES[operation]
    if whole["low"] <= LEAST:
        return (
            f"{title}: l4 is {interval(whole)} times as fast as mach. The interval holds no difference, or hardly"
            " one, so there is nothing to share out."
        )
    path, transport = (_factor(numbers, operation, of) for of in ("path", "transport"))
    share = interval(numbers.record("l4", "factor", of="share of path", operation=operation), 0.01)
    return (
        f"{title}: l4 is {interval(whole)} times as fast as mach: the kernel on the path is a factor of"
        f" {interval(path)} of it, the transport one of {interval(transport)}; the path is {share} % of the logarithm."
        f" {_orders(numbers, operation)}"
    )


def _orders(numbers: Numbers, operation: str) -> str:
    """Do both orders agree?"""
    found = _factor(numbers, operation, "interaction")
    over_zmq, over_shared = (_factor(numbers, operation, f"path, {order}") for order in ("first", "second"))
    told = (
        f"With the kernel on the path it takes {interval(over_zmq)} times as long over zmq, {interval(over_shared)}"
        " over shared memory:"
    )
    if found["low"] <= 1 <= found["high"]:
        return f"{told} not told apart here, so either order will do."
    dearer = "shared memory" if found["high"] < 1 else "zmq"
    return f"{told} dearer over {dearer}, so the order matters, and the factors are the means of both."


def _counted(numbers: Numbers) -> str:
    """What the counts say of the path."""
    through, past = (numbers.value(name, "crossings", operation="null_call") for name in (MACH, L4))
    messages = [numbers.value(name, "messages", operation="null_call") for name in (MACH, L4)]
    text = f"Counted, a null call crosses {shown(through)} borders through the kernel and {shown(past)} to the peer"
    if through and past:
        text += f", {shown(through / past)} times as many: of that the factor of the path is made"
    return (
        f"{text}. The messages are {shown(messages[0])} and {shown(messages[1])}, the borders the same over every"
        " transport; what a crossing takes is the transport's."
    )


def dialled(numbers: Numbers) -> Iterator[str]:
    """Of the dial: each line, and whether what was counted is its slope."""
    for work in WORKS:
        for name in ARCHITECTURES:
            start, slope = (numbers.record(name, metric, operation=work) for metric in ("dial_start", "dial_slope"))
            if start and slope:
                yield _line(name, work, start, slope)
    slopes = [r for r in numbers.records if r["metric"] == "dial_slope"]
    above = [r for r in slopes if r["low"] > r["conditions"]["counted"]]
    if above:
        yield (
            f"{len(above)} of {len(slopes)} slopes lie above their counts: there a hop made something else slower too."
            " While callers are busy with hops, caches grow cold and other processes of the host come in between; on a"
            " quiet machine that is less."
        )


def _line(name: str, work: str, start: Record, slope: Record) -> str:
    fit, (_, per) = slope["conditions"], unit(work)
    short, counted = ("ms" if per > 1 else "us"), fit["counted"]
    off = 100 * (slope["value"] / counted - 1) if counted else 0.0
    verdict = "within it" if fit["within"] else "outside it"
    return (
        f"{name}, {TITLES[work]}: time = {interval(start, per)} {short} + n * h; n by the slope {finely(slope)}, n"
        f" counted {counted}: {verdict} ({off:+.1f} %). R^2 {fit['r_squared']:.4f}, the farthest point is"
        f" {abs(fit['residual_us']):.1f} us off."
    )
