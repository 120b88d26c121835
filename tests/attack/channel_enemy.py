"""What attackers on channels share: an attached client whose end of the channel they play by hand."""

import os
import random
import select
import struct
import time
from pathlib import Path

from microkernel.channel import ASLEEP, CALL, HEAD, REQUEST, SLOT, STREAM, TAIL
from microkernel.end import End
from microlith.frame import wire
from microlith.launch.attach import attach_from

# Operations of the pot (attacked.py).
DROP, COUNT, HOLD, RELEASE, SWAP, MAKE, MADE, ECHO, GIVE = 1, 2, 3, 4, 5, 6, 7, 10, 11
NO_BODY = b"\x90"
U64 = 2**64 - 1


class Line:
    """A client of one server.  Its library is used to attach; what is written afterwards is written here."""

    def __init__(self, control, app="operator", slot="pot"):
        self.attached = attach_from(Path(control), app)
        self.stub = getattr(self.attached, slot)
        self.link = self.stub._connection
        while self.link.end is None:  # the kernel grants it when it has made it
            self.link.granted.wait(time.monotonic_ns() + 1_000_000_000)
            self.link.granted.attend()
        self.end: End = self.link.end
        self.handle = self.stub._handle
        self.number = self.calls = 0

    # --- the slot ----------------------------------------------------------------------------------

    def request(
        self, operation, body=NO_BODY, bulk=b"", *, handle=None, caps=(), flags=0, deadline=0, number=None, sizes=None
    ):
        """Write a request; its number.  Whatever is given goes in as it is."""
        self.number = self.number + 1 if number is None else number
        end, handle = self.end, self.handle if handle is None else handle
        end.put(self.number, caps, body, bulk)
        sizes = sizes or (len(body), len(bulk))
        REQUEST.pack_into(end.out, SLOT, operation | len(caps) << 16 | flags | handle << 32, deadline, *sizes)
        end.says[CALL] = self.number
        end.ring()
        return self.number

    def answer(self, seconds=10.0):
        """What the last request came to: `result`, `nil`, the name of a status, `closed` or `silence`."""
        limit, end = time.monotonic() + seconds, self.end
        for _ in range(1000):
            if end.hears[CALL] | 1 == 2 * self.number + 1:
                break
        while end.hears[CALL] | 1 != 2 * self.number + 1:
            if end.hung_up():
                return "closed"
            if time.monotonic() > limit:
                return "silence"
            select.select([], [], [], 0.001)
        if end.hears[CALL] == 2 * self.number:
            return "nil"
        kind, count, body, bulk = struct.unpack_from("<HHxxxxII", end.into, SLOT)
        _, body, _ = end.get(self.number, count, body, bulk)
        return name_in(body) if kind == wire.STATUS else "result"

    def ask(self, *arguments, **options):
        """Request and answer."""
        self.request(*arguments, **options)
        return self.answer()

    # --- the stream --------------------------------------------------------------------------------

    def stream(self, data):
        """Write into the stream what there is room for, and ring; how much that was."""
        size = self.end.write(data)
        self.end.ring()
        return size

    def message(self, kind, operation=0, body=NO_BODY, bulk=b"", *, target=None, caps=(), deadline=0, call=None):
        """A message of the stream with the next call id."""
        self.calls += 1
        flags = wire.WAITS if kind == wire.CALL else 0
        target, call = self.handle if target is None else target, self.calls if call is None else call
        return wire.pack(kind, operation, call, target, 0, deadline, flags, 0, caps, body, bulk)

    def heard(self, seconds=10.0):
        """The next answer in the stream, as `answer` names it."""
        limit = time.monotonic() + seconds
        while not self.end.pending:
            if self.end.hung_up():
                return "closed"
            if time.monotonic() > limit:
                return "silence"
            select.select([], [], [], 0.001)
        raw = self.end.read()
        _, body, _ = wire.content(raw[: wire.size_of(raw)])
        return "result" if raw[1] == wire.REPLY else name_in(body)

    def closed(self, seconds=10.0):
        """Has the server let go of this channel within that time?"""
        limit = time.monotonic() + seconds
        while not self.end.hung_up():
            if time.monotonic() > limit:
                return False
            select.select([], [], [], 0.001)
        return True

    def hang_up(self):
        """Close our ends of the bells."""
        os.close(self.end.bell)
        os.close(self.end.line)


def name_in(body):
    """The name of the status in a body."""
    import msgspec

    return msgspec.msgpack.decode(body)[0]


WORDS = (CALL, TAIL, HEAD, ASLEEP, 32, 40, 48)
LIKELY = (0, 1, 2, 40, 512, STREAM - 1, STREAM, STREAM + 1, 2**24, 2**31, 2**32 - 1, 2**62, 2**63, U64)


def scribble(end, chosen: random.Random):
    """One write of something into some place of our file."""
    place = chosen.randrange(6)
    if place == 0:
        end.says[chosen.choice(WORDS)] = chosen.choice((*LIKELY, chosen.getrandbits(64), chosen.getrandbits(16)))
    elif place == 1:
        at = SLOT + chosen.randrange(24)
        end.out[at : at + 4] = chosen.choice((b"\0\0\0\0", b"\xff" * 4, chosen.randbytes(4)))
    elif place == 2:
        at, size = SLOT + chosen.randrange(1024), chosen.randrange(64)
        end.out[at : at + size] = chosen.randbytes(size)
    elif place == 3:
        at, size = 64 * 1024 + chosen.randrange(STREAM - 64), chosen.randrange(64)
        end.out[at : at + size] = chosen.randbytes(size)
    elif place == 4:
        end.says[CALL] = end.hears[CALL] // 2 + chosen.randrange(3)
    else:
        end.says[TAIL] = end.hears[HEAD] + chosen.choice((0, 1, 39, 40, 41, 4096, STREAM, STREAM + 1))
    if chosen.randrange(4) == 0:
        end.ring()
