"""The client's end of a channel (channel.py has the protocol).

A synchronous call goes through the slot; everything else, and a call made while the server still works
on one that was given up, goes through the stream like any message.  (Both halves share the bell, the
deadlines and the end of the other side: that is why they are in one file.)

Nothing that the server writes is believed: whatever it is, a call ends in an answer or a status by its
deadline, and nobody else's call notices.
"""

import contextlib
import select
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from types import NoneType
from typing import TYPE_CHECKING, Any

from microkernel import fence
from microkernel.channel import (
    ANSWER,
    ASLEEP,
    BLOCKED,
    CALL,
    ENDS,
    HEAD,
    REQUEST,
    RUNNING,
    SLOT,
    STATE,
    STREAMED,
    STUCK,
    TAKEN,
    Broken,
)
from microkernel.end import UNHEARD, End
from microlith.frame import wire
from microlith.frame.codec import read_status
from microlith.frame.connection import ANSWERS, REPEATS, Connection, Gone
from microlith.frame.facade import check_arguments, check_result
from microlith.frame.holders import Holders
from microlith.frame.inflow import Inflow
from microlith.frame.page import CALLING
from microlith.frame.page import STATE as PAGE_STATE
from microlith.frame.relay import uncounted
from microlith.frame.reply import Reply
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.status import BadMessage, Busy, DeadlineExceeded, RankViolation, ServerDied
from microlith.process.birth import Birth

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

ROUND = range(64)  # looks, about two microseconds
ROUNDS = 30  # of them before the client blocks: about what it takes to wake an idle core
BACKLOG = wire.MAX_MESSAGE  # bytes that the server may leave unread before the answer is Busy
LATE = "no answer before the deadline; it may or may not have been done"
NOTHING = (b"", b"", wire.NO_CAPS)
Answer = tuple[int, tuple[wire.Cap, ...], bytes, bytes]  # kind, capabilities, body, bulk
NIL: Answer = (wire.REPLY, wire.NO_CAPS, b"\x91\xc0", b"")
EMPTY: Answer = (wire.REPLY, wire.NO_CAPS, b"", b"")  # what a plain nil is on its way

_request, _answer = REQUEST.pack_into, ANSWER.unpack_from


