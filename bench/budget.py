"""How many passes there is time for.

A comparison has phases (copies, rounds, probes, kills), each made of passes through all architectures.
However many architectures there are, it is to end in time: each phase has a mark, a share of the budget by
which it should have ended, and begins another pass only if one as long as the last would end before it.
Time that a phase leaves is the next one's.
"""

from collections.abc import Callable, Iterator
from time import monotonic


class Budget:
    """Seconds, counted from when it was made."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.seconds, self._clock, self._began = seconds, clock, clock()

    def passes(self, most: int, least: int, mark: float) -> Iterator[int]:
        """Numbers of passes from 0, at least `least` of them; the caller makes a pass between two numbers."""
        until, took = self._began + mark * self.seconds, 0.0
        for number in range(most):
            began = self._clock()
            if number >= least and began + took > until:
                return
            yield number
            took = self._clock() - began
