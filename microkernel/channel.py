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
    a large area   the slot's payload when it is larger than INLINE

A bell is a pipe: its writing end belongs to one side and its reading end to the other, so neither can
block or mute the other, and the death of one is a hang-up for the other.

Waking up.  The sender publishes (payload, then CALL or TAIL), then looks whether the receiver is ASLEEP,
and if so rings.  The receiver looks a bounded number of times; then it says ASLEEP, makes everybody's
stores visible (membarrier), looks once more, and blocks.  The fence is on the side that goes to sleep,
and the fast side pays nothing.  A side that does not spin, because there is one core only, is ASLEEP from
beginning to end: every message rings, and it needs no fence but looks after each time it has silenced its
bell.  docs/wakeup.md has the proof: an exploration of every interleaving with store buffers (tests/explore).

(Liedtke, "Improving IPC by Kernel Design", SOSP 1993, for a kernel that sets up and stays out of the way.)
"""

import fcntl
import mmap
import os
import select
import struct

from microkernel import fence
from microlith.frame import wire
from microlith.interface.status import BadMessage

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
LEDGER = 68 * 1024  # bytes of a ledger (ledger.py)
SIZE = LARGE_AT + LARGE + -LARGE % mmap.PAGESIZE

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
    """A memory file whose size is sealed: a descriptor to write it and one that can only read it."""
    descriptor = sealed(name, SIZE)
    return descriptor, os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)


def sealed(name: str, size: int) -> int:
    """A memory file whose size stays what it is."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return descriptor


def counts(up: memoryview, down: memoryview) -> tuple[int, int, int, int]:
    """Requests and their bytes, answers and their bytes: what went through the slot, by the words of both files.

    A message in the slot is its header and its payload.
    """
    requests, answers = up[CALL], down[CALL] >> 1
    return requests, requests * REQUEST.size + up[BYTES], answers, answers * ANSWER.size + down[BYTES]


class Broken(Exception):
    """The other side does not follow the protocol: this channel is of no use any more."""


class End:
    """One end: the words and bytes of both directions, the streams, the bells."""

    def __init__(self, descriptors: tuple[int, ...]) -> None:
        ours, theirs, self.bell, self._ring = descriptors
        # Slices of a map are copies, made in one step; of a view they would be views of their own.
        self._writes, self._reads = mmap.mmap(ours, SIZE), mmap.mmap(theirs, SIZE, prot=mmap.PROT_READ)
        os.close(ours)
        os.close(theirs)
        self.out, self.into = memoryview(self._writes), memoryview(self._reads)
        self.says, self.hears = self.out.cast("Q"), self.into.cast("Q")
        self.sent = self._head = 0  # bytes of the stream that we write, of the one that we read
        self._bytes = 0
        self.system_calls = 0  # made for messages

    # --- bells -------------------------------------------------------------------------------------

    def sleep(self) -> None:
        """Have the other side ring from now on; what it sent before can be seen now."""
        self.says[ASLEEP] = 1
        fence.fence()

    def wake(self) -> None:
        """Ring the other side's bell if it sleeps."""
        if self.hears[ASLEEP]:
            self.ring()

    def ring(self) -> None:
        """Ring the other side's bell: a system call."""
        self.system_calls += 1
        try:
            os.write(self._ring, b"!")
        except OSError:  # full: it has not listened to the last 65,536; or gone: its hang-up tells
            pass

    def silence(self) -> bool:
        """Our own bell has rung: let it ring again.  False: the other side has gone."""
        self.system_calls += 1
        try:
            return bool(os.read(self.bell, 512))
        except BlockingIOError:
            return True

    def hung_up(self) -> bool:
        """Has the other side gone?"""
        poller = select.poll()
        poller.register(self.bell, 0)
        return bool(poller.poll(0))

    # --- the stream --------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append what there is room for; how many bytes that was.  Raises Broken."""
        used = self.sent - self.hears[HEAD]
        if not 0 <= used <= STREAM:
            raise Broken("more was taken than was sent")
        size = min(len(data), STREAM - used)
        if size:
            _into_ring(self.out, self.sent, memoryview(data)[:size])
            self.sent += size
            self.says[TAIL] = self.sent
            self.wake()
        return size

    def read(self) -> bytes:
        """Take everything that is in the stream.  Raises Broken."""
        tail = self.hears[TAIL]
        size = tail - self._head
        if not 0 <= size <= STREAM:
            raise Broken("more was sent than there is room for")
        if not size:
            return b""
        data = _from_ring(self.into, self._head, size)
        self._head = tail
        self.says[HEAD] = tail
        if self.hears[STUCK]:
            self.ring()
        return data

    @property
    def room(self) -> int:
        """How many bytes the stream that we write has room for."""
        return STREAM - self.sent + int(self.hears[HEAD])

    @property
    def pending(self) -> bool:
        """Is there something in the stream?"""
        return bool(self.hears[TAIL] != self._head)

    # --- the slot ----------------------------------------------------------------------------------

    def put(self, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes) -> None:
        """Write the payload of a synchronous message: behind the header, or into the large area.  Raises BadMessage."""
        first, second, at = len(body), len(bulk), PAYLOAD
        size = len(caps) * CAP_SIZE + first + second
        if size > INLINE:
            if first > wire.MAX_BODY or second > wire.MAX_BULK:
                raise BadMessage(f"{first} + {second} bytes are more than one message holds")
            at = LARGE_AT
        if len(caps) > wire.MOST_CAPS:
            raise BadMessage(f"{len(caps)} capabilities are more than one message holds ({wire.MOST_CAPS})")
        for cap in caps:
            wire.CAP.pack_into(self.out, at, *cap)
            at += CAP_SIZE
        self._writes[at : at + first] = body
        if second:
            at += first
            self._writes[at : at + second] = bulk
        self._bytes = size = self._bytes + size
        self.says[BYTES] = size

    def get(self, caps: int, body: int, bulk: int) -> tuple[tuple[wire.Cap, ...], bytes, bytes]:
        """Copy the payload of a synchronous message out.  Raises Broken."""
        reads, first, at, entries = self._reads, caps * CAP_SIZE, PAYLOAD, wire.NO_CAPS
        if first + body + bulk > INLINE:
            if body > wire.MAX_BODY or bulk > wire.MAX_BULK:
                raise Broken("lengths beyond the limits")
            at = LARGE_AT
        if caps:
            entries = tuple(wire.CAP.iter_unpack(reads[at : at + first]))
            at += first
        end = at + body
        return entries, reads[at:end], reads[end : end + bulk] if bulk else b""

    def close(self) -> None:
        """Unmap, and close the bells."""
        for view in (self.says, self.hears, self.out, self.into):
            view.release()
        self._writes.close()
        self._reads.close()
        os.close(self.bell)
        os.close(self._ring)


def _into_ring(out: memoryview, position: int, data: memoryview) -> None:
    at = position % STREAM
    first = min(len(data), STREAM - at)
    out[STREAM_AT + at : STREAM_AT + at + first] = data[:first]
    if first < len(data):
        out[STREAM_AT : STREAM_AT + len(data) - first] = data[first:]


def _from_ring(into: memoryview, position: int, size: int) -> bytes:
    at = position % STREAM
    first = min(size, STREAM - at)
    data = bytes(into[STREAM_AT + at : STREAM_AT + at + first])
    return data if first == size else data + bytes(into[STREAM_AT : STREAM_AT + size - first])
