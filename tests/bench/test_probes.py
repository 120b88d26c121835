"""The instruments of a probe: the measuring driver, calls in a time, pins on cores."""

import os
from time import monotonic_ns

import pytest

from bench.interrupts import TimerMeter
from bench.placement import Placement
from bench.workload import repeated
from microlith import boot
from microlith.kinds import ARCHITECTURES
from microlith.system.system import System


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_meter_takes_as_many_interrupts_as_asked_and_none_too_early(architecture):
    with boot(System("meter alone").server("meter", TimerMeter), architecture) as machine:
        meter = machine.connect("meter")
        for seed in (1, 2):
            meter.begin(5, seed)
            late = meter.finish()
            assert len(late) == 5
            assert all(0 <= latency < 5_000_000_000 for latency in late)
            assert meter.left() == 0
            assert meter.finish() == late


def test_repeated_fills_its_time_and_counts_every_call():
    calls = []
    began = monotonic_ns()
    count, took = repeated(lambda: calls.append(None), 3_000_000)
    assert len(calls) == count > 1
    assert 3_000_000 <= took <= monotonic_ns() - began


def cores(machine):
    """The sets of cores of the threads of every domain, by pid."""
    pids = [row["pid"] for row in machine.state()["domains"]]
    return {pid: {frozenset(os.sched_getaffinity(int(t))) for t in os.listdir(f"/proc/{pid}/task")} for pid in pids}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_same_core_holds_every_thread_on_one_core(architecture):
    at = Placement("same-core")
    with boot("five", architecture) as machine:
        at.settle(machine)
        assert set().union(*cores(machine).values()) == {frozenset(at.cores[:1])}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_spread_holds_programs_apart_from_everything_else(architecture):
    at = Placement("spread")
    with boot("five", architecture) as machine:
        program = machine.state()["domains"][-1]["pid"]  # as if it were one
        at.settle(machine, {program})
        found = cores(machine)
        first = {frozenset(at.cores[:1])}
        assert found.pop(program) == first
        assert all(len(places) == 1 and places != first for places in found.values())
