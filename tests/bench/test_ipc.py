"""The benchmark against a bare loop runs, in both placements; how fast it is, is no test's business."""

import pytest

from bench.ipc import PLACES, measure
from bench.placement import Placement
from microlith.interface.status import UsageError


@pytest.mark.parametrize("place", PLACES)
def test_both_sides_are_measured_in_every_round(place):
    found = measure(place, rounds=2, operations=20, seed=1)
    assert {name: len(values) for name, values in found.items()} == {"mach": 2, "multipart": 2, "lean": 2}
    assert all(value > 1 for values in found.values() for value in values)


def test_unknown_placement_is_refused():
    with pytest.raises(UsageError, match="there are free, same-core, spread"):
        Placement("nowhere")
