"""One end of a channel, in the hands of a domain (channel.py has the protocol)."""

import mmap
import os
import select

from microkernel import fence
from microkernel.channel import (
    ASLEEP,
    BYTES,
    CAP_SIZE,
    HEAD,
    INLINE,
    PAYLOAD,
    SIZE,
    STREAM,
    STREAM_AT,
    STUCK,
    TAIL,
    Broken,
    area,
)
from microlith.frame import wire
from microlith.interface.status import BadMessage

RINGS = 65536  # that a bell holds, or 8192 where the user has many pipes; one that finds no room rings nothing
UNHEARD = 1024  # calls and bytes of the stream after which a bell of which each ring is heard is silenced


class End:
    """One end: the words and bytes of both directions, the streams, the bells."""

    def __init__(self, descriptors: tuple[int, ...]) -> None:
        ours, theirs, self.bell, self.line = descriptors
        # Slices of a map are copies, made in one step; of a view they would be views of their own.
        self._writes, self._reads = mmap.mmap(ours, SIZE), mmap.mmap(theirs, SIZE, prot=mmap.PROT_READ)
        os.close(ours)
        os.close(theirs)
        self.out, self.into = memoryview(self._writes), memoryview(self._reads)
        self.says, self.hears = self.out.cast("Q"), self.into.cast("Q")
        self.sent = self.taken = 0  # bytes of the stream that we write, of the one that we read
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
            os.write(self.line, b"!")
        except OSError:  # full: it has not listened to the last 65,536; or gone: its hang-up tells
            pass

    def silence(self) -> bool:
        """Our own bell has rung: let it ring again.  False: the other side has gone."""
        self.system_calls += 1
        try:
            return bool(os.read(self.bell, RINGS))
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
        size = tail - self.taken
        if not 0 <= size <= STREAM:
            raise Broken("more was sent than there is room for")
        if not size:
            return b""
        data = _from_ring(self.into, self.taken, size)
        self.taken = tail
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
        return bool(self.hears[TAIL] != self.taken)

    # --- the slot ----------------------------------------------------------------------------------

    def put(self, number: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes) -> None:
        """Write the payload of call `number` or its answer: behind the header, or apart.  Raises BadMessage."""
        first, second, at = len(body), len(bulk), PAYLOAD
        size = len(caps) * CAP_SIZE + first + second
        if size > INLINE:
            if first > wire.MAX_BODY or second > wire.MAX_BULK:
                raise BadMessage(f"{first} + {second} bytes are more than one message holds")
            at = area(number, size)
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

    def get(self, number: int, caps: int, body: int, bulk: int) -> tuple[tuple[wire.Cap, ...], bytes, bytes]:
        """Copy the payload of call `number` or its answer out.  Raises Broken."""
        reads, first, at, entries = self._reads, caps * CAP_SIZE, PAYLOAD, wire.NO_CAPS
        size = first + body + bulk
        if size > INLINE:
            if body > wire.MAX_BODY or bulk > wire.MAX_BULK:
                raise Broken("lengths beyond the limits")
            at = area(number, size)
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
        os.close(self.line)


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
