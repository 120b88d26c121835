"""Messages that no page counts: those in the slots of channels.

Whoever sends or serves them writes no more than the message needs, and the memory of a channel tells how many
there were and how long.  The root reads it when somebody asks, and adds it to the rows of both domains.  What a
channel told when it was closed stays in the rows, as what is on a page does.  Like what is on a page, it is the
domains' own word.
"""

import os
from collections.abc import Callable
from typing import Any

Counts = tuple[int, int, int, int]  # requests and their bytes, answers and their bytes
NOTHING: Counts = (0, 0, 0, 0)

CLIENT = ("sent", "bytes_out", "received", "bytes_in")  # what the counts are to a client
SERVER = ("received", "bytes_in", "sent", "bytes_out")  # and to a server
WORD = 1 << 64  # a row is sent in words of this many values, whatever domains write


class Meter:
    """One channel: both its domains, what reads it, and the descriptors that this needs."""

    def __init__(self, client: str, server: str, read: Callable[[], Counts], files: tuple[int, ...]) -> None:
        self.client, self.server, self.read, self.files = client, server, read, files

    def counts(self, domain: str) -> dict[str, int]:
        """Its counts in the words of one of its domains."""
        return dict(zip(SERVER if domain == self.server else CLIENT, self.read(), strict=True))


class Metering:
    """The channels of a machine."""

    def __init__(self) -> None:
        self._meters: dict[str, list[Meter]] = {}  # by domain, those of open channels
        self._closed: dict[str, dict[str, int]] = {}  # by domain, what closed ones told

    def open(self, client: str, server: str, read: Callable[[], Counts], files: tuple[int, ...] = ()) -> Meter:
        """From now on `read` counts for these two domains; it needs these files."""
        meter = Meter(client, server, read, files)
        for domain in (client, server):
            self._meters.setdefault(domain, []).append(meter)
        return meter

    def close(self, meter: Meter) -> None:
        """The channel is about to go: keep what it tells now."""
        for domain in (meter.client, meter.server):
            self._meters[domain].remove(meter)
            _add(self._closed.setdefault(domain, {}), meter.counts(domain))
        for file in meter.files:
            os.close(file)

    def part(self, client: str, server: str) -> None:
        """The channel of these two, if there is one, is about to go."""
        for meter in [one for one in self._meters.get(client, ()) if one.server == server]:
            self.close(meter)

    def forget(self, domain: str) -> None:
        """A program has ended for good."""
        self._closed.pop(domain, None)
        self._meters.pop(domain, None)

    def add_to(self, row: dict[str, Any]) -> None:
        """Add to the row of a domain that has a page what its channels tell."""
        domain = row["domain"]
        if "sent" in row:
            _add(row, self._closed.get(domain, {}))
            for meter in self._meters.get(domain, ()):
                _add(row, meter.counts(domain))


def _add(row: dict[str, Any], counts: dict[str, int]) -> None:
    for word, number in counts.items():
        row[word] = (row.get(word, 0) + number) % WORD
