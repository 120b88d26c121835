"""The four kinds of error, never mixed.

- `Status`: a declared answer of an operation.  It crosses borders, it is a value, and a caller is
  expected to handle it.  Where POSIX has a name for it, the class also subclasses the built-in
  exception of that name and carries its errno.
- A *fault* is any other exception that escapes a server's method, host OSErrors included.  It has no
  class here: it is a bug of that server, and the domain dies of it.
- `Panic`: an invariant of the kernel itself does not hold.  The kernel stops with an epitaph.
- `UsageError`: the operator's mistake.  One sentence; the command ends with exit status 2.
"""

import errno as numbers
from typing import ClassVar


class Status(Exception):
    """A declared answer of an operation that is not its result.

    `detail` is one short sentence in words; two statuses are the same answer when their classes are
    the same (the detail is for people).
    """

    number: ClassVar[int] = 0  # errno, 0 where POSIX has no name for it

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        if isinstance(self, OSError):
            super().__init__(self.number, str(self))
        else:
            super().__init__(detail)

    def __str__(self) -> str:
        return self.detail or (type(self).__doc__ or type(self).__name__).split("\n")[0].rstrip(".")


class Panic(Exception):
    """The kernel found its own invariant broken; it can only stop."""


class UsageError(Exception):
    """The operator asked for something that cannot be: what, on which element, where, what would be right."""


# --- what a machine itself may answer on any call, whatever the operation declares -----------------


class SystemStatus(Status):
    """An answer that the machine gives in a server's place."""


class ServerDied(SystemStatus, ConnectionResetError):
    """The server died while it held the call.  Outcome unknown: it may or may not have been done."""

    number = numbers.ECONNRESET


class DeadlineExceeded(SystemStatus, TimeoutError):
    """No answer came before the deadline.  Outcome unknown; a late reply is dropped."""

    number = numbers.ETIMEDOUT


class Cancelled(SystemStatus):
    """The caller gave the call up, and the server did not consume anything for it."""

    number = numbers.ECANCELED


class Unavailable(SystemStatus, ConnectionRefusedError):
    """The server is not there and will not come back: it was given up, or never started."""

    number = numbers.ECONNREFUSED


class Stale(SystemStatus, OSError):
    """The object this right names died with its server and was not adopted by the next incarnation."""

    number = numbers.ESTALE


class NoRight(SystemStatus, PermissionError):
    """The caller holds no such right: never had it, closed it, or it was revoked."""

    number = numbers.EBADF


class RankViolation(SystemStatus):
    """A synchronous call to an equal or higher rank, which could close a cycle."""

    number = numbers.EDEADLK


class Busy(SystemStatus, BlockingIOError):
    """A queue or a quota is full; nothing was done."""

    number = numbers.EAGAIN


class BadMessage(SystemStatus):
    """The message does not follow the protocol or the operation's signature; nothing was done."""

    number = numbers.EBADMSG


SYSTEM_STATUSES: tuple[type[SystemStatus], ...] = (
    ServerDied,
    DeadlineExceeded,
    Cancelled,
    Unavailable,
    Stale,
    NoRight,
    RankViolation,
    Busy,
    BadMessage,
)