class ChannelConnection(Connection):
    """A client's end."""

    def __init__(self, frame: "Frame", spins: bool, holders: Holders | None = None) -> None:
        super().__init__(frame, holders)
        self.end: Any = None  # an End, or None while there is none
        self._hears: Any = None
        self._spins, self._looks = spins, ROUND if spins else range(1)
        self._calls = 0
        self._system_calls = 0  # with the ends before this one
        self._given_up = 0  # the answer number of the last call whose answer was not awaited
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
        self.end, self._hears = end, end.hears
        self._calls = self._given_up = 0
        self._inflow, self._streamed = Inflow(), False
        self._rest.clear()
        self._late.clear()
        if self._spins:
            self._bell.register(end.bell, select.EPOLLIN)
        else:  # every answer rings: each is heard, and the bell is silenced now and then
            self._bell.register(end.bell, select.EPOLLIN | select.EPOLLET)
            self._silenced = 0
            end.sleep()
        self._bell.register(end.line, 0)  # an error, when nobody is at its other end

    def drop(self) -> None:
        """The other side is gone, or we are.  A signal may end this half-way; then there is no end any more."""
        end, self.end, self._hears = self.end, None, None
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

    # --- calls through the slot --------------------------------------------------------------------

    def call(self, stub: Stub, operation: Operation, arguments: tuple[Any, ...]) -> Any:
        frame = self.frame
        if stub._rank >= stub._limit:
            raise RankViolation(f"rank {stub._limit} may not call {operation.qualified} at rank {stub._rank}")
        if self._hears is None:
            self.renew(operation, frame.deadline_for(operation))
        if operation.waits or (self._given_up and self._given_up > self._hears[CALL]):
            return super().call(stub, operation, arguments)
        if frame.checked:
            check_arguments(operation, arguments)
        if self.forgotten:
            self.close_forgotten()
        self.party = stub._holder
        body, bulk, caps = self.codec.request(operation, arguments) if arguments else NOTHING
        word = operation.number | stub._handle << 32
        if caps:
            word |= len(caps) << 16
        if self._streamed:
            word, self._streamed = word | STREAMED, False
        deadline = frame.deadline_for(operation)
        try:
            if self.tally is None:
                answer = self._exchange(word, deadline, caps, body, bulk)
            else:
                answer = self._exchange_counted(word, deadline, caps, body, bulk)
        except Gone:
            again = partial(self._exchange_counted, word, deadline, caps, body, bulk)
            repeats = None if caps else REPEATS if operation.idempotent else 0
            answer = self._again(operation, deadline, again, repeats)
        if answer is None and operation.result is NoneType:
            return None
        result = self._result(operation, answer or NIL, stub._holder)
        if frame.checked:
            check_result(operation, result)
        return result

    def _result(self, operation: Operation, answer: Answer, holder: Any) -> Any:
        self.party, (kind, caps, body, bulk) = holder, answer
        if kind == wire.STATUS:
            raise read_status(operation, body)
        return self.codec.read_reply(operation, body, bulk, caps)

    def _again(
        self, operation: Operation, deadline: int, exchange: Callable[[], Answer | None], repeats: int | None
    ) -> Answer | None:
        """The server died over a call: if it had not begun, or may be repeated, ask its next incarnations.

        `repeats` None: not even then, for the call carries what only its channel has.
        """
        while repeats is not None:
            if self.end is None or self.end.hears[TAKEN] >= self._calls:
                repeats -= 1
                if repeats < 0:
                    break
            try:
                self.renew(operation, deadline)
                return exchange()
            except Gone:
                continue
        self.drop()
        raise ServerDied(f"{operation.qualified}: the other side is gone")

    def _exchange(
        self, word: int, deadline: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes
    ) -> Answer | None:
        """One request and its answer; None: a plain nil.  Raises Gone."""
        end, hears, number = self.end, self._hears, self._calls + 1
        if body:
            end.put(caps, body, bulk)
        self._calls = number
        _request(end.out, SLOT, word, deadline, len(body), len(bulk))
        end.says[CALL] = number
        number += number
        if hears[ASLEEP]:
            end.ring()
        for _ in self._looks:
            answered = hears[CALL]
            if answered >= number:
                break
        else:
            answered = self._await_slot(number, word, deadline)
        if answered == number:
            return None
        if answered != number + 1:
            raise Gone("an answer to no call")
        kind, count, body_size, bulk_size = _answer(end.into, SLOT)
        try:
            return kind, *end.get(count & 0xFF, body_size, bulk_size)
        except Broken as why:
            raise Gone(str(why)) from None

    def _exchange_counted(
        self, word: int, deadline: int, caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes
    ) -> Answer | None:
        """The same, counted if its link is: a message in the slot is its header and its payload."""
        tally, calls = self.tally or uncounted, self._calls
        try:
            answer = self._exchange(word, deadline, caps, body, bulk)
        finally:
            if self._calls > calls:  # it was sent
                tally(wire.CALL, REQUEST.size + payload(caps, body, bulk))
        kind, caps, body, bulk = answer or EMPTY
        tally(kind, ANSWER.size + payload(caps, body, bulk))
        return answer

    def _await_slot(self, number: int, word: int, deadline: int) -> int:
        """Wait for the answer, or the deadline.  Gives the number of the answer."""
        outer, self.words[PAGE_STATE] = self.words[PAGE_STATE], CALLING | (word >> 32) << 8
        try:
            return self._look_on(number, deadline) if self._spins else self._hear(number, deadline)
        except BaseException:
            self._given_up = number
            raise
        finally:
            self.words[PAGE_STATE] = outer

    def _look_on(self, number: int, deadline: int) -> int:
        """Look on while the server runs, for a bounded time; then block."""
        hears, frame, rounds = self._hears, self.frame, ROUNDS
        frame.tell(BLOCKED)
        try:
            while rounds and hears[STATE] == RUNNING:
                rounds -= 1
                for _ in ROUND:
                    answered = int(hears[CALL])
                    if answered >= number:
                        return answered
            while (answered := int(hears[CALL])) < number:
                if not self._doze(lambda: hears[CALL] >= number, deadline):
                    raise DeadlineExceeded(LATE)
            return answered
        finally:
            frame.tell(RUNNING)

    def _hear(self, number: int, deadline: int) -> int:
        """Block until the answer rings."""
        end, hears, poll = self.end, self._hears, self._bell.poll
        left = -1.0
        come = number + end.taken  # no fewer than there were rings
        if come - self._silenced > UNHEARD:
            self._silenced = come
            end.silence()
        while (answered := int(hears[CALL])) < number:
            if deadline:
                left = (deadline - monotonic_ns()) / 1e9 + 0.001
                if left <= 0:  # however often the other side rings
                    raise DeadlineExceeded(LATE)
            end.system_calls += 1
            for _, event in poll(left, 1):
                if event & select.EPOLLERR and hears[CALL] < number:
                    raise Gone("the other side is gone")
        return answered

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


def payload(caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes) -> int:
    """How many bytes go into the slot beside the header (channel.py: BYTES)."""
    return len(caps) * wire.CAP.size + len(body) + len(bulk)


def connect(frame: "Frame", birth: Birth, descriptors: dict[str, int]) -> ChannelConnection:
    """The connection of a domain whose end of a channel are the descriptors `link:0` to `link:3`."""
    end = End(tuple(descriptors[f"link:{number}"] for number in range(ENDS)))
    made = ChannelConnection(frame, birth.spins)
    made.connect(end)
    return made
