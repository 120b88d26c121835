"""A launch in the background: a process in a session of its own, and a pipe on which it says once how it went.

The front waits for that word and ends; the daemon lives on until the machine ends.  What the daemon says
later goes to `launcher.log` in the run directory.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from microlith.command.remote import Lost

Say = Callable[[dict[str, Any]], None]
FAULT = 70


def detach(body: Callable[[Say], int]) -> dict[str, Any]:
    """Run `body` in a daemon; give back what it says first.  Raises Lost when it ends without a word.

    The word `{"error": ..., "status": ...}` says that it could not boot.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _live(body, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            data = pipe.read()
    except KeyboardInterrupt:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise
    if not data:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        raise Lost(f"the launcher in the background ended with status {status} before the machine was up")
    word: dict[str, Any] = json.loads(data)
    if "error" in word:
        os.waitpid(pid, 0)
    return word


def _live(body: Callable[[Say], int], writer: int) -> None:
    """The daemon, from its birth to its end."""
    status = FAULT
    try:
        os.setsid()
        _unplug()
        status = body(lambda word: _say(writer, word))
    except BaseException:  # noqa: BLE001 - the outermost frame: report and die
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def _unplug() -> None:
    """Nothing to read, nowhere to write; messages stay with the front until it is told how it went.

    The input is the end of a pipe that is at its end: unlike /dev/null it can be polled, as the devices
    of a console must be.
    """
    ended, other = os.pipe()
    os.close(other)
    os.dup2(ended, 0)
    os.close(ended)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _say(writer: int, word: dict[str, Any]) -> None:
    with suppress(OSError):  # a front that was killed; the machine is up all the same
        os.write(writer, json.dumps(word).encode())
        os.close(writer)


def log_to(path: os.PathLike[str]) -> None:
    """From now on messages go to this file."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, 2)
    os.close(log)
