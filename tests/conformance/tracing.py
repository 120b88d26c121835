"""The long trace: one app that asks everything of everybody and writes each answer as a line.

It runs in its place on each architecture (inside the one process of a library OS, as a process of its
own elsewhere).  A line is `what(arguments) -> answer`: a value, `!Status: detail`, or `#TypeError` for what
the check refuses.  What honestly differs between runs (times, how long a disk's own tables are) is not
written, only whether it is as it should be.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from typing import Any

from microlith.frame.server import App
from microlith.interface.interface import Interface, interface_of
from microlith.interface.status import Status, SystemStatus
from microlith.interface.values import Struct
from tests.conformance.parts import Echo, Front, Maker, Sink, Waiter


def show(value: Any) -> str:
    """A value as text that is the same wherever it lives."""
    if isinstance(value, Interface):
        return f"<{interface_of(type(value)).__name__}>"
    if type(value) is bytes and len(value) > 64:
        return f"{len(value)} bytes {hashlib.sha256(value).hexdigest()[:16]}"
    if type(value) is str and len(value) > 80:
        return f"{len(value)} characters {hashlib.sha256(value.encode()).hexdigest()[:16]}"
    if isinstance(value, Struct):
        return f"{type(value).__name__}({', '.join(show(getattr(value, f)) for f in value.__struct_fields__)})"
    if type(value) is tuple:
        return f"({', '.join(map(show, value))})"
    return repr(value)


def name_of(method: Any) -> str:
    """The name of a stub's or a facade's method (that of a notice is a partial)."""
    found = getattr(method, "__wrapped__", method)
    return getattr(found, "__name__", None) or found.args[1].name


class Tracing(App):
    """The base of the tracing apps: `ask` calls and writes the answer; `say` writes a fact."""

    def ask(self, what: Any, *arguments: Any, mask: Any = None, **keywords: Any) -> Any:
        """Call, write the answer (through `mask` if there is one), give back the value or None."""
        answer = None
        operation = name_of(what)
        try:
            answer = what(*arguments, **keywords)
            text = show(answer if mask is None else mask(answer))
        except Status as status:
            detail = "" if isinstance(status, SystemStatus) else f": {status.detail}"  # the machine's own words differ
            text = f"!{type(status).__name__}{detail} [{status.number}]"
        except TypeError as error:
            text = re.sub(r"<[\w.]+ object at 0x[0-9a-f]+>", "<it>", f"#TypeError {error}")
        shown = ", ".join([show(a) for a in arguments] + [f"{k}={show(v)}" for k, v in keywords.items()])
        self.line(f"{operation}({shown}) -> {text}")
        return answer

    def settle(self, settled: Callable[[], bool]) -> None:
        """Ask until it is so, for two seconds at most."""
        limit = time.monotonic() + 2.0
        while not settled() and time.monotonic() < limit:
            pass

    def released(self, maker: Maker, count: int) -> None:
        """Ask what was released until it is so many, for two seconds at most."""
        found: list[int] = []
        self.settle(lambda: found.extend(maker.released()) or len(found) >= count)
        self.line(f"released() -> {show(tuple(sorted(found)))}")

    def say(self, what: str, fact: Any) -> None:
        """Write something that was found out."""
        self.line(f"{what}: {show(fact)}")

    def line(self, text: str) -> None:
        """One line of the trace."""
        os.write(1, text.encode() + b"\n")

    def chapter(self, name: str) -> None:
        """A heading, so that a difference is found."""
        self.line(f"== {name}")


class ServerTrace(Tracing):
    """The part about the assistant servers."""

    echo: Echo
    maker: Maker
    waiter: Waiter
    sink: Sink
    front: Front
    top: Front

    def main(self, *arguments: str) -> int:
        from tests.conformance import capabilities, messages

        messages.values(self)
        messages.bad_arguments(self)
        messages.sizes(self)
        messages.statuses(self)
        messages.waiting(self)
        messages.cancelling(self)
        messages.notices(self)
        capabilities.objects(self)
        capabilities.composed(self)
        capabilities.passed_on(self)
        capabilities.released(self)
        capabilities.ranks(self)
        capabilities.handed_out(self)
        return 7
