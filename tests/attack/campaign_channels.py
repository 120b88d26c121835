"""Hostile clients of channels for as long as you like: nobody else notices.

    python -m tests.attack.campaign_channels --seconds 60 [--as l4] [--at-once 2] [--seed 1]

Attackers chosen at random (by_channels.py), several at once, with seeds of their own, some of them killed
half-way.  Afterwards: were all answers to the bystander right and in time, do the same processes live, is every
descriptor back?  Ends with status 1 and the attacks of the last seconds if not.
"""

import argparse
import collections
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from arena import Arena, until  # noqa: E402
from test_hostile_clients import EXPECTED  # noqa: E402

LATE_S = 5.0
WAYS = ("noise", "steps")


class Campaign:
    """One run."""

    def __init__(self, architecture, seconds, at_once, seed, progress=lambda text: None):
        self.architecture, self.seconds, self.at_once, self.progress = architecture, seconds, at_once, progress
        self.random = random.Random(seed)
        self.made = collections.Counter()
        self.last = collections.deque(maxlen=20)
        self.violations = []

    def run(self, folder):
        arena = Arena(folder, self.architecture, client=Arena.LIBRARY)
        try:
            before, held = arena.servers(), arena.held()
            arena.someone().served(5)
            self._attack(arena, before)
            result = arena.bystander.result()
            arena.bystander.end()
            arena.bystander = None
            self.bystander = {name: result[name] for name in ("rounds", "wrong", "slowest", "statuses")}
            if result["wrong"] or result["statuses"] or result["slowest"] > LATE_S:
                self.violations.append(f"the bystander: {self.bystander}")
            until(lambda: set(arena.pids()) <= {"kernel", *before}, "the end of all attackers")
            until(lambda: arena.held() <= held, f"the return of {held} descriptors, now {arena.held()}")
        finally:
            arena.close()
        return self

    def _attack(self, arena, before):
        limit, running = time.monotonic() + self.seconds, []
        while time.monotonic() < limit and not self.violations:
            while len(running) < self.at_once:
                running.append(self._start(arena))
            attacker, ends, killed = running.pop(0)
            if killed:
                arena.bystander.served(1)
                attacker.process.kill()
            else:
                attacker.read(max(1.0, ends - time.monotonic()) + 60)
            attacker.end()
            arena.processes.remove(attacker)
            if arena.servers() != before:
                self.violations.append(f"a server died: {before} {arena.servers()}")
            if not sum(self.made.values()) % 10:
                self.progress(f"{sum(self.made.values())} attacks\n")
        for attacker, _, _ in running:
            attacker.end()

    def _start(self, arena):
        """An attacker, until when it attacks, whether it is to be killed."""
        if self.random.randrange(4) == 0:
            name, arguments, seconds = self.random.choice(list(EXPECTED)), (), 0.0
        else:
            name, seconds = self.random.choice(WAYS), self.random.choice((0.3, 1.0, 2.0))
            arguments = (self.random.getrandbits(30), seconds)
        self.made[name] += 1
        self.last.append((name, *arguments))
        attacker = arena.attacker(name, *arguments, program="by_channels.py")
        return attacker, time.monotonic() + seconds, self.random.randrange(5) == 0

    def report(self):
        found = {"attacks": sum(self.made.values()), "ways": dict(self.made), "bystander": self.bystander}
        return {**found, "violations": self.violations, "last": list(self.last) if self.violations else []}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as", dest="architecture", default="l4", choices=("l4", "monolith"))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ml-", dir="/tmp"))
    os.chmod(folder, 0o711)
    try:
        campaign = Campaign(given.architecture, given.seconds, given.at_once, given.seed, sys.stderr.write).run(folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(campaign.report(), indent=1))
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(main())
