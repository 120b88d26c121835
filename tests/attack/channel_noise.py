"""Anything anywhere in what a client writes, while it calls in good order."""

import random
import threading
import time

from channel_enemy import COUNT, DROP, ECHO, GIVE, HOLD, MADE, MAKE, NO_BODY, RELEASE, SWAP, scribble

from microkernel.channel import CALL
from microkernel.links.peer_link import EXPORT
from microlith.frame import wire


def noise(line, seed, seconds):
    """A second thread writes anything anywhere while the first one calls in good order."""
    chosen, over, written = random.Random(int(seed)), threading.Event(), []
    end, limit = line.end, time.monotonic() + float(seconds)

    def write():
        while not over.is_set():
            scribble(end, chosen)
            written.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    own = random.Random(int(seed) + 1)
    try:
        while time.monotonic() < limit and not end.hung_up():
            act(line, own)
    finally:
        over.set()
        thread.join()
    return len(written)


def steps(line, seed, seconds):
    """Anything anywhere, between the steps of calls in good order."""
    chosen, calls = random.Random(int(seed)), 0
    limit = time.monotonic() + float(seconds)
    while time.monotonic() < limit and not line.end.hung_up():
        for _ in range(chosen.choice((0, 0, 1, 5))):
            scribble(line.end, chosen)
        act(line, chosen)
        calls += 1
    return calls


OPERATIONS = (DROP, COUNT, HOLD, RELEASE, SWAP, MAKE, MADE, ECHO, GIVE, EXPORT, 99)
SOME_BODIES = (NO_BODY, b"\x91\xc0", b"\x91\x05", b"\x93\x00\x92\x01\x90\xc0", b"\x91" * 50, b"")


def act(line, chosen):
    """One call, in the slot or in the stream, of some operation with some body."""
    operation, body = chosen.choice(OPERATIONS), chosen.choice(SOME_BODIES)
    caps = tuple((chosen.randrange(6), 1, chosen.randrange(9), 7) for _ in range(chosen.choice((0, 0, 1, 3))))
    handle = chosen.choice((line.handle, line.handle, 1 + chosen.randrange(5)))
    try:
        if chosen.randrange(2):
            line.number = max(line.number, line.end.hears[CALL] // 2)
            line.request(operation, body, chosen.randbytes(chosen.choice((0, 10))), handle=handle, caps=caps)
            line.answer(0.002)
        else:
            kind = chosen.choice((wire.CALL, wire.CALL, wire.NOTIFY, wire.CLOSE, wire.CANCEL))
            line.stream(line.message(kind, operation, body, target=handle, caps=caps))
            if line.end.pending and chosen.randrange(2):
                line.end.read()
    except Exception as error:  # the server may have written nonsense, for we did: go on from there
        if type(error).__name__ not in ("Broken", "BadMessage"):
            raise
