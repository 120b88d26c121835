"""Who may connect, as whom, and how often (facts: hazards 1, 2 and 6)."""

import os
import stat

import pytest
from arena import until


def test_connections_by_the_thousand_from_a_stranger(arena):
    before = arena.descriptors()
    attacker = arena.attacker("storm", arena.endpoint, 4000)
    attacker.read()
    arena.bystander.served()
    made = attacker.read()
    assert made["made"] == 4000
    until(lambda: arena.descriptors() < before + 64, "the end of the strangers' connections")
    assert attacker.process.poll() is None, "a stranger is nobody we kill"
    attacker.go()
    assert attacker.read()["closed"] == 4000


def test_connections_by_the_hundred_from_an_admitted_process(arena):
    before = arena.descriptors()
    attacker = arena.attacker("storm", "-", 500)
    attacker.read()
    assert "too many connections" in arena.convicted(attacker)
    arena.bystander.served()
    until(lambda: arena.descriptors() < before + 32, "the end of its connections")


def test_clients_that_nobody_admitted_get_no_answer(arena):
    attacker = arena.attacker("strangers", arena.endpoint, 100)
    assert attacker.read() == {"sent": 100, "answers": 0}
    arena.bystander.served()


@pytest.mark.parametrize("chosen", [b"files", b"x" * 255, b"y" * 256, b"\0", b"\0" * 6, b"z" * 60000], ids=len)
def test_routing_id_of_a_peers_own_choice_ends_it(arena, chosen):
    attacker = arena.attacker("identity", chosen.hex())
    assert "routing id" in arena.convicted(attacker)


@pytest.mark.parametrize("chosen", [b"\0" * 5, b"\0\xff\xff\xff\xff"])
def test_routing_id_that_looks_given_names_nobody_else(arena, chosen):
    assert arena.attacker("identity", chosen.hex()).read() == {"welcome": True}
    arena.bystander.served()
    assert arena.attacker("identity", chosen.hex()).read() == {"welcome": False}  # taken: nobody hears the second


def test_child_of_an_admitted_process_is_a_stranger(arena):
    assert arena.attacker("child").read() == {"child": 0}


def test_attach_and_be_gone_before_the_kernel_looks(arena):
    assert arena.attacker("flicker").read() == {"done": True}
    arena.bystander.served()


def test_run_directory_cannot_be_guessed_or_listed(arena):
    run = arena.machine.run_dir
    assert stat.S_IMODE(run.stat().st_mode) == stat.S_IMODE(run.parent.stat().st_mode) == 0o711
    assert len(run.name.rpartition("-")[2]) == 16 and int(run.name.rpartition("-")[2], 16) > 0
    assert stat.S_IMODE(arena.control.stat().st_mode) == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_other_user_who_knows_the_path_gets_nothing(arena):
    answers = arena.attacker("other_user", arena.endpoint).read()
    assert answers == {
        "list": "PermissionError",
        "list_base": "PermissionError",
        "unlink": "PermissionError",
        "bind": "PermissionError",
        "control": "PermissionError",
        "log": "PermissionError",
        "hello": "silence",
    }


def test_confined_server_cannot_touch_the_sockets(arena):
    pot = arena.machine.connect("pot")
    assert all("Error" in answer for answer in pot.misbehave(str(arena.machine.run_dir)))
    del pot
    arena.machine.connect("operator").close()


def test_path_taken_over_by_the_same_user_leaves_living_connections_alone(arena):
    attacker = arena.attacker("takeover", arena.endpoint)
    assert attacker.read() == {"taken": True}
    arena.bystander.served()
    attacker.go()
    assert attacker.read() == {"back": True}
    assert arena.attacker("one_call", "pot", 2, 0, 5).read() == {"begun": True}  # admitted again, by the kernel itself
