"""Percentiles and intervals, without assumptions about how times are distributed.

Sources: order statistics of the median, David & Nagaraja, "Order Statistics", 7.1; bootstrap, Efron &
Tibshirani, "An Introduction to the Bootstrap", ch. 13; proportions, Wilson, JASA 22 (1927).
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Observation = TypeVar("Observation")  # a number, or all that belongs to one round

Z95 = 1.959963984540054
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A value from n observations, and the 95 % interval round it."""

    value: float
    low: float
    high: float
    n: int


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the two nearest ranks.  ValueError for no values."""
    if not values:
        raise ValueError("no values have no percentile")
    ordered = sorted(values)
    at = (len(ordered) - 1) * percent / 100
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def median(values: Sequence[float]) -> float:
    """The middle."""
    return percentile(values, 50)


def of_median(values: Sequence[float]) -> Estimate:
    """The median with its order-statistic interval.

    Of fewer than six values no interval has 95 %; then it is from the smallest to the largest.
    """
    ordered = sorted(values)
    skip = _ranks_to_skip(len(ordered))
    return Estimate(median(ordered), ordered[skip], ordered[-1 - skip], len(ordered))


def _ranks_to_skip(n: int) -> int:
    """How many values at each end lie outside: the most with P(Binomial(n, 1/2) <= skip) at most 2.5 %."""
    if n >= 1000:  # the normal approximation is good to a rank here, and 0.5 ** n is not
        return math.floor((n - Z95 * math.sqrt(n)) / 2) - 1
    total, term, skip = 0.0, 0.5**n, -1
    while total + term <= 0.025:
        total += term
        skip += 1
        term *= (n - skip) / (skip + 1)
    return max(skip, 0)


def bootstrap(
    values: Sequence[Observation], statistic: Callable[[Sequence[Observation]], float], seed: int
) -> Estimate:
    """A statistic with its percentile-bootstrap interval; the same seed gives the same interval."""
    chance = random.Random(seed)
    again = [statistic(chance.choices(values, k=len(values))) for _ in range(RESAMPLES)]
    return Estimate(statistic(values), percentile(again, 2.5), percentile(again, 97.5), len(values))


def of_ratio(above: Sequence[float], below: Sequence[float], seed: int) -> Estimate:
    """The ratio of two medians of rounds, both resampled.  n is the smaller number of rounds."""
    chance = random.Random(seed)
    again = [
        median(chance.choices(above, k=len(above))) / median(chance.choices(below, k=len(below)))
        for _ in range(RESAMPLES)
    ]
    value = median(above) / median(below)
    return Estimate(value, percentile(again, 2.5), percentile(again, 97.5), min(len(above), len(below)))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a proportion; of no trials everything is possible."""
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, Z95 * Z95
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == n else middle + half)
