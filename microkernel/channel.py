"""A channel: the memory and the two bells that join one client's domain to one server's.

Two sealed memory files, one for each direction.  Each has one writer; the other side maps it read-only.
A writer never relies on what it wrote (a reader that opens the file anew could write to it, and would
spoil what only it reads), a reader copies what it reads once and checks the copy: so a hostile peer
spoils its own calls and nothing else.  In each file:

    line 0  CALL   number of the synchronous message in the slot: the client's k-th call is k, its answer
                   2k if it is a plain nil (nothing else is written), else 2k + 1
    line 1  TAIL   bytes written to the stream so far
    line 2  HEAD   bytes taken from the other file's stream so far
    line 3  ASLEEP 1 while this side sleeps, or is about to: ring its bell
    line 4  STATE  what this side does: RUNNING, or BLOCKED in a call of its own or on a device
    line 5  BYTES  payload bytes put into the slot so far, for those who count
    line 6  STUCK  1 while this side waits for room in its stream: ring when you have read
    line 7  TAKEN  number of the last request that the server began to serve: after its death a later one may
                   be asked of its next incarnation, whatever it is
    a slot         one synchronous request (or answer): a header, capabilities, body, bulk
    a stream       whole messages (docs/wire.md) one after the other, in a ring of STREAM bytes: notices,
                   calls that wait and their answers, cancels, rights given back
    large areas    the slot's payload when it is larger than INLINE: one for any, and one for every other message
                   of up to SECOND bytes, for the reader's core still has its copy of what was written last

A bell is a pipe: its writing end belongs to one side and its reading end to the other, so neither can
block or mute the other, and the death of one is a hang-up for the other.

Waking up.  The sender publishes (payload, then CALL or TAIL), then looks whether the receiver is ASLEEP,
and if so rings.  The receiver looks a bounded number of times; then it says ASLEEP, makes everybody's
stores visible (membarrier), looks once more, and blocks.  The fence is on the side that goes to sleep,
and the fast side pays nothing.  A side that does not spin, because there is one core only, is ASLEEP from
beginning to end: every message rings, and it needs no fence but looks after each ring that it has heard.
docs/wakeup.md has the proof: an exploration of every interleaving with store buffers (tests/explore).

(Liedtke, "Improving IPC by Kernel Design", SOSP 1993, for a kernel that sets up and stays out of the way.)
"""

import mmap
import os
import struct

from microlith.frame import wire
from microlith.frame.memory import reading, sealed

# Words, one cache line apart, so that no line has two writers who write often.
CALL, TAIL, HEAD, ASLEEP, STATE, BYTES, STUCK, TAKEN = 0, 8, 16, 24, 32, 40, 48, 56
RUNNING, BLOCKED = 0, 1
STREAMED = 1 << 24  # in a request: the client has written to the stream since the last one

SLOT = 512  # the header of the synchronous message, and behind it what is INLINE
INLINE = 60 * 1024  # less than any limit of a message
PAYLOAD = SLOT + 64
STREAM_AT, STREAM = 64 * 1024, 64 * 1024  # a power of two
LARGE_AT = 128 * 1024
CAP_SIZE = wire.CAP.size
LARGE = wire.MAX_BULK + wire.MAX_BODY + wire.MOST_CAPS * CAP_SIZE
SECOND_AT, SECOND = LARGE_AT + LARGE + -LARGE % mmap.PAGESIZE, 2 * 1024 * 1024
SIZE = SECOND_AT + SECOND

#: In the slot, a request: operation, number of capabilities, flags, target; deadline; lengths of body and bulk.
REQUEST = struct.Struct("<QqII")
#: And an answer: kind and number of capabilities; lengths of body and bulk.
ANSWER = struct.Struct("<HHxxxxII")

COUNTED = 8 * (BYTES + 1)  # bytes at the beginning of a file that `counts` needs

ENDS = 4  # descriptors of an end: the file it writes, the file it reads, the bell it hears, the bell it rings


def make(name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A new channel: the descriptors of the client's end and of the server's."""
    up, up_read = _file(f"{name}:up")
    down, down_read = _file(f"{name}:down")
    client_hears, server_rings = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    server_hears, client_rings = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    return (up, down_read, client_hears, client_rings), (down, up_read, server_hears, server_rings)


def _file(name: str) -> tuple[int, int]:
    """A memory file: a descriptor to write it and one that can only read it."""
    descriptor = sealed(name, SIZE)
    return descriptor, reading(descriptor)


def area(number: int, size: int) -> int:
    """Where the payload of the message of that number is, if it is larger than INLINE."""
    return SECOND_AT if number & 1 and size <= SECOND else LARGE_AT


def counts(up: memoryview, down: memoryview) -> tuple[int, int, int, int]:
    """Requests and their bytes, answers and their bytes: what went through the slot, by the words of both files.

    A message in the slot is its header and its payload.
    """
    requests, answers = up[CALL], down[CALL] >> 1
    return requests, requests * REQUEST.size + up[BYTES], answers, answers * ANSWER.size + down[BYTES]


class Broken(Exception):
    """The other side does not follow the protocol: this channel is of no use any more."""
