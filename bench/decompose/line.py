"""A straight line through times at several costs of a hop: the arithmetic.

A turn is {hop: time}, both in microseconds.  The line goes by least squares through the lower quartile of the turns at
each hop: what disturbs a turn only adds to it, and disturbs the longer ones more.  Turns are resampled for the
intervals.  How straight it is, is told by R^2 and by the point that is farthest off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.statistics import Estimate, bootstrap, percentile

Turn = Mapping[float, float]

QUARTILE = 25.0


@dataclass(frozen=True)
class Line:
    """time = start + slope * hop."""

    start: Estimate  # microseconds
    slope: Estimate  # crossings, if a hop is the only thing that changes
    points: dict[float, Estimate]  # what it goes through
    r_squared: float
    residual: float  # of the point that is farthest from the line, microseconds, above it positive


def least_squares(points: Turn) -> tuple[float, float]:
    """Start and slope.  ValueError unless there are two different hops."""
    if len(points) < 2:
        raise ValueError("a line needs two points")
    middle, height = sum(points) / len(points), sum(points.values()) / len(points)
    spread = sum((hop - middle) ** 2 for hop in points)
    slope = sum((hop - middle) * (time - height) for hop, time in points.items()) / spread
    return height - slope * middle, slope


def line(turns: Sequence[Turn], seed: int) -> Line:
    """The line of all turns, which have the same hops."""
    start = bootstrap(turns, lambda some: least_squares(_quartiles(some))[0], seed)
    slope = bootstrap(turns, lambda some: least_squares(_quartiles(some))[1], seed)
    points = {hop: bootstrap([turn[hop] for turn in turns], _quartile, seed) for hop in turns[0]}
    residuals = [point.value - (start.value + slope.value * hop) for hop, point in points.items()]
    height = sum(point.value for point in points.values()) / len(points)
    scatter = sum((point.value - height) ** 2 for point in points.values())
    missing = sum(residual**2 for residual in residuals)
    return Line(start, slope, points, 1 - missing / scatter if scatter else 0.0, max(residuals, key=abs))


def _quartiles(turns: Sequence[Turn]) -> dict[float, float]:
    return {hop: _quartile([turn[hop] for turn in turns]) for hop in turns[0]}


def _quartile(times: Sequence[float]) -> float:
    return percentile(times, QUARTILE)
