"""The files of a walked machine, read."""

from pathlib import Path

from bench.walk.model import Event
from microlith.process.walked import CAPACITY, EVENT, EVENTS_AT, HEAD, NAMES_AT


class Overrun(RuntimeError):
    """A domain noted more than its file holds, and the beginning is gone."""


def read_all(folder: Path, since: int) -> list[Event]:
    """The events of all domains since a time (monotonic ns), in order.  Raises Overrun."""
    found = [event for file in sorted(folder.iterdir()) for event in read(file.name, file.read_bytes(), since)]
    return sorted(found, key=lambda event: event.at)


def read(domain: str, data: bytes, since: int) -> list[Event]:
    """The events of one domain's file since a time.  Raises Overrun."""
    count, length = HEAD.unpack_from(data)
    names = _names(data[NAMES_AT : NAMES_AT + length])
    found = []
    for number in range(max(0, count - CAPACITY), count):
        at, kind, link, name, size, payload = EVENT.unpack_from(data, EVENTS_AT + number % CAPACITY * EVENT.size)
        if at >= since:
            found.append(Event(at, domain, kind, names.get(name, ""), names.get(link, ""), size, payload))
    if len(found) == CAPACITY:
        raise Overrun(f"{domain} noted more than the {CAPACITY} events that are kept")
    return found


def _names(data: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "little")
        found[len(found) + 1] = data[at + 2 : end].decode()
        at = end
    return found
