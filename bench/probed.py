"""The program of a probe: a workload that can also reach the measuring driver.

    {"do": "bulk", "seed": s, "n": 20}                   reads of a warm mebibyte -> {"ns": [...], "sha256": hex}
    {"do": "interrupts", "n": 100, "seed": s, "load": false}       -> {"ns": [...]}, one latency an interrupt

While interrupts come, the program either waits (`load` false) or calls the file server as fast as it can.
In a library OS a device is polled when the program waits or polls: this one polls after every call.
"""

import hashlib
import random
from typing import Any

from bench.interrupts import InterruptMeter
from bench.workload import Workload, timed

BULK = 1 << 20
CALLS = 20  # between two questions whether all interrupts have come


class Probed(Workload):
    """A Workload with a driver to measure."""

    meter: InterruptMeter

    def do_bulk(self, seed: int, n: int) -> dict[str, Any]:
        """Write it, read it once so that it is in the cache, then measure; what is hashed is read afterwards."""
        file = self.files.create(self._directory + b"/bulk")
        file.write(0, bulk(seed))
        file.sync()
        file.read(0, BULK)
        took = timed(lambda: file.read(0, BULK), n)
        digest = hashlib.sha256(file.read(0, BULK)).hexdigest()
        file.close()
        return {"ns": took, "sha256": digest}

    def do_interrupts(self, n: int, seed: int, load: bool) -> dict[str, Any]:
        """The latencies of n interrupts."""
        self.meter.begin(n, seed)
        while load and self.meter.left():
            for _ in range(CALLS):
                self.files.ping()
                self.poll()
        return {"ns": self.meter.finish()}


def bulk(seed: int) -> bytes:
    """A mebibyte that no compression and no hole makes cheaper."""
    return random.Random(seed).randbytes(BULK)
