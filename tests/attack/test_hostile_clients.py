"""Hostile clients of servers behind channels: anything in every field, and everybody else is served as before.

After each attack (the fixture `channels`) a bystander's answers were right and not late, no server has died, and
every descriptor is back.
"""

import os
import signal

import psutil
import pytest

MIB = 1 << 20
EXPECTED = {
    "number_back": ["result", "closed"],
    "number_jumps": ["result", "result", "result"],
    "number_largest": "closed",
    "number_half": "closed",
    "body_beyond": "closed",
    "bulk_beyond": "closed",
    "both_beyond": "closed",
    "just_beyond": "closed",
    "largest": "BadMessage",
    "no_body": "BadMessage",
    "tail_beyond": True,
    "tail_back": True,
    "tail_largest": True,
    "head_beyond": True,
    "head_while_held": "closed",
    "head_while_another_answers": [0, True],
    "all_words": True,
    "streamed_garbage": "closed",
    "garbage": True,
    "other_kinds": ["BadMessage"] * 10,
    "handles": ["NoRight"] * 4 + ["result"],
    "operations": ["BadMessage"] * 3,
    "wrong_ways": ["BadMessage", "BadMessage", "result"],
    "flags": ["BadMessage", "result"],
    "deadlines": ["result"],
    "bodies": ["BadMessage", "result"],
    "positions": ["BadMessage"] * 7,
    "bell_full": "result",
    "bell_closed": "gone",
    "bells_reopened": ["result"],
    "waits": [True, "result"],
    "deaf": "result",
    "endless": [0, "result"],
    "raw_descriptors": 0,
    "own_answers": "written",
}


def attack(arena, name, *arguments, seconds=60):
    attacker = arena.attacker(name, *arguments, program="by_channels.py")
    said = attacker.read(seconds)
    assert said is not None, f"{name} {arguments} ended with {attacker.process.wait()}"
    return attacker, said["result"]


def test_attacks_end_as_they_should(channels):
    before = channels.servers()
    attacker = channels.attacker(",".join(EXPECTED), program="by_channels.py")
    for name, expected in EXPECTED.items():
        assert attacker.read(60) == {"attack": name, "result": expected}
        assert channels.servers() == before, f"a server died of {name}"
        attacker.go()


def test_deadlines_that_leave_no_time_for_the_servers_below(channels):
    assert set(attack(channels, "nested_deadlines")[1]) <= {"DeadlineExceeded", "result"}


def test_objects_beyond_the_quota_are_busy(channels):
    said = attack(channels, "objects")[1]
    assert said["Busy"] > 500 and said["result"] > 4000 and set(said) == {"Busy", "result"}


@pytest.mark.parametrize("name", ["never_passed", "notice_with_capability", "never_named", "offers_to_strangers"])
def test_capabilities_that_are_not_there(channels, name):
    if channels.machine.architecture != "l4":
        pytest.skip("no kernel passes anything here")
    assert attack(channels, name)[1] in ("result", ["BadMessage", True], ["silence", True])
    honest = channels.machine.connect("operator")
    try:
        assert honest.pot.swap(honest.pot.make(), __import__("attacked").Inner(1, ()), None) == 8
    finally:
        honest.close()


def test_exports(channels):
    assert set(attack(channels, "exports")[1]) <= {"BadMessage", "NoRight"}


def test_more_clients_than_a_server_has_descriptors_for(channels):
    served, refused, wrong = attack(channels, "crowd", 60)[1]
    assert (served + refused, wrong) == (60, 0)
    assert served > 35
    assert (refused > 0) == (channels.machine.architecture == "l4")  # a monolith may open as many as the host allows


@pytest.mark.parametrize("name", ["deaf", "waits", "endless"])
def test_memory_of_the_server_is_bounded(channels, name):
    pid = channels.pids().get("pot", channels.kernel)
    before = psutil.Process(pid).memory_info().rss
    attacker, _ = attack(channels, name)
    channels.bystander.served(5)
    shared = 3 * 17 * MIB  # of the channel's file, as far as it was read or written
    assert psutil.Process(pid).memory_info().rss < before + shared + 60 * MIB
    attacker.end()


def test_client_that_is_killed_while_it_scribbles(channels):
    for seed in range(3):
        attacker = channels.attacker("noise", seed, 60, program="by_channels.py")
        channels.bystander.served(10)
        os.kill(attacker.pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["noise", "steps"])
def test_anything_anywhere(channels, how):
    before = channels.servers()
    for seed in range(6):
        attacker, done = attack(channels, how, seed, 0.5)
        assert done > 0
        assert channels.servers() == before, f"a server died of {how} with seed {seed}"
        attacker.end()
