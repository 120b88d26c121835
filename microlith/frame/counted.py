"""The `count` option of a link: exact numbers for each operation, in a row of the domain's page.

They are counted by the rules of the comparison (`bench/counting.py`), from the messages that the client
itself sends and receives for its call and from the path that they take, each when it is sent or received:

    messages       requests, answers and notices sent, without the copies that a broker passes on
    crossings      each time a domain receives one of them, the kernel included
    kernel_visits  of these, the times that it was a kernel
    bytes_copied   their bytes, once for each domain that sends and once for each that receives them

Two depend on timing and are the calling process's alone: `wake_ups` of all its threads, and `system_calls`
where our own code makes them (sockets, the bells of channels; what ZeroMQ does is not counted).  A call is
counted when it begins, these two when it has ended.  What belongs to no call is not counted: handles that are
given back, the confirmation of a late answer, and what it takes to pass a capability on past the kernel.
"""

import resource
from collections.abc import Callable
from typing import Any

from microlith.frame import wire
from microlith.frame.page import COUNTS
from microlith.frame.server import here
from microlith.interface.status import Status

Around = Callable[[tuple[Any, ...], Callable[..., Any]], Any]

CALLS, STATUSES, MESSAGES, CROSSINGS, VISITS, BYTES, WAKE_UPS, SYSTEM_CALLS = range(len(COUNTS))


def counted(name: str, connection: Any, path: str, in_kernel: bool) -> Around:
    """The around of an operation of a remote link, counted in the row `name`."""
    place: list[Any] = []  # the words of the page and where the row is: taken when it is first used

    def count(kind: int, size: int) -> None:
        words, row = place
        messages, crossings, visits, copies = cost(path, in_kernel, kind)
        words[row + MESSAGES] += messages
        words[row + CROSSINGS] += crossings
        words[row + VISITS] += visits
        words[row + BYTES] += copies * size

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        if not place:
            page = connection.frame.page
            place[:] = page.words, page.row(name)
        words, row = place
        words[row + CALLS] += 1
        outer, connection.tally = connection.tally, count
        wakes, system_calls = _wakes(), connection.system_calls()
        try:
            return go(*arguments)
        except Status:
            words[row + STATUSES] += 1
            raise
        finally:
            connection.tally = outer
            words[row + WAKE_UPS] += _wakes() - wakes
            words[row + SYSTEM_CALLS] += connection.system_calls() - system_calls

    return around


def counted_direct(name: str) -> Around:
    """That of a direct link: a call, and perhaps a status; it crosses nothing."""
    place: list[Any] = []

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        if not place:
            page = here().page
            place[:] = page.words, page.row(name)
        words, row = place
        words[row + CALLS] += 1
        try:
            return go(*arguments)
        except Status:
            words[row + STATUSES] += 1
            raise

    return around


def cost(path: str, in_kernel: bool, kind: int) -> tuple[int, int, int, int]:
    """What one message of a call costs: messages, crossings, kernel visits, copies of its bytes.

    Through the kernel a message is received and sent once more on its way, unless the kernel is where the server
    lives.  On that path FAIL is the kernel's own word, which no domain sent, and CANCEL goes no further than to it.
    """
    if path == "kernel" and kind == wire.FAIL:
        return (0, 1, 0, 2)
    if path == "kernel" and kind == wire.CANCEL:
        return (1, 1, 1, 2)
    if path == "peer" or in_kernel:
        to_server = kind in (wire.CALL, wire.NOTIFY, wire.FORWARD, wire.CANCEL)
        return (1, 1, int(in_kernel and to_server), 2)
    return (1, 2, 1, 4)


def _wakes() -> int:
    """How often the threads of this process have slept."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
