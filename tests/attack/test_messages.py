"""Hostile messages: those that end their sender, those that do nothing, and those for the servers."""

import shutil
import subprocess
import sys

import pytest
from arena import HERE

from microlith import boot
from microlith.interface.status import BadMessage

DEADLY = {
    "no_hello": "did not begin with HELLO",
    "long_hello": "did not begin with HELLO",
    "hello_in_frames": "did not begin with HELLO",
    "short": "no message",
    "empty": "no message",
    "version": "no message",
    "version_zero": "no message",
    "longer": "no message",
    "shorter": "no message",
    "body_beyond": "no message",
    "caps_beyond": "no message",
    "body_too_large": "no message",
    "kind_0": "no message",
    "kind_99": "no message",
    "kind_255": "no message",
    "welcome": "no message",
    "fail": "no message",
    "stop": "no message",
    "released": "no message",
    "second_hello": "no message",
    "notice_with_caps": "no message",
    "noise": "no message",
    "second_connection": "second connection",
    "frames": "several frames",
    "empty_frames": "several frames",
    "oversize": "second connection",
}


@pytest.mark.parametrize("what", DEADLY)
def test_message_that_ends_its_sender(arena, what):
    attacker = arena.attacker("last_words", what)
    assert DEADLY[what] in arena.convicted(attacker)


def test_nonsense_has_no_effect(arena):
    attacker = arena.attacker("nonsense")
    said = attacker.read()
    assert said["before"] == 0
    assert said["answers"] == {
        "handle": "NoRight",
        "mint": "NoRight",
        "home": "NoRight",
        "granted": "NoRight",
        "what": "NoRight",
        "not held": "NoRight",
        "no thing": "RankViolation",
        "position": "BadMessage",
        "negative": "BadMessage",
        "good": 8,
    }
    assert said["twice"] == "BadMessage"
    arena.bystander.served()
    assert attacker.process.poll() is None


def test_capabilities_in_messages_that_cannot_be_read_are_given_back(arena):
    attacker = arena.attacker("capabilities")
    assert attacker.read() == {"refused": ["BadMessage"], "unused": [7], "counted": True}
    honest = arena.attacker("nonsense").read()
    assert honest["answers"]["good"] == 8  # the server's table of rights is not full


def test_calls_that_wait_do_not_take_the_places_of_short_ones(arena):
    attacker = arena.attacker("unflagged")
    assert attacker.read()["statuses"] == ["BadMessage"]
    other = arena.attacker("one_call", "pot", 2, 0, 5)
    other.read()
    other.go()
    assert other.read()["status"] == "no status"


def test_bodies_that_no_client_would_write(arena):
    said = arena.attacker("bodies").read(90)
    assert set(said["answers"]) <= {"BadMessage", "result", "NotFound", "Invalid", "IsADirectory", "NameTooLong"}
    assert said["answers"]["BadMessage"] > 800
    arena.bystander.served()


def test_result_larger_than_a_message_is_a_status(arena):
    operator = arena.machine.connect("operator")
    try:
        assert len(operator.pot.give(16 << 20)) == 16 << 20
        with pytest.raises(BadMessage, match="more than one message holds"):
            operator.pot.give(1 + (16 << 20))
        with pytest.raises(BadMessage, match="more than one message holds"):
            operator.pot.echo(bytes(1 + (16 << 20)))
        assert operator.pot.count()[0] >= 0
    finally:
        operator.close()


def test_arguments_at_the_ends_of_their_ranges(arena):
    statuses = arena.attacker("extremes").read(90)["statuses"]
    assert not set(statuses) & {"ServerDied", "BadMessage", "DeadlineExceeded", "Unavailable"}, statuses
    assert len(statuses) > 5


def test_deadlines_in_the_middle_of_everything(arena):
    names = arena.attacker("deadlines").read(90)["names"]
    assert names.get("DeadlineExceeded", 0) > 10, names
    assert "ServerDied" not in names
    arena.bystander.served()


@pytest.mark.skipif(shutil.which("fsck.minix") is None, reason="no fsck.minix on this host")
def test_deadlines_in_the_middle_of_everything_leave_the_disk_in_order(tmp_path):
    with boot("five", architecture="mach") as machine:
        arguments = [machine.run_dir / "control", "operator", "deadlines"]
        attack = [sys.executable, HERE / "attacker.py", *arguments]
        done = subprocess.run(attack, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        assert b"DeadlineExceeded" in done.stdout
        machine.connect("files").sync()
        disk = machine.connect("disk")
        image = tmp_path / "image"
        with open(image, "wb") as file:
            for block in range(0, disk.geometry().blocks, 4096):
                file.write(disk.read(block, 4096))
    checked = subprocess.run(["fsck.minix", "-f", image], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout[-2000:]


@pytest.mark.parametrize("seed", range(4))
def test_messages_at_random(arena, seed):
    attacker = arena.attacker("fuzz", seed, 2500)
    said = attacker.read(90)
    assert said["sent"] == 2500 and said["answered"] > 300
    assert said["alive"] == "no status"
    arena.bystander.served(20)


def test_sender_that_is_gone_before_it_can_be_ended(arena):
    assert arena.attacker("and_gone", 60).read() == {"done": 60}
    arena.bystander.served(20)


def test_peer_that_says_goodbye_and_is_gone_at_once(arena):
    assert arena.attacker("bye_and_gone", 20).read(60) == {"done": 20}
    arena.bystander.served(20)
