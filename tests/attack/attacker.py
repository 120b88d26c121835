"""Attackers, each a process of its own: python attacker.py CONTROL APP MODE ARGUMENTS.

They speak the protocol of docs/wire.md by the foreign client's hand, and ZMTP by their own where
libzmq would not do what they want.
"""

import os
import random
import resource
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "foreign"))
import client as foreign
import msgpack
import zmq
from client import Client, Received, ask, hear, message, say, status_of

CONTROL, APP = sys.argv[1:3]
HELLO_MESSAGE = message(foreign.HELLO)


def attach():
    return Client(CONTROL, APP)


def raw_attach():
    """Admitted, not connected: the path of the kernel's socket."""
    return ask(CONTROL, do="attach", app=APP)[0]["endpoint"].removeprefix("ipc://")


class Zmtp:
    """The client's side of ZMTP 3.0 with mechanism NULL, by hand."""

    def __init__(self, path, identity=b"", kind=b"DEALER"):
        self.end = socket.socket(socket.AF_UNIX)
        self.end.connect(path)
        self.end.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.end.recv(64, socket.MSG_WAITALL)
        ready = b"\x05READY" + self._property(b"Socket-Type", kind) + self._property(b"Identity", identity)
        size = b"\x04" + bytes([len(ready)]) if len(ready) < 256 else b"\x06" + struct.pack(">Q", len(ready))
        self.end.sendall(size + ready)
        if self.end.recv(2, socket.MSG_PEEK | socket.MSG_WAITALL)[:1] != b"\x04":  # its READY: we are in
            raise ConnectionError("refused")
        self.end.recv(self.end.recv(2)[1], socket.MSG_WAITALL)

    @staticmethod
    def _property(name, value):
        return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value

    def frame(self, data, more=False):
        self.end.sendall(b"\x03"[:more] + b"" if False else bytes([2 | more]) + struct.pack(">Q", len(data)) + data)

    def heard(self, seconds):
        """Did anything come after the greeting besides the handshake's own command?  b'' if it was closed."""
        self.end.settimeout(seconds)
        try:
            return self.end.recv(65536)
        except TimeoutError:
            return None
        except OSError:
            return b""


# --- connections -----------------------------------------------------------------------------------


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


# --- messages that end their sender ----------------------------------------------------------------


def last_words(what):
    """Something after which nobody should be alive."""
    path = raw_attach()
    end = Zmtp(path)
    if what == "no_hello":
        end.frame(message(foreign.CALL, call=1, target=1))
    elif what == "long_hello":
        end.frame(message(foreign.HELLO, body=b"\xc0"))
    elif what == "hello_in_frames":
        end.frame(b"", True)
        end.frame(HELLO_MESSAGE)
    else:
        end.frame(HELLO_MESSAGE)
    call = {"kind": foreign.CALL, "operation": 16, "call": 1, "target": 2}
    good = message(**call, body=b"\x90")
    words = {
        "short": good[:39],
        "empty": b"",
        "version": b"\x02" + good[1:],
        "version_zero": b"\x00" + good[1:],
        "longer": good + b"x",
        "shorter": good[:-1],
        "body_beyond": good[:32] + struct.pack("<II", 2**32 - 1, 2**32 - 1) + good[40:],
        "caps_beyond": good[:4] + b"\xff" + good[5:],
        "body_too_large": message(**call, body=b"\x90" * (1 << 20) + b"\x90"),
        "kind_0": message(0),
        "kind_99": message(99),
        "kind_255": message(255),
        "welcome": message(foreign.WELCOME),
        "fail": message(foreign.FAIL, call=1, body=b"\x92\xaaServerDied\xa0"),
        "stop": message(foreign.STOP),
        "released": message(foreign.RELEASED, target=1, port=2),
        "second_hello": HELLO_MESSAGE,
        "notice_with_caps": message(foreign.NOTIFY, 1, target=4, caps=[(2, 1, 1, 0)], body=b"\x91\xc0"),
        "noise": random.Random(1).randbytes(4096),
    }
    if what in words:
        end.frame(words[what])
    elif what == "second_connection":
        other = Zmtp(path)
        other.frame(HELLO_MESSAGE)
    elif what == "frames":
        for _ in range(2000):
            end.frame(good, True)
        end.frame(good)
    elif what == "empty_frames":
        for _ in range(5000):
            end.frame(b"", True)
        end.frame(b"")
    elif what == "oversize":
        end.end.sendall(b"\x02" + struct.pack(">Q", 1 << 40) + b"x" * 100)
        while end.heard(10):
            pass
        other = Zmtp(path)
        other.frame(good)
    say(said=what)
    hear()


