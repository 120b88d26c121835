"""What the kernel knows: flat tables of immutable values, nothing else.

A task is down, starting, ready or gone; an incarnation is one process of it.  A right sits in its
holder's table under a handle and reaches a service (object 0) or an object; its parent is the right
it was passed from.  A call is open from its acceptance to the end of the server's work on it; while
it is queued its message waits in `messages`.  The other tables are indexes and counts over these, so
that the hot steps never search.  No table holds a mutable value: a copy of the tables is a copy of
the kernel.
"""

from typing import Any

import msgspec

from microkernel.core.events import Cap

DOWN, STARTING, READY, GONE = 0, 1, 2, 3
LIVE, SUSPENDED, STALE = 0, 1, 2
NEVER = 2**63 - 1

Key = tuple[int, int]  # (task, handle), the place of a right
Ref = tuple[int, int]  # (port, object), the name of an object in its owner's present life


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value in a table."""


class Task(Row, frozen=True):
    """A schedulable party: servers of one domain, app or client.  `incarnation` 0: never started.

    Calls go down in `rank`; `ranks` are those of the servers behind its ports, which holders are told.  It may
    have so many calls of its own open, so many rights, and so many requests waiting for it.
    """

    name: str
    rank: int
    ports: tuple[int, ...]
    ranks: tuple[int, ...]
    grants: tuple[int, ...]
    lines: tuple[int, ...]
    most_calls: int
    most_rights: int
    most_queued: int
    state: int = DOWN
    incarnation: int = 0


class Right(Row, frozen=True):
    """A capability.  `badge` not 0: the object has a name that outlives its server's incarnation."""

    port: int
    object: int
    badge: int
    state: int
    parent: Key | None


class Open(Row, frozen=True):
    """A call.  `caller` None: abandoned, it only fills the window.  `granted`: the handles that came with it."""

    caller: int | None
    id: int
    server: int
    waits: bool
    deadline: int
    granted: tuple[int, ...] = ()


class Message(Row, frozen=True):
    """What a queued call will deliver; `giver` and `handle` name the right that it goes through."""

    giver: int
    handle: int
    operation: int
    caps: tuple[Cap, ...]
    payload: bytes
    forwarded: bool


class State:
    """The tables and the four limits.  `window` and `queue_limit` are at least 1, per server; quotas per task."""

    def __init__(
        self, *, window: int = 2, queue_limit: int = 64, quota_calls: int = 64, quota_rights: int = 4096
    ) -> None:
        self.window, self.queue_limit = window, queue_limit
        self.quota_calls, self.quota_rights = quota_calls, quota_rights
        self.tasks: dict[int, Task] = {}
        self.owners: dict[int, int] = {}  # port -> its task
        self.lines: dict[int, tuple[int, bool]] = {}  # line -> its task, masked
        self.lost: dict[int, int] = {}  # port -> notices lost since the last one that arrived
        self.watches: dict[Key, tuple[int, int]] = {}  # port, the incarnation whose death was told last
        # rights
        self.rights: dict[Key, Right] = {}
        self.children: dict[Key, tuple[Key, ...]] = {}  # rights passed on from this one
        self.holders: dict[Ref, tuple[Key, ...]] = {}  # live rights to an object
        self.suspended: dict[Ref, tuple[Key, ...]] = {}  # rights that wait for adoption
        self.next_handle: dict[int, int] = {}  # task -> never used in this incarnation
        self.held: dict[int, int] = {}  # task -> how many rights
        # calls
        self.calls: dict[int, Open] = {}  # by serial, which is the right to reply
        self.ids: dict[tuple[int, int], int] = {}  # (caller, its id) -> serial
        self.opened: dict[int, int] = {}  # caller -> how many calls it has open
        self.used: dict[int, int] = {}  # server -> how much of its window is used
        self.messages: dict[int, Message] = {}  # of the queued calls
        self.queues: dict[int, tuple[int, ...]] = {}  # server -> serials, never empty
        self.next_call = 1
        self.earliest = NEVER  # no open call has an earlier deadline


def running(core: State, task: int) -> bool:
    """Is there a process of this task?"""
    return core.tasks[task].state in (STARTING, READY)


def without(table: dict[Any, tuple[Any, ...]], place: Any, one: Any) -> None:
    """Take one of several values away; a place that has none is none."""
    left = tuple([other for other in table[place] if other != one])
    if left:
        table[place] = left
    else:
        del table[place]
