"""The arithmetic of the comparison."""

import random

import pytest

from bench.statistics import bootstrap, median, of_median, of_ratio, percentile, wilson


def test_percentile_interpolates_between_ranks():
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile(range(101), 99) == 99
    assert percentile([7], 99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(("n", "skip"), [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (12, 2), (25, 7), (100, 39)])
def test_of_median_skips_the_ranks_that_the_binomial_gives(n, skip):
    found = of_median(list(range(n)))
    assert (found.low, found.high) == (skip, n - 1 - skip)
    assert found.n == n


def test_of_median_of_many_is_close_to_the_exact_rank():
    found = of_median(list(range(10_000)))
    assert 4890 <= found.low <= 4905
    assert 5095 <= found.high <= 5110


def test_of_median_covers_the_median_of_the_source_about_as_often_as_it_says():
    chance, hits = random.Random(7), 0
    for _ in range(500):
        found = of_median([chance.expovariate(1.0) for _ in range(25)])
        hits += found.low <= 0.6931 <= found.high
    assert 465 <= hits <= 495


def test_bootstrap_is_the_same_under_a_seed_and_holds_the_value():
    values = [9.2, 9.0, 10.0, 11.0, 10.5, 9.5, 30.0]
    found = bootstrap(values, median, 5)
    assert found == bootstrap(values, median, 5)
    assert found.low <= found.value <= found.high


def test_of_ratio_of_equals_holds_one():
    found = of_ratio([1.0, 1.1, 0.9, 1.05], [1.0, 1.02, 0.97, 1.1], 1)
    assert found.low <= 1 <= found.high
    assert of_ratio([2.0, 2.0], [1.0, 1.0], 1).value == 2


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 1000, 0.00018, 0.00565), (0, 0, 0, 1)],
)
def test_wilson_against_published_values(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=2e-4)
