"""What happens to a machine, in words: one line for each event that the root or the launcher tells."""

import signal
from collections.abc import Callable
from typing import Any

Words = Callable[[dict[str, Any]], str]


def ended_how(status: int) -> str:
    """An exit status in words: `with status 70`, `by SIGKILL`."""
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def _started(e: dict[str, Any]) -> str:
    again = f" again, incarnation {e['incarnation']}," if e["incarnation"] > 1 else ","
    return f"{e['name']} started{again} pid {e['pid']}"


def _died(e: dict[str, Any]) -> str:
    return f"{e['name']} died {ended_how(e['status'])}" + (f": {e['text']}" if e.get("text") else "")


_WORDS: dict[str, Words] = {
    "started": _started,
    "up": lambda e: f"{e['name']} is ready",
    "ready": lambda e: "every server is ready; Ctrl-C stops the machine",
    "died": _died,
    "ended": lambda e: f"{e['name']} ended {ended_how(e['status'])}",
    "gave up": lambda e: f"{e['name']} died too often and is given up; calls to it are answered Unavailable",
    "convicted": lambda e: f"the kernel kills {e['name']}, pid {e['pid']}: it {e['text']}",
    "oops": lambda e: f"oops: a fault in the kernel, which kills {e['app']}: {e['text']}",
    "unrecorded": lambda e: f"the record of this run is incomplete: {e['text']}",
    "epitaph": lambda e: f"the kernel's last words: {e['text']}",
    "reboot": lambda e: f"the root domain ended {ended_how(e['status'])}; it is started again",
    "down": lambda e: e["text"] or "stopped",
    "interrupt": lambda e: "stopping in order; once more to kill it",
}

#: Events that are told even where a program has the terminal.
TROUBLE = frozenset({"died", "gave up", "convicted", "oops", "unrecorded", "epitaph", "reboot", "interrupt"})


def words(event: dict[str, Any]) -> str:
    """One event as a sentence without a full stop; empty for what nobody needs to be told.

    The operator's comings and goings (`microlith call`) are left out.
    """
    name = str(event.get("name", ""))
    if event["event"] not in _WORDS or name.rpartition("-")[0] == "operator":
        return ""
    return _WORDS[event["event"]](event)
