"""The monolith: one kernel process with all servers in it; every app traps into it.

The kernel serves one trap at a time, its servers call each other directly.  A fault unwinds to here:
with `on_fault = "panic"` the kernel dies of it (and its apps with it), with "oops" the calling app is
killed and the kernel goes on.
"""

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any

import msgspec

from microlith.frame.frame import Frame
from microlith.frame.page import IDLE, STATE
from microlith.frame.peer import Peer
from microlith.interface.status import UsageError
from microlith.kinds import acceptor
from microlith.process.assembly import Assembly
from microlith.process.birth import Birth
from microlith.process.metering import Meter
from microlith.process.restart import Restart
from microlith.process.root import Root
from microlith.process.spawner import Spawner

RESERVE = 64  # descriptors that are kept for everything but clients
GRACE_S = 1.0  # how long apps may take to end at an orderly stop


class App:
    """A running program: its process and its trap."""

    def __init__(self, name: str, birth: Birth, pid: int, pidfd: int, peer: Peer, child: bool, meter: Meter) -> None:
        self.name, self.birth, self.pid, self.pidfd, self.peer, self.child = name, birth, pid, pidfd, peer, child
        self.meter = meter

    def end(self, by: int = signal.SIGKILL) -> None:
        """Signal its process, unless that is gone (and, where it is not our child, reaped)."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, by)


class Kernel:
    """The kernel process of a monolith."""

    def __init__(self, root: Root) -> None:
        self.root, self.boot = root, root.boot
        modules = ("microlith.process.domain", "microlith.kinds", "microkernel.channel_connection")
        self.spawner = Spawner(root.zygote, modules, self.boot.classes, self.boot.root.path)
        self.frame = Frame(root.page(self.boot.root.domain), rank=0, checked=self.boot.root.checked)
        Frame.current = self.frame
        self.assembly = Assembly(self.frame, root.devices)
        self.apps: dict[str, App] = {}
        self.stopping = False
        self.restarts = {name: Restart(s, "temporary") for name, s in self.boot.restart.items()}
        root.launcher_gone = self.launcher_gone
        root.handlers |= {
            "stop": self.stop, "kill": self.kill, "attach": self.attach, "run": self.run_app, "state": self.state,
        }  # fmt: skip

    def run(self) -> int:
        """Build, start the apps, serve until told to stop."""
        self.assembly.build(self.boot.root.parts)
        self.frame.watch(self.root.control.fileno(), self.root.attend)
        self.spawner.attend(self.frame.watch, self.frame.unwatch)
        for birth in self.boot.domains:
            self.start_app(birth, birth.domain)
        self.frame.page.words[STATE] = IDLE
        self.root.event("ready", pid=os.getpid())
        while not self.frame.stopping:
            try:
                self.frame.serve_on()
            except Exception as fault:  # noqa: BLE001 - the outermost frame of the kernel
                self.fault(fault)
        return 0

    def fault(self, fault: Exception) -> None:
        """A fault unwound to the kernel: panic, or oops."""
        caller = next((a for a in self.apps.values() if a.peer.serving), None)
        if self.boot.options.get("on_fault") != "oops" or caller is None:
            raise fault
        traceback.print_exception(fault)
        sys.stderr.flush()
        self.root.event("oops", app=caller.name, text=f"{type(fault).__name__}: {fault}")
        caller.end()
        caller.peer.serving = False
        caller.peer.close()

    # --- apps --------------------------------------------------------------------------------------

    def start_app(self, birth: Birth, name: str, stdio: tuple[int, ...] = ()) -> App:
        """Start a program as a process with a trap of its own."""
        peer, link = self._link(birth, name)
        ready = msgspec.structs.replace(birth, domain=name)
        pid = self.root.spawn(self.spawner, ready, stdio, link)
        return self._admit(name, birth, pid, os.pidfd_open(pid), peer, child=True)

    def _link(self, birth: Birth, name: str) -> tuple[Peer, dict[str, int]]:
        """A trap with an app's capabilities behind it: our end, and the descriptors of the app's."""
        if len(os.listdir("/proc/self/fd")) + RESERVE > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
            raise UsageError(f"{name}: the kernel may open no more files for it; raise the limit (ulimit -n)")
        accept = acceptor(birth.link)
        peer: Peer
        peer, link = accept(self.frame, self.assembly.holders, name, birth.quota, birth.spins)
        for slot in birth.parts[0].slots:
            peer.grant(self.assembly.servers[slot.server], slot.rank)
        return peer, link

    def _admit(self, name: str, birth: Birth, pid: int, pidfd: int, peer: Peer, child: bool) -> App:
        meter = self.root.metering.open(name, self.boot.root.domain, peer.counts)
        app = self.apps[name] = App(name, birth, pid, pidfd, peer, child, meter)
        self.frame.watch(pidfd, lambda: self.ended(app))
        if not child:  # it ends for us when it hangs up; its process may live on
            peer.gone = lambda: self.ended(app)
        return app

    def ended(self, app: App) -> None:
        """A program's process is gone, or an attached process has hung up."""
        if self.apps.get(app.name) is not app:
            return
        self.frame.unwatch(app.pidfd)
        os.close(app.pidfd)
        del self.apps[app.name]
        app.peer.close()
        self.root.metering.close(app.meter)
        status = os.waitstatus_to_exitcode(os.waitpid(app.pid, 0)[1]) if app.child else 0
        self.root.event("ended", name=app.name, status=status, pid=app.pid)
        policy = self.restarts.get(app.name)
        delay = policy.delay(time.monotonic(), status != 0) if policy else None
        if delay is None or self.stopping:
            self.root.forget(app.name)
        elif delay == 0:
            self.start_app(app.birth, app.name)
        else:
            self.frame.later(delay, lambda: None if self.stopping else self.start_app(app.birth, app.name))

    def run_app(self, record: dict[str, Any], stdio: list[int]) -> dict[str, Any]:
        """Start a demand app; `ended` tells how it ended."""
        name, birth = self.root.program(record)
        with self.root.lent(record, stdio):
            app = self.start_app(birth, name, tuple(stdio[:3]))
        return {"name": app.name, "pid": app.pid}

    def attach(self, record: dict[str, Any], _: list[int]) -> None:
        """Admit a process of the host as an instance of a demand app."""
        already = next((app for app in self.apps.values() if app.pid == record["pid"]), None)
        if already is not None and not already.child and already.peer.hung_up():
            self.ended(already)
        elif already is not None:
            raise LookupError(f"pid {record['pid']} is attached already, as {already.name}")
        name, birth = self.root.program(record)
        try:
            pidfd = os.pidfd_open(record["pid"])
        except OSError as error:
            raise UsageError(f"pid {record['pid']} cannot be attached: {error.strerror}") from None
        if not record.get("channels"):
            birth = msgspec.structs.replace(birth, link="socket")
        peer, link = self._link(birth, name)
        self._admit(name, birth, record["pid"], pidfd, peer, child=False)
        self.root.attached(record["id"], name, birth, link)

    # --- orders ------------------------------------------------------------------------------------

    def kill(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """Kill an app, or put a fault into a server, which is no process here."""
        name = record["name"]
        if name in self.apps:
            self.apps[name].end()
            return {"killed": name, "how": "SIGKILL"}
        if name == "zygote":
            os.kill(self.spawner.pid, signal.SIGKILL)
            return {"killed": name, "how": "SIGKILL"}
        if name not in self.assembly.servers:
            known = ", ".join((*self.assembly.servers, *self.apps))
            raise LookupError(f"nothing is called {name!r}; there are {known}")
        self.assembly.poison(name)
        return {"killed": name, "how": "fault"}

    def stop(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """An orderly stop: apps first, then the servers, highest rank first."""
        self.stopping = True
        for app in self.apps.values():
            if app.child:
                app.end(signal.SIGTERM)
        limit = time.monotonic_ns() + int(GRACE_S * 1e9)
        while any(app.child for app in self.apps.values()) and time.monotonic_ns() < limit:
            self.frame.turn(limit)
        for app in self.apps.values():
            if app.child:
                app.end()
        self.assembly.stop(self.boot.root.parts)
        self.frame.stopping = True
        self.spawner.close()
        return {"stopped": True}

    def launcher_gone(self) -> None:
        """The launcher died: stop in order all the same, so that the disk is clean."""
        self.stop({}, [])

    def state(self, record: dict[str, Any], _: list[int]) -> dict[str, Any]:
        """What every domain is doing."""
        kernel = self.root.row("kernel", "kernel", [p.name for p in self.boot.root.parts], os.getpid())
        rows = [self.root.row(app.name, "process", [app.name], app.pid) for app in self.apps.values()]
        helpers = {"zygote": self.spawner.pid, "spare": self.spawner.hear_of_spare()}
        return {"domains": [kernel, *rows], **helpers, "kernel_visits": kernel["received"]}


def run(root: Root) -> int:
    """The program of the root domain."""
    return Kernel(root).run()
