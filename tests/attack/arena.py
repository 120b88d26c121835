"""A machine under attack, somebody who uses it meanwhile, and attackers as processes of their own."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import psutil

from microlith import boot

HERE = Path(__file__).parent
PATIENCE_S = 40.0

SYSTEM = """
[servers]
disk = { class = "servers.ramdisk:RamDisk", blocks = 40960 }
files = { class = "servers.minix.files:MinixFiles", disk = "disk" }
clock = { class = "servers.clock:HostClock" }
pot = { class = "attacked:Target" }
mover = { class = "attacked:Hander", sink = "sink" }
sink = { class = "attacked:Drain" }
"""
DOMAINS = ("kernel", "disk", "files", "clock", "pot", "mover", "sink")


def until(condition, what, seconds=PATIENCE_S):
    limit = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < limit, f"{what} did not come to be within {seconds:g} s"
        select.select([], [], [], 0.01)
    return answer


class Process:
    """A client or an attacker: one JSON object a line, and a line to let it go on."""

    def __init__(self, program, control, *arguments):
        command = [sys.executable, str(program), str(control), "operator", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        self._data = b""

    def read(self, seconds=PATIENCE_S):
        """Its next line; None if it ended."""
        limit = time.monotonic() + seconds
        while b"\n" not in self._data:
            left = limit - time.monotonic()
            assert left > 0 and select.select([self.process.stdout], [], [], left)[0], "nothing came in time"
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return None
            self._data += more
        line, _, self._data = self._data.partition(b"\n")
        return json.loads(line)

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Bystander(Process):
    """Somebody else's client, who must not notice."""

    def __init__(self, control, program, *arguments):
        super().__init__(program, control, *arguments)
        self.rounds = 0

    def served(self, rounds=40):
        """Wait until it has done so many rounds more than when we last looked, this moment included."""
        while select.select([self.process.stdout], [], [], 0)[0]:
            self.rounds = self.read()["rounds"]
        goal = self.rounds + rounds
        while self.rounds < goal:
            self.rounds = self.read()["rounds"]

    def result(self):
        self.go()
        while "done" not in (said := self.read()):
            pass
        self.process.wait(PATIENCE_S)
        return said


class Held(dict):
    """Descriptors by domain."""

    def __le__(self, other):
        return all(count <= other[name] for name, count in self.items())


class Arena:
    """A machine, its bystander, its attackers."""

    FOREIGN = (HERE.parent / "foreign" / "client.py", "bystander")
    LIBRARY = (HERE / "channel_bystander.py",)

    def __init__(self, folder, architecture="mach", client=FOREIGN):
        self.client = client
        file = folder / "arena.toml"
        file.write_text(SYSTEM)
        sys.path.insert(0, str(HERE))
        outer = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        try:
            self.machine = boot(file, architecture=architecture)
        finally:
            sys.path.remove(str(HERE))
            if outer is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = outer
        self.control = self.machine.run_dir / "control"
        self.endpoint = self.machine.run_dir / "kernel"
        self.kernel = self.machine.root_pid
        self.processes = []
        self.bystander = None
        self._events = []

    def attacker(self, mode, *arguments, program="attacker.py"):
        self.processes.append(Process(HERE / program, self.control, mode, *arguments))
        return self.processes[-1]

    def someone(self):
        """The bystander, begun anew for each test."""
        if self.bystander is not None:  # of a test that failed
            self.bystander.end()
        self.bystander = Bystander(self.control, *self.client)
        assert self.bystander.read() == {"ready": True}
        return self.bystander

    def pids(self):
        return {row["domain"]: row["pid"] for row in self.machine.state()["domains"] if row["kind"] != "outside"}

    def servers(self):
        pids = self.pids()
        return {name: pids.get(name) for name in DOMAINS}

    def resident(self):
        return psutil.Process(self.kernel).memory_info().rss

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.kernel}/fd"))

    def held(self):
        """How many descriptors every process of the machine holds, by domain."""
        return Held({name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.servers().items() if pid})

    def event(self, kind, seconds=PATIENCE_S, **wanted):
        """Wait for news of that kind with these values."""

        def found():
            while not self.machine.events.empty():
                self._events.append(self.machine.events.get())
            fitting = [e for e in self._events if e["event"] == kind and all(e.get(k) == v for k, v in wanted.items())]
            return fitting and fitting[0]

        return until(found, f"the event {kind} {wanted}", seconds)

    def convicted(self, attacker):
        """The attacker is ended by the kernel; for what."""
        text = self.event("convicted", pid=attacker.pid)["text"]
        assert attacker.process.wait(PATIENCE_S) == -9
        return text

    def check(self):
        """Nobody else noticed."""
        for process in self.processes:
            process.end()
        self.processes.clear()
        assert self.machine.reboots == 0 and psutil.pid_exists(self.kernel)
        if self.bystander is not None:
            self.bystander.served(20)
            result = self.bystander.result()
            self.bystander.end()
            self.bystander = None
            assert result["wrong"] == 0 and result["statuses"] == [], result
        until(lambda: set(self.pids()) == set(DOMAINS), "the end of all attackers")

    def close(self):
        for process in (*self.processes, *filter(None, [self.bystander])):
            process.end()
        self.machine.stop()
