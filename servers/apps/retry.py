"""Doing a thing again when the machine, not the thing, was the reason why it failed."""

import json
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from microlith.interface.status import DeadlineExceeded, ServerDied, Stale, Status, SystemStatus
from servers.statuses import DeviceError, Invalid

T = TypeVar("T")

RETRIES = 3
#: After these the outcome is unknown or the object is gone; a new attempt from the start may do.
WORTH_IT = (ServerDied, Stale, DeadlineExceeded, DeviceError)
TELLING = (DeviceError, Invalid)  # POSIX's words alone do not say what is wrong


def patiently(action: Callable[[], T]) -> T:
    """Do it, and up to three times more while the machine fails.  The action must bear repetition as a whole."""
    for _ in range(RETRIES):
        try:
            return action()
        except WORTH_IT:
            continue
    return action()


def reason(error: Exception) -> str:
    """Why it failed, as POSIX says it where POSIX has words for it."""
    detail = str(error)
    if isinstance(error, Status) and error.number and not isinstance(error, SystemStatus):
        words = os.strerror(error.number)
        return f"{words} ({detail})" if isinstance(error, TELLING) and error.detail else words
    return detail if isinstance(error, Status) else getattr(error, "strerror", None) or detail


def report(**fields: object) -> None:
    """One line of JSON on standard output, now."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def complain(program: str, path: bytes, error: Exception) -> None:
    """One line on standard error."""
    sys.stderr.write(ascii_safe(f"{program}: {os.fsdecode(path)}: {reason(error)}\n"))


def ascii_safe(text: str) -> str:
    """The text with what a stream could refuse (undecodable bytes of names) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
