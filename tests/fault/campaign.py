"""Calls under kills: each ends in an answer or a typed status, none with another's answer, none done twice.

    python -m tests.fault.campaign --calls 1000000 [--as l4] [--clients 4] [--every 0.05] [--seed 1]

Several client processes call a server directly and through another one, while both are killed again and
again.  Each call carries a number of its own, which comes back in the answer; a call that is not
idempotent leaves a mark in a file that outlives the servers, one byte for each number, so that afterwards
what was answered must have been done once, and nothing more than once.

Where servers share a domain (`hybrid`), both die of each kill.  In a monolith a kill of a server is the end of
every client, and there is nothing to judge.
"""

import argparse
import collections
import json
import os
import random
import select
import sys
import tempfile
import time
from pathlib import Path

from microlith import System, boot
from microlith.interface.status import UsageError
from tests.fault.campaign_parts import Client, Counters, Relays

ARCHITECTURES = ("mach", "l4", "hybrid")
PATIENT = {"intensity": 1_000_000, "period_s": 1.0}
TYPED = frozenset(("ServerDied", "DeadlineExceeded", "Unavailable", "Busy"))


def system(marks):
    made = System("campaign").device("marks", "file", str(marks))
    made = made.server("counter", Counters, marks="marks", restart=PATIENT)
    made = made.server("relay", Relays, below="counter", restart=PATIENT)
    return made.app("client", Client, on_boot=False, counter="counter", relay="relay")


class Campaign:
    """One run."""

    def __init__(self, calls, clients, every, seed, progress=lambda text: None, architecture="mach"):
        self.architecture = architecture
        self.calls, self.clients, self.every = calls, clients, every
        self.random, self.progress = random.Random(seed), progress
        self.kills = collections.Counter()
        self.found = collections.Counter()
        self.wrong = []
        self.unknown = set()
        self.violations = []

    def run(self, folder):
        marks = Path(folder) / "marks"
        marks.write_bytes(bytes(self.calls + 1))
        with boot(system(marks), architecture=self.architecture, news=self._news) as machine:
            readers = self._start(machine)
            self._drive(machine, readers)
            rows = machine.state()["domains"]
            self.state = {name: row for row in rows for name in row.get("instances") or [row["domain"]]}
        self._judge(marks.read_bytes())
        return self

    def _news(self, record):
        if record["event"] in ("gave up", "convicted", "reboot", "down", "epitaph") and record.get("text") != "":
            self.violations.append(f"{record}")

    def _start(self, machine):
        share = self.calls // self.clients
        readers = {}
        self.running = []
        for client in range(self.clients):
            reader, writer = os.pipe()
            null = os.open(os.devnull, os.O_RDONLY)
            arguments = (str(client * share + 1), str(share))
            self.running.append(machine.run("client", *arguments, stdio=(null, writer, 2)))
            os.close(null)
            os.close(writer)
            readers[reader] = b""
        return readers

    def _drive(self, machine, readers):
        """Kill one of the two servers every so often until all clients have ended."""
        while readers:
            for reader in select.select(list(readers), [], [], self.every)[0]:
                data = os.read(reader, 65536)
                readers[reader] += data
                if not data:
                    os.close(reader)
                    self._take(readers.pop(reader))
            victim = self.random.choice(("counter", "relay"))
            try:
                machine.kill(victim)
                self.kills[victim] += 1
            except UsageError:
                pass  # it is down at the moment
            if not sum(self.kills.values()) % 20:
                self.progress(f"{sum(self.kills.values())} kills\n")
        for running in self.running:
            status = running.wait(20)
            if status:
                self.violations.append(f"a client ended with {status}")

    def _take(self, text):
        if not text:
            self.violations.append("a client ended without a word")
            return
        record = json.loads(text)
        self.found.update(record["found"])
        self.wrong += record["wrong"]
        self.unknown.update(record["unknown"])

    def _judge(self, marks):
        done = collections.Counter(marks[1::2])
        self.done = done[1]
        share = self.calls // self.clients * self.clients
        if sum(self.found.values()) != share:
            self.violations.append(f"{share} calls, {sum(self.found.values())} ends")
        if self.wrong:
            self.violations.append(f"wrong answers: {self.wrong}")
        twice = [number for number in range(1, len(marks), 2) if marks[number] > 1]
        if twice:
            self.violations.append(f"done more than once: {twice[:10]}")
        undone = [n for n in range(1, share + 1, 2) if not marks[n] and n not in self.unknown]
        if undone:
            self.violations.append(f"answered and not done: {undone[:10]}")
        if unknown := set(self.found) - TYPED - {"answer"}:
            self.violations.append(f"ends that are no typed status of a dying server: {unknown}")

    def report(self):
        return {"found": dict(self.found), "kills": dict(self.kills), "done": self.done, "violations": self.violations}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as", dest="architecture", default="mach", choices=ARCHITECTURES)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--every", type=float, default=0.05, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(given.calls, given.clients, given.every, given.seed, sys.stderr.write, given.architecture)
        campaign.run(folder)
    print(json.dumps({**campaign.report(), "seconds": round(time.monotonic() - started, 1)}, indent=1))
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(main())