def endless(size):
    """A message without an end, of frames of so many bytes."""
    path = raw_attach()
    end = Zmtp(path)
    end.frame(HELLO_MESSAGE)
    frame = b"\x03" + struct.pack(">Q", int(size)) + b"A" * int(size)
    batch = frame * max(1, (1 << 18) // len(frame))
    say(begun=True)
    while True:
        end.end.sendall(batch)


# --- messages that have no effect ------------------------------------------------------------------


def nonsense():
    """Everything that a client has no right to, and that ends nobody."""
    me = attach()
    pots = me.slots["pot"]
    before = me.call(pots, 7)[0]
    thing = me.call(pots, 6)[2][0][3]
    send = me.transport.send
    for number in (*range(1, 200), 2**31, 2**32 - 1):
        for port in (0, 1, 2, 3, 4, 65535):
            send(message(foreign.DESTROY, target=number, port=port))
            send(message(foreign.ADOPT, call=number, target=number, port=port))
        send(message(foreign.CLOSE, target=min(number + 1000, 2**32 - 1)))
        send(message(foreign.REVOKE, target=min(number + 1000, 2**32 - 1)))
        send(message(foreign.WATCH, target=min(number + 1000, 2**32 - 1)))
        send(message(foreign.ACKNOWLEDGE, target=number))
        send(message(foreign.CANCEL, call=number + 10**6))
        send(message(foreign.READY, incarnation=number))
        send(message(foreign.REPLY, call=number, body=b"\x91\x07"))
        send(message(foreign.STATUS, call=number, flags=2, body=b"\x92\xaaServerDied\xa0", caps=[(1, 2, number, 0)]))
        send(message(foreign.FORWARD, 3, call=number, target=pots, body=b"\x90"))
        send(message(foreign.NOTIFY, 1, target=min(number + 1000, 2**32 - 1), body=b"\x91\xc0", bulk=b"x"))
    answers = {
        "handle": status_of(me.call, 10**6, 1),
        "mint": status_of(me.call, pots, 5, 0, [1, []], None, caps=[(1, 4, 1, 0)]),
        "home": status_of(me.call, pots, 5, 0, [1, []], None, caps=[(3, 4, 1, 0)]),
        "granted": status_of(me.call, pots, 5, 0, [1, []], None, caps=[(2, 0, 1, 0)]),
        "what": status_of(me.call, pots, 5, 0, [1, []], None, caps=[(200, 0, 1, 0)]),
        "not held": status_of(me.call, pots, 5, 0, [1, []], None, caps=[(0, 0, 10**6, 0)]),
        "no thing": status_of(me.call, pots, 5, 0, [1, []], None, caps=[(0, 0, 1, 0)]),
        "position": status_of(me.call, pots, 5, 1, [1, []], None, caps=[(0, 0, thing, 0)]),
        "negative": status_of(me.call, pots, 5, -1, [1, []], None, caps=[(0, 0, thing, 0)]),
        "good": me.call(pots, 5, 0, [1, ["a"]], 0, caps=[(0, 0, thing, 0)])[0],
    }
    # the same id twice
    hold = me.start(pots, 3, waits=True)
    me.last -= 1
    twice = status_of(me.call, pots, 2)
    say(before=before, answers=answers, twice=twice, hold=hold)
    hear()


def capabilities():
    """255 capabilities with every message, which nobody can read or which uses none of them."""
    me = attach()
    pots = me.slots["pot"]
    thing = me.call(pots, 6)[2][0][3]
    caps = [(0, 0, thing, 0)] * 255
    refused = [status_of(me.call, pots, 5, "x", caps=caps) for _ in range(40)]
    unused = [me.call(pots, 5, 254, [0, []], 3, caps=caps)[0] for _ in range(40)]
    counted = [me.call(pots, 2, caps=caps)[0] is not None for _ in range(40)]
    say(refused=sorted(set(refused)), unused=sorted(set(unused)), counted=all(counted))
    hear()


def unflagged():
    """Calls that wait, sent as if they did not: they would fill the places of short calls."""
    me = attach()
    calls = [me.start(me.slots["pot"], 3, deadline_s=None) for _ in range(20)]
    calls += [me.start(me.slots["clock"], 4, 10**15, deadline_s=None) for _ in range(20)]
    say(sent=True, statuses=sorted({status_of(me.answer, call) for call in calls}))
    hear()


BODIES = {
    "nothing": b"",
    "nil": b"\xc0",
    "empties": b"\xdd\x00\x0f\xff\x00" + b"\x90" * 0xFFF00,
    "deep": b"\x91" * 1_000_000 + b"\xc0",
    "deep_maps": b"\x81\x00" * 500_000 + b"\xc0",
    "array_of_4g": b"\xdd\xff\xff\xff\xff",
    "map_of_4g": b"\xdf\xff\xff\xff\xff",
    "bin_of_4g": b"\x91\xc6\xff\xff\xff\xff",
    "uint64": b"\x92\xcf" + b"\xff" * 8 + b"\xcf" + b"\xff" * 8,
    "one_uint64": b"\x91\xcf" + b"\xff" * 8,
    "nan": b"\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01",
    "ext": b"\x91\xc7\x08\x05" + b"\x00" * 8,
    "timestamp": b"\x91\xd6\xff\x00\x00\x00\x00",
    "bad_utf8": b"\x91\xa4\xff\xfe\xfd\xfc",
    "reserved": b"\x91\xc1",
    "trailing": b"\x91\xc0\xc0\xc0",
    "truncated": b"\x93\xc0",
    "map": b"\x81\xa4path\xc4\x01/",
    "many": b"\xdc\x00\x40" + b"\xc0" * 64,
}


def bodies():
    """Bodies that no client would write, to every operation of every server."""
    me = attach()
    answers = {}
    for name, body in BODIES.items():
        for slot in ("disk", "files", "clock", "pot"):
            for operation in (*range(1, 17), 0, 65535):
                me.last += 1
                deadline = time.monotonic_ns() + 10**10
                if slot == "pot" and operation == 8:
                    continue  # it would spin
                flags = int((slot, operation) in {("clock", 3), ("clock", 4), ("pot", 3)})
                me.transport.send(
                    message(foreign.CALL, operation, flags, 0, me.last, me.slots[slot], 0, deadline, body=body)
                )
                try:
                    me.answer(me.last)
                    answer = "result"
                except foreign.Status as status:
                    answer = status.name
                answers.setdefault(answer, []).append(f"{slot}.{operation} {name}")
    say(answers={name: len(which) for name, which in answers.items()}, results=answers.get("result", []))
    hear()


EXTREMES = (0, 1, -1, 7, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63))


