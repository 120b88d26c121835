"""A walk: one call as its domains lived it.  Times are nanoseconds since the call began; sizes are bytes."""

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True)
class Event:
    """What a domain noted: one line of its file (microlith/process/walked.py has the kinds)."""

    at: int
    domain: str
    kind: int
    name: str = ""
    link: str = ""
    size: int = 0
    payload: int = 0


class Home(msgspec.Struct, frozen=True):
    """A domain that may take part: is it a kernel, does it pass messages on, does the program live in it?"""

    kernel: bool = False
    broker: bool = False
    program: bool = False


class Lane(msgspec.Struct, frozen=True):
    """Who acts: the program, a server, or the kernel that passes messages on."""

    name: str
    domain: str
    kernel: bool  # does it live in a kernel?
    server: bool

    @property
    def server_in_kernel(self) -> bool:
        """Is it a server that is called by a trap?"""
        return self.server and self.kernel


class Leg(msgspec.Struct, frozen=True):
    """From one lane to another: a message across the border of an address space, or a direct call or its return.

    `size` is that of the message, `payload` what of it is not header.
    `kind`: request, reply, notify, other (a right given back, say), call, return.  A direct call takes no time of
    its own: its return has in `inside` what passed between the two.
    """

    source: int
    target: int
    kind: str
    what: str
    size: int
    start: int
    end: int
    inside: int = 0
    payload: int = 0

    @property
    def direct(self) -> bool:
        """Is no border crossed?"""
        return self.kind in ("call", "return")


class Mark(msgspec.Struct, frozen=True):
    """What happens in a lane at a moment: copy, wake-up, kernel visit."""

    lane: int
    at: int
    kind: str
    size: int = 0


class Counts(msgspec.Struct, frozen=True):
    """The exact counts, as `compare` has them; wake-ups depend on timing.

    `ipcs` and `traps` are what a real kernel would have to do: messages between processes, each counted once
    however it was passed on, and calls into a kernel with servers in it; `payload` are the bytes of both.
    """

    crossings: int = 0
    kernel_visits: int = 0
    messages: int = 0
    copies: int = 0
    bytes_copied: int = 0
    direct_calls: int = 0
    wake_ups: int = 0
    ipcs: int = 0
    traps: float = 0
    payload: int = 0


@dataclass(frozen=True)
class Walk:
    """One call in one architecture."""

    architecture: str
    call: str
    lanes: tuple[Lane, ...]
    legs: tuple[Leg, ...]
    marks: tuple[Mark, ...]
    counts: Counts
    total: int
    walked: int = 1  # calls in a row, of which this one has the median length
    pages: dict[str, int] = field(default_factory=dict)  # what the domains' pages have counted of all these
    agrees: bool = True  # do they say the same?
    timed: tuple[int, int] = (0, 0)  # the same call where nothing is noted: median of how many
    all_wake_ups: float = 0.0  # there, voluntary context switches of every thread for one call
    warm: bool = True
