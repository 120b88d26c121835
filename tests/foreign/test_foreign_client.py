"""The foreign client of client.py, as a process, against real machines; and the page that it was written from."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from microlith import boot
from microlith.frame import wire

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "wire.md"
ARCHITECTURES = ("mach", "monolith", "kernel-socket")


class Foreign:
    """The client's process: `read` takes one line of it, `go` lets it go on."""

    def __init__(self, machine, script, app="operator"):
        command = [sys.executable, "-I", str(HERE / "client.py"), str(machine.run_dir / "control"), app, script]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the foreign client died"
        return json.loads(line)

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        try:
            self.process.stdin.close()
            status = self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        return status


@pytest.fixture
def foreign():
    clients = []

    def start(*arguments, **options):
        clients.append(Foreign(*arguments, **options))
        return clients[-1]

    yield start
    for client in clients:
        client.process.kill()
        client.end()


SYSTEM = """
[servers]
disk = { class = "servers.ramdisk:RamDisk" }
files = { class = "servers.minix.files:MinixFiles", disk = "disk" }
clock = { class = "servers.clock:HostClock" }
[apps.visitor]
command = ["%s", "-I", "%s", "everyday"]
files = "files"
start = "demand"
"""


@pytest.fixture
def system(tmp_path):
    file = tmp_path / "foreign.toml"
    file.write_text(SYSTEM % (sys.executable, HERE / "client.py"))
    return file


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_everyday_use(system, foreign, architecture):
    with boot(system, architecture=architecture) as machine:
        client = foreign(machine, "everyday")
        assert set(client.read()["slots"]) == {"disk", "files", "clock"}
        assert client.read() == {
            "missing": "NotFound",
            "written": 14,
            "taken": "Exists",
            "content": "hello, machine",
            "part": "mac",
            "names": ["f", "h"],
            "size": 14,
            "kind": "file",
            "closed": "NoRight",
            "nothing": "NoRight",
            "operation": "BadMessage",
            "types": "BadMessage",
            "few": "BadMessage",
            "huge": "BadMessage",
            "flag": "no status" if architecture == "monolith" else "BadMessage",
        }
        assert client.read() == {"left": True}
        assert client.end() == 0


def test_welcome_says_what_attach_said(system, foreign):
    with boot(system, architecture="mach") as machine:
        first = foreign(machine, "everyday").read()
        name, incarnation, _, slots, lines, suspended = first["welcome"]
        assert name.startswith("operator-") and incarnation == 1 and lines == suspended == []
        assert {slot: handle for slot, handle, _ in slots} == first["slots"]


def test_app_with_fewer_capabilities_gets_those_alone(system, foreign):
    with boot(system, architecture="mach") as machine:
        assert set(foreign(machine, "everyday", app="visitor").read()["slots"]) == {"files"}


