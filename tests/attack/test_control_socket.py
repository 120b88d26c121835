"""The control socket: whatever comes, one sentence or the end of the connection, and the launcher goes on."""

import array
import os
import socket

import msgpack
import psutil
import pytest

from microlith import boot

JUNK = {
    "nothing much": b"\xc0",
    "number": b"\x07",
    "noise": bytes(range(256)),
    "truncated": b"\x81\xa2do",
    "text": msgpack.packb("attach"),
    "array": msgpack.packb(["attach", "operator"]),
    "no do": msgpack.packb({"app": "operator"}),
    "do is a number": msgpack.packb({"do": 7}),
    "do is a map": msgpack.packb({"do": {"do": "stop"}}),
    "unknown": msgpack.packb({"do": "format"}),
    "private": msgpack.packb({"do": "__init__"}),
    "deep": b"\x91" * 100_000,
    "deep in a map": b"\x81\xa2do" + b"\x91" * 100_000,
    "huge array": b"\x81\xa2do\xdd\xff\xff\xff\xff",
    "app is a number": msgpack.packb({"do": "attach", "app": 7}),
    "app is a list": msgpack.packb({"do": "attach", "app": ["operator"]}),
    "no app": msgpack.packb({"do": "attach"}),
    "unknown app": msgpack.packb({"do": "attach", "app": "nobody"}),
    "path": msgpack.packb({"do": "run", "app": "../../bin/sh"}),
    "arguments are numbers": msgpack.packb({"do": "run", "app": "operator", "arguments": [1, 2]}),
    "arguments are a text": msgpack.packb({"do": "run", "app": "operator", "arguments": "text"}),
    "devices are wrong": msgpack.packb({"do": "run", "app": "operator", "devices": [["a", "file", 99]]}),
    "devices are negative": msgpack.packb({"do": "run", "app": "operator", "devices": [["a", "file", -1]]}),
    "kill nobody": msgpack.packb({"do": "kill", "name": "nobody"}),
    "kill without a name": msgpack.packb({"do": "kill"}),
    "kill with an id": msgpack.packb({"do": "kill", "name": "nobody", "id": 1, "timeout_s": "x"}),
    "kill a list": msgpack.packb({"do": "kill", "name": ["files"]}),
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("m")
    outer = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    with boot("five", architecture="mach") as running:
        if outer is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = outer
        yield running


@pytest.fixture(autouse=True)
def unharmed(machine):
    """After every attack: the same kernel and servers, no thread or descriptor more, and it serves."""
    pids = {row["domain"]: row["pid"] for row in machine.state()["domains"]}
    yield
    with connect(machine) as end:
        assert ask(end, {"do": "about"})["name"] == machine.name
    assert {row["domain"]: row["pid"] for row in machine.state()["domains"]} == pids
    assert machine.reboots == 0


def connect(machine):
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end.connect(str(machine.run_dir / "control"))
    end.settimeout(20)
    return end


def ask(end, record, descriptors=()):
    data = record if isinstance(record, bytes) else msgpack.packb(record)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([data], rights)
    answer = end.recv(1 << 20)
    return msgpack.unpackb(answer) if answer else None


def settle(condition):
    from arena import until

    until(condition, "the end of it")


@pytest.mark.parametrize("what", JUNK)
def test_junk_is_answered_in_one_sentence(machine, what):
    with connect(machine) as end:
        answer = ask(end, JUNK[what])
        assert set(answer) == {"error", "status"} and answer["status"] == 2
        assert answer["error"] and "\n" not in answer["error"] and "Traceback" not in answer["error"]
        assert ask(end, {"do": "about"})["name"] == machine.name  # and the connection goes on


def test_record_that_is_too_large_ends_the_connection(machine):
    with connect(machine) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        try:
            end.send(b"\xc4" * (1 << 21))
        except OSError as error:  # the host does not let us send that much
            pytest.skip(str(error))
        assert end.recv(65536) == b""


def test_descriptors_that_nobody_asked_for_are_closed(machine):
    own = psutil.Process()
    kernel = psutil.Process(machine.root_pid)
    with open(os.devnull) as null:
        before, before_kernel = own.num_fds(), kernel.num_fds()
        records = [
            {"do": "about"}, {"do": "format"}, {"do": "run", "app": "operator"}, {"do": "kill", "name": "nobody"},
            {"do": "attach", "app": "nobody"}, b"\xc1\xc1", {"do": "run", "app": "nobody"},
        ]  # fmt: skip
        for record in records:
            for _ in range(5):
                with connect(machine) as end:
                    answer = ask(end, record, [null.fileno()] * 200)
                    assert answer is None or "error" in answer or "name" in answer
        settle(lambda: own.num_fds() <= before)
        settle(lambda: kernel.num_fds() <= before_kernel)


def test_half_open_connections_by_the_hundred_shut_nobody_out(machine):
    held = []
    try:
        for number in range(400):
            held.append(connect(machine))
            if number % 100 == 99:
                with connect(machine) as end:
                    assert ask(end, {"do": "about"})["name"] == machine.name
        closed = 0
        for end in held:
            end.setblocking(False)
            try:
                closed += end.recv(10) == b""
            except BlockingIOError:
                pass
        assert closed >= 400 - 130
    finally:
        for end in held:
            end.close()


def test_connections_that_are_gone_at_once(machine):
    for number in range(300):
        with connect(machine) as end:
            if number % 2:
                end.send(msgpack.packb({"do": "state"}))


def test_client_that_does_not_read_its_answers(machine):
    held = [connect(machine) for _ in range(20)]
    try:
        for end in held:
            end.setblocking(False)
            try:
                for _ in range(2000):
                    end.send(msgpack.packb({"do": "about"}))
            except BlockingIOError:
                pass
        with connect(machine) as end:
            assert ask(end, {"do": "about"})["name"] == machine.name
    finally:
        for end in held:
            end.close()


def test_waits_for_nobody_end_with_their_clients(machine):
    import threading

    before = threading.active_count()
    held = [connect(machine) for _ in range(30)]
    for end in held:
        end.send(msgpack.packb({"do": "wait", "name": "nobody"}))
    with connect(machine) as end:
        assert ask(end, {"do": "about"})["name"] == machine.name
    for end in held:
        end.close()
    settle(lambda: threading.active_count() <= before + 1)
