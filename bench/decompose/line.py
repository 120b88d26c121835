"""A straight line through times at several costs of a hop: the arithmetic.

A turn is {hop: time}, both in microseconds.  Each turn has its own line by least squares; the slope is the median of
theirs, with its bootstrap interval, and so is the start.  What drifts from turn to turn shifts a whole line and leaves
its slope.  How straight it is, is told by the medians at each hop: R^2, and the one farthest from the line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.statistics import Estimate, bootstrap, median

Turn = Mapping[float, float]


@dataclass(frozen=True)
class Line:
    """time = start + slope * hop."""

    start: Estimate  # microseconds
    slope: Estimate  # crossings, if a hop is the only thing that changes
    points: dict[float, float]  # the median at each hop
    r_squared: float
    residual: float  # of the point that is farthest from the line, microseconds, above it positive

    def at(self, hop: float) -> float:
        """The time that the line has at a hop."""
        return self.start.value + self.slope.value * hop


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
    fitted = [least_squares(one) for one in turns]
    start = bootstrap([one for one, _ in fitted], median, seed)
    slope = bootstrap([one for _, one in fitted], median, seed)
    points = {hop: median([one[hop] for one in turns]) for hop in turns[0]}
    residuals = [time - (start.value + slope.value * hop) for hop, time in points.items()]
    height = sum(points.values()) / len(points)
    scatter = sum((time - height) ** 2 for time in points.values())
    missing = sum(residual**2 for residual in residuals)
    straight = 1 - missing / scatter if scatter else 0.0
    return Line(start, slope, points, straight, max(residuals, key=abs))
