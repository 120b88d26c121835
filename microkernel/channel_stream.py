"""The stream of a channel at the client's end, its bell, and the end of the other side (channel.py has the protocol).

Messages that do not go through the slot go here, like those of any connection: notices, calls that wait, calls
handed on, rights given back.
"""

import contextlib
import select
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from microkernel import fence
from microkernel.channel import ASLEEP, HEAD, STUCK, Broken
from microkernel.end import End
from microlith.frame import wire
from microlith.frame.connection import ANSWERS, Connection, Gone
from microlith.frame.facade import check_arguments
from microlith.frame.holders import Holders
from microlith.frame.inflow import Inflow
from microlith.frame.reply import Reply
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, Busy, ServerDied

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

BACKLOG = wire.MAX_MESSAGE  # bytes that the server may leave unread before the answer is Busy


class ChannelStream(Connection):
    """A client's end, but for the calls through its slot."""

    def __init__(self, frame: "Frame", spins: bool, holders: Holders | None = None) -> None:
        super().__init__(frame, holders)
        self.end: Any = None  # an End, or None while there is none
        self._spins = spins
        self._system_calls = 0  # with the ends before this one
        self._lost = 0  # notices that found no room
        self._watched = False  # the loop looks for answers to pass on
        self._streamed = False  # since the last call through the slot
        self._inflow, self._rest = Inflow(), bytearray()  # of the stream: what came in part, what found no room yet
        self._late: set[int] = set()  # calls of the stream that were given up, and not answered yet
        self._bell = select.epoll()
        if not fence.register():
            raise Gone("this host has no membarrier, which channels need")

    def connect(self, end: End) -> None:
        """Use this end from now on."""
        self.end = end
        self._inflow, self._streamed = Inflow(), False
        self._rest.clear()
        self._late.clear()
        if self._spins:
            self._bell.register(end.bell, select.EPOLLIN)
        else:  # every answer rings: each is heard, and the bell is silenced now and then
            self._bell.register(end.bell, select.EPOLLIN | select.EPOLLET)
            end.sleep()
        self._bell.register(end.line, 0)  # an error, when nobody is at its other end

    def drop(self) -> None:
        """The other side is gone, or we are.  A signal may end this half-way; then there is no end any more."""
        end, self.end = self.end, None
        if end is not None:
            watched, self._watched = self._watched, False
            self._system_calls += end.system_calls
            self._bell.unregister(end.bell)
            self._bell.unregister(end.line)
            if watched:
                self.frame.unwatch(end.bell)
            end.close()
            relays, self.relays = self.relays, {}
            for relay in relays.values():
                relay.lost(ServerDied("the server died over a call that had been handed on to it"))

    def renew(self, operation: Operation, deadline: int) -> None:
        """The server is gone: wait for a channel to its next incarnation."""
        raise ServerDied(f"{operation.qualified}: the other side is gone")

    def _call_once(
        self, handle: int, operation: Operation, deadline: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes
    ) -> bytes:
        if self.end is None:
            self.renew(operation, deadline)
        end = self.end
        before = end.sent + len(self._rest)
        try:
            return super()._call_once(handle, operation, deadline, caps, body, bulk)
        except ServerDied:
            untouched = self.end is end and end.hears[HEAD] <= before
            self.drop()
            if caps or not untouched:
                raise
        self.renew(operation, deadline)  # it was never read: ask the next incarnation
        return self._call_once(handle, operation, deadline, caps, body, bulk)

    def system_calls(self) -> int:
        return self._system_calls + (self.end.system_calls if self.end is not None else 0)

    # --- sleeping ----------------------------------------------------------------------------------

    def _doze(self, ready: Any, until: int) -> bool:
        """Block until the bell rings; False when `until` has passed.  Raises Gone.

        It was not `ready` when last looked at, and the bell has not been silenced since.
        """
        end = self.end
        try:
            if self._spins:
                end.sleep()
                end.system_calls += 1
                if ready():
                    return True
            end.system_calls += 1
            left = -1.0 if not until else (until - monotonic_ns()) / 1e9 + 0.001
            if until and left <= 0:  # however often the other side rings
                return bool(ready())
            for _, event in self._bell.poll(left, 1):
                if event & select.EPOLLIN:
                    end.silence()
                elif not ready():  # EPOLLHUP, EPOLLERR
                    raise Gone("the other side is gone")
                return True
            return bool(ready())
        finally:
            self._awake(end)

    def _awake(self, end: End) -> None:
        """From now on we look; unless we never do, or there are calls handed on: then every answer rings."""
        if self._spins and not self.relays:
            end.says[ASLEEP] = 0

    # --- the stream --------------------------------------------------------------------------------

    def transmit(self, raw: bytes) -> None:
        """Never blocks: what finds no room is kept, and goes on its way when this end next looks at the stream."""
        if self.end is None:
            raise Gone("there is no other side now")
        if len(self._rest) > BACKLOG:
            if self.end.hung_up():
                raise Gone("the other side is gone")
            raise Busy("the server does not read what it is sent")
        if raw[1] == wire.CANCEL:
            self._late.add(wire.answer(raw)[1])
        self._streamed = True
        self._rest += raw
        self._pump()
        if self._rest:
            fence.fence()
            self._pump()

    def _pump(self) -> None:
        """Write on; the server rings when there is room again."""
        try:
            del self._rest[: self.end.write(self._rest)]
        except Broken as why:
            raise Gone(str(why)) from None
        self.end.says[STUCK] = 1 if self._rest else 0

    def receive(self, until: int) -> bytes | None:
        end = self.end
        while (message := self._next()) is None:
            if until and monotonic_ns() >= until:
                return None
            if self._rest:
                self._pump()
            if not self._doze(lambda: end.pending or (self._rest and end.room), until):
                return None
        return message

    def _next(self) -> bytes | None:
        """The next whole message that has come.  Raises Gone if it is not one that a server sends."""
        if self.end is None:
            raise Gone("there is no other side now")
        inflow = self._inflow
        try:
            message = inflow.next() or inflow.feed(self.end.read()) or inflow.next()
        except (Broken, BadMessage) as why:
            raise Gone(str(why)) from None
        if message is not None and message[1] not in ANSWERS:
            raise Gone(f"a message of kind {message[1]}")
        return message

    def _await(self, call: int, until: int) -> bytes | None:
        raw = super()._await(call, until)
        if raw is not None:
            self._late.discard(call)
        return raw

    def drop_late(self, raw: bytes) -> None:
        call = wire.answer(raw)[1]
        if call not in self._late and call not in self.relays:
            raise Gone("an answer to no call")
        self._late.discard(call)
        super().drop_late(raw)

    def forward(self, reply: Reply, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if self.end is not None and not self._watched:
            self._watched = True
            self.frame.watch(self.end.bell, self._rung)
        if self.end is not None:
            self.end.sleep()
        super().forward(reply, stub, operation, arguments)

    def _rung(self) -> None:
        """The bell, in the loop: answers to pass on, or the end of the other side."""
        end, alive = self.end, self.end.silence()
        try:
            while self.end is end and (message := self._next()) is not None:
                self.count_in(message)
                self.drop_late(message)
            if self.end is end and self._rest:
                self._pump()
        except Gone:
            alive = False
        if self.end is not end:  # what was passed on led to its end
            return
        if not alive:
            self.drop()
        else:
            self._awake(end)

    def notify(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> None:
        if self.frame.checked:
            check_arguments(operation, arguments)
        body, bulk, _ = self.codec.request(operation, arguments)
        raw = wire.pack(wire.NOTIFY, operation.number, 0, stub._handle, self._lost, body=body, bulk=bulk)
        try:
            if self.end is None or self._rest or self.end.room < len(raw):
                raise Busy("no room")
            self.send_counted(wire.NOTIFY, raw)
            self._lost = 0
        except (Gone, Busy):
            self._lost += 1

    # --- capabilities ------------------------------------------------------------------------------

    def close_right(self, handle: int) -> None:
        if self.end is not None:
            with contextlib.suppress(Gone, Busy):  # whoever is called now has nothing to do with it
                super().close_right(handle)

    def lift(self, entry: wire.Cap, interface: Any) -> Any:
        _, rank, handle, _ = entry
        return self.stub(interface, handle, rank, self.party)

    def close(self) -> None:
        """The end of the program."""
        self.drop()
        self._bell.close()
