"""The `trace` option of a link: one line a call on standard error, as strace(1) writes them.

    files.disk read(12, 4) = 4096 bytes  35 us
    shell.files open(b'/nothing') = NotFound: no such name  210 us

A line is one write(2), so that those of several domains on one terminal do not mix.
"""

import enum
import os
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from microlith.frame.reply import Reply
from microlith.interface.interface import Interface, interface_of
from microlith.interface.status import Status
from microlith.interface.values import Struct

LONGEST = 40  # characters of a value; beyond it, it is cut
STDERR = 2


def traced(what: str) -> Callable[[tuple[Any, ...], Callable[..., Any]], Any]:
    """The around of an operation that is written `what`."""

    def around(arguments: tuple[Any, ...], go: Callable[..., Any]) -> Any:
        began, answer = perf_counter_ns(), "?"
        try:
            result = go(*arguments)
            answer = "forwarded" if isinstance(result, Reply) else shown(result)
            return result
        except Status as status:
            answer = f"{type(status).__name__}: {_cut(' '.join(str(status).split()))}"
            raise
        except BaseException as fault:
            answer = f"fault {type(fault).__name__}"
            raise
        finally:
            took_us = (perf_counter_ns() - began) // 1000
            line = f"{what}({', '.join(map(shown, arguments))}) = {answer}  {took_us} us\n"
            try:
                os.write(STDERR, line.encode(errors="backslashreplace"))
            except OSError:
                pass  # nobody reads it: no reason for the traced program to fail

    return around


def shown(value: Any) -> str:
    """A value on a line: short ones as Python writes them, long ones cut, long bytes by their number."""
    if isinstance(value, Interface):
        return f"<{interface_of(type(value)).__name__}>"
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if type(value) is bytes and len(value) > LONGEST:
        return f"{len(value)} bytes"
    if type(value) is str and len(value) > LONGEST:
        return repr(value[: LONGEST - 3]) + "..."
    if type(value) is tuple:
        return _cut(f"({', '.join(map(shown, value[:LONGEST]))}{',' if len(value) == 1 else ''})")
    if isinstance(value, Struct):
        fields = ", ".join(f"{name}={shown(getattr(value, name))}" for name in value.__struct_fields__)
        return _cut(f"{type(value).__name__}({fields})")
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
