"""Messages as bytes: a fixed little-endian header, the capabilities, the body, the bulk.

    0 version  u8     4 caps  u8     8 call id  u64     24 deadline    i64
    1 kind     u8     5 flags u8    16 target   u32     32 body length u32
    2 operation u16   6 port  u16   20 incarnation u32  36 bulk length u32
    then caps * 16 bytes: kind u8, 0 u8, rank or port u16, handle or object u32, badge u64

The body is a MessagePack array of the parameters in order, the bulk is raw bytes.  The kernel never
decodes either.  docs/wire.md is the protocol, message by message.
"""

import struct
from typing import Any, NamedTuple

from microlith.interface.status import BadMessage

VERSION = 1
HEADER = struct.Struct("<BBHBBHQIIqII")
CAP = struct.Struct("<BxHIQ")

#: The largest message: 16 MiB of bulk and what surrounds it.
MAX_BULK = 16 * 1024 * 1024
MAX_BODY = 1024 * 1024
MOST_CAPS = 255
MAX_MESSAGE = MAX_BULK + MAX_BODY + HEADER.size + MOST_CAPS * CAP.size

# Kinds.  To the kernel or a peer:
HELLO, CALL, NOTIFY, REPLY, STATUS, FORWARD, CANCEL = 1, 2, 3, 4, 5, 6, 7
CLOSE, REVOKE, DESTROY, WATCH, ADOPT, READY, ACKNOWLEDGE, BYE, REBADGE = 8, 9, 10, 11, 12, 13, 14, 15, 16
OFFER = 17
# From the kernel or a peer (also CALL, NOTIFY, REPLY and STATUS):
WELCOME, FAIL, WITHDRAWN, CONFIRM, DEATH, RELEASED, INTERRUPT, STOP = 32, 33, 34, 35, 36, 37, 38, 39
OFFERED = 40

# Flags.
WAITS, WANT_CONFIRM = 1, 2

# Kinds of capabilities in a message: see docs/wire.md.
HELD, MINT, GRANTED, HOME = 0, 1, 2, 3

Cap = tuple[int, int, int, int]
NO_CAPS: tuple[Cap, ...] = ()


class Message(NamedTuple):
    """A parsed message; `raw` is all of it."""

    kind: int
    operation: int
    flags: int
    port: int
    call: int
    target: int
    incarnation: int
    deadline: int
    caps: tuple[Cap, ...]
    body: Any
    bulk: bytes
    raw: bytes


def pack(
    kind: int,
    operation: int = 0,
    call: int = 0,
    target: int = 0,
    incarnation: int = 0,
    deadline: int = 0,
    flags: int = 0,
    port: int = 0,
    caps: tuple[Cap, ...] = NO_CAPS,
    body: bytes = b"",
    bulk: bytes = b"",
) -> bytes:
    """One message as bytes.  Raises BadMessage if it would be too large for one."""
    if len(caps) > MOST_CAPS:
        raise BadMessage(f"{len(caps)} capabilities are more than one message holds ({MOST_CAPS})")
    if len(body) > MAX_BODY or len(bulk) > MAX_BULK:
        raise BadMessage(f"{len(body)} + {len(bulk)} bytes are more than one message holds ({MAX_BODY} + {MAX_BULK})")
    head = HEADER.pack(
        VERSION, kind, operation, len(caps), flags, port, call, target, incarnation, deadline, len(body), len(bulk)
    )
    if caps:
        head += b"".join(CAP.pack(*cap) for cap in caps)
    return b"".join((head, body, bulk))


def parse(raw: bytes) -> Message:
    """Take a whole message apart.  Raises BadMessage for anything that is not exactly one message."""
    if len(raw) < HEADER.size:
        raise BadMessage(f"{len(raw)} bytes are no message")
    version, kind, operation, n, flags, port, call, target, incarnation, deadline, body, bulk = HEADER.unpack_from(raw)
    start = HEADER.size + n * CAP.size
    if version != VERSION or len(raw) != start + body + bulk:
        raise BadMessage(f"version {version}, {len(raw)} bytes for {start} + {body} + {bulk}")
    caps = tuple(CAP.iter_unpack(raw[HEADER.size : start])) if n else NO_CAPS
    end = start + body
    return Message(
        kind, operation, flags, port, call, target, incarnation, deadline, caps, raw[start:end], raw[end:], raw
    )


_ANSWER = struct.Struct("<xBxBxxxxQ")  # kind, number of capabilities, call id
_LENGTHS = struct.Struct("<II")


def answer(raw: bytes) -> tuple[int, int]:
    """Kind and call id of a message that came through a kernel (which has checked its form)."""
    kind, _, call = _ANSWER.unpack_from(raw)
    return kind, call


def content(raw: bytes) -> tuple[tuple[Cap, ...], bytes, bytes]:
    """Capabilities, body and bulk of a message.  Raises BadMessage."""
    body, bulk = _LENGTHS.unpack_from(raw, 32)
    start = HEADER.size
    caps = NO_CAPS
    if raw[4]:
        start += raw[4] * CAP.size
        caps = tuple(CAP.iter_unpack(raw[HEADER.size : start]))
    end = start + body
    if len(raw) != end + bulk:
        raise BadMessage(f"{len(raw)} bytes for {start} + {body} + {bulk}")
    return caps, raw[start:end], raw[end:]


def size_of(header: bytes | bytearray) -> int:
    """How long the message that begins with this header is.  Raises BadMessage if it is none."""
    fields = HEADER.unpack_from(header)
    if fields[0] != VERSION or fields[10] > MAX_BODY or fields[11] > MAX_BULK:
        raise BadMessage("not the header of a message")
    return int(HEADER.size + fields[3] * CAP.size + fields[10] + fields[11])


def rewrite(raw: bytes, kind: int, call: int, target: int, port: int, caps: tuple[Cap, ...]) -> bytearray:
    """The same message under another header, as the kernel passes it on: body and bulk untouched."""
    out = bytearray(raw)
    out[1] = kind
    _ADDRESS.pack_into(out, 6, port, call, target)
    for index, cap in enumerate(caps):
        CAP.pack_into(out, HEADER.size + index * CAP.size, *cap)
    return out


_ADDRESS = struct.Struct("<HQI")  # port, call id and target lie side by side
