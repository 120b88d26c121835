"""The classes a part of the operating system derives from: Server, Object and App.

A part is written once.  It calls its capabilities as methods, catches `Status` and nothing else, keeps
no bound methods, and does not know which architecture it runs in.  Its frame does the rest: loop,
dispatch, readiness, interrupts, beats, restarts.

    class FileDisk(Server, BlockDevice):
        image: HostFile
        def read(self, block, count): ...
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from microlith.interface.interface import Implementation
from microlith.interface.operation import Operation

if TYPE_CHECKING:
    from microlith.frame.frame import Frame
    from microlith.frame.reply import Reply


def _adapt(operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
    """A @waits method called directly waits in the domain's loop; dispatch uses the method itself."""
    if not operation.waits:
        return method

    @functools.wraps(method)
    def wait(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return here().wait_for(operation, method, self, operation.bind(arguments, keywords))

    wait.inner = method  # type: ignore[attr-defined]
    return wait


Implementation.adapt = staticmethod(_adapt)


def here() -> "Frame":
    """The frame of this domain (a fresh one where none was booted, as in a test of one server)."""
    from microlith.frame.frame import Frame

    if Frame.current is None:
        Frame.current = Frame()
    return Frame.current


class Part(Implementation):
    """What servers and the objects they hand out have in common: calls that stay open."""

    __hooks__: ClassVar[tuple[str, ...]] = ("withdrawn",)

    def later(self) -> "Reply":
        """The right to reply to the request being served.  Only for @waits operations."""
        return here().take_reply()

    def forward(self, operation: Callable[..., Any], *arguments: Any) -> "Reply":
        """Hand the right to reply to another server: `return self.forward(self.console.read_line)`."""
        return here().forward(operation, arguments)

    def withdrawn(self, reply: "Reply") -> None:
        """A call that is kept open here was given up by its caller; forget it."""


def finishing() -> AbstractContextManager[None]:
    """Around a change that must not stop half-way: the deadline of the request does not end the calls made inside.

    Their own default deadline still does.  The caller may have given up by the time it is done.
    """
    return here().finishing()


class Server(Part):
    """A part of the operating system.  One request at a time; blocks only in calls and in `wait`."""

    __hooks__: ClassVar[tuple[str, ...]] = (*Part.__hooks__, "start", "stop", "interrupt", "adopt")

    def start(self) -> None:
        """Runs before the server says ready.  Adoption of objects comes after it."""

    def stop(self) -> None:
        """Runs at an orderly stop, highest rank first; what was acknowledged must be safe after it."""

    def interrupt(self, device: str) -> bool | None:
        """A device of this server wants attention; it is masked until this returns (False: until `acknowledge`)."""

    def acknowledge(self, device: str) -> None:
        """Unmask a device whose interrupt was answered with False."""
        here().acknowledge(self, device)

    def adopt(self, badge: int) -> "Object | None":
        """Make again the object that an earlier incarnation handed out under this badge, or None."""
        return None

    @property
    def lost(self) -> int:
        """How many notices were dropped before the one being delivered."""
        return here().lost

    def wait(self, device: str, deadline: int) -> bool:
        """Block within a request until this server's own device interrupts; False at the deadline."""
        return here().wait_interrupt(self, device, deadline)


class Object(Part):
    """Something a server hands out a capability to, such as an open file.

    `badge` (64 bits, 0 = none) is kept by the kernel with the right; after a restart the server's
    `adopt(badge)` makes the object again.  Without a badge the right turns Stale.  A call on the
    object may change its badge: the kernel knows before the caller has the answer.
    """

    __hooks__: ClassVar[tuple[str, ...]] = (*Part.__hooks__, "badge", "released")

    badge: int = 0

    def released(self) -> None:
        """The last right to this object is gone (closed, revoked, or its holder died)."""


class App:
    """A program: capabilities, settings, devices and a `main`."""

    def main(self, *arguments: str) -> int | None:
        """Run.  The result is the exit status (None: 0)."""
        raise NotImplementedError

    def poll(self) -> None:
        """Let the domain's loop run once.  Elsewhere than in a library OS it is nothing to do."""
        here().poll()

    def wait(self, device: str) -> None:
        """Block until a device of this app is readable, the domain's loop running meanwhile."""
        here().wait_readable(self, device)
