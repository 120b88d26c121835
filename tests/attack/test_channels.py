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
    "nested_deadlines": ["DeadlineExceeded", "result"],
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


@pytest.mark.parametrize("name", EXPECTED)
def test_attack_ends_as(channels, name):
    assert attack(channels, name)[1] == EXPECTED[name]


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
    assert attack(channels, "exports")[1] == ["BadMessage"]


@pytest.mark.parametrize("name", ["deaf", "waits", "endless", "flags"])
def test_memory_of_the_server_is_bounded(channels, name):
    pid = channels.pids().get("pot", channels.kernel)
    before = psutil.Process(pid).memory_info().rss
    attacker, _ = attack(channels, name)
    channels.bystander.served(5)
    shared = 3 * 17 * MIB  # of the channel's file, as far as it was read or written
    assert psutil.Process(pid).memory_info().rss < before + shared + 60 * MIB
    attacker.end()


def test_client_that_is_killed_while_it_scribbles(channels):
    for seed in range(5):
        attacker = channels.attacker("noise", seed, 60, program="by_channels.py")
        channels.bystander.served(10)
        os.kill(attacker.pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["noise", "steps"])
@pytest.mark.parametrize("seed", range(4))
def test_anything_anywhere(channels, how, seed):
    calls = attack(channels, how, seed, 1.0)[1]
    assert calls > 0, f"seed {seed}"
