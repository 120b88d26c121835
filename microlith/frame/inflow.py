"""Bytes in, whole messages out: what every transport that carries a stream of bytes needs."""

from microlith.frame import wire
from microlith.interface.status import BadMessage


class Inflow:
    """Bytes in, whole messages out."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """Add bytes; when they are exactly one message (the usual case) give it back at once."""
        if not self._data and len(data) >= wire.HEADER.size and wire.size_of(data) == len(data):
            return data
        self._data += data
        return None

    def keep(self, data: bytes) -> int:
        """Add bytes that are looked at later; how many wait now."""
        self._data += data
        return len(self._data)

    @property
    def waiting(self) -> bool:
        """Is there a message, or the beginning of one?"""
        return bool(self._data)

    def next(self) -> bytes | None:
        """The next whole message, if there is one.  Raises BadMessage when there can never be one."""
        if len(self._data) < wire.HEADER.size:
            if self._data and self._data[0] != wire.VERSION:
                raise BadMessage("not the beginning of a message")
            return None
        size = wire.size_of(self._data)
        if len(self._data) < size:
            return None
        message = bytes(self._data[:size])
        del self._data[:size]
        return message
