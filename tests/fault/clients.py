"""Clients that are killed in mid-call: the servers go on, and everything is back where it was.

    python -m tests.fault.clients --kills 1000 [--as l4] [--seed 1]

Half of the clients are programs, half are attached processes.  Each calls without a pause, with small and large
payloads, holds objects and open files, and is killed at a moment of chance.  Afterwards the descriptors, the
mappings and the private memory of the kernel and of every server are compared with what they were after the
first few kills; nothing is held any more; a new client is served.
"""

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

import psutil

from microlith import System, boot
from servers.minix.files import MinixFiles
from servers.ramdisk import RamDisk
from tests.fault.clients_parts import Client, Desks
from tests.process.until import PATIENCE_S, descriptors, until

ARCHITECTURES = ("monolith", "mach", "hybrid", "l4")
AT_ONCE = 3
WARMING = 24  # kills before the first look: what is made once is made by then
MAPS, BYTES = 4, 16 << 20  # what may be more at the end: the allocator keeps the room of some large messages


def system():
    made = System("clients").server("disk", RamDisk).server("files", MinixFiles, disk="disk").server("desk", Desks)
    return made.app("client", Client, on_boot=False, desk="desk", files="files")


class Nursery:
    """A process whose children attach."""

    def __init__(self, machine):
        command = [sys.executable, "-m", "tests.fault.nursery", str(machine.run_dir / "control")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, seed):
        """A new attached client; its pid."""
        self.process.stdin.write(b"%d\n" % seed)
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def program(machine, seed):
    """A new client that is a program; its pid."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        running = machine.run("client", str(seed), stdio=(null, writer, 2))
        os.close(writer)
        assert os.read(reader, 1) == b"!"
        return running.pid
    finally:
        os.close(reader)
        os.close(null)


def look(machine, names):
    """Descriptors, mappings and private bytes of each of these domains."""
    found = {}
    for row in machine.state()["domains"]:
        if row["domain"] in names:
            process = psutil.Process(row["pid"])
            with open(f"/proc/{row['pid']}/maps") as maps:
                found[row["domain"]] = (descriptors(row["pid"]), len(maps.readlines()), process.memory_full_info().uss)
    return found


class Killing:
    """One run."""

    def __init__(self, architecture, kills, seed, progress=lambda text: None):
        self.architecture, self.kills, self.progress = architecture, kills, progress
        self.random, self.news = random.Random(seed), []

    def run(self):
        with boot(system(), architecture=self.architecture, news=self.news.append) as machine:
            nursery = Nursery(machine)
            try:
                self._run(machine, nursery)
            except BaseException:
                sys.stderr.write(f"{machine.logs(40)}\n{self.news[-20:]}\n")
                raise
            finally:
                nursery.close()
        return self

    def _run(self, machine, nursery):
        servers = {row["domain"]: row["pid"] for row in machine.state()["domains"]}
        operator = machine.connect("operator")
        for number in range(400):  # a directory does not shrink: let it be as large as it will be
            operator.files.create(b"/c-%d" % number).close()
        full = operator.files.create(b"/c-full")
        for number in range(14):  # and a disk in memory takes more as more of it is written
            full.write(number << 20, b"x" * (1 << 20))
        full.close()
        operator.close()
        self._kill(machine, nursery, WARMING)
        self._settled(machine, servers)
        free = self._free(machine)
        self.before = look(machine, servers)
        self._kill(machine, nursery, self.kills)
        self._settled(machine, servers)
        until(lambda: self._free(machine) == free, f"the return to {free}, now {self._free(machine)}")
        limit = time.monotonic() + PATIENCE_S
        while (more := self._more(look(machine, servers))) and time.monotonic() < limit:
            select.select([], [], [], 0.1)
        assert not more, f"what has not come back (descriptors, mappings, private bytes): {more}"
        self.after = look(machine, servers)
        assert {row["domain"]: row["pid"] for row in machine.state()["domains"]} == servers, "a server died of it"

    def _kill(self, machine, nursery, kills):
        """Kill so many clients, each at a moment of chance."""
        living = []
        for number in range(kills):
            while len(living) < min(AT_ONCE, kills - number):
                seed = self.random.getrandbits(30)
                living.append(nursery.start(seed) if self.random.randrange(2) else program(machine, seed))
            select.select([], [], [], self.random.random() * 0.02)
            os.kill(living.pop(self.random.randrange(len(living))), signal.SIGKILL)
            if not (number + 1) % 50:
                self.progress(f"{number + 1} kills\n")

    @staticmethod
    def _settled(machine, servers):
        """Everybody but the servers has gone, nothing is held, and who comes now is served."""
        until(lambda: {row["domain"] for row in machine.state()["domains"]} == set(servers), "the end of all clients")
        operator = machine.connect("operator")
        until(lambda: operator.desk.held() == (0, 0), "the release of all that was held")
        assert operator.desk.echo(b"x" * 100_000) == b"x" * 100_000
        operator.close()
        until(lambda: {row["domain"] for row in machine.state()["domains"]} == set(servers), "our own end")

    @staticmethod
    def _free(machine):
        operator = machine.connect("operator")
        try:
            for entry in operator.files.list(b"/"):
                if entry.name.startswith(b"c"):  # its client was killed before it took the name away
                    operator.files.unlink(b"/" + entry.name)
            operator.files.sync()
            return operator.files.usage()
        finally:
            operator.close()

    def _more(self, now):
        """What has not come back."""
        return {
            name: (before, now[name])
            for name, before in self.before.items()
            if now[name][0] > before[0] or now[name][1] > before[1] + MAPS or now[name][2] > before[2] + BYTES
        }

    def report(self):
        return {
            name: {
                what: [before, after]
                for what, before, after in zip(
                    ("descriptors", "mappings", "private"), self.before[name], now, strict=True
                )
            }
            for name, now in self.after.items()
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as", dest="architecture", default="l4", choices=ARCHITECTURES)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    killing = Killing(given.architecture, given.kills, given.seed, sys.stderr.write).run()
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"kills": given.kills, "seconds": seconds, "domains": killing.report()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
