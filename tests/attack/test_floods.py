"""Floods: messages without an end, queues that fill, readers that do not read (facts: hazards 3, 4 and 5)."""

import os
import signal
import time

import psutil
import pytest
from arena import until

MIB = 1 << 20


@pytest.fixture
def frozen(arena, request):
    """A server (pot, or the parameter) stopped by SIGSTOP: call it to let it go on."""
    pid = arena.pids()[getattr(request, "param", "pot")]
    os.kill(pid, signal.SIGSTOP)
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the stop")
    yield lambda: os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("size", [65536, 1])
def test_message_without_an_end_is_noticed_and_its_sender_ended(arena, size):
    before = arena.resident()
    attacker = arena.attacker("endless", size)
    attacker.read()
    arena.bystander.served(5)
    assert "without an end" in arena.convicted(attacker)
    until(lambda: arena.resident() < before + 24 * MIB, "the return of the memory")
    arena.bystander.served()


def test_largest_messages_of_an_honest_client_are_no_flood(arena):
    clients = [arena.attacker("honest", 6) for _ in range(2)]
    for client in clients:
        assert client.read(90) == {"right": 8}


def test_notices_to_a_server_that_is_stopped_are_counted_as_lost(arena, frozen):
    before = arena.resident()
    attacker = arena.attacker("notices", 20000, 100)
    attacker.read()
    assert attacker.read() == {"sent": 20000}
    arena.bystander.served()
    assert arena.resident() < before + 32 * MIB
    frozen()
    attacker.go()
    received, lost = attacker.read()["count"]
    assert 100 < received < 20000 and received + lost <= 20000
    # what was lost after the last that arrived is told with the next
    other = arena.attacker("notices", 1, 1)
    other.read(), other.read()
    other.go()
    again, lost = other.read()["count"]
    assert again > received and again + lost == 20001


def test_large_notices_to_a_server_that_is_stopped_do_not_fill_the_kernel(arena, frozen):
    before = arena.resident()
    attacker = arena.attacker("notices", 400, MIB)
    attacker.read()
    assert attacker.read(60) == {"sent": 400}
    arena.bystander.served()
    assert arena.resident() < before + 400 * MIB
    frozen()
    attacker.go()
    received, _ = attacker.read(60)["count"]
    assert received > 0
    until(lambda: arena.resident() < before + 64 * MIB, "the return of the memory")


def test_calls_to_a_server_that_is_stopped_end_busy_or_at_their_deadline(arena, frozen):
    attacker = arena.attacker("calls", 500)
    statuses = attacker.read()["statuses"]
    assert statuses["Busy"] > 300 and statuses["DeadlineExceeded"] > 10
    assert sum(statuses.values()) == 500
    arena.bystander.served()
    frozen()
    attacker.go()
    assert attacker.read(60)["after"] == "no status"


def test_large_calls_to_a_server_that_is_stopped_do_not_fill_the_kernel(arena, frozen):
    before = arena.resident()
    attacker = arena.attacker("large_calls", 40)
    peak = 0
    said = {}
    while not said:
        peak = max(peak, arena.resident())
        try:
            said = attacker.read(0.02)
        except AssertionError:
            assert attacker.process.poll() is None
    assert said["statuses"]["Busy"] > 20, said
    assert peak < before + 400 * MIB
    arena.bystander.served()
    frozen()


@pytest.mark.parametrize("frozen", ["sink"], indirect=True)
def test_large_forwards_to_a_server_that_is_stopped_do_not_fill_the_kernel(arena, frozen):
    """Refused ones are answered, and the object that came with each is given back."""
    before = arena.resident()
    attacker = arena.attacker("large_forwards", 40)
    peak = 0
    said = {}
    while not said:
        peak = max(peak, arena.resident())
        try:
            said = attacker.read(0.02)
        except AssertionError:
            assert attacker.process.poll() is None
    assert said["statuses"] == {"Busy": 20}
    assert peak < before + 400 * MIB
    arena.bystander.served()
    frozen()
    attacker.go()
    said = attacker.read()
    assert said["made"] == 0 and said["statuses"]["no status"] == 4 and said["statuses"]["Busy"] == 36, said


def test_flood_of_notices_stops_neither_clocks_nor_answers(arena):
    attackers = [arena.attacker("endless_notices") for _ in range(2)]
    for attacker in attackers:
        attacker.read()
    arena.bystander.served(10)
    late = arena.attacker("one_call", "pot", 3, 1, 0.5)
    late.read()
    late.go()
    said = late.read()
    assert said["status"] == "DeadlineExceeded" and 0.5 <= said["took"] < 4
    held = arena.attacker("held_call").read(60)
    assert held["released"] == [True]
    assert all(attacker.process.poll() is None for attacker in attackers)


def test_reader_that_never_reads_large_answers(arena):
    before = arena.resident()
    attacker = arena.attacker("deaf", 2000)
    attacker.read(60)
    peak = 0
    said = None
    while said is None:
        peak = max(peak, arena.resident())
        try:
            said = attacker.read(0.05)
        except AssertionError:
            assert attacker.process.poll() is None
    assert said["asked"] >= 64
    limit = time.monotonic() + 1.0
    while time.monotonic() < limit:
        arena.bystander.served(2)
        peak = max(peak, arena.resident())
    assert peak < before + 500 * MIB, f"{(peak - before) / MIB:.0f} MiB"
    attacker.end()
    until(lambda: arena.resident() < before + 64 * MIB, "the return of the memory")


def test_reader_that_never_reads_small_answers_is_ended(arena):
    before = arena.resident()
    attacker = arena.attacker("mute", 100_000)
    attacker.read()
    assert "does not take its messages" in arena.convicted(attacker)
    arena.bystander.served()
    assert arena.resident() < before + 64 * MIB


def test_spinning_server_looks_alive_to_the_transport_and_to_nobody_else(machine_under_attack):
    """Heartbeats of ZMTP are answered by a thread of libzmq; what counts is what the loop publishes."""
    arena = machine_under_attack
    bystander = arena.someone()
    pid = arena.pids()["pot"]
    caller = arena.attacker("one_call", "pot", 8, 0, 1.0)
    caller.read()
    caller.go()
    assert caller.read()["status"] == "DeadlineExceeded"
    row = next(r for r in arena.machine.state()["domains"] if r["domain"] == "pot")
    assert row["state"] == "serving" and row["pid"] == pid  # connected, answering no beat of its own
    bystander.served()
    assert arena.machine.kill("pot")["how"] == "SIGKILL"
    arena.event("up", name="pot", incarnation=2)
    other = arena.attacker("one_call", "pot", 2, 0, 5)
    other.read()
    other.go()
    assert other.read()["status"] == "no status"
    arena.check()
