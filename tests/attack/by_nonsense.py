"""Messages that have no effect, or that only a server can refuse."""

import random
import time

from enemy import BODIES, Received, attach, foreign, hear, message, say, status_of


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
