"""With all options on all links every answer is what it is without; and the remaining options one by one."""

import threading

import pytest

from microlith import boot
from microlith.frame import wire
from microlith.frame.counted import cost
from microlith.frame.frame import Frame
from microlith.frame.options import LinkOptions
from microlith.frame.page import Page
from microlith.frame.server import here
from microlith.process.assembly import Assembly
from microlith.process.birth import PartBirth, SlotBirth
from tests.conformance import running
from tests.conformance.parts import Echoes, Fronts, MadeThing, Makers, Refused, Sinks, Waiters
from tests.conformance.test_conformance import ARCHITECTURES, assistants, differences, trace_of
from tests.conformance.test_system_conformance import trace_of as system_trace_of
from tests.links.machines import asked, system

ALL = {
    "library": "check,count,trace,hop:1,lock",
    "monolith": "check,count,trace,hop:1,lock",
    "mach": "check,count,trace,hop:1",
    "mach25": "check,count,trace,hop:1,lock",
    "hybrid": "check,count,trace,hop:1",
    "l4": "check,count,trace,hop:1",
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trace_of_assistants_is_the_same_with_all_options_on_all_links(architecture):
    status, lines = running.collect(assistants(), architecture, "trace", links={"*": ALL[architecture]})
    assert status == 7
    assert differences(trace_of("library")[1], lines) == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trace_of_the_operating_system_is_the_same_with_all_options_on_all_links(architecture):
    plain, (status, lines, written) = system_trace_of("library"), system_trace_of(architecture, None, ALL[architecture])
    assert (status, written) == (9, plain[2])
    assert differences(plain[1], lines) == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_check_of_one_link(architecture):
    with boot(system(), architecture, links={"operator.echo": "check"}) as machine:
        with pytest.raises(TypeError, match="v is True, not exactly int"):
            machine.connect("echo").integer(True)
        assert machine.connect("echo").integer(1) == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hop_costs_for_every_crossing(architecture):
    """20 ms for each: a call over a peer link has two, through the kernel four, a notice half."""
    crossings = {"library": 0, "monolith": 2, "mach": 4, "mach25": 4, "hybrid": 4, "l4": 2}[architecture]
    call, notice = map(float, asked(architecture, "time", {"asker.*": "hop:20000"})[0].split())
    assert call >= 20000 * crossings
    assert notice >= 20000 * crossings / 2
    if not crossings:
        assert call < 20000


def test_cost_of_messages():
    """(messages, crossings, kernel visits, copies); docs: microlith/frame/README.md."""
    assert cost("peer", True, wire.CALL) == (1, 1, 1, 2)
    assert cost("peer", True, wire.REPLY) == (1, 1, 0, 2)
    assert cost("peer", False, wire.CALL) == (1, 1, 0, 2)
    assert cost("kernel", False, wire.CALL) == cost("kernel", False, wire.STATUS) == (1, 2, 1, 4)
    assert cost("kernel", True, wire.CALL) == (1, 1, 1, 2)
    assert cost("kernel", True, wire.STATUS) == (1, 1, 0, 2)
    for in_kernel in (False, True):
        assert cost("kernel", in_kernel, wire.FAIL) == (0, 1, 0, 2)
        assert cost("kernel", in_kernel, wire.CANCEL) == (1, 1, 1, 2)


# --- lock ---------------------------------------------------------------------------------------------


@pytest.fixture
def frame():
    """A frame of this test's own."""
    outer, Frame.current = Frame.current, Frame()
    yield here()
    Frame.current.close()
    Frame.current = outer


PORTS = ("", "echo", "maker", "waiter", "sink", "front")


def part(name, cls, rank, **slots):
    births = tuple(SlotBirth(slot, slot, 0, 0, "direct", options={"lock": True}) for slot in slots)
    return PartBirth(name, f"{cls.__module__}:{cls.__qualname__}", rank, PORTS.index(name), {}, births, {})


def assembled(frame):
    assembly = Assembly(frame, {})
    assembly.build(
        (
            part("echo", Echoes, 0), part("maker", Makers, 0), part("waiter", Waiters, 0),
            part("sink", Sinks, 1, echo=1), part("front", Fronts, 2, echo=1, maker=1, waiter=1, sink=1),
        )
    )  # fmt: skip
    return assembly


def held(lock):
    """Is the lock held, seen from another thread?"""
    found = []

    def look():
        free = lock.acquire(blocking=False)
        if free:
            lock.release()
        found.append(not free)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_lock_is_one_of_each_server_and_held_during_the_call(frame, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Echoes, "integer", lambda self, v: seen.append({name: held(lock) for name, lock in locks.items()})
    )
    assembly = assembled(frame)
    locks, servers = assembly._locks, assembly.servers
    assert set(locks) == {"echo", "maker", "waiter", "sink"}
    servers["sink"].echo.integer(1)
    servers["front"].echo.integer(1)
    assert seen == [{"echo": True, "maker": False, "waiter": False, "sink": False}] * 2
    assert not any(map(held, locks.values()))


def test_lock_is_held_for_an_object_of_the_server_and_let_go_after_a_status(frame, monkeypatch):
    assembly = assembled(frame)
    seen = []
    monkeypatch.setattr(MadeThing, "value", lambda self: seen.append(held(assembly._locks["maker"])))
    thing = assembly.servers["front"].maker.make(2)
    thing.value()
    assert seen == [True]
    with pytest.raises(Refused):
        thing.refuse("why")
    assert not held(assembly._locks["maker"])


def test_lock_is_taken_again_by_the_same_thread(frame):
    lock = threading.RLock()
    link = LinkOptions("a.b", {"lock": True}, "direct", False, lock)
    assembly = assembled(frame)
    made = assembly.holders.receive(assembly.servers["echo"], None, link=link)
    with lock:
        assert made.integer(3) == 3


def test_link_without_options_costs_nothing(frame):
    """With none of them the slot holds the bound method itself."""
    bare = PartBirth("echo", "tests.conformance.parts:Echoes", 0, 1, {}, (), {})
    slot = SlotBirth("echo", "echo", 0, 0, "direct")
    client = PartBirth("sink", "tests.conformance.parts:Sinks", 1, 2, {}, (slot,), {})
    assembly = Assembly(frame, {})
    assembly.build((bare, client))
    assert assembly.servers["sink"].echo.integer.__func__ is Echoes.integer
    assert Page().rows() == {}
