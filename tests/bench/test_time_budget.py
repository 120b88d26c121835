"""How many passes fit, on a clock that the test moves."""

import pytest

from bench.budget import Budget


def made(budget_s, pass_s, most, least, mark):
    """How many passes of that length are made."""
    now = 0.0
    budget, count = Budget(budget_s, lambda: now), 0
    for _ in budget.passes(most, least, mark):
        now += pass_s
        count += 1
    return count


@pytest.mark.parametrize(
    ("pass_s", "most", "least", "mark", "passes"),
    [
        (1.0, 3, 1, 1.0, 3),  # all that were asked for
        (3.0, 9, 1, 1.0, 3),  # a fourth would end after the mark
        (5.0, 9, 1, 1.0, 2),  # the second ends exactly at it
        (3.0, 9, 1, 0.5, 1),
        (60.0, 9, 2, 1.0, 2),  # the least, however long
        (1.0, 0, 0, 1.0, 0),
    ],
)
def test_passes_are_as_many_as_end_before_the_mark(pass_s, most, least, mark, passes):
    assert made(10.0, pass_s, most, least, mark) == passes


def test_time_that_a_phase_leaves_is_the_next_ones():
    now = 0.0
    budget = Budget(10.0, lambda: now)
    assert list(budget.passes(2, 1, 0.5)) == [0, 1]
    count = 0
    for _ in budget.passes(99, 1, 1.0):
        now += 2.0
        count += 1
    assert count == 5
