"""A call that was handed on past the kernel: made anew below, its answer passed to whoever waits above.

On a link through the kernel the right to reply itself moves (FORWARD).  Between peers nobody else can
move it, so the server in the middle keeps the call open, stays free, and passes the answer on.  A cancel
is passed down, and what then comes up counts: an answer that was on its way has consumed something.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microlith.frame import wire
from microlith.frame.codec import read_status
from microlith.frame.reply import Reply
from microlith.interface.operation import Operation
from microlith.interface.status import Status

if TYPE_CHECKING:
    from microlith.frame.connection import Connection


def uncounted(kind: int, size: int) -> None:
    """The link is not counted."""


class Relay:
    """One call handed on through a connection; it stands where the object that holds the right would."""

    def __init__(
        self, connection: "Connection", call: int, reply: Reply, operation: Operation, holder: Any,
        tally: Callable[[int, int], None] | None,
    ) -> None:  # fmt: skip
        self.connection, self.call, self.operation, self.holder = connection, call, operation, holder
        self.tally = tally or uncounted
        self.reply = reply
        reply.target = reply.relay = self

    def cancel(self) -> None:
        """The caller gives up: so do we, and what comes up then is passed on."""
        raw = wire.pack(wire.CANCEL, call=self.call)
        self.connection.send(raw)
        self.tally(wire.CANCEL, len(raw))

    def withdrawn(self, reply: Reply) -> None:
        """The caller is gone: nobody waits for what comes up."""
        if self.connection.relays.pop(self.call, None) is not None:
            self.cancel()

    def finish(self, raw: bytes) -> None:
        """The answer has come."""
        self.tally(raw[1], len(raw))
        caps, body, bulk = wire.content(raw)
        if raw[1] == wire.FAIL:
            self.reply.break_off(read_status(self.operation, body))
            return
        if raw[1] == wire.STATUS:
            self.reply.fail(read_status(self.operation, body))
            return
        self.connection.party = self.holder
        try:
            value = self.connection.codec.read_reply(self.operation, body, bulk, caps)
        except Status as status:  # it cannot be read, or what came with it could not be passed
            self.reply.fail(status)
        else:
            self.reply.answer(value)

    def lost(self, status: Status) -> None:
        """The server below is gone."""
        self.reply.break_off(status)
