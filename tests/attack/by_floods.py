"""Floods, and readers that do not read."""

import random
import struct
import time

from enemy import HELLO_MESSAGE, Zmtp, attach, foreign, hear, message, raw_attach, say, status_of


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
    calls = [me.start(me.slots["pot"], 10, None, bulk=data, deadline_s=60.0) for _ in range(2)]
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


def large_forwards(count):
    """A server hands on our calls, each with 15 MiB and an object of its own, to one that takes none."""
    me = attach()
    mover, sink = me.slots["mover"], me.slots["sink"]
    filling = [me.start(sink, 1, deadline_s=60.0) for _ in range(2)]  # all that it is given at a time
    started = [me.start(mover, 1, 15 << 20, waits=True) for _ in range(int(count))]
    statuses = {}
    for call in started[-int(count) // 2 :]:
        name = status_of(me.answer, call, 30.0)
        statuses[name] = statuses.get(name, 0) + 1
    say(statuses=statuses)
    hear()
    for call in filling:
        me.answer(call, 30.0)
    for call in started[: int(count) // 2]:
        name = status_of(me.answer, call, 30.0)
        statuses[name] = statuses.get(name, 0) + 1
    say(statuses=statuses, made=me.call(mover, 2)[0])
    hear()


def one_call(slot, operation, waits, deadline_s):
    """One call, how it ended and how long it took."""
    me = attach()
    say(begun=True)
    hear()
    status = "Busy"
    while status == "Busy":  # the queue of a server that is flooded
        started = time.monotonic()
        status = status_of(
            me.call, me.slots[slot], int(operation), waits=bool(int(waits)), deadline_s=float(deadline_s)
        )
    say(status=status, took=time.monotonic() - started)
    hear()


def held_call():
    """A held call that we release ourselves, in the middle of a flood; how that went."""
    me = attach()
    pot = me.slots["pot"]
    released = []
    while released != [True]:
        call = me.start(pot, 3, waits=True)
        while status_of(me.call, pot, 4, deadline_s=20.0) == "Busy":
            pass
        released = [status_of(me.answer, call) == "no status"]
    say(released=released)
    hear()
