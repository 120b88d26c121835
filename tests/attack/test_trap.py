"""The trap of a monolith: hostile bytes on its stream, readers that do not read."""

import pytest

ANSWERS = {
    "version": "closed",
    "noise": "closed",
    "body_beyond": "closed",
    "bulk_beyond": "closed",
    "hello": "BadMessage",
    "kind_99": "BadMessage",
    "reply": "BadMessage",
    "stop": "BadMessage",
    "handle": "NoRight",
    "operation": "BadMessage",
    "deep": "BadMessage",
    "uint64": "BadMessage",
    "caps": "BadMessage",
}


@pytest.mark.parametrize("what", ANSWERS)
def test_hostile_bytes(trap, what):
    assert trap.attacker("trap_words", what).read()["answer"] == ANSWERS[what]
    trap.bystander.served(5)


def test_half_a_message_holds_nobody_up(trap):
    attacker = trap.attacker("trap_words", "half")
    assert attacker.read() == {"end": "half"}
    trap.bystander.served()
    attacker.go()
    assert attacker.read()["answer"] == "result"


def test_half_a_message_and_death(trap):
    attacker = trap.attacker("trap_words", "half")
    attacker.read()
    attacker.process.kill()
    trap.bystander.served()


def test_reader_that_never_reads_is_held_up(trap):
    before = trap.resident()
    attacker = trap.attacker("trap_deaf", 500)
    attacker.read()
    said = attacker.read(60)
    assert said["asked"] > 2
    trap.bystander.served()
    assert trap.resident() < before + 40 * (1 << 20)  # one answer, and what reading it costs


def test_bodies_that_no_client_would_write(trap):
    said = trap.attacker("bodies").read(90)
    assert set(said["answers"]) <= {"BadMessage", "result", "NotFound", "Invalid", "IsADirectory", "NameTooLong"}
    trap.bystander.served()


def test_arguments_at_the_ends_of_their_ranges(trap):
    statuses = trap.attacker("extremes").read(90)["statuses"]
    assert "BadMessage" not in statuses and len(statuses) > 5, statuses
