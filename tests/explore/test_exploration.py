"""Every reachable state of the small systems: closed, counted, and no invariant broken.

The counts are a guard: a change of the core or of a system that makes states appear or vanish has to
be looked at.  `python tests/explore/test_exploration.py [SYSTEM]` explores with progress.
"""

import sys

import pytest
import small
from explorer import Explorer

COUNTS = {  # states, transitions
    "Clash": (21_412, 176_328),
    "Messages": (16_136, 190_418),
    "Lives": (28_524, 431_032),
    "Gifts": (19_654, 247_299),
    "Rights": (34_472, 310_277),
    "Services": (8_632, 96_868),
    "Offers": (15_126, 179_660),
    "Passing": (118_602, 918_820),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("system", COUNTS)
def test_exploration_closes_without_a_violation(system):
    result = Explorer(getattr(small, system)()).run()
    assert result.closed
    assert (result.states, result.transitions) == COUNTS[system]


def test_exploration_has_a_system_of_a_hundred_thousand_states():
    assert max(states for states, _ in COUNTS.values()) >= 100_000


if __name__ == "__main__":
    for name in sys.argv[1:] or COUNTS:
        print(name, Explorer(getattr(small, name)()).run(progress=lambda line: print(line, flush=True)), flush=True)
