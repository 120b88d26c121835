"""The client's end of a channel (channel.py has the protocol; channel_stream.py is what does not concern its slot).

A synchronous call goes through the slot; everything else, and a call made while the server still works
on one that was given up, goes through the stream like any message.

Nothing that the server writes is believed: whatever it is, a call ends in an answer or a status by its
deadline, and nobody else's call notices.
"""

import select
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from types import NoneType
from typing import TYPE_CHECKING, Any

from microkernel.channel import (
    ANSWER,
    ASLEEP,
    BLOCKED,
    CALL,
    ENDS,
    REQUEST,
    RUNNING,
    SLOT,
    STATE,
    STREAMED,
    TAKEN,
    Broken,
)
from microkernel.channel_stream import ChannelStream
from microkernel.end import UNHEARD, End
from microlith.frame import wire
from microlith.frame.codec import read_status
from microlith.frame.connection import REPEATS, Gone
from microlith.frame.facade import check_arguments, check_result
from microlith.frame.holders import Holders
from microlith.frame.page import CALLING
from microlith.frame.page import STATE as PAGE_STATE
from microlith.frame.relay import uncounted
from microlith.frame.stub import Stub
from microlith.interface.operation import Operation
from microlith.interface.status import DeadlineExceeded, RankViolation, ServerDied
from microlith.process.birth import Birth

if TYPE_CHECKING:
    from microlith.frame.frame import Frame

ROUND = range(64)  # looks, about two microseconds
ROUNDS = (
    80  # of them before the client blocks: three times what it takes to wake an idle core, and a large answer to come
)
LATE = "no answer before the deadline; it may or may not have been done"
NOTHING = (b"", b"", wire.NO_CAPS)
Answer = tuple[int, tuple[wire.Cap, ...], bytes, bytes]  # kind, capabilities, body, bulk
NIL: Answer = (wire.REPLY, wire.NO_CAPS, b"\x91\xc0", b"")
EMPTY: Answer = (wire.REPLY, wire.NO_CAPS, b"", b"")  # what a plain nil is on its way

_request, _answer = REQUEST.pack_into, ANSWER.unpack_from


class ChannelConnection(ChannelStream):
    """A client's end."""

    def __init__(self, frame: "Frame", spins: bool, holders: Holders | None = None) -> None:
        super().__init__(frame, spins, holders)
        self._hears: Any = None
        self._looks = ROUND if spins else range(1)
        self._calls = 0
        self._given_up = 0  # the answer number of the last call whose answer was not awaited
        self._silenced = 0  # how much had come when the bell was silenced last

    def connect(self, end: End) -> None:
        super().connect(end)
        self._hears = end.hears
        self._calls = self._given_up = self._silenced = 0

    def drop(self) -> None:
        self._hears = None
        super().drop()

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
            end.put(number, caps, body, bulk)
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
            return kind, *end.get(self._calls, count & 0xFF, body_size, bulk_size)
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
        words, hears, end = self.words, self._hears, self.end
        outer, words[PAGE_STATE] = words[PAGE_STATE], CALLING | (word >> 32) << 8
        try:
            if self._spins:
                return self._look_on(number, deadline)
            left, answered = -1.0, 0
            come = number + end.taken
            if come - self._silenced > UNHEARD:
                self._silenced = come
                end.silence()
            while (answered := hears[CALL]) < number:
                if deadline:
                    left = (deadline - monotonic_ns()) / 1e9 + 0.001
                    if left <= 0:  # however often the other side rings
                        raise DeadlineExceeded(LATE)
                end.system_calls += 1
                for _, event in self._bell.poll(left, 1):
                    if event & (select.EPOLLERR | select.EPOLLHUP) and hears[CALL] < number:
                        raise Gone("the other side is gone")
            return answered
        except BaseException:
            self._given_up = number
            raise
        finally:
            words[PAGE_STATE] = outer

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


def payload(caps: tuple[wire.Cap, ...], body: bytes, bulk: bytes) -> int:
    """How many bytes go into the slot beside the header (channel.py: BYTES)."""
    return len(caps) * wire.CAP.size + len(body) + len(bulk)


def connect(frame: "Frame", birth: Birth, descriptors: dict[str, int]) -> ChannelConnection:
    """The connection of a domain whose end of a channel are the descriptors `link:0` to `link:3`."""
    end = End(tuple(descriptors[f"link:{number}"] for number in range(ENDS)))
    made = ChannelConnection(frame, birth.spins)
    made.connect(end)
    return made
