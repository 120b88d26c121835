"""Messages after which their sender should not be alive; hostile bytes for the trap of a monolith."""

import os
import random
import struct

import msgpack
from enemy import (
    BODIES,
    HELLO_MESSAGE,
    Received,
    Zmtp,
    attach,
    foreign,
    hear,
    message,
    raw_attach,
    say,
)


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


def _children(count, talk):
    """Children that attach, talk, and are gone and reaped before the kernel can look."""
    for _ in range(int(count)):
        pid = os.fork()
        if pid == 0:
            end = Zmtp(raw_attach())
            end.frame(HELLO_MESSAGE)
            talk(end)
            os._exit(0)
        os.waitpid(pid, 0)
    say(done=int(count))


def and_gone(count):
    """They say something deadly."""

    def talk(end):
        for _ in range(20):
            end.frame(b"\xff" * 50)

    _children(count, talk)


def bye_and_gone(count):
    """They say much that is legal, then BYE."""

    def talk(end):
        for number in range(28):
            caps = [(0, 0, 2, 0)] * 255
            end.frame(message(foreign.CALL, 1, call=number + 1, target=4, caps=caps, body=b"\x90"))
        end.frame(message(foreign.BYE))

    _children(count, talk)
