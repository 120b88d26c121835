"""The right to reply to one call, once.

A method of a `@waits` operation may return its `Reply` instead of a value (`return self.later()`, or
`return self.forward(...)`): then the call stays open and the server is free.  Whoever holds the Reply
answers it, from an interrupt, another request, anywhere.  A call that was given up in the meantime
answers False and consumes nothing, so `if reply.answer(line): self.lines.popleft()` loses no line.
"""

from typing import Any

from microlith.interface.status import Status


class Reply:
    """An open call.  Subclasses say how an answer travels."""

    def __init__(self) -> None:
        self.cancelled = False
        self.done = False
        self.target: Any = None  # the server or object that holds this right now: who is told of a cancel
        self.relay: Any = None  # what passes the answer on, if the call was handed on past the kernel

    def answer(self, value: Any = None) -> bool:
        """Answer with a result.  False, and nothing happens, if the call was given up or answered."""
        return self._finish(None, value)

    def fail(self, status: Status) -> bool:
        """Answer with a status.  False, and nothing happens, if the call was given up or answered."""
        return self._finish(status, None)

    def break_off(self, status: Status) -> None:
        """End it as the kernel would, with a status of its own; a subclass may say so to its caller."""
        self.fail(status)

    def withdraw(self) -> None:
        """The caller has gone or given up: tell whoever holds the right now."""
        self.cancelled = True
        if self.target is not None:
            self.target.withdrawn(self)

    def _finish(self, status: Status | None, value: Any) -> bool:
        if self.cancelled or self.done:
            return False
        self.done = self.send(status, value)
        self.cancelled = not self.done
        return self.done

    def send(self, status: Status | None, value: Any) -> bool:
        """Bring the answer to the caller; False if the caller had given up."""
        raise NotImplementedError


class DirectReply(Reply):
    """A call from the same address space: the answer is left where the caller waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.status: Status | None = None
        self.value: Any = None

    def send(self, status: Status | None, value: Any) -> bool:
        self.status, self.value = status, value
        return True

    def take_status(self) -> Status:
        """The status, given away: one that is raised and kept here would keep the frames that it passed."""
        status, self.status = self.status, None
        assert status is not None
        return status


class NoReply(Reply):
    """The answer to an operation that does not wait is its result: there is no right to answer later."""

    def send(self, status: Status | None, value: Any) -> bool:
        return False


CLOSED = NoReply()
