"""Counts of one call, from the states of a machine before and after it; the caller is outside and not counted."""

import pytest

from bench.counting import counts_between
from microlith import boot

FROM_OUTSIDE = {  # crossings, visits of the kernel, messages: to a driver, and to a server that is none
    "monolith": ((1, 1, 1), (1, 1, 1)),
    "mach": ((3, 2, 1), (3, 2, 1)),
    "mach25": ((1, 1, 1), (3, 2, 1)),  # the driver is where the kernel is
}


@pytest.mark.parametrize("architecture", FROM_OUTSIDE)
def test_counts_of_one_call(architecture):
    with boot("unix", architecture=architecture) as machine:
        clock, files = machine.connect("clock"), machine.connect("files")
        for call, expected in zip((clock.time, files.ping), FROM_OUTSIDE[architecture], strict=True):
            call()
            before = machine.state()
            call()
            found = counts_between(before, machine.state())
            assert (found["crossings"], found["kernel_visits"], found["messages"]) == expected
