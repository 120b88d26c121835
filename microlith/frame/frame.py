"""The frame of a domain: its loop, its dispatch, its waiting.  One a process.

The frame serves one request at a time.  It knows the right to reply and the deadline of the request in
progress, queues direct notices, and publishes what it is doing on the domain's page.  What arrives
while a request is being served waits in the inbox.
"""

import contextlib
import select
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic_ns
from typing import Any, ClassVar

from microlith.frame.connection import DEFAULT_DEADLINE_NS, Connection
from microlith.frame.facade import check_result
from microlith.frame.loop import Loop
from microlith.frame.methods import Method, method_of
from microlith.frame.page import BEATS, IDLE, SERVED, SERVING, SINCE, STATE, WAITING, Page
from microlith.frame.reply import CLOSED, DirectReply, Reply
from microlith.frame.stub import Stub
from microlith.interface.interface import operations_of
from microlith.interface.operation import Operation
from microlith.interface.status import DeadlineExceeded, Status, SystemStatus

SOURCES = 32  # at most so many are looked after in one turn; the host's list is fair
NOTICES = 1024  # how many direct notices may wait; beyond it they are dropped and counted


class Undeclared(TypeError):
    """A server answered a status that its operation does not declare: a bug of that server."""


class Frame(Loop):
    """The loop and the dispatch of one domain."""

    current: ClassVar["Frame | None"] = None
    ambient: ClassVar[int] = 0  # the deadline that `within` sets for every call of this process; 0: none

    def __init__(self, page: Page | None = None, rank: int = 1 << 15, checked: bool = False) -> None:
        super().__init__(select.epoll())
        self.page = page or Page()
        self.words = self.page.words
        self._served = self.words[SERVED]
        self.rank = rank
        self.checked = checked
        self.inbox: deque[tuple[Connection, bytes]] = deque()
        self.notices: deque[tuple[Any, Operation, tuple[Any, ...], int]] = deque()
        self.lost = 0  # before the notice that is being delivered
        self.reply: Reply | None = None  # the right to reply to the request in progress
        self.deadline = 0  # of the request in progress, ; 0: none
        self.stopping = False
        self.channels: Any = None  # the channels that this domain serves, if there are any
        self.spinning: Any = None  # they, where it looks at them for a while before it sleeps
        self.kernel: Any = None  # the connection to the kernel that polls the interrupt lines, if one does
        self.in_program = False  # a library OS runs its program now; it ends where it waits or polls
        self._dropped: dict[int, int] = {}

    # --- serving -----------------------------------------------------------------------------------

    def serve(
        self, target: Any, method: Method, arguments: tuple[Any, ...], reply: Reply, deadline: int
    ) -> Status | Any:
        """Run one request.  Gives the result, a Status to answer, or `reply` itself if it stays open.

        Anything else that escapes is a fault and goes through.
        """
        words, outer = self.words, (self.reply, self.deadline)
        self.reply, self.deadline = reply, deadline
        words[STATE], words[SINCE] = SERVING, monotonic_ns()
        try:
            value = method.function(target, *arguments)
        except Status as status:
            return self._declared(method.operation, status)
        finally:
            self.reply, self.deadline = outer
            words[SERVED] = self._served = self._served + 1
        if isinstance(value, Reply):
            if value is not reply:
                raise Undeclared(f"{method.operation.qualified} keeps a call open that is not its own to keep")
        elif self.checked:
            check_result(method.operation, value)
        return value

    @staticmethod
    def _declared(operation: Operation, status: Status) -> Status:
        if not isinstance(status, (*operation.statuses, SystemStatus)):
            raise Undeclared(f"{operation.qualified} does not declare {type(status).__name__}") from status
        status.__traceback__ = status.__cause__ = status.__context__ = None  # they hold the arguments
        return status

    def take_reply(self) -> Reply:
        """The right to reply to the request in progress."""
        if self.reply is None or self.reply is CLOSED:
            raise TypeError("there is no request whose answer could come later")
        return self.reply

    def forward(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Reply:
        """Hand the right to reply to the server behind `method`, a @waits operation of a capability."""
        reply, owner = self.take_reply(), getattr(method, "__self__", None)
        operation = operations_of(type(owner)).get(getattr(method, "__name__", ""))
        if operation is None or not operation.waits:
            raise TypeError("only a @waits operation of a capability can be forwarded to")
        arguments = operation.bind(arguments, {})

        def go(*arguments: Any) -> Reply:
            if isinstance(owner, Stub):
                owner._connection.forward(reply, owner, operation, arguments)
                return reply
            arguments = getattr(method, "admit", tuple)(arguments)
            reply.target = owner
            value = self.serve(owner, method_of(type(owner), operation), arguments, reply, self.deadline)
            if isinstance(value, Status):
                reply.fail(value)
            elif value is not reply:
                reply.answer(value)
            return reply

        around = getattr(method, "around", None)  # the options of the link
        if around is None:
            return go(*arguments)
        try:
            around(arguments, go)
        except Status as status:  # whoever waits gets it, as if the server behind the link had answered
            reply.fail(status)
        return reply

    # --- deadlines ---------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        """The earlier of the deadline of the request in progress and that of `within`; 0: none."""
        if self.deadline and Frame.ambient:
            return min(self.deadline, Frame.ambient)
        return self.deadline or Frame.ambient

    def deadline_for(self, operation: Operation) -> int:
        """The deadline of a call made now: the earlier of its own and what holds already."""
        if operation.waits:
            return self.limit
        own = monotonic_ns() + DEFAULT_DEADLINE_NS
        return min(own, self.limit) if self.deadline or Frame.ambient else own

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Calls made inside have their own deadlines alone: what was begun is brought to its end."""
        outer = self.deadline, Frame.ambient
        self.deadline = Frame.ambient = 0
        try:
            yield
        finally:
            self.deadline, Frame.ambient = outer

    @staticmethod
    def within(seconds: float) -> contextlib.AbstractContextManager[None]:
        """Every call made inside ends by then (see the function `within`)."""
        return within(seconds)

    # --- direct calls that wait, direct notices ----------------------------------------------------

    def wait_for(
        self, operation: Operation, method: Callable[..., Any], target: Any, arguments: tuple[Any, ...], _: Any = None
    ) -> Any:
        """A @waits operation called directly: run the domain's loop until it is answered."""
        if self.reply is not None or self.kernel is not None:
            raise TypeError(f"a server never calls the @waits operation {operation.qualified}; it forwards to it")
        reply = DirectReply()
        self.reply, reply.target = reply, target
        try:
            value = method(target, *arguments)
        finally:
            self.reply = None
        if value is not reply:
            return value
        try:
            while not reply.done:
                limit = self.limit
                if limit and monotonic_ns() >= limit:
                    raise DeadlineExceeded("given up before an answer; nothing was consumed")
                self.turn(limit)
        except (DeadlineExceeded, KeyboardInterrupt, SystemExit):
            reply.withdraw()
            raise
        if reply.status is not None:
            raise reply.take_status()
        return reply.value

    def post(self, target: Any, operation: Operation, arguments: tuple[Any, ...], lost: int = 0) -> None:
        """Queue a notice, or drop and count it; `lost` were dropped before it came here."""
        key = id(target)
        if len(self.notices) >= NOTICES:
            self._dropped[key] = self._dropped.get(key, 0) + 1 + lost
        else:
            self.notices.append((target, operation, arguments, self._dropped.pop(key, 0) + lost))

    def deliver_notices(self) -> None:
        """Deliver the notices that are queued now, one request each."""
        for _ in range(len(self.notices)):
            target, operation, arguments, lost = self.notices.popleft()
            self.notice(target, operation, arguments, lost)

    def notice(self, target: Any, operation: Operation, arguments: tuple[Any, ...], lost: int) -> None:
        """Deliver one notice; `lost` were dropped before it."""
        self.lost = lost
        self.serve(target, method_of(type(target), operation), arguments, CLOSED, 0)
        self.lost = 0

    def tell(self, state: int) -> None:
        """Tell the clients that look at this domain what it does (microkernel/channel.py)."""
        if self.channels is not None:
            self.channels.tell(state)

    # --- the loop of a domain that polls -----------------------------------------------------------

    def rewatch(self, descriptor: int, events: int, ready: Callable[[], Any]) -> None:
        """Poll a descriptor for other events, with another callback."""
        self._sources[descriptor] = ready
        self._poll.modify(descriptor, events)

    def fileno(self) -> int:
        """A descriptor that is readable when a turn would find something to do."""
        return self._poll.fileno()

    @property
    def due(self) -> bool:
        """Is there something to do for which `fileno` does not become readable?"""
        return bool(self.notices)

    def close(self) -> None:
        """Let go of the poll descriptor."""
        self._poll.close()

    def turn(self, until: int = 0, block: bool = True) -> None:
        """One turn of the loop: notices, then whatever is ready, or wait for it (until monotonic ns)."""
        if self.notices:
            self.deliver_notices()
            block = False
        if self.channels is not None and self.channels.attend(block):
            block = False
        timeout = -1.0
        if not block:
            timeout = 0.0
        elif until:
            timeout = max(0.0, (until - monotonic_ns()) / 1e9)
        words = self.words
        outer, words[STATE] = words[STATE] if self.in_program else IDLE, IDLE
        found = self._poll.poll(timeout, SOURCES)
        words[STATE] = outer
        if self.spinning is not None:
            self.spinning.awake()
        self.attend([descriptor for descriptor, _ in found])
        words[BEATS] += 1
        if self.stopping and self.in_program:
            raise SystemExit(0)

    def serve_on(self, block: bool = True) -> None:
        """A turn; then, as long as only bells of channels ring, no more than has to be done for each of them."""
        self.turn(block=block)
        if self.channels is None:
            return
        still, words, poll, sources = self.channels.still, self.words, self._poll.poll, self._sources
        while still():
            words[STATE] = IDLE
            for descriptor, _ in poll(-1, 1):
                sources[descriptor]()

    def run(self) -> None:
        """Turn until told to stop."""
        while not self.stopping:
            self.serve_on()

    def poll(self) -> None:
        """Let the loop run once without waiting (an app's `poll`)."""
        if self._sources or self.notices:
            self.turn(block=False)

    def add_device(self, server: Any, name: str) -> None:
        """Poll the interrupt line of a server's device; after `interrupt` answered False no more."""
        line = getattr(server, name).line

        def ready() -> None:
            if server.interrupt(name) is False:
                self.unwatch(line)

        self.watch(line, ready)

    def acknowledge(self, server: Any, name: str) -> None:
        """Poll a line again that `interrupt` had left masked."""
        if self.kernel is not None:
            self.kernel.acknowledge_device(server, name)
        elif not self.watched(getattr(server, name).line):
            self.add_device(server, name)

    def wait_interrupt(self, server: Any, name: str, deadline: int) -> bool:
        """Block within a request until this server's device interrupts; False at the deadline."""
        words = self.words
        outer, words[STATE] = words[STATE], WAITING
        try:
            if self.kernel is not None:
                return bool(self.kernel.wait_interrupt(server, name, deadline))
            return wait_readable(getattr(server, name).line, deadline)
        finally:
            words[STATE] = outer

    def wait_readable(self, app: Any, name: str) -> None:
        """Block until a device of an app is readable, the loop running meanwhile."""
        line, ready = getattr(app, name).line, []
        self.watch(line, lambda: ready.append(True))
        try:
            while not ready:
                self.turn()
        finally:
            self.unwatch(line)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """A limit for every call made inside, in seconds: after it they are given up."""
    limit, outer = monotonic_ns() + int(seconds * 1e9), Frame.ambient
    Frame.ambient = min(limit, outer) if outer else limit
    try:
        yield
    finally:
        Frame.ambient = outer


def wait_readable(descriptor: int, deadline: int) -> bool:
    """Block until a descriptor is readable (True) or the deadline (monotonic ns, 0: none) passes (False)."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    left = None if not deadline else max(0, (deadline - monotonic_ns()) // 1_000_000 + 1)
    return bool(poller.poll(left))
