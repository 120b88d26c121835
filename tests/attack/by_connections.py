"""Attacks on the door: connections, identities, paths."""

import os
import resource
import socket

import msgpack
import zmq
from enemy import (
    APP,
    CONTROL,
    HELLO_MESSAGE,
    Zmtp,
    ask,
    hear,
    raw_attach,
    say,
)


def storm(path, wanted):
    """Connections for ever, as a stranger or (path empty) as an admitted process."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    path = path if path != "-" else raw_attach()
    say(begun=True)
    held, broken = [], 0
    while len(held) < int(wanted):
        try:
            end = socket.socket(socket.AF_UNIX)
            end.connect(path)
            held.append(end)
        except OSError:
            broken += 1
    say(made=len(held), broken=broken)
    hear()
    closed = 0
    for end in held:
        end.settimeout(20)
        try:
            closed += end.recv(65536)[:1] in (b"", b"\xff") and end.recv(65536) == b""
        except OSError:
            closed += 1
    say(closed=closed)
    hear()


def strangers(path, count):
    """Whole ZeroMQ clients without admission."""
    context = zmq.Context()
    ends = []
    for _ in range(int(count)):
        end = context.socket(zmq.DEALER)
        end.linger = 0
        end.connect(f"ipc://{path}")
        end.send(HELLO_MESSAGE, zmq.DONTWAIT)
        ends.append(end)
    poller = zmq.Poller()
    for end in ends:
        poller.register(end, zmq.POLLIN)
    say(sent=len(ends), answers=len(poller.poll(1500)))
    hear()


def identity(chosen):
    """Admitted, but with a routing id of its own choice."""
    end = Zmtp(raw_attach(), bytes.fromhex(chosen))
    end.frame(HELLO_MESSAGE)
    got = b""
    while b"operator" not in got and (piece := end.heard(2)):
        got += piece
    say(welcome=b"operator" in got)
    hear()


def child():
    """The child of an admitted process is somebody else."""
    path = raw_attach()
    pid = os.fork()
    if pid == 0:
        context = zmq.Context()
        end = context.socket(zmq.DEALER)
        end.linger = 0
        end.connect(f"ipc://{path}")
        end.send(HELLO_MESSAGE, zmq.DONTWAIT)
        os._exit(1 if end.poll(1500) else 0)
    say(child=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def flicker():
    """Attach and be gone, again and again, sometimes before the answer."""
    for number in range(60):
        pid = os.fork()
        if pid == 0:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
                end.connect(CONTROL)
                end.send(msgpack.packb({"do": "attach", "app": APP}))
                if number % 3 == 0:
                    end.recv(65536)
            os._exit(0)
        if number % 2:
            os.waitpid(pid, 0)
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        say(done=True)


def takeover(path):
    """Take the kernel's path away, as the same user."""
    os.rename(path, path + ".stolen")
    context = zmq.Context()
    end = context.socket(zmq.ROUTER)
    end.bind(f"ipc://{path}")
    say(taken=True)
    hear()
    end.close()
    os.rename(path + ".stolen", path)
    say(back=True)
    hear()


def other_user(path):
    """Somebody with another uid who knows the path."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    answers = {}

    def attempt(name, function):
        try:
            function()
            answers[name] = "done"
        except OSError as error:
            answers[name] = type(error).__name__

    run = os.path.dirname(path)

    def bind(where):
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(where)

    attempt("list", lambda: os.listdir(run))
    attempt("list_base", lambda: os.listdir(os.path.dirname(run)))
    attempt("unlink", lambda: os.unlink(path))
    attempt("bind", lambda: bind(f"{run}/mine"))
    attempt("control", lambda: ask(f"{run}/control", do="attach", app="operator"))
    attempt("log", lambda: open(f"{run}/logs/files.log").close())
    context = zmq.Context()
    end = context.socket(zmq.DEALER)
    end.linger = 0
    end.connect(f"ipc://{path}")
    end.send(HELLO_MESSAGE, zmq.DONTWAIT)
    answers["hello"] = "answered" if end.poll(1000) else "silence"
    say(**answers)
