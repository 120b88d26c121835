"""Exact counts of an operation: the difference of what all domains have counted, before and after it.

    crossings      messages received, by every domain, the kernel's own included
    kernel_visits  of them, those received by a kernel (a library OS has none)
    messages       requests, replies and notices sent, without the copies that a broker passes on
    bytes_copied   bytes received and sent, by every domain, headers included

What goes through the slot of a channel is in the rows of both its domains (`microlith/process/metering.py`): its header
there and its payload are its bytes.

They do not depend on timing, and are the same on every machine.  Wake-ups do: a process that finds its
message waiting was not woken; they are voluntary context switches of all threads of all domains.
"""

import os
from typing import Any

from bench.driver import Client
from bench.placement import pids_of

EXACT = ("crossings", "kernel_visits", "messages", "bytes_copied")
Counts = dict[str, int]


def counts_between(before: dict[str, Any], after: dict[str, Any]) -> Counts:
    """The counts from two states of a machine."""
    old = {row["domain"]: row for row in before["domains"]}
    total = dict.fromkeys(EXACT, 0)
    for row in after["domains"]:
        grown = {word: _word(row, word) - _word(old.get(row["domain"], {}), word) for word in _WORDS}
        kernel = row.get("kind") == "kernel"
        total["crossings"] += grown["received"]
        total["kernel_visits"] += grown["received"] if kernel else 0
        own = "own_sent" if "own_sent" in row else "sent"  # what servers inside a broker said
        total["messages"] += 0 if kernel and not row["instances"] else grown[own]
        total["bytes_copied"] += grown["bytes_in"] + grown["bytes_out"]
    return total


_WORDS = ("received", "sent", "own_sent", "bytes_in", "bytes_out")


def _word(row: dict[str, Any], word: str) -> int:
    return int(row.get(word, 0))


def count(client: Client, operation: str, repetitions: int) -> list[Counts]:
    """The counts of one operation, that often, each alone."""
    found = []
    for _ in range(repetitions):
        before = client.machine.state()
        client.ask(do="measure", operation=operation, n=1)
        found.append(counts_between(before, client.machine.state()))
    client.ask(do="drop")
    return found


def wake_ups(client: Client, operation: str, n: int) -> float:
    """Voluntary context switches of all domains for one of n operations in a row."""
    pids = pids_of({**client.machine.state(), "zygote": 0, "spare": 0})
    before = sum(map(voluntary_switches, pids))
    client.ask(do="measure", operation=operation, n=n)
    after = sum(map(voluntary_switches, pids))
    client.ask(do="drop")
    return (after - before) / n


def voluntary_switches(pid: int) -> int:
    """How often the threads of a process have slept."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status") as status:
            line = next(line for line in status if line.startswith("voluntary_ctxt_switches"))
        total += int(line.split()[1])
    return total