def extremes():
    """Well-typed arguments at the ends of their ranges."""
    me = attach()
    files, disk, clock = (me.slots[slot] for slot in ("files", "disk", "clock"))
    own = me.call(files, 3, None, 0o644, False, bulk=b"/extreme")[2][0][3]
    statuses = {}

    def note(*arguments, **options):
        name = status_of(me.call, *arguments, **options)
        statuses[name] = statuses.get(name, 0) + 1

    for a in EXTREMES:
        for b in EXTREMES:
            note(own, 1, a, b)
            note(disk, 2, a, b)
            note(files, 4, None, a, b, bulk=b"/")
        note(own, 2, a, None, bulk=b"x")
        note(own, 4, a)
        note(disk, 3, a, None, bulk=b"x" * 1024 if a < 100 else b"x")
        note(files, 3, None, a, True, bulk=b"/mode%d" % a)
        note(files, 5, None, a, bulk=b"/dir%d" % a)
        note(files, 12, None, a, bulk=b"/extreme")
        note(files, 13, None, a, bulk=b"/extreme")
        call = me.start(clock, 4, a, waits=True)
        me.cancel(call)
        note_of = status_of(me.answer, call)
        statuses[note_of] = statuses.get(note_of, 0) + 1
    for path in (b"", b"x", b"\0", b"/" * 5000, b"/" + b"n" * 300, b"/a\0b", b"/.." * 100, b"/\xff\xfe", b"/extreme/x"):
        for operation, rest in ((1, [True]), (2, [False]), (3, [0, False]), (4, [0, 1]), (5, [0]), (6, []), (7, [])):
            note(files, operation, None, *rest, bulk=path)
        note(files, 8, path, None, bulk=b"/y")
        note(files, 8, b"/extreme", None, bulk=path)
    say(statuses=statuses)
    hear()


def deadlines():
    """Operations that are to end in the middle, at every moment."""
    me = attach()
    chance = random.Random(3)
    names = {}
    for number in range(400):
        path = b"/late%d" % (number % 7)
        operation, rest = chance.choice([(3, [0o644, False]), (7, []), (5, [0o755]), (6, [])])
        status = status_of(
            me.call, me.slots["files"], operation, None, *rest, bulk=path, deadline_s=chance.random() * 2e-3
        )
        names[status] = names.get(status, 0) + 1
    say(names=names)
    hear()


