"""The system of the fault tests, and its apps as seen from outside."""

import json
import os
import select
import time

from microlith import System, boot
from tests.fault import parts

PATIENCE_S = 20.0


def system(ledger, *, restart=None, memory_mib=0, start_deaths=0):
    """victim (rank 0), other (rank 0), middle (rank 1), and the app `ask`."""
    quota = {"memory_mib": memory_mib} if memory_mib else {}
    ledger.touch()
    made = System("faults").device("ledger", "file", str(ledger))
    made = made.server(
        "victim", parts.Victims, ledger="ledger", start_deaths=start_deaths, restart=restart or {}, quota=quota
    )
    made = made.server("other", parts.Bystanders).server("middle", parts.Middles, victim="victim")
    return made.app("ask", parts.Asker, on_boot=False, victim="victim", other="other", middle="middle")


def booted(ledger, architecture="mach", *, checked=False, on_fault="panic", news=None, **options):
    """A machine of that system."""
    return boot(system(ledger, **options), architecture=architecture, checked=checked, on_fault=on_fault, news=news)


class Question:
    """An app that asks one thing; its lines as they come."""

    def __init__(self, machine, *words):
        reader, writer = os.pipe()
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            self.running = machine.run("ask", *words, stdio=(null, writer, 2))
        finally:
            os.close(null)
            os.close(writer)
        self.file = reader
        self.data = b""
        self.started = self.next()["started"]

    def next(self, seconds=PATIENCE_S):
        """The next line; AssertionError when none comes or the app has ended."""
        limit = time.monotonic() + seconds
        while b"\n" not in self.data:
            ready = select.select([self.file], [], [], max(0, limit - time.monotonic()))[0]
            assert ready, "no answer in time"
            more = os.read(self.file, 65536)
            assert more, "the app ended without an answer"
            self.data += more
        line, _, self.data = self.data.partition(b"\n")
        return json.loads(line)

    def open(self):
        """Is there no answer yet?"""
        return b"\n" not in self.data and not select.select([self.file], [], [], 0)[0]

    def close(self):
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(machine, *words):
    """One question, answered."""
    with Question(machine, *words) as question:
        return question.next()


def lines(ledger):
    """What the ledger says was done, without the pids."""
    return [line.split()[0] for line in ledger.read_text().splitlines()]
