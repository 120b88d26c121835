"""How much of `mach / l4` is the path and how much the transport: the arithmetic.

The six variants are a square: two paths times three transports.  From its corner `kernel-zmq` (which is mach) to the
corner `peer-shared` (which is l4) there are two ways, over `peer-zmq` and over `kernel-shared`:

    path first        kernel-zmq / peer-zmq       is the path        peer-zmq / peer-shared      the transport
    transport first   kernel-zmq / kernel-shared  is the transport   kernel-shared / peer-shared  the path

Each way multiplies to the whole.  They need not agree: `interaction` is how many times more the kernel on the path
costs over ZeroMQ than over shared memory.  The fair share of each is the geometric mean of its two factors: Shapley's
value of two players, on a log scale ("A Value for n-Person Games", 1953).

A round is {variant: time}.  All ratios are taken within it, and averaged over the rounds by the geometric mean, the
one average for which factors that multiply to the whole in every round do so in the result.  Rounds are resampled.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from bench.statistics import Estimate, bootstrap

PATHS, TRANSPORTS = ("kernel", "peer"), ("zmq", "socket", "shared")
#: The square, row by row.
SQUARE = tuple(f"{path}-{transport}" for path in PATHS for transport in TRANSPORTS)
MACH, L4 = "kernel-zmq", "peer-shared"

#: A whole nearer to 1 than this has no parts.
LEAST = 1.05

Round = Mapping[str, float]

#: Factor -> the ratio of variants that it is, in one order or regardless of any.
RATIOS = {
    "in all": (MACH, L4),
    "path, first": (MACH, "peer-zmq"),
    "transport, second": ("peer-zmq", L4),
    "transport, first": (MACH, "kernel-shared"),
    "path, second": ("kernel-shared", L4),
    "path over socket": ("kernel-socket", "peer-socket"),
}


def factors(rounds: Sequence[Round], seed: int) -> dict[str, Estimate]:
    """The factors of RATIOS; `path` and `transport`, their fair shares; `interaction`; `share of path`, of 1.

    The last is the part of the path in the logarithm of the whole; it is left out where the whole may be no difference.
    """
    found = {name: bootstrap(rounds, _ratio(*pair), seed) for name, pair in RATIOS.items()}
    found["path"] = bootstrap(rounds, lambda some: math.exp(_path(some)), seed)
    found["transport"] = bootstrap(rounds, lambda some: math.exp(_whole(some) - _path(some)), seed)
    found["interaction"] = bootstrap(rounds, lambda some: math.exp(_first(some) - _second(some)), seed)
    if found["in all"].low > LEAST:
        found["share of path"] = bootstrap(rounds, lambda some: _path(some) / _whole(some), seed)
    return found


def average(rounds: Sequence[Round], variant: str, seed: int) -> Estimate:
    """The geometric mean of a variant's times, so that the square has the ratios that are told of it."""
    return bootstrap([one[variant] for one in rounds], lambda some: math.exp(_mean([math.log(x) for x in some])), seed)


def _log(rounds: Sequence[Round], above: str, below: str) -> float:
    return _mean([math.log(one[above] / one[below]) for one in rounds])


def _ratio(above: str, below: str) -> Callable[[Sequence[Round]], float]:
    return lambda rounds: math.exp(_log(rounds, above, below))


def _whole(rounds: Sequence[Round]) -> float:
    return _log(rounds, *RATIOS["in all"])


def _first(rounds: Sequence[Round]) -> float:
    return _log(rounds, *RATIOS["path, first"])


def _second(rounds: Sequence[Round]) -> float:
    return _log(rounds, *RATIOS["path, second"])


def _path(rounds: Sequence[Round]) -> float:
    """The logarithm of the path's fair share."""
    return (_first(rounds) + _second(rounds)) / 2


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
