"""The machine does what x86 does: the litmus tests of the literature, as it answers them.

The names and the answers are those of Sewell and others, "x86-TSO" (CACM 2010); RB is the pair of one fence
here and one from afar, which `membarrier` is for.
"""

import pytest
from tso import Machine, Violation, fence, fence_one_of, load, ring, store, wait


def writes_then_reads(me, mine, other, between=()):
    """The half of a store-buffering test."""
    yield store(mine, 1)
    for number in range(len(between)):
        yield between[number]
    seen = yield load(other)
    yield store(f"{me} saw", seen + 1)  # a word of 0 would not be in the memory


def sends():
    yield store("payload", 1)
    yield store("flag", 1)


def reads(me, first, second):
    one = yield load(first)
    two = yield load(second)
    yield store(f"{me} saw", 10 + 2 * one + two)


def reads_then_writes(me, read, written):
    seen = yield load(read)
    yield store(written, 1)
    yield store(f"{me} saw", seen + 1)


def writes_and_reads_both(me, mine, other):
    """A process sees its own store before the others do."""
    yield store(mine, 1)
    own = yield load(mine)
    seen = yield load(other)
    yield store(f"{me} saw", 10 + 2 * own + seen)


def both(program, *more, a=(), b=()):
    return {"A": lambda: program("A", "x", "y", *more, *a), "B": lambda: program("B", "y", "x", *more, *b)}


NEITHER = {"A saw": 1, "B saw": 1}
FENCE, REMOTE = fence(), fence_one_of(("A",))
LITMUS = {  # programs, outcome, with buffers, in sequential consistency
    "SB": (both(writes_then_reads), NEITHER, True, False),
    "SB, one fence": (both(writes_then_reads, b=((FENCE,),)), NEITHER, True, False),
    "SB, two fences": (both(writes_then_reads, (FENCE,)), NEITHER, False, False),
    "RB": (both(writes_then_reads, b=((FENCE, REMOTE),)), NEITHER, False, False),
    "RB, only from afar": (both(writes_then_reads, b=((REMOTE,),)), NEITHER, True, False),
    "MP": ({"A": sends, "B": lambda: reads("B", "flag", "payload")}, {"B saw": 12}, False, False),
    "LB": (both(reads_then_writes), {"A saw": 2, "B saw": 2}, False, False),
    "n5": (both(writes_and_reads_both), {"A saw": 12, "B saw": 12}, True, False),
}


@pytest.mark.parametrize("name", LITMUS)
def test_litmus(name):
    programs, outcome, buffered, consistent = LITMUS[name]
    for buffers, expected in ((True, buffered), (False, consistent)):
        ends = Machine(programs, buffers).explore().ends
        assert any(outcome.items() <= dict(memory).items() for memory in ends) == expected, (name, buffers)


def test_two_writes_to_a_bell_are_one_edge():
    def rings():
        yield ring("A>B.bell")
        yield ring("A>B.bell")

    def waits(times):
        for _ in range(times):
            yield wait(">B.bell")

    result = Machine({"A": rings, "B": lambda: waits(1)}).explore()
    assert result.wakes == {"A": 0, "B": 1}
    with pytest.raises(Violation, match="blocked for ever: B"):
        Machine({"A": rings, "B": lambda: waits(2)}).explore()


@pytest.mark.parametrize("fenced", [False, True])
def test_ring_is_a_fence_only_if_said(fenced):
    def rings():
        yield store("flag", 1)
        yield ring("A>B.bell")

    def waits():
        yield wait(">B.bell")
        seen = yield load("flag")
        yield store("saw", seen + 1)

    ends = Machine({"A": rings, "B": waits}, fenced_calls=fenced).explore().ends
    assert {dict(memory)["saw"] for memory in ends} == ({2} if fenced else {1, 2})


def test_two_instructions_on_a_line_are_refused():
    def program():
        yield (load("x") if (yield load("x")) else store("y", 1))

    with pytest.raises(AssertionError, match="two instructions on one line"):
        Machine({"A": program}).explore()