def fuzz(seed, count):
    """Whole messages at random: well framed, or their sender would be dead after the first."""
    me = attach()
    chance = random.Random(int(seed))
    kinds = [2] * 30 + [3] * 4 + [4, 5, 6] * 3 + [7, 8, 9, 10, 11, 12, 13, 14]
    handles = [*range(1, 8), 0, 99, 2**32 - 1]
    pieces = [b"\xc0", b"\xc2", b"\xc3", b"\x00", b"\x07", b"\xff", b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\0" * 7,
              b"\xc4\x02/x", b"\xa1x", b"\x90", b"\x91\x00", b"\xcb" + b"\0" * 8, b"\x92\x00\x90"]  # fmt: skip
    answered = 0
    for number in range(int(count)):
        kind = chance.choice(kinds)
        size = chance.randrange(5)
        body = bytes([0x90 | size]) + b"".join(chance.choice(pieces) for _ in range(size))
        if chance.random() < 0.1:
            body = chance.randbytes(chance.randrange(40))
        caps = [
            (chance.choice([0, 0, 0, 1, 2, 3, 9]), chance.randrange(6), chance.choice(handles), chance.randrange(3))
            for _ in range(chance.choice([0, 0, 0, 1, 2, 5]) if kind != 3 else 0)
        ]
        operation = chance.choice([*range(1, 18), 0, 65535])
        target = chance.choice(handles)
        if target == me.slots["pot"] and operation == 8:
            continue  # it would spin, and is meant to
        if kind in (8, 9) and target <= len(me.slots):
            continue  # keep what we need to go on
        flags = chance.choice([0, 0, 1, 2, 3, 255])
        bulk = chance.choice([b"", b"/", b"/fuzz", b"/none", chance.randbytes(20)])
        me.last += kind == foreign.CALL
        deadline = chance.choice([0, 1, -1, time.monotonic_ns() + 10**7, time.monotonic_ns() + 10**9, 2**63 - 1])
        call = me.last if kind == foreign.CALL else chance.randrange(2 * me.last + 10)
        me.transport.send(
            message(kind, operation, flags, chance.randrange(6), call, target, number % 5, deadline, caps, body, bulk)
        )
        while me.transport.socket.poll(0):
            answered += Received(me.transport.socket.recv()).kind in (4, 5, 33)
    for call in range(me.last):
        me.cancel(call)
    alive = status_of(me.call, me.slots["pot"], 2)
    say(sent=int(count), answered=answered, alive=alive)
    hear()


# --- floods ----------------------------------------------------------------------------------------


def notices(count, size):
    """Notices by the thousand, to somebody who may not be reading."""
    me = attach()
    pot = me.slots["pot"]
    say(begun=True)
    raw = message(foreign.NOTIFY, 1, target=pot, body=b"\x91\xc0", bulk=b"n" * int(size))
    for _ in range(int(count)):
        me.transport.send(raw)
    say(sent=int(count))
    hear()
    while (busy := status_of(me.call, pot, 2, deadline_s=30.0)) == "Busy":
        pass  # its queue is full of what we sent
    assert busy == "no status", busy
    say(count=me.call(pot, 2, deadline_s=30.0)[0])
    hear()


def calls(count):
    """More calls than anybody takes; how each ended."""
    me = attach()
    pot = me.slots["pot"]
    started = [me.start(pot, 2, deadline_s=1.0) for _ in range(int(count))]
    statuses = {}
    for call in started:
        name = status_of(me.answer, call)
        statuses[name] = statuses.get(name, 0) + 1
    say(statuses=statuses)
    hear()
    say(after=status_of(me.call, pot, 2, deadline_s=30.0))
    hear()


def endless_notices():
    me = attach()
    raw = message(foreign.NOTIFY, 1, target=me.slots["pot"], body=b"\x91\xc0", bulk=b"n")
    say(begun=True)
    while True:
        for _ in range(100):
            me.transport.send(raw)


def deaf(rounds):
    """Ask for 16 MiB again and again, and read nothing."""
    end = Zmtp(raw_attach())
    end.frame(HELLO_MESSAGE)
    while b"operator" not in end.end.recv(65536):
        pass
    say(begun=True)
    end.end.settimeout(2.0)
    asked = 0
    try:
        for number in range(int(rounds)):
            end.frame(message(foreign.CALL, 11, 0, 0, 100 + number, 4, body=b"\x91\xce\x01\x00\x00\x00"))
            asked += 1
    except TimeoutError:
        pass
    say(asked=asked)
    hear()


