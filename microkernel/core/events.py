"""What can happen to the kernel, and what it then wants done: the core's whole vocabulary.

Events come from tasks (each carries the task and the incarnation that spoke; a word from an earlier
incarnation is dropped) or from the shell round the core (spawned, exited, time).  Effects are the
shell's orders.  All are immutable and encodable, so a recorded run can be replayed.

A capability in a message is a tuple of four small ints:
- from a task: `(HELD, 0, handle, 0)` one it holds, `(MINT, port, object, badge)` one of its own objects,
  `(MINT, port, 0, 0)` its own service;
- to a task: `(GRANTED, rank, handle, 0)` a new handle in its table, `(HOME, port, object, 0)` its own
  object (0: service) come home.
"""

import msgspec

HELD, MINT, GRANTED, HOME = 0, 1, 2, 3

Cap = tuple[int, int, int, int]


class Word(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """An event or an effect."""


class OfTask(Word, frozen=True):
    """From a task, about it, or to it."""

    task: int


class OfLife(OfTask, frozen=True):
    """One incarnation of it; of an event from a task: the one that speaks."""

    incarnation: int


class OfRight(OfLife, frozen=True):
    """An event from a task about a right of its own."""

    handle: int


class OfObject(OfLife, frozen=True):
    """An event from a task about an object of its own."""

    port: int
    object: int


# --- events: from tasks ----------------------------------------------------------------------------


class Call(OfLife, frozen=True):
    """A synchronous request through a right; `id` is the caller's name for it, until it is answered.

    `crowded`, here and in Forward: the shell has no room for one so large; it is Busy, whatever else is free.
    """

    id: int
    handle: int
    operation: int
    waits: bool
    deadline: int  # absolute monotonic ns; 0: none
    caps: tuple[Cap, ...]
    payload: bytes
    crowded: bool = False


class Reply(OfLife, frozen=True):
    """The answer to a delivered call.  `status`: it is a declared status.  `confirm`: tell me if it counted."""

    call: int
    status: bool
    confirm: bool
    caps: tuple[Cap, ...]
    payload: bytes


class Forward(OfLife, frozen=True):
    """Hand the right to reply to a delivered @waits call on to the server behind `handle`."""

    call: int
    handle: int
    operation: int
    caps: tuple[Cap, ...]
    payload: bytes
    crowded: bool = False


class Offer(OfLife, frozen=True):
    """Pass a capability to a task that may call me or that I may call; a message past the kernel names it by `id`."""

    to: int
    id: int
    caps: tuple[Cap, ...]


class Cancel(OfLife, frozen=True):
    """Give up a call of my own."""

    id: int


class Notify(OfRight, frozen=True):
    """A one-way message through a right."""

    operation: int
    payload: bytes


class Close(OfRight, frozen=True):
    """Give a right back."""


class Revoke(OfRight, frozen=True):
    """Take away every right that was derived from this one of mine."""


class Destroy(OfObject, frozen=True):
    """Take away every right to an object of mine."""


class Rebadge(OfObject, frozen=True):
    """From now on this object of mine has that badge; 0: it shall not outlive me."""

    badge: int


class Watch(OfRight, frozen=True):
    """Tell me of each death of the server behind this right."""


class Adopt(OfLife, frozen=True):
    """Before ready: the suspended object `old` of an earlier incarnation is my object `new`."""

    port: int
    old: int
    new: int


class Ready(OfLife, frozen=True):
    """I serve from now on; what I did not adopt is stale."""


class Acknowledge(OfLife, frozen=True):
    """I have handled the interrupt of this line; unmask it."""

    line: int


# --- events: from the shell ------------------------------------------------------------------------


class Create(OfTask, frozen=True):
    """A task comes to be known, not yet running.

    `ports`: the numbers of its own ports.  `grants`: the ports it gets a service right to, as handles
    1, 2, ... in this order, anew for each incarnation.  `lines`: its interrupt lines.  `ranks`: of the
    servers behind its ports, where a task has several; none: all have the task's own.
    """

    name: str
    rank: int
    ports: tuple[int, ...]
    grants: tuple[int, ...]
    lines: tuple[int, ...] = ()
    quota: tuple[int, int, int] = (0, 0, 0)  # open calls, rights, waiting requests; 0: the core's default
    ranks: tuple[int, ...] = ()


class Started(OfLife, frozen=True):
    """A process was spawned for the task: its next incarnation, starting."""


class Exited(OfLife, frozen=True):
    """That process is gone.  `again`: the restart policy will start another."""

    again: bool


class Tick(Word, frozen=True):
    """Time, in monotonic ns, as far as the core needs it."""

    now: int


class Undeliverable(OfTask, frozen=True):
    """The shell could not deliver this call: the server's queue in the transport is full."""

    call: int


class Dropped(Word, frozen=True):
    """The shell could not deliver a notice; `lost` is what that notice carried."""

    port: int
    lost: int


class Interrupt(Word, frozen=True):
    """An interrupt line became readable."""

    line: int


# --- effects ---------------------------------------------------------------------------------------


class Welcome(OfLife, frozen=True):
    """To a started task: the suspended objects (port, object, badge) that it may adopt."""

    suspended: tuple[tuple[int, int, int], ...]


class Up(OfLife, frozen=True):
    """A task is ready."""


class Deliver(OfTask, frozen=True):
    """A call, to the server.  `call` is its right to reply; `object` 0 is the service itself."""

    call: int
    port: int
    object: int
    operation: int
    waits: bool
    deadline: int
    caps: tuple[Cap, ...]
    payload: bytes


class Answer(OfTask, frozen=True):
    """A server's answer, to the caller."""

    id: int
    status: bool
    caps: tuple[Cap, ...]
    payload: bytes


class Fail(OfTask, frozen=True):
    """The kernel's own answer to a call: the name of a system status."""

    id: int
    status: str


class Offered(OfTask, frozen=True):
    """A capability from a linked task, in the incarnation `life` of that; none: it may not or cannot be passed."""

    giver: int
    life: int
    id: int
    caps: tuple[Cap, ...]


class Withdrawn(OfTask, frozen=True):
    """To the server: the caller of this call has gone or given up."""

    call: int


class Confirm(OfTask, frozen=True):
    """To the server: whether its reply counted."""

    call: int
    accepted: bool


class Notice(OfTask, frozen=True):
    """A one-way message, to the server; `lost` were dropped before it."""

    port: int
    object: int
    operation: int
    payload: bytes
    lost: int


class Death(OfTask, frozen=True):
    """To a watcher: that incarnation of the server behind its handle died."""

    handle: int
    incarnation: int


class Released(OfTask, frozen=True):
    """To the owner: nobody holds a right to this object any more."""

    port: int
    object: int


class Attend(OfTask, frozen=True):
    """To the driver: its device wants attention; the shell masks the line."""

    line: int


class Unmask(Word, frozen=True):
    """To the shell: poll this line again."""

    line: int


OfRights = Close | Revoke | Destroy | Rebadge | Adopt
FromTask = Call | Reply | Forward | Offer | Cancel | Notify | OfRights | Watch | Ready | Acknowledge
FromShell = Create | Started | Exited | Tick | Undeliverable | Dropped | Interrupt
Event = FromTask | FromShell
ToTask = Deliver | Answer | Fail | Offered | Withdrawn | Confirm | Notice | Death | Released | Attend
Effect = ToTask | Welcome | Up | Unmask
