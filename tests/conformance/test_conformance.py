"""The same app gets the same answers on every architecture, value for value, status for status."""

import functools
import itertools

import pytest

from microlith import System
from tests.conformance import parts, running
from tests.conformance.tracing import ServerTrace

ARCHITECTURES = ("library", "monolith", "mach", "mach25", "hybrid", "l4")
SQUARE = ("kernel-socket", "kernel-shared", "peer-socket", "peer-zmq")  # with mach and l4


def assistants() -> System:
    system = System("assistants")
    system = system.server("echo", parts.Echoes).server("maker", parts.Makers)
    system = system.server("waiter", parts.Waiters).server("sink", parts.Sinks, echo="echo")
    given = {"echo": "echo", "maker": "maker", "waiter": "waiter", "sink": "sink"}
    system = system.server("front", parts.Fronts, **given, title="the front")
    system = system.server("top", parts.Tops, front="front", sink="sink")
    return system.app("trace", ServerTrace, on_boot=False, **given, front="front", top="top")


@functools.cache
def trace_of(architecture):
    return running.collect(assistants(), architecture, "trace")


def differences(one, other):
    """The lines that differ, each under its chapter."""
    chapter, found = "", []
    for a, b in itertools.zip_longest(one, other, fillvalue="(nothing)"):
        if a == b and a.startswith("== "):
            chapter = a
        if a != b:
            found.append(f"{chapter}\n   {a}\n   {b}")
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES + SQUARE)
def test_trace_of_assistants_ends_by_itself(architecture):
    status, lines = trace_of(architecture)
    assert status == 7, "\n".join(lines[-5:])
    assert len(lines) > 200


@pytest.mark.parametrize("architecture", ARCHITECTURES[1:] + SQUARE)
def test_trace_of_assistants_is_the_same_as_in_one_address_space(architecture):
    found = differences(trace_of("library")[1], trace_of(architecture)[1])
    assert not found, "\n".join(found)


EXPECTED = """
integer(9223372036854775807) -> 9223372036854775807
integer(9223372036854775808) -> #TypeError Echo.integer: v is 9223372036854775808, not exactly int
real(-0.0) -> -0.0
real(-inf) -> -inf
refuse(2, 'the detail ä') -> !Wrong: the detail ä [0]
use_front(<Front>, 0) -> !RankViolation [35]
wait('depth 2') -> !DeadlineExceeded [110]
withdrawals() -> 5
counted() -> (307, 0)
value() -> 7
""".strip().splitlines()


@pytest.mark.parametrize("architecture", ARCHITECTURES + SQUARE)
def test_trace_of_assistants_says_what_is_right(architecture):
    lines = trace_of(architecture)[1]
    assert [line for line in EXPECTED if line not in lines] == []