@pytest.mark.parametrize("architecture", ["mach", "kernel-socket"])
def test_detach_and_attach_again_with_the_same_pid(system, foreign, architecture):
    with boot(system, architecture=architecture) as machine:
        client = foreign(machine, "again")
        assert len(set(client.read()["names"])) == 4
        assert client.end() == 0
        assert {row["domain"] for row in machine.state()["domains"]} == {"kernel", "disk", "files", "clock"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_calls_without_waiting_and_large_bulks(system, foreign, architecture):
    with boot(system, architecture=architecture) as machine:
        client = foreign(machine, "many")
        assert client.read() == {"right": True, "big": True}
        assert client.end() == 0


@pytest.mark.parametrize("architecture", ["mach", "kernel-socket"])
def test_death_of_the_server_is_survived(system, foreign, architecture):
    with boot(system, architecture=architecture) as machine:
        client = foreign(machine, "restart")
        client.read()
        assert machine.kill("files")["how"] == "SIGKILL"
        client.go()
        answers = client.read()
        assert answers["stat"] == 4 and answers["fresh"] == "kept" and answers["deaths"] == 1
        assert answers["reader"] == "kept"  # adopted: it was open for reading
        assert answers["writer"] == "Stale"
        assert client.end() == 0


@pytest.mark.parametrize("architecture", ["mach", "kernel-socket"])
def test_waits_cancels_and_deadlines(system, foreign, architecture):
    with boot(system, architecture=architecture) as machine:
        client = foreign(machine, "wait")
        assert client.read() == {
            "cancelled": "Cancelled",
            "clock": True,
            "late": "DeadlineExceeded",
            "unflagged": "BadMessage",
        }
        assert client.end() == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_command_app_finds_the_machine_by_its_environment(system, architecture):
    command = [sys.executable, "-I", str(HERE / "client.py"), "everyday"]
    with boot(system, architecture=architecture) as machine:
        found = {"MICROLITH_CONTROL": str(machine.run_dir / "control"), "MICROLITH_APP": "visitor"}
        done = subprocess.run(
            command, env={**os.environ, **found}, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[1])["content"] == "hello, machine"


# --- the page --------------------------------------------------------------------------------------


def examples():
    text = PAGE.read_text()
    return [bytes.fromhex(block) for block in re.findall(r"```hex\n(.*?)```", text, re.DOTALL)]


def test_worked_example_is_byte_for_byte_what_the_code_writes():
    day = 10**12
    assert examples() == [
        wire.pack(wire.HELLO),
        wire.pack(wire.CALL, 1, 1, 2, deadline=day, body=b"\x92\xc0\xc3", bulk=b"/a"),
        wire.pack(wire.STATUS, call=1, body=b"\x92\xa8NotFound\xa2/a"),
        wire.pack(wire.CALL, 3, 2, 2, deadline=day, body=b"\x93\xc0\xcd\x01\xa4\xc2", bulk=b"/a"),
        wire.pack(wire.REPLY, call=2, caps=((2, 1, 3, 0),), body=b"\x91\x00"),
        wire.pack(wire.CALL, 2, 3, 3, deadline=day, body=b"\x92\x00\xc0", bulk=b"hi"),
        wire.pack(wire.REPLY, call=3, body=b"\x91\x02"),
        wire.pack(wire.CLOSE, target=3),
        wire.pack(wire.FAIL, call=4, body=b"\x92\xaaServerDied\xa0"),
    ]


def test_worked_example_is_what_a_machine_answers():
    import time

    import zmq

    hello, stat, not_found, create, granted, write, written, close, _ = examples()
    later = struct.pack("<q", time.monotonic_ns() + 10**10)
    with boot("five", architecture="mach") as machine:
        answer = machine.order("attach", app="operator", pid=os.getpid(), channels=False)
        with zmq.Context() as context, context.socket(zmq.DEALER) as end:
            end.linger = 0
            end.connect(answer["endpoint"])

            def exchange(raw):
                end.send(raw[:24] + later + raw[32:])
                assert end.poll(10_000)
                return end.recv()

            end.send(hello)
            assert end.poll(10_000) and end.recv()[:2] == b"\x01\x20"
            got = exchange(stat)
            assert got[:32] == not_found[:32] and b"NotFound" in got
            assert exchange(create) == granted
            assert exchange(write) == written
            end.send(close)
            end.send(wire.pack(wire.BYE))
            assert end.poll(10_000) and end.recv()[1] == wire.CONFIRM


def test_page_names_every_kind_and_limit():
    text = PAGE.read_text()
    kinds = {name: getattr(wire, name) for name in dir(wire) if name.isupper() and type(getattr(wire, name)) is int}
    capabilities = ("HELD", "MINT", "GRANTED", "HOME")
    assert f"| field | {' | '.join(capabilities)} |" in text
    assert f"| what | {' | '.join(str(kinds.pop(name)) for name in capabilities)} |" in text
    limits = {"VERSION", "WAITS", "WANT_CONFIRM", "MAX_BODY", "MAX_BULK", "MAX_MESSAGE", "MOST_CAPS"}
    for name, number in kinds.items():
        assert name in limits or f"| {number} | {name} |" in text, name
    assert str(wire.MAX_BODY) in text and str(wire.MAX_BULK) in text and f"16 MiB; {wire.MOST_CAPS} |" in text
