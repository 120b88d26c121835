"""From rounds of the square and of the dial to records, of the form that bench/records.py has."""

from collections.abc import Sequence

from bench.counting import EXACT
from bench.decompose.dial import WORKS, Dialled
from bench.decompose.factors import SQUARE, average, factors
from bench.decompose.line import line
from bench.decompose.square import COUNTED, Square
from bench.records import NotExact, Recorder
from bench.statistics import Estimate, of_median


def squared(recorder: Recorder, rounds: Sequence[Square], placement: str) -> None:
    """Times of all six variants, counts, and the factors."""
    for operation in rounds[0].times:
        times = [one.times[operation] for one in rounds]
        for variant in SQUARE:
            found = average(times, variant, recorder.seed)
            recorder.add(variant, "time", "us", found, operation=operation, placement=placement)
        for name, estimate in factors(times, recorder.seed).items():
            unit = "part of the logarithm" if name == "share of path" else "times"
            recorder.add("l4", "factor", unit, estimate, of=name, operation=operation, placement=placement)
    for operation in COUNTED:
        for variant in SQUARE:
            _counted(recorder, rounds, operation, variant)


def _counted(recorder: Recorder, rounds: Sequence[Square], operation: str, variant: str) -> None:
    found = [one.counts[operation][variant] for one in rounds]
    for metric in EXACT:
        value = _one(f"{variant}: {metric} of {operation}", {counts[metric] for counts in found})
        unit = "bytes" if metric == "bytes_copied" else metric
        exact = Estimate(value, value, value, len(found))
        recorder.add(variant, metric, unit, exact, operation=operation, exact=True)
    slept = of_median([one.wake_ups[operation][variant] for one in rounds])
    recorder.add(variant, "wake_ups", "wake-ups", slept, operation=operation, exact=False)


def dialled(recorder: Recorder, rounds: Sequence[Dialled]) -> None:
    """The lines of one architecture: its points, where it starts, and its slope beside what was counted."""
    name = rounds[0].architecture
    for work in WORKS:
        turns = [turn for one in rounds for turn in one.times[work]]
        found = line(turns, recorder.seed)
        counted = _one(f"{name}: crossings of {work}", set().union(*(one.crossings[work] for one in rounds)))
        given = {"operation": work, "placement": "same-core"}
        for hop, point in found.points.items():
            recorder.add(name, "dialled", "us", point, hop_us=hop, **given)
        recorder.add(name, "dial_start", "us", found.start, **given)
        fit = {"counted": counted, "r_squared": round(found.r_squared, 5), "residual_us": round(found.residual, 2)}
        within = found.slope.low <= counted <= found.slope.high
        recorder.add(name, "dial_slope", "crossings", found.slope, within=within, **fit, **given)


def _one(what: str, values: set[int]) -> int:
    """A count that was the same every time."""
    if len(values) > 1:
        raise NotExact(f"{what} was {sorted(values)} on repetition")
    return next(iter(values))