def mute(count):
    """Small calls for ever, no answer ever read."""
    path = raw_attach()
    end = Zmtp(path)
    end.frame(HELLO_MESSAGE)
    say(begun=True)
    sent = 0
    end.end.settimeout(2.0)
    raw = [message(foreign.CALL, 16, 0, 0, number, 2, body=b"\x90") for number in range(int(count))]
    try:
        for one in raw:
            end.frame(one)
            sent += 1
    except OSError:
        pass
    say(sent=sent)
    hear()


def honest(rounds):
    """Nobody hostile: the largest messages there are, one after the other, and some at a time."""
    me = attach()
    data = random.Random(5).randbytes(16 << 20)
    right = 0
    for _ in range(int(rounds)):
        right += me.call(me.slots["pot"], 10, None, bulk=data, deadline_s=60.0)[1] == data
    calls = [me.start(me.slots["pot"], 10, None, bulk=data, deadline_s=60.0) for _ in range(3)]
    for call in calls:
        right += me.answer(call, 60.0)[1] == data
    say(right=right)
    me.leave()


def large_calls(count):
    """The largest calls to a server that takes none."""
    me = attach()
    pot = me.slots["pot"]
    me.transport.socket.sndtimeo = 20_000
    started = [me.start(pot, 2, bulk=b"L" * (15 << 20), deadline_s=4.0) for _ in range(int(count))]
    statuses = {}
    for call in started:
        name = status_of(me.answer, call, 30.0)
        statuses[name] = statuses.get(name, 0) + 1
    say(statuses=statuses)
    hear()


def one_call(slot, operation, waits, deadline_s):
    """One call, how it ended and how long it took."""
    me = attach()
    say(begun=True)
    hear()
    started = time.monotonic()
    status = status_of(me.call, me.slots[slot], int(operation), waits=bool(int(waits)), deadline_s=float(deadline_s))
    say(status=status, took=time.monotonic() - started)
    hear()


def held_call():
    """A held call that another releases; how that went."""
    me = attach()
    call = me.start(me.slots["pot"], 3, waits=True)
    me.call(me.slots["pot"], 2)
    released = me.call(me.slots["pot"], 4, deadline_s=20.0)[0]
    say(released=released, answer=me.answer(call)[0])
    hear()


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


# --- the trap of a monolith ------------------------------------------------------------------------


def trap_words(what):
    """Hostile bytes on the stream; what the kernel process makes of them: a status, or the end."""
    me = attach()
    end = me.transport.end
    good = message(foreign.CALL, 16, call=1, target=me.slots["files"], body=b"\x90")
    words = {
        "version": b"\x07" + good[1:],
        "noise": b"\xff" * 4096,
        "body_beyond": good[:32] + struct.pack("<I", 2**31) + good[36:],
        "bulk_beyond": good[:36] + struct.pack("<I", 2**31) + good[40:],
        "hello": message(foreign.HELLO),
        "kind_99": message(99, call=1),
        "reply": message(foreign.REPLY, call=1, body=b"\x91\x07"),
        "stop": message(foreign.STOP, call=1),
        "handle": message(foreign.CALL, 1, call=1, target=999),
        "operation": message(foreign.CALL, 999, call=1, target=1),
        "deep": message(foreign.CALL, 1, call=1, target=me.slots["files"], body=b"\x91" * 1_000_000),
        "uint64": message(foreign.CALL, 4, call=1, target=me.slots["files"], body=BODIES["uint64"]),
        "caps": message(
            foreign.CALL, 5, call=1, target=me.slots["pot"], caps=[(2, 0, 1, 0)] * 255, body=b"\x93\x00\x92\x01\x90\xc0"
        ),
        "half": good[:20],
    }
    end.sendall(words[what])
    if what == "half":
        say(end="half")
        hear()
        end.sendall(good[20:])
    try:
        raw = me.transport.receive(15)
        got = Received(raw)
        say(answer=msgpack.unpackb(got.body)[0] if got.kind != foreign.REPLY else "result")
    except ConnectionError:
        say(answer="closed")
    hear()


def trap_deaf(rounds):
    """Ask for much, read nothing."""
    me = attach()
    me.transport.end.settimeout(2.0)
    asked = 0
    say(begun=True)
    disk = me.slots["disk"]
    raw = message(foreign.CALL, 2, target=disk, body=b"\x92\x00\xcd\x3f\x00")
    try:
        for number in range(int(rounds)):
            me.transport.end.sendall(raw[:8] + struct.pack("<Q", number + 1) + raw[16:])
            asked += 1
    except OSError:
        pass
    say(asked=asked)
    hear()


if __name__ == "__main__":
    globals()[sys.argv[3]](*sys.argv[4:])
