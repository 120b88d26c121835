"""A server that spoils its own channels, one that relies on it, and one that has nothing to do with it."""

import os
import random
import signal
import struct
import threading

from microkernel.channel import ANSWER, CALL, HEAD, SLOT, STREAM, TAIL
from microkernel.links.peer_link import PASSED
from microlith.frame import wire
from microlith.frame.frame import within
from microlith.frame.server import Object, Server, here
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, notify, waits
from microlith.interface.status import Status


class Thing(Interface):
    @idempotent
    def name(self) -> int: ...


class Hostile(Interface):
    def strike(self, how: str, seed: int) -> int: ...

    def strike_none(self, how: str, seed: int) -> None: ...

    def strike_thing(self, how: str, seed: int) -> Thing: ...

    @waits
    def strike_waiting(self, how: str, seed: int) -> int: ...

    @idempotent
    def echo(self, data: bytes) -> bytes: ...

    @waits
    def hold(self, data: bytes) -> int: ...

    @notify
    def drop(self, data: bytes) -> None: ...


class Middle(Interface):
    def ask(self, how: str, operation: str, seed: int) -> str:
        """What a call of the server below ends in."""
        ...

    @waits
    def hand_on(self, how: str, seed: int) -> int: ...

    @idempotent
    def echo(self, data: bytes) -> bytes: ...


class AThing(Object, Thing):
    def name(self):
        return 7


class Spoilers(Server, Hostile):
    def strike(self, how, seed):
        for peer in here().channels.peers:
            WAYS[how](peer.end, random.Random(seed))
        return 5

    def strike_none(self, how, seed):
        self.strike(how, seed)

    def strike_thing(self, how, seed):
        self.strike(how, seed)
        return AThing()

    def strike_waiting(self, how, seed):
        reply = self.later()
        self.strike(how, seed)
        reply.answer(5)
        return reply

    def echo(self, data):
        return data

    def hold(self, data):
        return self.later()

    def drop(self, data): ...


class Middles(Server, Middle):
    """Catches statuses, as every server does, and nothing else."""

    bad: Hostile

    def ask(self, how, operation, seed):
        try:
            with within(0.2):
                return f"{type(getattr(self.bad, operation)(how, seed)).__name__}"
        except Status as status:
            return type(status).__name__

    def hand_on(self, how, seed):
        return self.forward(self.bad.strike_waiting, how, seed)

    def echo(self, data):
        return data


class Good(Server, Middle):
    def ask(self, how, operation, seed):
        return how

    def hand_on(self, how, seed):
        return seed

    def echo(self, data):
        return data


# --- the ways, each done to the server's end of a channel ------------------------------------------


def _number(end, number):
    """Answer as this number says, and be silent."""
    end.says[CALL] = number & (2**64 - 1)
    end.ring()
    signal.pause()


def _answer(end, kind, caps, body, bulk):
    """Answer with this header, and be silent."""
    ANSWER.pack_into(end.out, SLOT, kind, caps, body, bulk)
    _number(end, 2 * end.hears[CALL] + 1)


def _garbage(end, chosen):
    end.out[SLOT + 64 : SLOT + 4096] = chosen.randbytes(4032)
    _answer(end, chosen.choice((wire.REPLY, wire.STATUS, wire.FAIL, 0, 77)), chosen.randrange(4), 40, 40)


def _rights(end, chosen):
    kinds = (PASSED, wire.GRANTED, wire.HELD, wire.HOME, 99)
    caps = tuple((chosen.choice(kinds), chosen.randrange(1 << 16), chosen.getrandbits(32), 1) for _ in range(255))
    end.put(end.hears[CALL], caps, b"\x91\x00", b"")
    _answer(end, wire.REPLY, 255, 2, 0)


def _stream(end, data):
    """Say this in the stream, over and over, and never answer."""
    while True:
        left = memoryview(data)
        while left:
            left = left[end.write(left) :]
            end.ring()


def _kinds(end, chosen):
    """What only a kernel says."""
    kinds = (wire.STOP, wire.DEATH, wire.CALL, wire.NOTIFY, wire.OFFERED, wire.RELEASED, wire.INTERRUPT, wire.WITHDRAWN)
    caps = ((wire.GRANTED, 0, 1, 0),)
    kind = chosen.choice(kinds)
    end.write(wire.pack(kind, 1, 1, 1, 1, port=1, caps=caps if kind != wire.NOTIFY else (), body=b"\x90"))
    end.ring()


def _answers(end, chosen):
    """To calls that nobody has made, with rights."""
    caps = ((wire.GRANTED, 1, 1000, 0),) * 255
    _stream(end, wire.pack(wire.REPLY, call=1 << 40, caps=caps, body=b"\x91\x00"))


def _trickle(end, chosen):
    """A message that does not end, byte by byte."""
    data = wire.pack(wire.REPLY, call=1, body=b"\x91\xc0", bulk=bytes(wire.MAX_BULK))
    for at in range(len(data)):
        while not end.write(data[at : at + 1]):
            pass
        end.ring()


def _ring(end, chosen):
    while True:
        end.ring()


def _hang_up(end, chosen):
    os.close(end.line)
    os.close(end.bell)
    signal.pause()


def _mute(end, chosen):
    signal.pause()


def _word(word, value):
    def write(end, chosen):
        end.says[word] = value & (2**64 - 1)
        end.ring()

    return write


def _noise(end, chosen):
    """From now on another thread writes anything anywhere."""

    def write():
        while True:
            place = chosen.randrange(4)
            try:
                if place == 0:
                    end.says[chosen.randrange(8) * 8] = chosen.choice((0, 1, 5, STREAM, 2**63, chosen.getrandbits(64)))
                elif place == 1:
                    struct.pack_into("<Q", end.out, SLOT + chosen.randrange(24), chosen.getrandbits(64))
                elif place == 2:
                    at = SLOT + chosen.randrange(4096)
                    end.out[at : at + 40] = chosen.randbytes(40)
                else:
                    end.says[CALL] = 2 * end.hears[CALL] + chosen.randrange(3)
                end.ring()
            except ValueError:  # closed
                return

    threading.Thread(target=write, daemon=True).start()


WAYS = {
    "nothing": lambda end, chosen: None,
    "largest number": lambda end, chosen: _number(end, -1),
    "another number": lambda end, chosen: _number(end, 2 * end.hears[CALL] + 7),
    "nil": lambda end, chosen: _number(end, 2 * end.hears[CALL]),
    "lengths": lambda end, chosen: _answer(end, wire.REPLY, 255, 2**32 - 1, 2**32 - 1),
    "garbage": _garbage,
    "rights": _rights,
    "kinds": _kinds,
    "answers": _answers,
    "trickle": _trickle,
    "ring": _ring,
    "hang up": _hang_up,
    "mute": _mute,
    "tail": _word(TAIL, -1),
    "tail beyond": _word(TAIL, STREAM + 1),
    "head": _word(HEAD, 1 << 50),
    "noise": _noise,
}
