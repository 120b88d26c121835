"""Typed bodies: arguments and results to MessagePack and back, validated on the way in.

A capability in a body is its position in the message's list; `lower` turns an object into an entry of
that list, `lift` an entry into something callable.  Sizes were capped before; decoding is typed, and
whatever hostile bytes raise (ValueError, RecursionError, MemoryError) is one thing: BadMessage.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from microlith.frame.wire import NO_CAPS, Cap
from microlith.interface.operation import Operation
from microlith.interface.status import SYSTEM_STATUSES, BadMessage, Status

SYSTEM_BY_NAME: dict[str, type[Status]] = {status.__name__: status for status in SYSTEM_STATUSES}

_encode_status = msgspec.msgpack.Encoder().encode
_decode_status = msgspec.msgpack.Decoder(tuple[str, str]).decode

HOSTILE = (ValueError, RecursionError, MemoryError, msgspec.MsgspecError)


class Codec:
    """The codec of one connection."""

    def __init__(self, lower: Callable[[Any], Cap], lift: Callable[[Cap, Any], Any]) -> None:
        self._lower, self._lift = lower, lift
        self._encode = msgspec.msgpack.Encoder(enc_hook=self._out).encode
        self._outgoing: list[Cap] = []
        self._incoming: tuple[Cap, ...] = NO_CAPS
        self._requests: dict[Operation, Any] = {}
        self._replies: dict[Operation, Any] = {}

    def request(self, operation: Operation, arguments: tuple[Any, ...]) -> tuple[bytes, bytes, tuple[Cap, ...]]:
        """Arguments to (body, bulk, capabilities)."""
        index = operation.request_bulk
        if index is None:
            return self._body(operation, arguments, b"")
        values = list(arguments)
        bulk, values[index] = values[index], None
        return self._body(operation, values, bulk)

    def reply(self, operation: Operation, value: Any) -> tuple[bytes, bytes, tuple[Cap, ...]]:
        """A result to (body, bulk, capabilities)."""
        if operation.reply_bulk:
            return b"\x91\xc0", value, NO_CAPS
        if not operation.carries:
            return self._encode((value,)), b"", NO_CAPS
        return self._body(operation, (value,), b"")

    def _body(self, operation: Operation, values: Sequence[Any], bulk: bytes) -> tuple[bytes, bytes, tuple[Cap, ...]]:
        if not operation.carries:
            return self._encode(values), bulk, NO_CAPS
        self._outgoing = []
        body = self._encode(values)
        return body, bulk, tuple(self._outgoing)

    def read_request(self, operation: Operation, body: bytes, bulk: bytes, caps: tuple[Cap, ...]) -> tuple[Any, ...]:
        """The arguments of a request.  Raises BadMessage."""
        decode = self._requests.get(operation)
        if decode is None:
            decode = self._requests[operation] = self._decoder(operation.request_type)
        self._incoming = caps
        try:
            arguments: tuple[Any, ...] = decode(body)
        except HOSTILE as error:
            raise BadMessage(f"{operation.qualified}: {error}") from None
        index = operation.request_bulk
        return arguments if index is None else (*arguments[:index], bulk, *arguments[index + 1 :])

    def read_reply(self, operation: Operation, body: bytes, bulk: bytes, caps: tuple[Cap, ...]) -> Any:
        """The result in a reply.  Raises BadMessage."""
        if operation.reply_bulk:
            return bulk
        decode = self._replies.get(operation)
        if decode is None:
            decode = self._replies[operation] = self._decoder(operation.reply_type)
        self._incoming = caps
        try:
            return decode(body)[0]
        except HOSTILE as error:
            raise BadMessage(f"the reply of {operation.qualified}: {error}") from None

    def _decoder(self, typed: Any) -> Any:
        return msgspec.msgpack.Decoder(typed, dec_hook=self._in).decode

    def _out(self, value: Any) -> int:
        self._outgoing.append(self._lower(value))
        return len(self._outgoing) - 1

    def _in(self, interface: Any, position: Any) -> Any:
        if type(position) is not int or not 0 <= position < len(self._incoming):
            raise ValueError(f"{position!r} is not the position of a capability")
        return self._lift(self._incoming[position], interface)


def status_body(status: Status) -> bytes:
    """A status as a body: its name and its detail."""
    return _encode_status((type(status).__name__, status.detail))


def read_status(operation: Operation | None, body: bytes) -> Status:
    """The status in a body: one the operation declares or a system status; anything else is BadMessage."""
    try:
        name, detail = _decode_status(body)
    except HOSTILE as error:
        return BadMessage(f"a status that cannot be read: {error}")
    declared = next((s for s in operation.statuses if s.__name__ == name), None) if operation else None
    cls = declared or SYSTEM_BY_NAME.get(name)
    return cls(detail) if cls else BadMessage(f"{name} is not a status of {operation.qualified if operation else 'it'}")
